// What all forms have in common: one request at a time, and what was wrong, in words, at its field, where screen readers hear it.
import { useSignal, type Signal } from "@preact/signals";
import { createContext, type ComponentChildren, type JSX } from "preact";
import { useContext, useId, useRef } from "preact/hooks";
import { explain, Refusal } from "../api";
import { t, tMaybe } from "../words";

export type Fields = Record<string, string>;

export interface Deed {
  busy: Signal<boolean>;
  failed: Signal<unknown>;
  done: Signal<string>; // said when it worked
  /** run does one thing at a time. */
  run: (work: () => Promise<string | void>) => Promise<void>;
}

export function useDeed(): Deed {
  const busy = useSignal(false), failed = useSignal<unknown>(null), done = useSignal("");
  const run = async (work: () => Promise<string | void>) => {
    if (busy.value) return;
    busy.value = true;
    failed.value = null;
    done.value = "";
    try {
      done.value = (await work()) ?? "";
    } catch (err) {
      failed.value = err;
    } finally {
      busy.value = false;
    }
  };
  return { busy, failed, done, run };
}

interface Wrong {
  field: string; // as the API calls it
  want: string;
  lang?: string; // of want, where it is not the page's
}

// Refusals that are about one field, though the API does not say it.
const about: Record<string, string> = { email_taken: "email" };

// The server says in English what would be right; where a visitor reads something else, the catalogue may know it too.
function wrongOf(err: unknown): Wrong[] {
  if (!(err instanceof Refusal)) return [];
  const field = about[err.problem.code];
  if (field) return [{ field, want: explain(err) }];
  return (err.problem.errors ?? []).map((w) => {
    const known = tMaybe("want." + w.field);
    return known ? { field: w.field, want: known } : { ...w, lang: "en" };
  });
}

// What a form knows of its fields: what is wrong, and which of them say it themselves.
const InForm = createContext<{ wrong: Wrong[]; said: Set<string> }>({ wrong: [], said: new Set() });

interface FormProps {
  deed: Deed;
  submit: string;
  work: (fields: Fields, form: HTMLFormElement) => Promise<string | void>;
  children: ComponentChildren;
  class?: string;
  quiet?: boolean;
}

// A phone's keyboard leaves a blank behind a word that it completes, and no name may end so. In passwords blanks count.
function fieldsOf(form: HTMLFormElement): Fields {
  const fields = [...new FormData(form)].map(([name, value]) => [name, typeof value === "string" && !name.includes("password") ? value.trim() : value]);
  return Object.fromEntries(fields) as Fields;
}

export function Form({ deed, submit, work, children, quiet, class: looks }: FormProps) {
  const said = useRef(new Set<string>());
  const send = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    void deed.run(() => work(fieldsOf(form), form))
      .then(() => setTimeout(() => form.querySelector<HTMLElement>("[aria-invalid]")?.focus())); // when it has been drawn
  };
  return (
    <InForm.Provider value={{ wrong: wrongOf(deed.failed.value), said: said.current }}>
      <form class={"form " + (looks ?? "")} onSubmit={send}>
        {children}
        <Outcome deed={deed} />
        <button type="submit" class={quiet ? "secondary" : "primary"} aria-disabled={deed.busy.value || undefined}>{deed.busy.value ? t("form.working") : submit}</button>
      </form>
    </InForm.Provider>
  );
}

/** Button is one that keeps the focus while it is off: a disabled one loses it, and its user his place on the page. */
export function Button({ off, onClick, class: looks = "secondary", ...button }: Omit<JSX.IntrinsicElements["button"], "onClick"> & { off?: boolean; onClick: (event: Event) => void }) {
  return <button type="button" class={looks} {...button} aria-disabled={off || undefined} onClick={(event) => off || onClick(event)} />;
}

/** Outcome says how it went. Both places are always there: screen readers tell of changes in them. */
export function Outcome({ deed }: { deed: Deed }) {
  const err = deed.failed.value, { said } = useContext(InForm), wrong = wrongOf(err), elsewhere = wrong.filter((w) => !said.has(w.field));
  return (
    <>
      <div class="form-error" role="alert">
        {err !== null && <p>{wrong.length > 0 ? t("refusal.invalid_input") : explain(err)}</p>}
        {elsewhere.length > 0 && <ul>{elsewhere.map((w) => <li key={w.field}><code>{w.field}</code>: <span lang={w.lang}>{w.want}</span></li>)}</ul>}
      </div>
      <p class="form-done" role="status">{deed.done.value}</p>
    </>
  );
}

/** useWrong is for what stands in a form under this name: what tells that it is wrong, and the words for it. */
function useWrong(name: string | undefined, hint?: string) {
  const { wrong, said } = useContext(InForm), id = useId(), found = wrong.find((w) => w.field === name);
  if (name) said.add(name);
  const by = [hint && id + "h", found && id + "w"].filter(Boolean).join(" ");
  return {
    marks: { "aria-invalid": found ? true : undefined, "aria-describedby": by || undefined },
    words: <>{hint && <small id={id + "h"}>{hint}</small>}{found && <small id={id + "w"} class="wrong" lang={found.lang}>{found.want}</small>}</>,
  };
}

type Named<E extends "input" | "select" | "textarea"> = Omit<JSX.IntrinsicElements[E], "label"> & { label: string; name?: string; hint?: string };

export function Field({ label, hint, ...input }: Named<"input">) {
  const { marks, words } = useWrong(input.name, hint);
  return <div class="field"><label>{label}<input {...input} {...marks} /></label>{words}</div>;
}

export function Choice({ label, hint, ...select }: Named<"select">) {
  const { marks, words } = useWrong(select.name, hint);
  return <div class="field"><label>{label}<select {...select} {...marks} /></label>{words}</div>;
}

export function Text({ label, hint, ...area }: Named<"textarea">) {
  const { marks, words } = useWrong(area.name, hint);
  return <div class="field"><label>{label}<textarea {...area} {...marks} /></label>{words}</div>;
}

export function Password({ label, name = "password", fresh }: { label: string; name?: string; fresh?: boolean }) {
  return (
    <Field label={label} name={name} type="password" required maxLength={128} minLength={fresh ? 8 : 1}
      autocomplete={fresh ? "new-password" : "current-password"} hint={fresh ? t("login.rule") : undefined} />
  );
}
