// My reservations, newest first, ended ones too.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask, get, Refusal, type Listed, type Page, type Reservation, type RoundTerms } from "../api";
import { standing, type Payment } from "../checkout/payment";
import { mineHere } from "../round/buying";
import { now } from "../time";
import { countdown, dateTime, seatNames, t, won, type Word } from "../words";
import { Choice, Form, Text, useDeed } from "./forms";
import { Account, Failed, Loading, More, useLoaded } from "./parts";

interface Found extends Page<Listed> {
  partial?: boolean; // only what was made in this tab
}

async function list(after: string): Promise<Found> {
  try {
    return await get<Page<Listed>>("/reservations?limit=20" + (after && "&after=" + encodeURIComponent(after)));
  } catch (err) {
    if (after || !(err instanceof Refusal) || err.status === 401) throw err;
  }
  // Where the list cannot be had just now, each one still can.
  const found = await Promise.all(mineHere().map((id) => get<Reservation>("/reservations/" + id).catch(() => null)));
  return { items: found.filter((r) => r !== null), partial: true };
}

export function ReservationsPage() {
  return <Account title={t("mine.title")} lead={t("mine.login")}>{(who) => <Reservations user={who.id} />}</Account>;
}

function Reservations({ user }: { user: number }) {
  const { value, failed, retry } = useLoaded("reservations" + user, () => list(""));
  const more = async (after: string) => {
    const next = await list(after);
    value.value = { ...next, items: [...value.value!.items, ...next.items] };
  };
  if (failed.value) return <Failed err={failed.value} retry={retry} />;
  if (!value.value) return <Loading />;
  return (
    <div class="narrow">
      <h1>{t("mine.title")}</h1>
      {value.value.partial && <p class="hint">{t("mine.session")}</p>}
      {value.value.items.length === 0 && <p class="hint">{t("mine.empty")}</p>}
      <ul class="reservations">{value.value.items.map((r) => <Item key={r.id} r={r} changed={retry} />)}</ul>
      <More next={value.value.next} load={more} />
    </div>
  );
}

function Item({ r, changed }: { r: Listed; changed: () => void }) {
  const payable = r.status === "held" || r.status === "paying", left = payable && r.expires_at ? Date.parse(r.expires_at) - now.value : 0;
  const begun = r.starts_at !== undefined && Date.parse(r.starts_at) <= now.value;
  return (
    <li class={"card reservation " + r.status}>
      <div class="card-head">
        <strong>{t("hold.number", { id: r.id })}</strong>
        <span class={"pill " + r.status}>{t(("reservation." + r.status) as Word)}</span>
      </div>
      {r.performance && <h2>{r.performance.title}</h2>}
      {r.starts_at && <p>{dateTime(r.starts_at)} · {r.hall}</p>}
      <p class="held-seats">{seatNames(r.seats)}</p>
      <div class="total"><small>{dateTime(r.held_at)}</small><strong>{won(r.amount)}</strong></div>
      {left > 0 && <p class="hint">{t("hold.left")} {countdown(left)}</p>}
      {r.status === "canceled" && <Refund id={r.id} />}
      {r.status === "confirmed" && !begun && <Cancellation r={r} changed={changed} />}
      <p class="notice-actions">
        {payable && left > 0 && <a class="primary small" href={"/checkout/" + r.id}>{r.status === "held" ? t("mine.pay") : t("mine.goon")}</a>}
        {r.status === "confirmed" && begun && r.performance && <a class="quiet" href={"/performances/" + r.performance.id}>{t("review.write")}</a>}
        <a class="quiet" href={"/rounds/" + r.round}>{t("mine.round", { id: String(r.round) })}</a>
      </p>
    </li>
  );
}

const lookEvery = 2_000, mostLooks = 60; // ms between looks at money that is on its way back, and how often

/** Refund shows the money that goes back, until it has. */
function Refund({ id }: { id: string }) {
  const payment = useSignal<Payment | null>(null);
  useEffect(() => {
    let timer = 0, looks = 0;
    const look = () => void standing(id).catch(() => payment.value).then((p) => {
      payment.value = p;
      if (p?.status === "refund_due" && looks++ < mostLooks) timer = window.setTimeout(look, lookEvery);
    });
    look();
    return () => clearTimeout(timer);
  }, [id]);
  const p = payment.value;
  if (!p || !p.refund) return null;
  return <p class={"refund " + p.status} role="status">{p.status === "refunded" ? t("refund.done", { amount: won(p.refund) }) : t("refund.due", { amount: won(p.refund) })}</p>;
}

const reasons = ["schedule", "mistake", "price", "other"] as const;

/** Cancellation asks why, and says before what it costs. */
function Cancellation({ r, changed }: { r: Listed; changed: () => void }) {
  const deed = useDeed(), terms = useSignal<RoundTerms | null>(null), payment = useSignal<Payment | null>(null);
  const open = (event: Event) => {
    if (!(event.currentTarget as HTMLDetailsElement).open || payment.value) return;
    standing(r.id).then((p) => (payment.value = p), () => undefined); // the server says it when it matters
    if (r.performance) {
      get<Page<RoundTerms>>(`/performances/${r.performance.id}/rounds`).then((all) => (terms.value = all.items.find((x) => x.id === r.round) ?? null), () => undefined);
    }
  };
  const cancel = async (fields: Record<string, string>) => {
    const note = (fields.note ?? "").trim(), reason = fields.reason === "other" && note ? note : t(("cancel." + fields.reason) as Word);
    await ask("POST", `/reservations/${r.id}/cancel`, { body: { reason } });
    changed();
  };
  return (
    <details onToggle={open}>
      <summary>{t("cancel.open")}</summary>
      {payment.value && <p class="hint">{t("cancel.paid", { amount: won(payment.value.amount ?? 0) })}</p>}
      {terms.value && <p class="hint">{terms.value.cancel_until ? t("cancel.terms", { time: dateTime(terms.value.cancel_until), n: terms.value.cancel_fee_percent ?? 0 }) : t("cancel.never")}</p>}
      <Form deed={deed} submit={t("cancel.button")} work={cancel} quiet>
        <Choice label={t("cancel.reason")} name="reason" required>{reasons.map((x) => <option key={x} value={x}>{t(("cancel." + x) as Word)}</option>)}</Choice>
        <Text label={t("cancel.note")} name="note" rows={2} maxLength={200} />
      </Form>
    </details>
  );
}
