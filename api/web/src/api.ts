// The HTTP contract as the pages use it.
import { credentials, forget as forgetSession, renew } from "./session";
import { t, tMaybe } from "./words";

export interface Performance {
  id: number;
  title: string;
  category: string;
  hall: { id: number; name: string };
  duration_minutes: number;
  prices: Record<string, number>;
  rating: { average: number; count: number };
  from: string; // days in Seoul
  to: string;
  description?: string; // not in lists
  poster: { widths: Record<string, string> } | null; // addresses by width in pixels
}

export interface Performer {
  id: number;
  name: string;
  birth?: string;
  nation?: string;
  version: number;
}

export interface RoundTerms {
  id: number;
  status: RoundStatus; // a little behind
  canceled: boolean;
  version: number;
  performance_id: number;
  starts_at: string;
  opens_at: string;
  closes_at: string;
  max_per_user: number;
  cancel_until?: string; // never without
  cancel_fee_percent?: number;
}

export type RoundStatus = "scheduled" | "open" | "paused" | "closed";

export interface Round {
  id: number;
  performance_id?: number;
  title?: string;
  max_per_user?: number;
  status: RoundStatus;
  canceled: boolean;
  sold_out: boolean;
  all_held: boolean;
  next_expiry?: string;
  plan: string;
  opens_at: string;
  closes_at: string;
  starts_at: string;
  server_time: string;
  seq: number;
  grades: { grade: string; price: number; free: number; held: number; sold: number; blocked: number }[];
  totals: { free: number; held: number; sold: number; blocked: number };
}

export type ReservationStatus = "held" | "paying" | "confirmed" | "released" | "expired" | "canceled";

export interface Reservation {
  id: string;
  round: number;
  status: ReservationStatus;
  seats: string[];
  amount: number;
  held_at: string;
  expires_at?: string;
  seq: number;
}

/** Listed is a reservation as the list of mine shows it. */
export interface Listed extends Reservation {
  performance?: { id: number; title: string };
  hall?: string;
  starts_at?: string;
}

export interface Hall {
  id: number;
  name: string;
  address?: string;
  plan: string; // hash
  plan_version: number;
  seats: number;
  version: number;
}

export interface Page<T> {
  items: T[];
  next?: string;
}

interface ProblemBody {
  code: string;
  title: string;
  detail?: string;
  retryable: boolean;
  seats?: string[];
  errors?: { field: string; want: string }[];
}

/** Refusal is an answer that is not yes: its code is stable, its seats are those that failed. */
export class Refusal extends Error {
  constructor(readonly status: number, readonly problem: ProblemBody, readonly retryAfter: number) {
    super(problem.code);
  }

  get seats(): string[] {
    return this.problem.seats ?? [];
  }

  /** final: asking the same again would get the same. */
  get final(): boolean {
    return this.status !== 503 && this.status !== 500;
  }

  words(): string {
    const known = tMaybe("refusal." + this.problem.code, { seconds: this.retryAfter });
    return known ?? this.problem.detail ?? this.problem.title;
  }
}

/** Mistake is one that needs no server to be seen. Its message is for people. */
export class Mistake extends Error {}

/** Unanswered: nobody knows whether the server has done it. */
export class Unanswered extends Error {}

export interface Answer<T> {
  status: number;
  body: T;
  etag: string;
  text: string; // the body as it came
}

// How far the server had got when it last did something for us: lists wait until they have come as far.
const keptPosition = "tb.position";
const followed = /^\/(reservations|coupons)\?/; // those lists
const timesAsked = 4;
const patience = 10_000; // ms until an answer counts as lost

interface Extras {
  body?: unknown; // a form goes as it is, all else as JSON
  key?: string;
  etag?: string; // of what we have
  match?: string; // of what may be changed
  patience?: number;
  open?: boolean; // nobody needs to know who asks
}

/** ask returns what the server said; a Refusal or Unanswered is thrown. */
export async function ask<T>(method: string, path: string, extras: Extras = {}): Promise<Answer<T>> {
  const who = extras.open ? {} : await credentials();
  try {
    return await send<T>(method, path, extras, who);
  } catch (err) {
    const refused = !extras.open && err instanceof Refusal && err.problem.code === "unauthenticated";
    if (!refused || !who["Authorization"]) throw err;
  }
  // The server does not take this token any more; perhaps another.
  try {
    await renew();
  } catch (err) {
    if (err instanceof Refusal && err.status === 401) forgetSession(true);
    throw err;
  }
  return send<T>(method, path, extras, await credentials());
}

/** tagOf is the ETag of what a list has shown in this version. What has another one by now is refused, as the server would. */
export async function tagOf(path: string, version?: number): Promise<string> {
  const { body, etag } = await ask<{ version?: number }>("GET", path);
  if (body.version !== version) throw new Refusal(412, { code: "changed_meanwhile", title: "", retryable: false }, 0);
  return etag;
}

async function send<T>(method: string, path: string, extras: Extras, who: Record<string, string>): Promise<Answer<T>> {
  const headers: Record<string, string> = { Accept: "application/json", ...who };
  const form = extras.body instanceof FormData;
  if (extras.body !== undefined && !form) headers["Content-Type"] = "application/json";
  if (extras.key) headers["Idempotency-Key"] = extras.key;
  const position = method === "GET" && followed.test(path) ? sessionStorage.getItem(keptPosition) : null;
  if (position) headers["TB-Position"] = position;
  if (extras.etag) headers["If-None-Match"] = extras.etag;
  if (extras.match) headers["If-Match"] = extras.match;
  const body = form ? extras.body as FormData : extras.body === undefined ? undefined : JSON.stringify(extras.body);
  let response: Response, text: string;
  try {
    response = await fetch("/v1" + path, { method, headers, body, signal: AbortSignal.timeout(extras.patience ?? patience) });
    text = await response.text();
  } catch (cause) {
    throw new Unanswered("no answer", { cause });
  }
  const etag = response.headers.get("ETag") ?? "";
  if (response.status === 304) return { status: 304, body: undefined as T, etag, text };
  const parsed = parse(text), reached = response.headers.get("TB-Position");
  // What the owner says of one reservation, lists must not contradict afterwards.
  if (reached && (method !== "GET" || /^\/reservations\/[\d-]+$/.test(path))) sessionStorage.setItem(keptPosition, reached);
  if (response.ok) return { status: response.status, body: parsed as T, etag, text };
  const problem = (parsed ?? { code: "http_" + response.status, title: response.statusText, retryable: false }) as ProblemBody;
  throw new Refusal(response.status, problem, Number(response.headers.get("Retry-After") ?? 0));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** get asks again for a list that is not yet as far as what we have just done. */
export async function get<T>(path: string): Promise<T> {
  for (let asked = 1; ; asked++) {
    try {
      return (await ask<T>("GET", path)).body;
    } catch (err) {
      if (!(err instanceof Refusal) || err.problem.code !== "unavailable" || !followed.test(path) || asked === timesAsked) throw err;
      await new Promise((done) => setTimeout(done, err.retryAfter * 1000));
    }
  }
}

/** download gives the visitor a file that the server makes. A name for it comes from the path. */
export async function download(path: string): Promise<void> {
  const { text } = await ask<unknown>("GET", path, { patience: 60_000 });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\uFEFF" + text], { type: "text/csv;charset=utf-8" })); // reading took the mark away
  link.download = path.split("?")[0].split("/").at(-1)!;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** explain says in words what went wrong. */
export function explain(err: unknown): string {
  if (err instanceof Refusal) return err.words();
  if (err instanceof Mistake) return err.message;
  if (err instanceof Unanswered) return t("error.network");
  return String(err);
}
