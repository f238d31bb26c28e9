// Paying a reservation: what it costs, then the provider's window, then what became of it.
import { useSignal, type Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, type Page, type Reservation, type Round } from "../api";
import { left, standing, start, type Payment, type Provider } from "../checkout/payment";
import { draw, leave, usesWidgets, type TossWidgets } from "../checkout/provider";
import { countdown, dateTime, seatNames, t, won } from "../words";
import { off, type Coupon } from "./coupons";
import { Outcome, useDeed, type Deed } from "./forms";
import { Account, Failed, Loading, useLoaded } from "./parts";

interface Usable extends Coupon {
  off: number; // the won it takes off this order
}

interface Loaded {
  reservation: Reservation;
  round: Round;
  payment: Payment | null;
  provider: Provider;
  coupons: Usable[];
  at: number; // tells what was loaded apart from what was loaded before
}

const ended = ["released", "expired", "canceled"];

async function load(id: string): Promise<Loaded> {
  const [reservation, payment, provider] = await Promise.all([
    get<Reservation>("/reservations/" + id), standing(id), get<Provider>("/payments/provider"),
  ]);
  const held = reservation.status === "held" && reservation.amount > 0;
  const [round, coupons] = await Promise.all([
    get<Round>("/rounds/" + reservation.round),
    held ? get<Page<Usable>>(`/coupons?usable=true&amount=${reservation.amount}&limit=100`) : Promise.resolve({ items: [] }),
  ]);
  return { reservation, round, payment, provider, coupons: coupons.items, at: performance.now() };
}

export function CheckoutPage({ id }: { id: string }) {
  return <Account title={t("pay.title")} lead={t("pay.login")}>{(who) => <Checkout id={id} user={who.id} />}</Account>;
}

function Checkout({ id, user }: { id: string; user: number }) {
  const { value, failed, retry } = useLoaded(`checkout${id}/${user}`, () => load(id));
  useEffect(() => { // the provider's window was left by the back button: what is shown is from before
    const again = (event: PageTransitionEvent) => event.persisted && retry();
    addEventListener("pageshow", again);
    return () => removeEventListener("pageshow", again);
  }, []);
  if (failed.value) return <Failed err={failed.value} retry={retry} />;
  if (!value.value) return <Loading />;
  const { reservation: r, payment } = value.value, open = r.status === "held" || (r.status === "paying" && payment?.status === "open");
  return (
    <div class="narrow cards checkout">
      <h1>{t("pay.title")}</h1>
      <Purchase reservation={r} round={value.value.round} />
      {r.status === "confirmed" && <Ending kind="good" text={t("pay.confirmed")} href="/reservations" link={t("mine.title")} />}
      {ended.includes(r.status) && <Ending kind="bad" text={t("pay.ended")} href={"/rounds/" + r.round} link={t("mine.round", { id: String(r.round) })} />}
      {r.status === "paying" && payment?.status === "confirming" && <Ending kind="info" text={t("pay.confirming")} href="/reservations" link={t("mine.title")} />}
      {open && <Order key={value.value.at} loaded={value.value} again={retry} />}
    </div>
  );
}

/** Purchase is what is bought. */
export function Purchase({ reservation: r, round }: { reservation: Reservation; round?: Round }) {
  return (
    <section class="card" aria-label={t("pay.purchase")}>
      {round?.title && <h2>{round.title}</h2>}
      {round && <p>{dateTime(round.starts_at)}</p>}
      <p class="held-seats">{seatNames(r.seats)}</p>
      <small>{t("hold.number", { id: r.id })}</small>
    </section>
  );
}

/** Ending says how it ended, and where to go on. */
export function Ending({ kind, text, href, link }: { kind: "good" | "bad" | "info"; text: string; href: string; link: string }) {
  return (
    <div class={"notice " + kind} role={kind === "bad" ? "alert" : "status"}>
      <div><p>{text}</p><p class="notice-actions"><a class="secondary" href={href}>{link}</a></p></div>
    </div>
  );
}

