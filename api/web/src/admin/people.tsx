// Performers and admins: lists with what is done to one of them.
import { useSignal } from "@preact/signals";
import { ask, tagOf, get, type Page, type Performer } from "../api";
import { Button, Field, Form, Outcome, useDeed, type Fields } from "../pages/forms";
import { Failed, Loading, useLoaded, usePaged } from "../pages/parts";
import { seoul, t } from "../words";

interface Account {
  id: number;
  email: string;
  name: string;
}

/** gone takes something off the page, later, for what asks for it may be part of it; the focus it had goes to the page. */
export function gone(take: () => void): void {
  setTimeout(() => {
    take();
    setTimeout(() => document.activeElement === document.body && document.getElementById("main")?.focus());
  });
}

/** Final asks twice, in the page: what it does cannot be undone. */
export function Final({ title, lead, word, act, class: looks }: { title: string; lead: string; word: string; act: () => Promise<void>; class: string }) {
  const deed = useDeed();
  return (
    <details class="final">
      <summary>{title}…</summary>
      <p class="hint">{lead}</p>
      <Button class={"secondary " + looks} off={deed.busy.value} onClick={() => void deed.run(act)}>{word}</Button>
      <Outcome deed={deed} />
    </details>
  );
}

const found = (part: string) => "/performers?limit=50" + (part && "&contains=" + encodeURIComponent(part));

export function PerformersPage() {
  const part = useSignal(""), { value, failed, retry, more } = usePaged<Performer>(found(part.value)), items = value.value?.items;
  const said = (items: Performer[]) => (value.value = { ...value.value, items });
  return (
    <>
      <h1>{t("admin.performers")}</h1>
      <section class="card performer-new"><h2>{t("performer.new")}</h2><PerformerForm saved={(p) => said([p, ...(items ?? [])])} /></section>
      <Field label={t("cast.find")} name="part" type="search" maxLength={50} onInput={(e) => (part.value = e.currentTarget.value.trim())} />
      {failed.value ? <Failed err={failed.value} retry={retry} /> : !items ? <Loading /> : items.length === 0 && <p class="hint" role="status">{t("search.none")}</p>}
      <ul class="cards">{items?.map((p) => (
        <li key={p.id} class="card performer">
          <strong>{p.name}</strong> <span class="hint">{[p.birth, p.nation].filter(Boolean).join(" · ")}</span>
          <details><summary>{t("performer.change")}</summary><PerformerForm performer={p} saved={(is) => said(items.map((x) => (x.id === is.id ? is : x)))} /></details>
          <Final class="drop" title={t("sale.delete")} lead={t("performer.drop.lead")} word={t("sale.delete")} act={async () => {
            await ask("DELETE", "/admin/performers/" + p.id, { match: await tagOf("/performers/" + p.id, p.version) });
            gone(() => said(items.filter((x) => x !== p)));
          }} />
        </li>
      ))}</ul>
      {more}
    </>
  );
}

function PerformerForm({ performer: p, saved }: { performer?: Performer; saved: (p: Performer) => void }) {
  const deed = useDeed();
  const save = async (f: Fields, form: HTMLFormElement) => {
    const body = { name: f["name"], ...(f["birth"] ? { birth: f["birth"] } : {}), ...(f["nation"] ? { nation: f["nation"] } : {}) };
    const { body: is } = p ? await ask<Performer>("PUT", "/admin/performers/" + p.id, { body, match: await tagOf("/performers/" + p.id, p.version) })
      : await ask<Performer>("POST", "/admin/performers", { body });
    if (!p) form.reset();
    saved(is);
    return t("me.saved");
  };
  return (
    <Form quiet deed={deed} submit={t("me.save")} work={save}>
      <div class="pair">
        <Field label={t("performer.name")} name="name" required maxLength={50} defaultValue={p?.name} />
        <Field label={t("performer.birth")} name="birth" type="date" min="1900-01-01" max={seoul(new Date().toISOString()).slice(0, 10)} defaultValue={p?.birth} />
        <Field label={t("performer.nation")} name="nation" maxLength={50} defaultValue={p?.nation} />
      </div>
    </Form>
  );
}

async function admins(): Promise<Account[]> {
  const all: Account[] = [];
  for (let after = ""; ;) {
    const page = await get<Page<Account>>("/admin/admins?limit=100" + after);
    all.push(...page.items);
    if (!page.next) return all;
    after = "&after=" + encodeURIComponent(page.next);
  }
}

export function AdminsPage({ me }: { me: number }) {
  const deed = useDeed(), { value, failed, retry } = useLoaded("admins", admins), all = value.value;
  if (failed.value) return <Failed err={failed.value} retry={retry} />;
  if (!all) return <Loading />;
  const make = async (f: Fields, form: HTMLFormElement) => {
    const { body } = await ask<Account>("POST", "/admin/admins", { body: { email: f["email"], name: f["name"] } });
    form.reset();
    value.value = [...all, body];
    return t("admins.mailed");
  };
  return (
    <>
      <h1>{t("admin.admins")}</h1>
      <section class="card admin-new">
        <h2>{t("admins.new")}</h2>
        <p class="hint">{t("admins.lead")}</p>
        <Form quiet deed={deed} submit={t("admins.new")} work={make}>
          <div class="pair">
            <Field label={t("admins.email")} name="email" type="email" required maxLength={254} />
            <Field label={t("admins.name")} name="name" required maxLength={50} />
          </div>
        </Form>
      </section>
      <ul class="cards">{all.map((a) => (
        <li key={a.id} class="card admin">
          <strong>{a.name}</strong> <span class="hint">{a.email}</span>
          {a.id === me ? <p class="hint">{t("admins.you")}</p> : (
            <Final class="drop" title={t("admins.drop")} lead={t("admins.drop.lead")} word={t("admins.drop")} act={async () => {
              await ask("DELETE", "/admin/admins/" + a.id);
              gone(() => (value.value = all.filter((x) => x !== a)));
            }} />
          )}
        </li>
      ))}</ul>
    </>
  );
}
