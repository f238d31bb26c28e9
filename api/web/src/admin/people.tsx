// Performers and admins: lists with what is done to one of them.
import type { ComponentChildren } from "preact";
import { ask, get, type Page, type Performer } from "../api";
import { Field, Form, Outcome, useDeed, type Fields } from "../pages/forms";
import { Failed, Loading, useLoaded } from "../pages/parts";
import { t } from "../words";

interface Account {
  id: number;
  email: string;
  name: string;
}

/** Final asks twice, in the page: what it does cannot be undone. */
export function Final({ lead, word, act, class: looks }: { lead: string; word: string; act: () => Promise<void>; class: string }) {
  const deed = useDeed();
  return (
    <details class="final">
      <summary>{t("sale.final")}</summary>
      <p class="hint">{lead}</p>
      <button type="button" class={"secondary " + looks} disabled={deed.busy.value} onClick={() => void deed.run(act)}>{word}</button>
      <Outcome deed={deed} />
    </details>
  );
}

function List<T extends { id: number }>({ title, path, children }: { title: string; path: string; children: (all: T[], again: () => void) => ComponentChildren }) {
  const { value, failed, retry } = useLoaded(path, async () => {
    const all: T[] = [];
    for (let after = ""; ;) {
      const page = await get<Page<T>>(path + "?limit=100" + after);
      all.push(...page.items);
      if (!page.next) return all;
      after = "&after=" + encodeURIComponent(page.next);
    }
  });
  if (failed.value) return <Failed err={failed.value} retry={retry} />;
  if (!value.value) return <Loading />;
  // Later: what asks for it is part of what is made anew, and must be done first.
  return <><h1>{title}</h1>{children(value.value, () => void setTimeout(retry))}</>;
}

export function PerformersPage() {
  return <List<Performer> title={t("admin.performers")} path="/performers">{(all, again) => (
    <>
      <section class="card performer-new"><h2>{t("performer.new")}</h2><PerformerForm again={again} /></section>
      <ul class="cards">{all.map((p) => (
        <li key={p.id + ":" + p.version} class="card performer">
          <strong>{p.name}</strong>
          <details><summary>{t("performer.change")}</summary><PerformerForm performer={p} again={again} /></details>
          <Final class="drop" lead={t("performer.drop.lead")} word={t("sale.delete")} act={async () => {
            await ask("DELETE", "/admin/performers/" + p.id, { match: `"${p.version}-seen"` });
            again();
          }} />
        </li>
      ))}</ul>
    </>
  )}</List>;
}

function PerformerForm({ performer: p, again }: { performer?: Performer; again: () => void }) {
  const deed = useDeed();
  const save = async (f: Fields, form: HTMLFormElement) => {
    const body = { name: f["name"], ...(f["birth"] ? { birth: f["birth"] } : {}), ...(f["nation"] ? { nation: f["nation"] } : {}) };
    if (p) await ask("PUT", "/admin/performers/" + p.id, { body, match: `"${p.version}-seen"` });
    else await ask("POST", "/admin/performers", { body });
    form.reset();
    again();
    return t("me.saved");
  };
  return (
    <Form quiet deed={deed} submit={t("me.save")} work={save}>
      <div class="pair">
        <Field label={t("performer.name")} name="name" required maxLength={50} defaultValue={p?.name} />
        <Field label={t("performer.birth")} name="birth" type="date" min="1900-01-01" defaultValue={p?.birth} />
        <Field label={t("performer.nation")} name="nation" maxLength={50} defaultValue={p?.nation} />
      </div>
    </Form>
  );
}

export function AdminsPage({ me }: { me: number }) {
  const deed = useDeed();
  return <List<Account> title={t("admin.admins")} path="/admin/admins">{(all, again) => (
    <>
      <section class="card admin-new">
        <h2>{t("admins.new")}</h2>
        <p class="hint">{t("admins.lead")}</p>
        <Form quiet deed={deed} submit={t("admins.new")} work={async (f, form) => {
          await ask("POST", "/admin/admins", { body: { email: f["email"], name: f["name"] } });
          form.reset();
          again();
          return t("admins.mailed");
        }}>
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
            <Final class="drop" lead={t("admins.drop.lead")} word={t("admins.drop")} act={async () => {
              await ask("DELETE", "/admin/admins/" + a.id);
              again();
            }} />
          )}
        </li>
      ))}</ul>
    </>
  )}</List>;
}
