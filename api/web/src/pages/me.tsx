// My account: name, password, log-out, and closing it for ever.
import { useSignal } from "@preact/signals";
import { ask, Mistake, Refusal } from "../api";
import { address } from "../router";
import { enter, forget, leave, rename, type Session, type Tokens } from "../session";
import { date, t, tMaybe } from "../words";
import { Button, Choice, Field, Form, Outcome, Password, useDeed } from "./forms";
import { Kakao } from "./login";
import { Account, Failed, Loading, useLoaded } from "./parts";

interface Profile extends Session {
  slack_id?: string;
  language: "ko" | "en";
  has_password: boolean;
  created_at: string;
}

export function MePage() {
  return <Account title={t("me.title")} lead={t("me.login")}>{(who) => <Me user={who.id} />}</Account>;
}

function Me({ user }: { user: number }) {
  const { value, failed, retry } = useLoaded("me" + user, async () => (await ask<Profile>("GET", "/me")).body);
  if (failed.value) return <Failed err={failed.value} retry={retry} />;
  if (!value.value) return <Loading />;
  const me = value.value;
  return (
    <div class="narrow cards">
      <h1>{t("me.title")}</h1>
      <section class="card">
        <dl class="facts">
          <dt>{t("login.email")}</dt><dd>{me.email ?? <>{t("me.noemail")} <small>{t("me.noemail.hint")}</small></>}</dd>
          <dt>{t("me.since")}</dt><dd>{date(me.created_at)}</dd>
        </dl>
        <ProfileForm me={me} />
      </section>
      {me.role === "admin" && <p><a class="secondary" href="/admin">{t("nav.admin")}</a></p>}
      <LogOut />
      {me.has_password ? <><PasswordForm me={me} /><KakaoToo /></> : <KakaoOnly me={me} />}
      {me.role !== "admin" && <Withdraw me={me} />}
    </div>
  );
}

function ProfileForm({ me }: { me: Profile }) {
  const deed = useDeed();
  return (
    <Form quiet deed={deed} submit={t("me.save")} work={async ({ name = "", slack_id = "", language }) => {
      rename((await ask<Session>("PATCH", "/me", { body: { name, slack_id, language } })).body);
      return t("me.saved");
    }}>
      <Field label={t("login.name")} name="name" autocomplete="name" required maxLength={50} defaultValue={me.name} />
      <Choice label={t("me.language")} name="language">
        {["ko", "en"].map((l) => <option key={l} value={l} lang={l} selected={l === me.language}>{l === "ko" ? "한국어" : "English"}</option>)}
      </Choice>
      <Field label={t("me.slack")} name="slack_id" maxLength={20} pattern="[A-Z0-9]*" defaultValue={me.slack_id ?? ""} hint={t("me.slack.hint")} />
    </Form>
  );
}

function LogOut() {
  const deed = useDeed();
  return (
    <section class="card">
      <h2>{t("nav.logout")}</h2>
      <Outcome deed={deed} />
      <div class="notice-actions">
        <Button id="logout" off={deed.busy.value} onClick={() => void deed.run(() => leave())}>{t("nav.logout")}</Button>
        <Button class="quiet" off={deed.busy.value} onClick={() => void deed.run(() => leave(true))}>{t("me.logoutall")}</Button>
      </div>
    </section>
  );
}

function PasswordForm({ me }: { me: Profile }) {
  const deed = useDeed();
  return (
    <section class="card">
      <h2>{t("me.password")}</h2>
      <Form quiet deed={deed} submit={t("me.password.change")} work={async ({ old_password = "", new_password = "" }, form) => {
        await enter((await ask<Tokens>("POST", "/me/password", { body: { old_password, new_password, cookie: true } })).body);
        form.reset();
        return t("me.password.done");
      }}>
        <Username me={me} />
        <Password label={t("me.password.old")} name="old_password" />
        <Password label={t("reset.new")} name="new_password" fresh />
      </Form>
    </section>
  );
}

// Username tells password managers whose password it is.
function Username({ me }: { me: Profile }) {
  return <input type="hidden" autocomplete="username" value={me.email} />;
}

function KakaoOnly({ me }: { me: Profile }) {
  return <section class="card"><h2>{t("me.password")}</h2><p class="hint">{t("me.password.none")} {me.email && <a href="/reset-password">{t("reset.title")}</a>}</p></section>;
}

/** KakaoToo lets the account open by Kakao as well. What came of it stands in the address. */
function KakaoToo() {
  const deed = useDeed(), came = address.value.searchParams.get("kakao");
  const link = () => void deed.run(async () => {
    const { body } = await ask<{ url: string }>("POST", "/me/kakao", { body: { return: "/me?kakao=linked" } }).catch((err: unknown) => {
      throw err instanceof Refusal && err.status === 404 ? new Mistake(t("kakao.unavailable")) : err;
    });
    location.assign(body.url);
  });
  return (
    <section class="card">
      <h2>{t("kakao.link")}</h2>
      <p class="hint">{t("kakao.link.lead")}</p>
      {came && <p class={came === "linked" ? "notice good" : "notice bad"} role="status">{tMaybe("kakao." + came) ?? t("kakao.failed")}</p>}
      <Outcome deed={deed} />
      <div class="notice-actions"><Button class="kakao" off={deed.busy.value} onClick={link}>{t("kakao.link.do")}</Button></div>
    </section>
  );
}

// There is no way back, so the button comes only when the box is ticked.
function Withdraw({ me }: { me: Profile }) {
  const deed = useDeed(), sure = useSignal(false);
  const again = deed.failed.value instanceof Refusal && deed.failed.value.problem.code === "reauthentication_required";
  return (
    <section class="card">
      <h2>{t("me.withdraw")}</h2>
      <p class="hint">{t("me.withdraw.lead")}</p>
      <label class="check"><input type="checkbox" checked={sure.value} onChange={(e) => (sure.value = e.currentTarget.checked)} /> {t("me.withdraw.sure")}</label>
      {sure.value && (
        <Form quiet deed={deed} submit={t("me.withdraw.do")} work={async ({ password }) => {
          await ask("POST", "/me/withdraw", { body: password ? { password } : {} });
          forget();
        }}>
          {me.has_password && <><Username me={me} /><Password label={t("login.password")} /></>}
          {again && <Kakao next="/me" again />}
        </Form>
      )}
    </section>
  );
}
