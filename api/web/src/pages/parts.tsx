// What several pages use.
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { explain, Refusal, type Performance } from "../api";
import { before } from "../router";
import { begin, session, trouble, type Session } from "../session";
import { t, tMaybe } from "../words";

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
  return <div class="failed"><h1>{title}</h1><p>{lead}</p><p><a class="primary small" href={before("/login")}>{t("nav.login")}</a></p></div>;
}

export function Loading() {
  return <p class="loading" role="status">{t("loading")}</p>;
}

export function Failed({ err, retry }: { err: unknown; retry: () => void }) {
  const missing = err instanceof Refusal && err.status === 404;
  return (
    <div class="failed" role="alert">
      <h1>{t("error.title")}</h1>
      <p>{missing ? t("error.notfound") : explain(err)}</p>
      <p>{missing ? <a class="secondary" href="/">{t("error.home")}</a> : <button type="button" class="secondary" onClick={retry}>{t("error.retry")}</button>}</p>
    </div>
  );
}

/** useLoaded asks once per key, and again when retry is called. */
export function useLoaded<T>(key: string, load: () => Promise<T>) {
  const value = useSignal<T | null>(null), failed = useSignal<unknown>(null), attempt = useSignal(0);
  useEffect(() => {
    let current = true;
    value.value = failed.value = null;
    load().then((v) => current && (value.value = v), (err: unknown) => current && (failed.value = err));
    return () => void (current = false);
  }, [key, attempt.value]);
  return { value, failed, retry: () => attempt.value++ };
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
