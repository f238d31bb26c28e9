// Logging in and signing up: one form.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask, explain } from "../api";
import { address, go } from "../router";
import { recall } from "../pending";
import { enter } from "../session";
import { t } from "../words";

interface Token {
  access_token: string;
  expires_in: number;
}

// Only our own pages can be next: an address from elsewhere is not followed.
function next(): string {
  const then = address.value.searchParams.get("then") ?? "/";
  return new URL(then, location.origin).origin === location.origin && then.startsWith("/") && !then.startsWith("//") ? then : "/";
}

export function LoginPage() {
  const signup = useSignal(false), busy = useSignal(false), failed = useSignal("");
  useEffect(() => void (document.title = t("login.title") + " · Ticket Blue"), []);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.currentTarget as HTMLFormElement)) as Record<string, string>;
    const { email = "", password = "", name = "" } = fields;
    busy.value = true;
    failed.value = "";
    try {
      if (signup.value) await ask("POST", "/auth/signup", { body: { email, password, name } });
      const { body } = await ask<Token>("POST", "/auth/login", { body: { email, password } });
      enter(email, body.access_token, body.expires_in);
      go(next(), true);
    } catch (err) {
      failed.value = explain(err);
    } finally {
      busy.value = false;
    }
  };
  const round = /^\/rounds\/(\d+)/.exec(next());
  return (
    <form class="card login" onSubmit={(e) => void submit(e)}>
      <h1>{signup.value ? t("signup.title") : t("login.title")}</h1>
      {round && recall(Number(round[1])) && <p class="notice info">{t("login.then")}</p>}
      <label>{t("login.email")}<input name="email" type="email" autocomplete="email" required maxLength={254} /></label>
      {signup.value && <label>{t("login.name")}<input name="name" autocomplete="name" required maxLength={50} /></label>}
      <label>{t("login.password")}
        <input name="password" type="password" autocomplete={signup.value ? "new-password" : "current-password"} required minLength={signup.value ? 8 : 1} maxLength={128} aria-describedby="rule" />
      </label>
      {signup.value && <p class="hint" id="rule">{t("login.rule")}</p>}
      <p class="form-error" role="alert">{failed.value}</p>
      <button type="submit" class="primary" disabled={busy.value}>{signup.value ? t("signup.submit") : t("login.submit")}</button>
      <button type="button" class="quiet centered" id="other" onClick={() => { signup.value = !signup.value; failed.value = ""; }}>
        {signup.value ? t("signup.tologin") : t("login.tosignup")}
      </button>
    </form>
  );
}
