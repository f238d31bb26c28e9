// What all forms have in common: one request at a time, and what was wrong, in words, where screen readers hear it.
import { useSignal, type Signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { explain, Refusal } from "../api";
import { t } from "../words";

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

interface FormProps {
  deed: Deed;
  submit: string;
  work: (fields: Fields, form: HTMLFormElement) => Promise<string | void>;
  children: ComponentChildren;
  class?: string;
  quiet?: boolean;
}

export function Form({ deed, submit, work, children, quiet, class: looks }: FormProps) {
  const send = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    void deed.run(() => work(Object.fromEntries(new FormData(form)) as Fields, form));
  };
  return (
    <form class={"form " + (looks ?? "")} onSubmit={send}>
      {children}
      <Outcome deed={deed} />
      <button type="submit" class={quiet ? "secondary" : "primary"} disabled={deed.busy.value}>{deed.busy.value ? t("form.working") : submit}</button>
    </form>
  );
}

/** Outcome says how it went. Both places are always there: screen readers tell of changes in them. */
export function Outcome({ deed }: { deed: Deed }) {
  const err = deed.failed.value, wrong = err instanceof Refusal ? err.problem.errors ?? [] : [];
  return (
    <>
      <div class="form-error" role="alert">
        {err !== null && <p>{explain(err)}</p>}
        {wrong.length > 0 && <ul lang="en">{wrong.map((w) => <li key={w.field}><code>{w.field}</code>: {w.want}</li>)}</ul>}
      </div>
      <p class="form-done" role="status">{deed.done.value}</p>
    </>
  );
}

interface FieldProps extends Omit<JSX.InputHTMLAttributes<HTMLInputElement>, "label"> {
  label: string;
  name: string;
  hint?: string;
}

export function Field({ label, hint, ...input }: FieldProps) {
  const id = hint ? "hint-" + input.name : undefined;
  return (
    <label>{label}
      <input {...input} aria-describedby={id} />
      {hint && <small id={id}>{hint}</small>}
    </label>
  );
}

export function Password({ label, name = "password", fresh }: { label: string; name?: string; fresh?: boolean }) {
  return (
    <Field label={label} name={name} type="password" required maxLength={128} minLength={fresh ? 8 : 1}
      autocomplete={fresh ? "new-password" : "current-password"} hint={fresh ? t("login.rule") : undefined} />
  );
}
