// Who has logged in. The access token stays in this file's memory; the refresh token is in a cookie that no script can
// read and that all tabs share.
import { signal } from "@preact/signals";
import { ask, Refusal } from "./api";

export interface Session {
  id: number;
  name: string;
  email?: string;
  role: "customer" | "admin";
}

/** Tokens is what logging in, and each renewal, gives. */
export interface Tokens {
  access_token: string;
  expires_in: number; // seconds
}

const kept = "tb.session"; // in localStorage: that there may be a cookie. Strangers need not be asked about
const maybe = "expected"; // kept while nobody knows whether the visitor comes back from Kakao with a session
const early = 60_000; // ms before its end from which a token is renewed

/** session is who has logged in: null nobody, undefined not known yet. */
export const session = signal<Session | null | undefined>(localStorage.getItem(kept) ? undefined : null);

/** trouble is why it cannot be found out just now. */
export const trouble = signal<unknown>(null);

/** lapsed: the session ended without the visitor's doing. */
export const lapsed = signal(false);

let token = "";
let until = 0; // by this device's clock
let renewing: Promise<void> | null = null;
let beginning = Promise.resolve();

/** begin finds out who has logged in. */
export function begin(): Promise<void> {
  trouble.value = null;
  return (beginning = find().catch((err: unknown) => {
    if (ended(err)) forget(localStorage.getItem(kept) !== maybe);
    else trouble.value = err;
  }));
}

async function find(): Promise<void> {
  if (!localStorage.getItem(kept)) return forget();
  await renew();
  await identify();
}

async function identify(): Promise<void> {
  const { body } = await ask<Session>("GET", "/me");
  localStorage.setItem(kept, String(body.id));
  session.value = body;
  lapsed.value = false;
}

const ended = (err: unknown) => err instanceof Refusal && err.status === 401;

/** who waits until it is known; it throws when that cannot be. */
export async function who(): Promise<Session | null> {
  if (trouble.value) void begin();
  await beginning;
  if (trouble.value) throw trouble.value;
  return session.value ?? null;
}

/** expect is for before the browser leaves for Kakao: it may come back with a session. */
export function expect(): void {
  localStorage.setItem(kept, maybe);
}

export async function enter(tokens: Tokens): Promise<void> {
  take(tokens);
  await identify();
  trouble.value = null;
}

/** rename shows what has been changed of the account. */
export function rename(changed: Session): void {
  session.value = changed;
}

/** leave ends the session: this one, or all of the account's. Nothing changes here unless the server has done it. */
export async function leave(all = false): Promise<void> {
  await (all ? ask("POST", "/auth/logout-all") : alone(() => ask("POST", "/auth/logout", { body: {}, open: true })));
  forget();
}

/** forget is for when there is no session any more, be it that nobody here has ended it. */
export function forget(byItself = false): void {
  lapsed.value = byItself;
  localStorage.removeItem(kept);
  token = "";
  session.value = null;
}

function take(tokens: Tokens): void {
  token = tokens.access_token;
  until = Date.now() + tokens.expires_in * 1000;
}

/** renew gets the next token. */
export function renew(): Promise<void> {
  return (renewing ??= alone(async () => take((await ask<Tokens>("POST", "/auth/refresh", { body: {}, open: true })).body)).finally(() => (renewing = null)));
}

// One tab at a time, so that each sends the cookie that the one before it has got. Browsers offer locks to secure pages
// only; without, the server bears with two that come at once.
function alone<T>(work: () => Promise<T>): Promise<T> {
  return navigator.locks ? navigator.locks.request("tb.session", work) as Promise<T> : work();
}

/** credentials are the headers that tell the server who asks. */
export async function credentials(): Promise<Record<string, string>> {
  if (token && Date.now() > until - early) {
    try {
      await renew();
    } catch (err) {
      if (ended(err)) forget(true);
      else if (Date.now() > until) throw err;
    }
  }
  return token ? { Authorization: "Bearer " + token } : {};
}

/** watch learns of what other tabs do. */
export function watch(): void {
  addEventListener("storage", (event) => {
    if (event.key !== kept && event.key !== null) return;
    if (event.newValue !== String(session.value?.id)) void begin();
  });
}
