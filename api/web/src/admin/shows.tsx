// Performances: what is known of one, its poster, and its rounds.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask, tagOf, get, type Hall, type Page, type Performance, type RoundTerms } from "../api";
import { Choice, Field, Form, Text, useDeed, type Deed, type Fields } from "../pages/forms";
import { categoryName, Failed, Loading, Poster, useLoaded, usePaged } from "../pages/parts";
import { go } from "../router";
import { loadPlan } from "../round/plan";
import { dateTime, kst, moment, seoul, t } from "../words";
import { Cast } from "./cast";
import { Final } from "./people";
import { SaleButtons, StatusPill } from "./sale";

type HallName = Pick<Hall, "id" | "name">;

const categories = ["concert", "musical", "sports"];

export function ShowsPage() {
  const { value, failed, retry, more } = usePaged<Performance>("/performances?from=2000-01-01&limit=100");
  if (failed.value) return <Failed err={failed.value} retry={retry} />;
  if (!value.value) return <Loading />;
  const page = value.value;
  return (
    <>
      <div class="card-head"><h1>{t("admin.shows")}</h1><a class="primary small" href="/admin/performances/new">{t("show.new")}</a></div>
      {page.items.length === 0 && <p class="hint">{t("list.empty")}</p>}
      <ul class="rounds">{page.items.map((p) => (
        <li key={p.id}><a class="round-link" href={"/admin/performances/" + p.id}><span class="round-when">{p.title}</span><span class="round-left">{categoryName(p.category)} · {p.hall.name}</span></a></li>
      ))}</ul>
      {more}
    </>
  );
}

export function ShowPage({ id }: { id: number }) {
  const deed = useDeed(); // the form is made anew with what was saved
  const { value, failed, retry } = useLoaded("show" + id, async () => {
    const { items: halls, next } = await get<Page<HallName>>("/halls?limit=100"), many = next !== undefined;
    if (!id) return { halls, many, show: null, etag: "" };
    const { body, etag } = await ask<Performance>("GET", "/performances/" + id);
    return { halls, many, show: body, etag };
  });
  if (failed.value) return <Failed err={failed.value} retry={retry} />;
  if (!value.value) return <Loading />;
  const { halls, many, show, etag } = value.value;
  return (
    <>
      <h1>{show?.title ?? t("show.new")}</h1>
      <div class="two">
        <section class="card"><ShowForm key={etag} deed={deed} halls={halls} many={many} show={show} etag={etag} saved={retry} />
          {show && <Final class="drop" title={t("sale.delete")} lead={t("show.drop.lead")} word={t("sale.delete")} act={async () => {
            await ask("DELETE", "/admin/performances/" + show.id, { match: etag });
            go("/admin", true);
          }} />}
        </section>
        {show && <div class="cards"><PosterForm show={show} saved={retry} /><Cast show={show} /><Rounds show={show} /></div>}
      </div>
    </>
  );
}

interface ShowFormProps {
  deed: Deed;
  halls: HallName[];
  many: boolean; // there are more: one is found by name
  show: Performance | null;
  etag: string;
  saved: () => void;
}

function ShowForm({ deed, halls, many, show, etag, saved }: ShowFormProps) {
  const hall = useSignal(show?.hall.id ?? halls[0]?.id ?? 0), grades = useSignal<string[]>([]), failed = useSignal<unknown>(null), part = useSignal("");
  const found = useLoaded("halls" + part.value, async () =>
    (part.value ? (await get<{ halls: Page<HallName> }>("/search?kind=hall&q=" + encodeURIComponent(part.value))).halls.items : halls));
  useEffect(() => {
    let current = true;
    failed.value = null;
    get<Hall>("/halls/" + hall.value).then((h) => loadPlan(h.plan)).then((p) => current && (grades.value = p.grades), (err: unknown) => current && (failed.value = err));
    return () => void (current = false);
  }, [hall.value]);
  const work = async (f: Fields) => {
    const prices = Object.fromEntries(grades.value.map((g) => [g, Number(f["prices." + g])]));
    const body = {
      title: f["title"], category: f["category"], hall_id: hall.value, duration_minutes: Number(f["duration_minutes"]), description: f["description"], prices,
      ...(f["from"] ? { from: f["from"] } : {}), ...(f["to"] ? { to: f["to"] } : {}),
    };
    if (show) {
      await ask("PUT", "/admin/performances/" + show.id, { body, match: etag });
      saved();
    } else {
      go("/admin/performances/" + (await ask<Performance>("POST", "/admin/performances", { body })).body.id, true);
    }
    return t("me.saved");
  };
  const known = [...(show ? [show.hall] : []), ...(found.value.value ?? halls)], offered = known.filter((h, i) => known.findIndex((x) => x.id === h.id) === i);
  if (halls.length === 0) return <p>{t("show.nohall")} <a href="/admin/halls/new">{t("hall.new")}</a></p>;
  return (
    <Form deed={deed} submit={t("me.save")} work={work}>
      <Field label={t("show.title")} name="title" required maxLength={200} defaultValue={show?.title} />
      <Choice label={t("show.category")} name="category">{categories.map((c) => <option key={c} value={c} selected={c === show?.category}>{categoryName(c)}</option>)}</Choice>
      {many && <Field label={t("show.findhall")} name="part" type="search" maxLength={100} onInput={(e) => (part.value = e.currentTarget.value.trim())} />}
      <Choice label={t("performance.hall")} name="hall_id" value={hall.value} onChange={(e) => (hall.value = Number(e.currentTarget.value))}>
        {offered.map((h) => <option key={h.id} value={h.id}>{h.name}</option>)}
      </Choice>
      <div class="pair">
        <Field label={t("show.from")} name="from" type="date" defaultValue={show?.from} />
        <Field label={t("show.to")} name="to" type="date" defaultValue={show?.to} />
      </div>
      <Field label={t("show.minutes")} name="duration_minutes" type="number" required min={1} max={1440} defaultValue={show?.duration_minutes} />
      {failed.value && <p class="form-error" role="alert">{t("show.nogrades")}</p>}
      <div class="pair">{grades.value.map((g) => <Field key={g} label={t("show.price", { grade: g })} name={"prices." + g} type="number" required min={0} step={1} defaultValue={show?.prices[g]} />)}</div>
      <Text label={t("show.description")} name="description" rows={4} maxLength={4000} defaultValue={show?.description} />
    </Form>
  );
}

