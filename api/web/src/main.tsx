// The frame around all pages, and which page an address is.
import { useSignalEffect } from "@preact/signals";
import { render } from "preact";
import { AdminPage } from "./admin/console";
import { CheckoutPage } from "./pages/checkout";
import { CouponsPage } from "./pages/coupons";
import { LoginPage, ResetPage, SignupPage } from "./pages/login";
import { MePage } from "./pages/me";
import { FailPage, SuccessPage } from "./pages/paid";
import { PerformancePage, PerformancesPage } from "./pages/performances";
import { ReservationsPage } from "./pages/reservations";
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
          {session.value?.role === "admin" && <a href="/admin" class="wide" aria-current={path.startsWith("/admin") ? "page" : undefined}>{t("nav.admin")}</a>}
          {session.value || trouble.value
            ? <a href="/me" id="me" aria-current={path === "/me" ? "page" : undefined}>{t("nav.me")}</a>
            : session.value === null && !["/login", "/signup", "/reset-password"].includes(path) && <a id="login" href={before("/login")}>{t("nav.login")}</a>}
          <button type="button" class="language" id="language" lang={lang.value === "ko" ? "en" : "ko"} aria-label={t("nav.language.label")}
            onClick={() => setLanguage(lang.value === "ko" ? "en" : "ko")}>{t("nav.language")}</button>
        </nav>
      </header>
      <main id="main" tabIndex={-1}>{page(path)}</main>
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
  if (path === "/me") return <MePage />;
  if (path === "/reservations") return <ReservationsPage />;
  return <PerformancesPage />;
}

startRouter();
watch();
void begin();
startClock();
render(<App />, document.getElementById("app")!);
