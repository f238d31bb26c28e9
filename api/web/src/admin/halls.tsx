// Halls, and the layout of one: described, looked at, and only then saved.
import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { ask, Mistake, type Hall } from "../api";
import { SeatMap } from "../map/SeatMap";
import { Choice, Field, Form, Text, useDeed, type Deed, type Fields } from "../pages/forms";
import { Failed, Loading, useLoaded, usePaged } from "../pages/parts";
import { go } from "../router";
import { Final } from "./people";
import { RoundModel } from "../round/model";
import { loadPlan, Plan, type PlanWire } from "../round/plan";
import { number, t } from "../words";

interface Preview {
  ok: boolean;
  seats: number;
  sections: { name: string; seats: number }[];
  grades: { name: string; seats: number }[];
  renamed?: Record<string, string>;
  errors: { field: string; want: string }[];
  drawing?: PlanWire;
}

const patience = 60_000; // ms: a large layout is sent, read and drawn

export function HallsPage() {
  const { value, failed, retry, more } = usePaged<Hall>("/halls?limit=100");
  if (failed.value) return <Failed err={failed.value} retry={retry} />;
  if (!value.value) return <Loading />;
  return (
    <>
      <div class="card-head"><h1>{t("admin.halls")}</h1><a class="primary small" href="/admin/halls/new">{t("hall.new")}</a></div>
      {value.value.items.length === 0 && <p class="hint">{t("hall.none")}</p>}
      <ul class="rounds">{value.value.items.map((h) => (
        <li key={h.id}><a class="round-link" href={"/admin/halls/" + h.id}><span class="round-when">{h.name}</span><span class="round-left">{t("pick.seats", { n: h.seats })}</span></a></li>
      ))}</ul>
      {more}
    </>
  );
}

export function HallPage({ id }: { id: number }) {
  const deed = useDeed(); // the form is made anew with what was saved
  const { value, failed, retry } = useLoaded("hall" + id, async () => {
    if (!id) return { hall: null, etag: "", plan: null };
    const { body, etag } = await ask<Hall>("GET", "/halls/" + id);
    return { hall: body, etag, plan: await loadPlan(body.plan) };
  });
  if (failed.value) return <Failed err={failed.value} retry={retry} />;
  if (!value.value) return <Loading />;
  return <HallForm key={value.value.etag} deed={deed} {...value.value} saved={retry} />;
}

type Way = "keep" | "seats" | "csv" | "pretix";

// What the fields say of the layout, as the server takes it.
async function layoutOf(f: Fields): Promise<object> {
  switch (f["way"] as Way) {
    case "seats": return { seats: Number(f["seats"]) };
    case "csv": return { csv: await textOf(f) };
    case "pretix":
      try {
        return { pretix: JSON.parse(await textOf(f)) as object, ...(f["scale"] ? { scale: Number(f["scale"]) } : {}) };
      } catch (err) {
        throw err instanceof Mistake ? err : new Mistake(t("hall.notjson"));
      }
    default: return {};
  }
}

async function textOf(f: Fields): Promise<string> {
  const file = f["file"] as unknown as File | undefined, text = file && file.size > 0 ? await file.text() : f["text"] ?? "";
  if (!text.trim()) throw new Mistake(t("hall.nofile"));
  return text;
}

function HallForm({ deed, hall, etag, plan, saved }: { deed: Deed; hall: Hall | null; etag: string; plan: Plan | null; saved: () => void }) {
  const way = useSignal<Way>(hall ? "keep" : "csv"), preview = useSignal<Preview | null>(null);
  const look = async (f: Fields) => {
    preview.value = null;
    preview.value = (await ask<Preview>("POST", "/admin/plans/preview", { body: await layoutOf(f), patience })).body;
    if (!preview.value.ok) throw new Mistake(t("hall.wrong"));
    return t("hall.good", { n: preview.value.seats });
  };
  const save = async (f: Fields) => {
    const body = { name: f["name"], address: f["address"], ...(await layoutOf(f)) };
    if (hall) {
      await ask("PUT", "/admin/halls/" + hall.id, { body, match: etag, patience });
      saved();
    } else {
      go("/admin/halls/" + (await ask<Hall>("POST", "/admin/halls", { body, patience })).body.id, true);
    }
    return t("me.saved");
  };
  const shown = preview.value?.drawing ? new Plan(preview.value.drawing) : plan;
  const changed = () => (preview.value = null);
  return (
    <>
      <h1>{hall?.name ?? t("hall.new")}</h1>
      <div class="two">
        <section class="card" onInput={changed}>
          <Form deed={deed} submit={way.value === "keep" || preview.value?.ok ? t("me.save") : t("hall.preview")}
            work={(f) => (way.value === "keep" || preview.value?.ok ? save(f) : look(f))}>
            <Field label={t("hall.name")} name="name" required maxLength={100} defaultValue={hall?.name} />
            <Field label={t("hall.address")} name="address" maxLength={255} defaultValue={hall?.address} />
            <Choice label={t("hall.way")} name="way" value={way.value} onChange={(e) => (way.value = e.currentTarget.value as Way)}>
              {hall && <option value="keep">{t("hall.keep")}</option>}
              <option value="csv">{t("hall.csv")}</option>
              <option value="pretix">{t("hall.pretix")}</option>
              <option value="seats">{t("hall.plain")}</option>
            </Choice>
            {way.value === "seats" && <Field label={t("hall.seats")} name="seats" type="number" required min={1} max={100000} />}
            {(way.value === "csv" || way.value === "pretix") && (
              <>
                <Field label={t("hall.file")} name="file" type="file" accept={way.value === "csv" ? ".csv,text/csv" : ".json,application/json"} />
                <Text label={t("hall.text")} name="text" rows={6} spellcheck={false} placeholder={way.value === "csv" ? "section,row,seat,grade,x,y" : "{ }"} />
              </>
            )}
            {way.value === "pretix" && <Field label={t("hall.scale")} name="scale" type="number" min={0.01} max={1000} step="any" placeholder="2" />}
          </Form>
          {preview.value && <Found preview={preview.value} />}
          {hall && <Final class="drop" title={t("sale.delete")} lead={t("hall.drop.lead")} word={t("sale.delete")} act={async () => {
            await ask("DELETE", "/admin/halls/" + hall.id, { match: etag });
            go("/admin/halls", true);
          }} />}
        </section>
        {shown && <Drawing key={shown.wire.hash} plan={shown} />}
      </div>
    </>
  );
}

function Found({ preview }: { preview: Preview }) {
  const renamed = Object.entries(preview.renamed ?? {});
  return (
    <div class="found">
      {preview.errors.length > 0 && <ul class="form-error" lang="en" role="alert">{preview.errors.map((e) => <li key={e.field}><code>{e.field}</code>: {e.want}</li>)}</ul>}
      <p>{t("hall.sections", { n: preview.sections.length })} · {preview.grades.map((g) => `${g.name} ${number(g.seats)}`).join(" · ")}</p>
      {renamed.length > 0 && <p class="hint">{t("hall.renamed")} {renamed.map(([from, to]) => `${from} → ${to}`).join(", ")}</p>}
    </div>
  );
}

function Drawing({ plan }: { plan: Plan }) {
  const model = useMemo(() => RoundModel.drawn(plan), [plan]);
  return <SeatMap model={model} onPress={() => undefined} />;
}