const uploadPatience = 60_000; // ms

function PosterForm({ show, saved }: { show: Performance; saved: () => void }) {
  const deed = useDeed();
  return (
    <section class="card poster-form">
      <h2>{t("show.poster")}</h2>
      <Poster show={show} />
      <Form quiet deed={deed} submit={t("show.upload")} work={async (f, form) => {
        const body = new FormData();
        body.append("file", f["file"] as unknown as File);
        await ask("PUT", `/admin/performances/${show.id}/poster`, { body, patience: uploadPatience });
        form.reset();
        saved();
        return t("me.saved");
      }}>
        <Field label={t("show.picture")} name="file" type="file" required accept="image/jpeg,image/png,image/webp" />
      </Form>
    </section>
  );
}

function Rounds({ show }: { show: Performance }) {
  const { value, failed, retry } = useLoaded("rounds" + show.id, () => get<Page<RoundTerms>>(`/performances/${show.id}/rounds`)), deed = useDeed();
  const plan = async (f: Fields, form: HTMLFormElement) => {
    await ask("POST", `/admin/performances/${show.id}/rounds`, { body: {
      starts_at: moment(f["starts_at"]!), opens_at: moment(f["opens_at"]!), closes_at: moment(f["closes_at"]!),
      max_per_user: Number(f["max_per_user"]), hold_seconds: Number(f["hold_seconds"]) * 60,
    } });
    form.reset();
    retry();
    return t("me.saved");
  };
  return (
    <section class="card">
      <h2>{t("round.rounds")}</h2>
      {failed.value && <Failed err={failed.value} retry={retry} />}
      {value.value?.items.length === 0 && <p class="hint">{t("performance.norounds")}</p>}
      <ul class="cards">{value.value?.items.map((r) => <RoundItem key={r.id} round={r} changed={retry} />)}</ul>
      <h3>{t("round.plan")}</h3>
      <Form quiet deed={deed} submit={t("round.plan")} work={plan}>
        <Times />
        <div class="pair">
          <Field label={t("round.max")} name="max_per_user" type="number" required min={1} max={20} defaultValue={4} />
          <Field label={t("round.hold")} name="hold_seconds" type="number" required min={1} max={1440} defaultValue={5} />
        </div>
      </Form>
    </section>
  );
}

function Times({ round }: { round?: RoundTerms }) {
  const field = (name: "starts_at" | "opens_at" | "closes_at", label: string) =>
    <Field label={kst(label)} name={name} type="datetime-local" required defaultValue={round && seoul(round[name])} />;
  return <div class="pair">{field("starts_at", t("round.starts"))}{field("opens_at", t("round.opens"))}{field("closes_at", t("round.closes"))}</div>;
}

function RoundItem({ round: r, changed }: { round: RoundTerms; changed: () => void }) {
  const deed = useDeed();
  const move = async (f: Fields) => {
    const body = { starts_at: moment(f["starts_at"]!), opens_at: moment(f["opens_at"]!), closes_at: moment(f["closes_at"]!) };
    await ask("PUT", "/admin/rounds/" + r.id, { body, match: await tagOf("/rounds/" + r.id, r.version) });
    changed();
    return t("me.saved");
  };
  return (
    <li class="round-item">
      <div class="card-head"><strong>{dateTime(r.starts_at)}</strong><StatusPill status={r.status} canceled={r.canceled} /></div>
      <p class="hint">{t("round.opens")} {dateTime(r.opens_at)} · {t("round.closes")} {dateTime(r.closes_at)}</p>
      <p><a href={"/admin/rounds/" + r.id}>{t("round.board")}</a></p>
      <SaleButtons round={r.id} status={r.status} canceled={r.canceled} version={r.version} changed={changed} />
      {r.status === "scheduled" && !r.canceled && (
        <details><summary>{t("round.move")}</summary><Form quiet deed={deed} submit={t("me.save")} work={move}><Times round={r} /></Form></details>
      )}
    </li>
  );
}
