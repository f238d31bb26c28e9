// Who performs in a performance: put in, and taken out again.
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { ask, get, type Page, type Performance, type Performer } from "../api";
import { Button, Choice, Field, Form, Outcome, useDeed } from "../pages/forms";
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
          <Button class="remove" aria-label={t("cast.drop", { name: p.name })} off={deed.busy.value} onClick={() => drop(p)}>×</Button></li>
      ))}</ul>
      <Outcome deed={deed} />
      <Add add={add} />
    </section>
  );
}

const offered = 20;

// Add looks a performer up by a part of the name: there may be very many.
function Add({ add }: { add: (p: Performer) => Promise<void> }) {
  const deed = useDeed(), part = useSignal("");
  const { value } = useLoaded("performers" + part.value, async () =>
    (await get<Page<Performer>>(`/performers?limit=${offered}${part.value && "&contains=" + encodeURIComponent(part.value)}`)).items);
  return (
    <Form quiet deed={deed} submit={t("cast.add")} work={async (f) => {
      const found = value.value?.find((p) => p.id === Number(f["performer"]));
      if (!found) return;
      await add(found);
      return t("me.saved");
    }}>
      <div class="pair">
        <Field label={t("cast.find")} name="part" maxLength={50} onInput={(e) => (part.value = e.currentTarget.value.trim())} />
        <Choice label={t("cast.who")} name="performer" required>{value.value?.map((p) => <option key={p.id} value={p.id}>{p.name}{p.birth && ` (${p.birth.slice(0, 4)})`}</option>)}</Choice>
      </div>
    </Form>
  );
}
