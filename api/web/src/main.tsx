// The frame around all pages, and which page an address is.
import { useSignalEffect } from "@preact/signals";
import { render } from "preact";
import { arrived, countedUnread, sentence, unread, watchInbox } from "./inbox";
import { AdminPage } from "./pages/admin";
import { CheckoutPage } from "./pages/checkout";
import { CouponsPage } from "./pages/coupons";
import { InboxPage } from "./pages/inbox";
import { LoginPage, ResetPage, SignupPage } from "./pages/login";
import { MePage } from "./pages/me";
import { FailPage, SuccessPage } from "./pages/paid";
import { PerformancePage, PerformancesPage } from "./pages/performances";
import { ReservationsPage } from "./pages/reservations";
import { Missing } from "./pages/parts";
import { RoundPage } from "./pages/round";
import { SearchPage } from "./pages/search";
import { address, before, pages, startRouter } from "./router";
import { begin, session, trouble, watch } from "./session";
import { startClock } from "./time";
import { lang, setLanguage, t } from "./words";

function App() {
  useSignalEffect(() => void (document.documentElement.lang = lang.value));
  const path = address.value.pathname;
  return (
    <>
      <a class="skip" href="#main">{t("app.skip")}</a>
      <header class="bar-top">
        <a class="brand" href="/" aria-label="Ticket Blue"><svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true"><path fill="currentColor" d="M3 8a2 2 0 0 1 2-2h22a2 2 0 0 1 2 2v5a3 3 0 0 0 0 6v5a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2v-5a3 3 0 0 0 0-6z" /></svg><span>Ticket Blue</span></a>
        <nav>
          <a href="/" class="wide" aria-current={path === "/" ? "page" : undefined}>{t("nav.performances")}</a>
          <a href="/coupons" aria-current={path === "/coupons" ? "page" : undefined}>{t("nav.coupons")}</a>
          <a href="/reservations" aria-current={path === "/reservations" ? "page" : undefined}>{t("nav.reservations")}</a>
          {session.value?.role === "admin" && <a href="/admin" aria-current={path.startsWith("/admin") ? "page" : undefined}>{t("nav.admin")}</a>}
          {session.value || trouble.value
            ? <><Bell here={path === "/inbox"} /><a href="/me" id="me" aria-current={path === "/me" ? "page" : undefined}>{t("nav.me")}</a></>
            : session.value === null && !["/login", "/signup", "/reset-password"].includes(path) && <a id="login" href={before("/login")}>{t("nav.login")}</a>}
          <button type="button" class="language" id="language" lang={lang.value === "ko" ? "en" : "ko"} aria-label={t("nav.language.label")}
            onClick={() => setLanguage(lang.value === "ko" ? "en" : "ko")}>{t("nav.language")}</button>
        </nav>
      </header>
      <main id="main" tabIndex={-1}>{page(path)}</main>
      <footer class="hint">{t("app.clock")} · <a href="/docs">API</a></footer>
    </>
  );
}

// Bell counts what is unread, and says the newest to those who do not see it.
function Bell({ here }: { here: boolean }) {
  const n = unread.value, shown = n >= countedUnread ? n - 1 + "+" : n;
  return (
    <>
      <a href="/inbox" id="bell" aria-current={here ? "page" : undefined} aria-label={n ? t("nav.inbox.unread", { n: shown }) : t("nav.inbox")}>
        <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true"><path fill="currentColor" d="M12 2a1.5 1.5 0 0 0-1.5 1.5v.7A6.5 6.5 0 0 0 5.5 10.5v4L3.8 17.2A.9.9 0 0 0 4.5 18.6h15a.9.9 0 0 0 .7-1.4L18.5 14.5v-4a6.5 6.5 0 0 0-5-6.300v-.7A1.5 1.5 0 0 0 12 2zM9.5 20a2.5 2.5 0 0 0 5 0z" /></svg>
        {n > 0 && <span class="count" aria-hidden="true">{shown}</span>}
      </a>
      <p class="spoken" role="status">{arrived.value && sentence(arrived.value)}</p>
    </>
  );
}

function page(path: string) {
  const performance = pages.performance.exec(path), round = pages.round.exec(path);
  if (performance) return <PerformancePage id={Number(performance[1])} />;
  if (round) return <RoundPage key={round[1]} id={Number(round[1])} />;
  const checkout = pages.checkout.exec(path);
  if (checkout?.[2] === "/success") return <SuccessPage id={checkout[1]!} />;
  if (checkout?.[2] === "/fail") return <FailPage id={checkout[1]!} />;
  if (checkout) return <CheckoutPage key={checkout[1]} id={checkout[1]!} />;
  if (path === "/login") return <LoginPage />;
  if (path === "/signup") return <SignupPage />;
  if (path === "/reset-password") return <ResetPage />;
  if (path.startsWith("/admin")) return <AdminPage path={path} />;
  if (path === "/search") return <SearchPage />;
  if (path === "/coupons") return <CouponsPage />;
  if (path === "/inbox") return <InboxPage />;
  if (path === "/me") return <MePage />;
  if (path === "/reservations") return <ReservationsPage />;
  return path === "/" ? <PerformancesPage /> : <Missing />;
}

startRouter();
watch();
void begin();
startClock();
watchInbox();
render(<App />, document.getElementById("app")!);
