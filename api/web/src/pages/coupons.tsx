// Coupons: campaigns with what is left of them, and those that I have.
import { useEffect } from "preact/hooks";
import { ask, get, Refusal, type Page } from "../api";
import { newKey } from "../pending";
import { before } from "../router";
import { session, who } from "../session";
import { now } from "../time";
import { countdown, date, dateTime, t, won, type Word } from "../words";
import { Outcome, useDeed } from "./forms";
import { Failed, Loading, useLoaded, useTitle } from "./parts";

export interface Discount {
  kind: "amount" | "rate";
  value: number;
  cap?: number;
}

export interface Campaign {
  id: number;
  name: string;
  status: "scheduled" | "open" | "paused" | "closed";
  stock?: number;
  left?: number;
  issued: number;
  claimable: boolean;
  discount: Discount;
  minimum_amount: number;
  opens_at: string;
  closes_at: string;
  expires_at?: string;
  life_days?: number;
}

export interface Coupon {
  id: string;
  campaign: number;
  name: string;
  number: number;
  of?: number;
  status: "issued" | "reserved" | "redeemed" | "expired";
  discount: Discount;
  minimum_amount: number;
  expires_at: string;
}

const renewEvery = 3_000; // ms between looks at what is left

/** off says in words what a coupon takes off. */
export function off(d: Discount, minimum: number): string {
  const words = d.kind === "rate" ? t("coupon.rate", { n: d.value, cap: won(d.cap ?? 0) }) : t("coupon.amount", { amount: won(d.value) });
  return minimum > 0 ? `${words} · ${t("coupon.minimum", { amount: won(minimum) })}` : words;
}

export function CouponsPage() {
  useTitle(t("coupon.title"));
  const mine = useLoaded("coupons" + session.value?.id, () => (session.value ? get<Page<Coupon>>("/coupons?limit=100") : Promise.resolve({ items: [] } as Page<Coupon>)));
  return (
    <div class="narrow cards">
      <h1>{t("coupon.title")}</h1>
      <Campaigns mine={mine.value.value?.items ?? []} claimed={mine.retry} />
      <h2>{t("coupon.mine")}</h2>
      {session.value === null && <p class="hint">{t("coupon.login")}</p>}
      {mine.failed.value && <Failed err={mine.failed.value} retry={mine.retry} />}
      {session.value && mine.value.value?.items.length === 0 && <p class="hint">{t("coupon.none")}</p>}
      <ul class="cards">{mine.value.value?.items.map((c) => <Mine key={c.id} coupon={c} />)}</ul>
    </div>
  );
}

function Mine({ coupon: c }: { coupon: Coupon }) {
  return (
    <li class={"card coupon " + c.status}>
      <div class="card-head"><strong>{c.name}</strong><span class={"pill " + c.status}>{t(("coupon." + c.status) as Word)}</span></div>
      <p>{off(c.discount, c.minimum_amount)}</p>
      <p class="hint">{c.of ? t("coupon.number", { n: c.number, of: c.of }) : t("coupon.numberonly", { number: c.number })} · {t("coupon.until", { time: dateTime(c.expires_at) })}</p>
    </li>
  );
}

function Campaigns({ mine, claimed }: { mine: Coupon[]; claimed: () => void }) {
  const { value, failed, retry } = useLoaded("campaigns", () => get<Page<Campaign>>("/campaigns?limit=50"));
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.hidden || !value.value?.items.some((c) => c.status !== "closed")) return;
      get<Page<Campaign>>("/campaigns?limit=50").then((next) => (value.value = next), () => undefined); // the next look may do better
    }, renewEvery);
    return () => clearInterval(timer);
  }, []);
  if (failed.value) return <Failed err={failed.value} retry={retry} />;
  if (!value.value) return <Loading />;
  if (value.value.items.length === 0) return <p class="hint">{t("coupon.nocampaign")}</p>;
  return <ul class="cards">{value.value.items.map((c) => <CampaignItem key={c.id} campaign={c} has={mine.some((m) => m.campaign === c.id)} claimed={claimed} />)}</ul>;
}

const slot = (campaign: number, user: number) => `tb.claim.${campaign}.${user}`;

// A claim keeps its number until it is answered, so that asking again is asking for the same coupon.
async function claim(campaign: number): Promise<Coupon | null> {
  const user = await who();
  if (!user) return null;
  const kept = slot(campaign, user.id), key = sessionStorage.getItem(kept) ?? newKey();
  sessionStorage.setItem(kept, key);
  try {
    const { body } = await ask<Coupon>("POST", `/campaigns/${campaign}/coupons`, { key });
    sessionStorage.removeItem(kept);
    return body;
  } catch (err) {
    if (err instanceof Refusal && err.final) sessionStorage.removeItem(kept);
    throw err;
  }
}

function CampaignItem({ campaign: c, has, claimed }: { campaign: Campaign; has: boolean; claimed: () => void }) {
  const deed = useDeed(), opens = Date.parse(c.opens_at) - now.value;
  const gone = c.left === 0, open = c.status === "open" || (c.status === "scheduled" && opens <= 0);
  const take = () => void deed.run(async () => {
    const made = await claim(c.id);
    if (!made) return;
    claimed();
    return made.of ? t("coupon.got", { n: made.number, of: made.of }) : t("coupon.gotone");
  });
  return (
    <li class="card campaign">
      <div class="card-head"><h2>{c.name}</h2><span class={"pill " + (gone ? "sold_out" : c.status)}>{gone ? t("coupon.gone") : t(("campaign." + c.status) as Word)}</span></div>
      <p>{off(c.discount, c.minimum_amount)}</p>
      <p class="hint">
        {c.left !== undefined && c.status !== "closed" && <strong class="left">{t("coupon.left", { n: c.left, of: c.stock ?? 0 })}</strong>}
        {c.expires_at ? t("coupon.until", { time: date(c.expires_at) }) : t("coupon.days", { n: c.life_days ?? 0 })}
      </p>
      {c.left !== undefined && c.stock && c.status !== "closed" && <meter min={0} max={c.stock} value={c.left} aria-hidden="true" />}
      <Outcome deed={deed} />
      {has ? !deed.done.value && <p class="form-done">{t("coupon.has")}</p>
        : session.value === null ? <a class="primary small" href={before("/login")}>{t("coupon.loginclaim")}</a>
        : c.status !== "closed" && <button type="button" class="primary small" disabled={deed.busy.value || gone || !open} onClick={take}>
          {deed.busy.value ? t("form.working") : open ? t("coupon.claim") : `${t("coupon.opens")} ${countdown(opens)}`}
        </button>}
    </li>
  );
}
