// Addresses. Links are plain links; a click on one of ours changes the page without loading it again.
import { signal } from "@preact/signals";

export const address = signal(new URL(location.href));

export function go(path: string, replace = false): void {
  history[replace ? "replaceState" : "pushState"](null, "", path);
  address.value = new URL(location.href);
  scrollTo(0, 0);
}

export function startRouter(): void {
  addEventListener("popstate", () => (address.value = new URL(location.href)));
  addEventListener("click", (event) => {
    const link = (event.target as Element).closest?.("a");
    if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const hash = link.getAttribute("href")?.startsWith("#") ?? false;
    if (link.origin !== location.origin || link.target || hash || !isPage(link.pathname)) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}

/** pages are the addresses that the server answers with this bundle. */
export const pages = {
  performance: /^\/performances\/(\d+)$/,
  round: /^\/rounds\/(\d+)$/,
};

function isPage(path: string): boolean {
  return ["/", "/login", "/reservations"].includes(path) || Object.values(pages).some((p) => p.test(path));
}
