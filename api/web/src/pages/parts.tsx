// What several pages use.
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { explain, get, Refusal, type Page, type Performance } from "../api";
import { before } from "../router";
import { begin, lapsed, session, trouble, type Session } from "../session";
import { t, tMaybe } from "../words";
import { Button, Outcome, useDeed } from "./forms";

/** useTitle names the page in the browser's bar; empty while its name is not known. */
export function useTitle(title: string) {
  useEffect(() => void (title && (document.title = title + " · Ticket Blue")), [title]);
}

/** Account shows what is somebody's own, once it is known whose. */
export function Account({ title, lead, children }: { title: string; lead: string; children: (who: Session) => ComponentChildren }) {
  useTitle(title);
  if (session.value) return <>{children(session.value)}</>;
  if (trouble.value) return <Failed err={trouble.value} retry={() => void begin()} />;
  if (session.value === undefined) return <Loading />;
  return <div class="failed"><h1>{title}</h1><p role="status">{lapsed.value ? t("refusal.session_ended") : lead}</p><p><a class="primary small" href={before("/login")}>{t("nav.login")}</a></p></div>;
}

export function Loading() {
  return <p class="loading" role="status">{t("loading")}</p>;
}

export function Failed({ err, retry }: { err: unknown; retry: () => void }) {
  if (err instanceof Refusal && err.status === 404) return <Missing />;
  return (
    <div class="failed" role="alert">
      <h1>{t("error.title")}</h1>
      <p>{explain(err)}</p>
      <p><button type="button" class="secondary" onClick={retry}>{t("error.retry")}</button></p>
    </div>
  );
}

/** Missing is for addresses at which there is nothing, or nothing for this visitor. */
export function Missing() {
  useTitle(t("error.notfound"));
  return <div class="failed" role="alert"><h1>{t("error.notfound")}</h1><p><a class="secondary" href="/">{t("error.home")}</a></p></div>;
}

/** useLoaded asks once per key, and again when retry is called; what is there stays until the answer comes. */
export function useLoaded<T>(key: string, load: () => Promise<T>) {
  const value = useSignal<T | null>(null), failed = useSignal<unknown>(null), attempt = useSignal(0), shown = useRef("");
  useEffect(() => {
    let current = true;
    if (shown.current !== key) value.value = null;
    shown.current = key;
    failed.value = null;
    load().then((v) => current && (value.value = v), (err: unknown) => current && (failed.value = err));
    return () => void (current = false);
  }, [key, attempt.value]);
  return { value, failed, retry: () => attempt.value++ };
}

/** usePaged is useLoaded for a list that comes page by page. The path has a query. */
export function usePaged<T, P extends Page<T> = Page<T>>(path: string) {
  const loaded = useLoaded(path, () => get<P>(path)), page = loaded.value.value;
  const load = async (after: string) => {
    const next = await get<P>(path + "&after=" + encodeURIComponent(after));
    if (loaded.value.value === page) loaded.value.value = { ...next, items: [...page!.items, ...next.items] }; // else other filters were chosen meanwhile
  };
  return { ...loaded, more: <More next={page?.next} load={load} /> };
}

/** More is the way to the next page of the list before it. The focus goes to the first that is new. */
export function More({ next, load }: { next?: string; load: (after: string) => Promise<void> }) {
  const deed = useDeed();
  const press = (event: Event) => {
    const box = (event.currentTarget as Element).closest(".more")!.previousElementSibling, list = box?.querySelector("tbody") ?? box, shown = list?.children.length ?? 0;
    void deed.run(() => load(next!)).then(() => setTimeout(() => list?.children[shown]?.querySelector<HTMLElement>("a, button, summary")?.focus()));
  };
  return (
    <div class="more">
      <Outcome deed={deed} />
      {next && <Button off={deed.busy.value} onClick={press}>{deed.busy.value ? t("form.working") : t("list.more")}</Button>}
    </div>
  );
}

export const categoryName = (category: string): string => tMaybe("category." + category) ?? category;

/** Poster is the performance's picture, always of the same shape; without one the title, on a colour of its own. */
export function Poster({ show, large }: { show: Performance; large?: boolean }) {
  const looks = `poster hue-${show.id % 6}${large ? " large" : ""}`, widths = Object.entries(show.poster?.widths ?? {});
  if (widths.length > 0) {
    return (
      <img class={looks} src={widths[0][1]} srcset={widths.map(([width, address]) => `${address} ${width}w`).join(", ")}
        sizes="(max-width: 640px) 50vw, 320px" width={300} height={400} loading="lazy" alt={t("poster.alt", { title: show.title })} />
    );
  }
  return (
    <div class={looks} aria-hidden="true">
      <span>{categoryName(show.category)}</span>
      <strong>{show.title}</strong>
    </div>
  );
}

/** Thumb is the poster beside a heading; its place is there before anybody knows what comes into it. */
export function Thumb({ show }: { show: Performance | null | undefined }) {
  const address = Object.values(show?.poster?.widths ?? {})[0]; // the narrowest
  return (
    <span class={`thumb hue-${(show?.id ?? 0) % 6}`}>
      {address && <img src={address} width={60} height={80} loading="lazy" alt={t("poster.alt", { title: show.title })} />}
    </span>
  );
}
