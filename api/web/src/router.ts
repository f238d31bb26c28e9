// Addresses. Links are plain links; a click on one of ours changes the page without loading it again.
import { signal } from "@preact/signals";

export const address = signal(new URL(location.href));

export function go(path: string, replace = false): void {
  if (!isPage(new URL(path, location.origin).pathname)) return location.assign(path);
  const from = location.pathname;
  if (!replace) keepPlace();
  history[replace ? "replaceState" : "pushState"](null, "", path);
  address.value = new URL(location.href);
  if (replace || location.pathname === from) return;
  scrollTo(0, 0);
  document.getElementById("main")?.focus({ preventScroll: true }); // what had the focus may be gone with its page
}

// Where a page was scrolled to is kept in its entry of the history: it cannot be shown there until it has been loaded again.
const keepPlace = () => history.replaceState({ y: scrollY }, "");
const patience = 10_000; // ms in which a page may grow as long as it was

function returnTo(y: number): void {
  const until = performance.now() + patience, own = new AbortController();
  for (const hand of ["wheel", "pointerdown", "keydown"]) addEventListener(hand, () => own.abort(), { signal: own.signal });
  const look = () => {
    if (own.signal.aborted) return;
    scrollTo(0, y);
    if (Math.abs(scrollY - y) < 1 || performance.now() > until) own.abort();
    else requestAnimationFrame(look);
  };
  look();
}

export function startRouter(): void {
  history.scrollRestoration = "manual";
  addEventListener("pagehide", keepPlace);
  const place = () => (history.state as { y?: number } | null)?.y ?? 0;
  returnTo(place());
  addEventListener("popstate", () => {
    address.value = new URL(location.href);
    returnTo(place());
  });
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