/** Order chooses a coupon while none is chosen, and goes to the provider with the price that the server has said. */
function Order({ loaded, again }: { loaded: Loaded; again: () => void }) {
  const { reservation: r, round, provider } = loaded;
  const payment = useSignal(loaded.payment?.status === "open" && r.status === "paying" ? loaded.payment : null);
  const coupon = useSignal(""), deed = useDeed(), changed = useSignal(false);
  const chosen = loaded.coupons.find((c) => c.id === coupon.value);
  const expected = Math.max(0, r.amount - (chosen?.off ?? 0)), amount = payment.value?.amount;
  const until = payment.value?.pay_by ?? r.expires_at, remains = left(until);
  const name = `${round.title ?? t("round.number", { id: String(r.round) })} · ${t("pick.seats", { n: r.seats.length })}`;
  const widgets = useSignal<TossWidgets | null>(null);
  const pay = () => void deed.run(async () => {
    const known = payment.value?.amount !== undefined;
    const order = known ? payment.value! : await start(r.id, payment.value?.coupon_id ?? coupon.value);
    payment.value = order;
    changed.value = !known && order.amount !== expected;
    // A price that is not the one shown is shown first; and the widget needs it before it can be drawn.
    if (order.amount === undefined || changed.value || (usesWidgets(provider) && order.amount > 0 && !widgets.value)) return;
    await leave(provider, r.id, order, name, widgets.value);
  });
  if (remains <= 0) return <Ending kind="bad" text={t("pay.ended")} href={"/rounds/" + r.round} link={t("mine.round", { id: String(r.round) })} />;
  return (
    <section class="card form" aria-labelledby="order">
      <h2 id="order">{t("pay.order")}</h2>
      {payment.value
        ? payment.value.coupon_id && <p class="hint">{t("pay.couponfixed")}</p>
        : <Coupons coupons={loaded.coupons} price={r.amount} coupon={coupon} />}
      <Sums price={payment.value?.price ?? r.amount} amount={amount ?? expected} />
      {changed.value && <p class="notice info" role="status">{t("pay.changed", { amount: won(amount!) })}</p>}
      {until && <p class="hint">{t("pay.until")} <strong role="timer">{countdown(remains)}</strong></p>}
      {usesWidgets(provider) && amount !== undefined && amount > 0 && <Widgets provider={provider} amount={amount} widgets={widgets} deed={deed} />}
      {provider.provider === "none" && expected > 0 && <p class="notice bad" role="alert">{t("pay.noprovider")}</p>}
      <Outcome deed={deed} />
      <button type="button" id="pay" class="primary" onClick={pay}
        disabled={deed.busy.value || (provider.provider === "none" && (amount ?? expected) > 0) || (usesWidgets(provider) && !!amount && !widgets.value)}>
        {deed.busy.value ? t("form.working") : (amount ?? expected) === 0 ? t("pay.free") : t("pay.button", { amount: won(amount ?? expected) })}
      </button>
      {deed.failed.value !== null && <button type="button" class="quiet" onClick={again}>{t("pay.reload")}</button>}
    </section>
  );
}

function Coupons({ coupons, price, coupon }: { coupons: Usable[]; price: number; coupon: Signal<string> }) {
  if (price === 0) return null;
  if (coupons.length === 0) return <p class="hint">{t("pay.nocoupon")}</p>;
  return (
    <label>{t("pay.coupon")}
      <select name="coupon" value={coupon.value} onChange={(e) => (coupon.value = e.currentTarget.value)}>
        <option value="">{t("pay.without")}</option>
        {coupons.map((c) => <option key={c.id} value={c.id}>{c.name} · {off(c.discount, c.minimum_amount)} (−{won(c.off)})</option>)}
      </select>
    </label>
  );
}

function Sums({ price, amount }: { price: number; amount: number }) {
  return (
    <div>
      {amount !== price && <div class="total"><span>{t("pay.price")}</span><span>{won(price)}</span></div>}
      {amount !== price && <div class="total"><span>{t("pay.discount")}</span><span>−{won(price - amount)}</span></div>}
      <div class="total due"><span>{t("pay.amount")}</span><strong>{won(amount)}</strong></div>
    </div>
  );
}

function Widgets({ provider, amount, widgets, deed }: { provider: Provider; amount: number; widgets: Signal<TossWidgets | null>; deed: Deed }) {
  useEffect(() => {
    draw(provider, amount, "#toss-methods", "#toss-agreement").then((w) => (widgets.value = w), (err: unknown) => (deed.failed.value = err));
  }, []);
  return <div><div id="toss-methods" /><div id="toss-agreement" /></div>;
}
