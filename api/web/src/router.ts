// Addresses. Links are plain links; a click on one of ours changes the page without loading it again.
import { signal } from "@preact/signals";

export const address = signal(new URL(location.href));

export function go(path: string, replace = false): void {
  if (!isPage(new URL(path, location.origin).pathname)) return location.assign(path);
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
  checkout: /^\/checkout\/(\d+-\d+)(\/success|\/fail)?$/,
  adminHall: /^\/admin\/halls\/(\d+|new)$/,
  adminPerformance: /^\/admin\/performances\/(\d+|new)$/,
  adminRound: /^\/admin\/rounds\/(\d+)$/,
};

const plain = [
  "/", "/login", "/signup", "/reset-password", "/search", "/reservations", "/coupons", "/inbox", "/me",
  "/admin", "/admin/halls", "/admin/performers", "/admin/campaigns", "/admin/reservations", "/admin/jobs", "/admin/admins", "/admin/audit",
];

function isPage(path: string): boolean {
  if (pages.checkout.test(path) !== pages.checkout.test(location.pathname)) return false; // loaded anew: what it may ask elsewhere is its own
  return plain.includes(path) || Object.values(pages).some((p) => p.test(path));
}

const keptThen = "tb.then";

/** keepThen is for before the browser leaves for Kakao, which knows the way back only when all goes well. */
export function keepThen(path: string): void {
  sessionStorage.setItem(keptThen, path);
}

/** then is the page that the address asks for after this one. Only one of ours can be: others are not followed. */
export function then(): string {
  const asked = address.value.searchParams, back = asked.has("kakao") ? sessionStorage.getItem(keptThen) : null;
  const path = asked.get("then") ?? back ?? "/";
  const local = path.startsWith("/") && !path.startsWith("//") && new URL(path, location.origin).origin === location.origin;
  return local ? path : "/";
}

/** before is the address of a page that leads on to this one. */
export function before(page: string, next = address.value.pathname + address.value.search): string {
  return page + "?then=" + encodeURIComponent(next);
}
