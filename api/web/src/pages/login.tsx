// Logging in, signing up, and setting a password by a mail's link.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ask } from "../api";
import { recall } from "../pending";
import { address, before, go, keepThen, then } from "../router";
import { enter, expect, session, type Tokens } from "../session";
import { t, tMaybe } from "../words";
import { Field, Form, Password, useDeed } from "./forms";
import { useTitle } from "./parts";

async function logIn(email: string, password: string): Promise<void> {
  await enter((await ask<Tokens>("POST", "/auth/login", { body: { email, password, cookie: true }, open: true })).body);
}

export function LoginPage() {
  const next = then(), deed = useDeed(), round = /^\/rounds\/(\d+)/.exec(next);
  const kakao = address.value.searchParams.get("kakao"), stranger = useRef(false);
  useTitle(t("login.title"));
  useEffect(() => {
    if (session.value === null) stranger.current = true;
    if (session.value) go(kakao && !stranger.current ? "/me?kakao=" + kakao : next, true); // Kakao's no was to an account being linked
  }, [session.value]);
  return (
    <div class="card login">
      <h1>{t("login.title")}</h1>
      {round && recall(Number(round[1])) && <p class="notice info">{t("login.then")}</p>}
      {kakao && <p class="notice bad" role="alert">{tMaybe("kakao." + kakao) ?? t("kakao.failed")}</p>}
      <Form deed={deed} submit={t("login.submit")} work={({ email = "", password = "" }) => logIn(email, password)}>
        <Field label={t("login.email")} name="email" type="email" autocomplete="email" required maxLength={254} />
        <Password label={t("login.password")} />
      </Form>
      <Kakao next={next} />
      <p class="ways"><a class="quiet" id="other" href={before("/signup", next)}>{t("login.tosignup")}</a> <a class="quiet" href="/reset-password">{t("login.forgot")}</a></p>
    </div>
  );
}

/** Kakao leads there, and back to the next page. A server that does not have it says so here, not on a page of its own. */
export function Kakao({ next, again }: { next: string; again?: boolean }) {
  const missing = useSignal(false), href = `/v1/auth/kakao?return=${encodeURIComponent(next)}${again ? "&again=true" : ""}`;
  const follow = async (event: Event) => {
    event.preventDefault();
    const answer = await fetch(href, { redirect: "manual" }).catch(() => null);
    missing.value = answer?.type !== "opaqueredirect";
    if (missing.value) return;
    expect();
    keepThen(next);
    location.assign(href);
  };
  return (
    <>
      <a class="kakao" href={href} onClick={(e) => void follow(e)}>{t("login.kakao")}</a>
      <p class="form-error" role="alert">{missing.value && t("kakao.unavailable")}</p>
    </>
  );
}

export function SignupPage() {
  const next = then(), deed = useDeed();
  useTitle(t("signup.title"));
  useEffect(() => {
    if (session.value) go(next, true);
  }, [session.value]);
  return (
    <div class="card login">
      <h1>{t("signup.title")}</h1>
      <Form deed={deed} submit={t("signup.submit")} work={async ({ email = "", password = "", name = "" }) => {
        await ask("POST", "/auth/signup", { body: { email, password, name }, open: true });
        await logIn(email, password);
      }}>
        <Field label={t("login.email")} name="email" type="email" autocomplete="email" required maxLength={254} />
        <Field label={t("login.name")} name="name" autocomplete="name" required maxLength={50} />
        <Password label={t("login.password")} fresh />
      </Form>
      <Kakao next={next} />
      <p class="ways"><a class="quiet" id="other" href={before("/login", next)}>{t("signup.tologin")}</a></p>
    </div>
  );
}

export function ResetPage() {
  const token = useSignal<string | null>(null), sent = useSignal(false), deed = useDeed();
  useTitle(t("reset.title"));
  const hash = address.value.hash;
  useEffect(() => {
    const found = new URLSearchParams(hash.slice(1)).get("token");
    if (!found) return;
    token.value = found;
    sent.value = false;
    go("/reset-password", true); // out of the address bar, so that it is not shown, shared or bookmarked
  }, [hash]);
  if (sent.value) {
    return (
      <div class="card login" role="status">
        <h1>{t("reset.title")}</h1>
        <p>{token.value ? t("reset.done") : t("reset.sent")}</p>
        <p class="ways"><a class="quiet" href="/login">{t("login.submit")}</a></p>
      </div>
    );
  }
  const request = async ({ email = "" }) => void (await ask("POST", "/auth/password-reset", { body: { email }, open: true }), (sent.value = true));
  const confirm = async ({ password = "" }) => void (await ask("POST", "/auth/password-reset/confirm", { body: { token: token.value, password }, open: true }), (sent.value = true));
  return (
    <div class="card login">
      <h1>{t("reset.title")}</h1>
      {!token.value && <p class="hint">{t("reset.lead")}</p>}
      {token.value
        ? <Form deed={deed} submit={t("reset.set")} work={confirm}><Password label={t("reset.new")} fresh /></Form>
        : <Form deed={deed} submit={t("reset.send")} work={request}><Field label={t("login.email")} name="email" type="email" autocomplete="email" required maxLength={254} /></Form>}
    </div>
  );
}
