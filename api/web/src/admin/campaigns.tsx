// Campaigns of coupons: planned, opened, paused, closed, deleted, and a coupon given to one customer.
import { useSignal } from "@preact/signals";
import { ask, get, type Page } from "../api";
import type { Campaign } from "../pages/coupons";
import { Button, Choice, Field, Form, Outcome, useDeed, type Fields } from "../pages/forms";
import { Failed, Loading, useLoaded } from "../pages/parts";
import { dateTime, kst, moment, number, t, won, type Word } from "../words";
import { Final, gone } from "./people";

type Run = Campaign & { welcome?: boolean };

export function CampaignsPage() {
  const { value, failed, retry } = useLoaded("campaigns", async () => {
    const all: Run[] = [];
    for (let after = ""; ;) {
      const page = await get<Page<Run>>("/admin/campaigns?limit=100" + after);
      all.push(...page.items);
      if (!page.next) return all;
      after = "&after=" + encodeURIComponent(page.next);
    }
  });
  // The list is a little behind what was just done; the answer says it.
  const said = (c: Run) => (value.value = value.value!.map((old) => (old.id === c.id ? { ...old, ...c } : old)));
  if (failed.value) return <Failed err={failed.value} retry={retry} />;
  if (!value.value) return <Loading />;
  return (
    <>
      <h1>{t("admin.campaigns")}</h1>
      <section class="card campaign-new"><h2>{t("campaign.new")}</h2><CampaignForm made={(c) => (value.value = [c, ...value.value!])} /></section>
      <ul class="cards">{value.value.map((c) => (
        <CampaignItem key={c.id} campaign={c} said={said} drop={() => (value.value = value.value!.filter((x) => x.id !== c.id))} />
      ))}</ul>
    </>
  );
}

function CampaignForm({ made }: { made: (c: Run) => void }) {
  const deed = useDeed(), kind = useSignal("amount");
  const plan = async (f: Fields, form: HTMLFormElement) => {
    const cap = f["discount.cap"] ? { cap: Number(f["discount.cap"]) } : {};
    const { body } = await ask<Run>("POST", "/admin/campaigns", { body: {
      name: f["name"], stock: Number(f["stock"]), claimable: !f["welcome"], welcome: !!f["welcome"],
      discount: { kind: kind.value, value: Number(f["discount.value"]), ...cap }, minimum_amount: Number(f["minimum_amount"] || 0),
      opens_at: moment(f["opens_at"]!), closes_at: moment(f["closes_at"]!), life_days: Number(f["life_days"]),
    } });
    form.reset();
    kind.value = "amount";
    made(body);
    return t("me.saved");
  };
  return (
    <Form quiet deed={deed} submit={t("campaign.new")} work={plan}>
      <Field label={t("campaign.name")} name="name" required maxLength={200} />
      <div class="pair">
        <Choice label={t("campaign.kind")} name="discount.kind" value={kind.value} onChange={(e) => (kind.value = e.currentTarget.value)}>
          <option value="amount">{t("campaign.amount")}</option>
          <option value="rate">{t("campaign.rate")}</option>
        </Choice>
        <Field label={t("campaign.value")} name="discount.value" type="number" required min={1} max={kind.value === "rate" ? 100 : 1_000_000_000} />
        {kind.value === "rate" && <Field label={t("campaign.cap")} name="discount.cap" type="number" required min={1} max={1_000_000_000} />}
        <Field label={t("campaign.minimum")} name="minimum_amount" type="number" min={0} max={1_000_000_000} />
        <Field label={t("campaign.stock")} name="stock" type="number" required min={0} max={5_000_000} hint={t("campaign.stock.hint")} />
        <Field label={t("campaign.life")} name="life_days" type="number" required min={1} max={3650} defaultValue={30} />
        <Field label={kst(t("campaign.opens"))} name="opens_at" type="datetime-local" required />
        <Field label={kst(t("campaign.closes"))} name="closes_at" type="datetime-local" required />
      </div>
      <label class="check"><input type="checkbox" name="welcome" /> {t("campaign.welcome")}</label>
    </Form>
  );
}

function CampaignItem({ campaign: c, said, drop }: { campaign: Run; said: (c: Run) => void; drop: () => void }) {
  const deed = useDeed(), gift = useDeed(), name = useDeed(), busy = deed.busy.value;
  const act = (verb: "open" | "pause" | "close") => async () => {
    const { body } = await ask<Run>("POST", `/admin/campaigns/${c.id}/${verb}`);
    setTimeout(() => said(body)); // later: what asked may go with it, and must be done first
  };
  const off = c.discount.kind === "amount" ? won(c.discount.value) : c.discount.value + "%";
  return (
    <li class="card campaign" id={"campaign-" + c.id}>
      <div class="card-head"><strong>{c.name}</strong><span class={"pill " + c.status}>{t(("campaign." + c.status) as Word)}</span></div>
      <p class="hint">
        {off} · {t("campaign.issued", { n: c.issued })}{c.stock ? " / " + number(c.stock) : ""} · {dateTime(c.opens_at)} – {dateTime(c.closes_at)}
        {c.welcome && " · " + t("campaign.welcome")}
      </p>
      <div class="notice-actions">
        <Button class="secondary open" off={busy || c.status === "open" || c.status === "closed"} onClick={() => void deed.run(act("open"))}>{t("campaign.start")}</Button>
        <Button class="secondary pause" off={busy || c.status !== "open"} onClick={() => void deed.run(act("pause"))}>{t("sale.pause")}</Button>
      </div>
      <Outcome deed={deed} />
      <Form quiet class="give" deed={gift} submit={t("campaign.give")} work={async (f) => {
        const { body } = await ask<{ id: string }>("PUT", `/admin/campaigns/${c.id}/coupons/${Number(f["user"])}`);
        return t("campaign.given", { id: body.id });
      }}>
        <Field label={t("campaign.user")} name="user" type="number" required min={1} />
      </Form>
      <details>
        <summary>{t("campaign.rename")}</summary>
        <Form quiet class="rename" deed={name} submit={t("me.save")} work={async (f) => {
          const { body } = await ask<Run>("PUT", "/admin/campaigns/" + c.id, { body: { name: f["name"] } });
          said(body);
          return t("me.saved");
        }}>
          <Field label={t("campaign.name")} name="name" required maxLength={200} defaultValue={c.name} />
        </Form>
      </details>
      {c.status !== "closed" && <Final class="close" title={t("campaign.close")} lead={t("campaign.close.lead")} word={t("campaign.close")} act={act("close")} />}
      <Final class="drop" title={t("sale.delete")} lead={t("campaign.drop.lead")} word={t("sale.delete")} act={async () => {
        await ask("DELETE", "/admin/campaigns/" + c.id);
        gone(drop);
      }} />
    </li>
  );
}
