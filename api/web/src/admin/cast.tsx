// Who performs in a performance: put in, and taken out again.
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { ask, get, type Page, type Performance, type Performer } from "../api";
import { Field, Form, Outcome, useDeed } from "../pages/forms";
import { Failed, Loading, useLoaded } from "../pages/parts";
import { t } from "../words";

export function Cast({ show }: { show: Performance }) {
  const path = `/admin/performances/${show.id}/performers`, deed = useDeed(), heading = useRef<HTMLHeadingElement>(null);
  const { value, failed, retry } = useLoaded("cast" + show.id, async () => (await get<Page<Performer>>(`/performances/${show.id}/performers`)).items);
  const drop = (p: Performer) => void deed.run(async () => {
    await ask("DELETE", path + "/" + p.id);
    value.value = value.value!.filter((x) => x.id !== p.id);
    heading.current?.focus(); // the button that had it is gone
    return t("me.saved");
  });
  const add = async (p: Performer) => {
    await ask("POST", path, { body: { performer_id: p.id } });
    value.value = [...(value.value ?? []), p];
  };
  return (
    <section class="card cast">
      <h2 tabIndex={-1} ref={heading}>{t("cast.title")}</h2>
      {failed.value && <Failed err={failed.value} retry={retry} />}
      {!value.value && !failed.value && <Loading />}
      {value.value?.length === 0 && <p class="hint">{t("cast.none")}</p>}
      <ul>{value.value?.map((p) => (
        <li key={p.id} class="card-head"><span>{p.name}</span>
          <button type="button" class="remove" aria-label={t("cast.drop", { name: p.name })} disabled={deed.busy.value} onClick={() => drop(p)}>×</button></li>
      ))}</ul>
      <Outcome deed={deed} />
      <Add add={add} />
    </section>
  );
}

const offered = 20;

// Add looks a performer up by the beginning of the name: there may be very many.
function Add({ add }: { add: (p: Performer) => Promise<void> }) {
  const deed = useDeed(), prefix = useSignal("");
  const { value } = useLoaded("performers" + prefix.value, async () =>
    (await get<Page<Performer>>(`/performers?limit=${offered}${prefix.value && "&prefix=" + encodeURIComponent(prefix.value)}`)).items);
  return (
    <Form quiet deed={deed} submit={t("cast.add")} work={async (f) => {
      const found = value.value?.find((p) => p.id === Number(f["performer"]));
      if (!found) return;
      await add(found);
      return t("me.saved");
    }}>
      <div class="pair">
        <Field label={t("cast.find")} name="prefix" maxLength={50} onInput={(e) => (prefix.value = e.currentTarget.value.trim())} />
        <label>{t("cast.who")}<select name="performer" required>{value.value?.map((p) => <option key={p.id} value={p.id}>{p.name}</option>)}</select></label>
      </div>
    </Form>
  );
}
