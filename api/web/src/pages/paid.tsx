// Where the provider sends the browser back to: with a payment to confirm, or without one.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { explain, get, Refusal, type Reservation, type Round } from "../api";
import { confirm, orderOf, standing, type Payment, type Returned } from "../checkout/payment";
import { address, before } from "../router";
import { countdown, t, tMaybe, won } from "../words";
import { now } from "../time";
import { Ending, Purchase } from "./checkout";
import { Account, Failed, Loading, useLoaded } from "./parts";

const patient = 2; // questions without an answer after which the page says that it may take longer

interface Ticket {
  reservation: Reservation;
  round?: Round;
}

async function ticket(id: string): Promise<Ticket> {
  const reservation = await get<Reservation>("/reservations/" + id);
  return { reservation, round: await get<Round>("/rounds/" + reservation.round).catch(() => undefined) }; // its name is not needed
}

export function SuccessPage({ id }: { id: string }) {
  return <Account title={t("pay.title")} lead={t("pay.loginback")}>{(who) => <Confirming key={address.value.search} id={id} user={who.id} />}</Account>;
}

/** Confirming may be loaded again at any moment: it asks the same, and gets what has become of it. */
function Confirming({ id }: { id: string; user: number }) {
  const q = address.value.searchParams;
  const returned: Returned = { paymentKey: q.get("paymentKey") ?? "", orderId: q.get("orderId") ?? "", amount: q.get("amount") ?? "" };
  const order = orderOf(returned, id), paid = useSignal<Payment | null>(null), failed = useSignal<unknown>(null), asked = useSignal(0), round = useSignal(0);
  useEffect(() => {
    if (!order) return;
    let alive = true;
    failed.value = null;
    confirm(order, returned, () => alive, (times) => (asked.value = times)).then((p) => (paid.value = p), (err: unknown) => (failed.value = err));
    return () => void (alive = false);
  }, [round.value]);
  if (!order) return <div class="narrow cards"><h1>{t("pay.title")}</h1><Ending kind="bad" text={t("pay.strange")} href={"/checkout/" + id} link={t("pay.back")} /></div>;
  if (failed.value) return <Declined id={id} err={failed.value} retry={() => round.value++} />;
  if (!paid.value) {
    return (
      <div class="narrow cards waiting" aria-busy="true">
        <h1>{t("pay.checking")}</h1>
        <p role="status">{asked.value < patient ? t("pay.checkinglead") : t("pay.unknown")}</p>
        {asked.value >= patient && <p><a class="secondary" href="/reservations">{t("mine.title")}</a></p>}
      </div>
    );
  }
  return <Paid id={id} payment={paid.value} />;
}

function Paid({ id, payment }: { id: string; payment: Payment }) {
  const { value, failed, retry } = useLoaded("ticket" + id, () => ticket(id));
  return (
    <div class="narrow cards paid">
      <h1>{t("pay.done")}</h1>
      <p>{t("pay.donelead", { amount: won(payment.amount ?? 0) })}</p>
      {value.value ? <Purchase reservation={value.value.reservation} round={value.value.round} /> : failed.value ? <Failed err={failed.value} retry={retry} /> : <Loading />}
      <p><a class="primary small" href="/reservations">{t("mine.title")}</a></p>
    </div>
  );
}

/** Declined says what the server says, never what stands in the address. */
function Declined({ id, err, retry }: { id: string; err: unknown; retry: () => void }) {
  const no = err instanceof Refusal ? err.problem.code : "", reason = err instanceof Refusal && no === "payment_declined" ? tMaybe("decline." + err.problem.detail) : undefined;
  const again = no === "payment_declined" || no === "virtual_account", elsewhere = no === "unauthenticated";
  return (
    <div class="narrow cards">
      <h1>{no === "payment_late" ? t("pay.late") : t("pay.failed")}</h1>
      <div class="notice bad" role="alert">
        <div>
          <p>{reason ?? explain(err)}</p>
          <p class="notice-actions">
            {elsewhere ? <a class="secondary" href={before("/login")}>{t("nav.login")}</a>
              : again || no ? <a class="secondary" href={"/checkout/" + id}>{again ? t("pay.again") : t("pay.back")}</a>
              : <button type="button" class="secondary" onClick={retry}>{t("error.retry")}</button>}
            <a class="secondary" href="/reservations">{t("mine.title")}</a>
          </p>
        </div>
      </div>
      {again && <Remaining id={id} />}
    </div>
  );
}

/** Remaining is what is still held, and how long. */
function Remaining({ id }: { id: string }) {
  const { value } = useLoaded("remaining" + id, () => ticket(id));
  const r = value.value?.reservation, until = r?.expires_at ? Date.parse(r.expires_at) : 0;
  if (!r) return null;
  const held = (r.status === "held" || r.status === "paying") && until > now.value;
  return (
    <>
      <Purchase reservation={r} round={value.value!.round} />
      <p class="hint">{held ? <>{t("pay.stillheld")} <strong role="timer">{countdown(until - now.value)}</strong></> : r.status === "confirmed" ? t("pay.confirmed") : t("pay.ended")}</p>
    </>
  );
}

export function FailPage({ id }: { id: string }) {
  return <Account title={t("pay.title")} lead={t("pay.loginback")}>{() => <NotPaid id={id} />}</Account>;
}

/** NotPaid: the provider's window was closed without a payment. What the address says is anybody's; the order tells. */
function NotPaid({ id }: { id: string }) {
  const { value, failed, retry } = useLoaded("failed" + id, () => standing(id));
  const code = address.value.searchParams.get("code") ?? "";
  if (failed.value) return <Failed err={failed.value} retry={retry} />;
  if (value.value?.status === "paid" || value.value?.status === "confirming") {
    const text = value.value.status === "paid" ? t("pay.confirmed") : t("pay.confirming");
    return <div class="narrow cards"><h1>{t("pay.title")}</h1><Ending kind="info" text={text} href="/reservations" link={t("mine.title")} /></div>;
  }
  return (
    <div class="narrow cards">
      <h1>{t("pay.notpaid")}</h1>
      <div class="notice bad" role="alert">
        <div>
          <p>{tMaybe("decline." + code) ?? t("pay.notpaidlead")}</p>
          <p class="notice-actions"><a class="secondary" href={"/checkout/" + id}>{t("pay.again")}</a></p>
        </div>
      </div>
      <Remaining id={id} />
    </div>
  );
}
