// What several pages use.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { explain, Refusal } from "../api";
import { t, tMaybe } from "../words";

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

/** Poster stands in for a picture: the title, on a colour of its own. */
export function Poster({ id, title, category, large }: { id: number; title: string; category: string; large?: boolean }) {
  return (
    <div class={`poster hue-${id % 6}${large ? " large" : ""}`} aria-hidden="true">
      <span>{categoryName(category)}</span>
      <strong>{title}</strong>
    </div>
  );
}
