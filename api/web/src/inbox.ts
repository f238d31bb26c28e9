// The bell: how much a customer was told and has not read. It is live where the page is seen: server-sent events while
// there are any, asking while there are not.
import { computed, effect, signal } from "@preact/signals";
import { get, type Page } from "./api";
import { address, pages } from "./router";
import { credentials, session } from "./session";
import { dateTime, t, won, type Word } from "./words";

export interface Notice {
  id: string;
  at: string;
  kind: "held" | "expired" | "confirmed" | "canceled" | "round_canceled" | "refunded" | "coupon" | "reminder" | "review" | "dormancy";
  read: boolean;
  reservation?: string;
  coupon?: string;
  performance?: number;
  title?: string;
  starts_at?: string;
  amount?: number;
  until?: string;
}

export interface Inbox extends Page<Notice> {
  unread: number;
}

/** countedUnread is how far the server counts. */
export const countedUnread = 100;

/** unread counts the newest notices, those that nobody has marked as read. */
export const unread = signal(0);

/** arrived is the last notice that came while the page was open. */
export const arrived = signal<Notice | null>(null);

const firstWait = 1_000, mostWait = 30_000; // ms until the events are tried again, in between as often doubled
const silence = 40_000; // ms; the server says something every 15 seconds
const looked = 20; // notices

let last: string | null = null; // id of the newest notice we know; "" of none, null before we have looked
let had = new Set<string>(); // a notice may come twice

/** watchInbox begins. A browser allows few connections to one server, so that a page which nobody sees, or which has a map to watch, does without. */
export function watchInbox(): void {
  let running = new AbortController();
  const user = computed(() => session.value?.id ?? 0), busy = computed(() => pages.round.test(address.value.pathname));
  const begin = () => {
    running.abort();
    if (!user.value || busy.value || document.hidden) return;
    void follow((running = new AbortController()).signal);
  };
  effect(() => {
    user.value;
    last = null;
    had = new Set();
    unread.value = 0;
    arrived.value = null;
  });
  effect(begin);
  document.addEventListener("visibilitychange", begin);
}

async function follow(stop: AbortSignal): Promise<void> {
  for (let wait = firstWait; !stop.aborted; wait = Math.min(wait * 2, mostWait)) {
    try {
      await look(stop);
      await listen(stop, () => (wait = firstWait / 2));
    } catch {
      // the next try may do better
    }
    await new Promise((done) => setTimeout(done, wait * (0.75 + Math.random() / 2)));
  }
}

// look asks for what the events have not told, and renews what proves who asks.
async function look(stop: AbortSignal): Promise<void> {
  const inbox = await get<Inbox>("/inbox?limit=" + looked), first = last === null;
  if (stop.aborted) return;
  unread.value = inbox.unread;
  last ??= "";
  for (const notice of inbox.items.reverse()) take(notice, !first);
}

function take(notice: Notice, tell: boolean): void {
  if (had.has(notice.id)) return;
  had.add(notice.id);
  last = notice.id;
  if (tell) arrived.value = notice;
}

// listen returns when the stream ends. (An EventSource cannot say who asks.)
async function listen(stop: AbortSignal, opened: () => void): Promise<void> {
  const cut = new AbortController(), end = () => cut.abort();
  stop.addEventListener("abort", end);
  let timer = setTimeout(end, silence);
  try {
    const response = await fetch("/v1/inbox/events" + (last && "?last_event_id=" + encodeURIComponent(last)), {
      headers: { Accept: "text/event-stream", ...(await credentials()) }, signal: cut.signal,
    });
    if (!response.ok || !response.body) return;
    opened();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; ;) {
      const { done, value } = await reader.read();
      if (done || stop.aborted) return;
      clearTimeout(timer);
      timer = setTimeout(end, silence);
      const events = (text + value).split("\n\n");
      text = events.pop()!;
      events.forEach((event) => hear(event, stop));
    }
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", end);
    end();
  }
}

function hear(event: string, stop: AbortSignal): void {
  const field = (name: string) => event.split("\n").find((line) => line.startsWith(name + ": "))?.slice(name.length + 2);
  const data = field("data");
  if (!data) return;
  if (field("event") === "unread") unread.value = (JSON.parse(data) as { unread: number }).unread;
  if (unread.value > 0 && !last) void look(stop).catch(() => undefined); // the first of all came before the events began
  if (field("event") === "notice") take(JSON.parse(data) as Notice, true);
}

/** sentence says a notice in words. */
export const sentence = (n: Notice): string => t(("told." + n.kind) as Word, { title: n.title ?? "", id: n.reservation ?? n.coupon ?? "" });

/** details are the facts beside the sentence. */
export function details(n: Notice): string {
  const facts = [];
  if (n.starts_at) facts.push(t("told.show", { time: dateTime(n.starts_at) }));
  if (n.amount) facts.push(won(n.amount));
  if (n.until) facts.push(t("coupon.until", { time: dateTime(n.until) }));
  return facts.join(" · ");
}
