// What the pages say, in two languages, and how numbers and times are written.
import { signal } from "@preact/signals";
import type adminWords from "./words/admin.ko.json";
import en from "./words/en.json";
import ko from "./words/ko.json";

export type Lang = "ko" | "en";
export type Word = keyof typeof ko | keyof typeof adminWords;
type Params = Record<string, string | number>;

const catalogues: Record<Lang, Record<string, string>> = { ko, en };

/** learnWords adds what only some pages say. */
export function learnWords(more: Record<Lang, Record<string, string>>): void {
  Object.assign(ko, more.ko);
  Object.assign(en, more.en);
}

const kept = "tb.lang";

export const lang = signal<Lang>(firstLanguage());

// The visitor's own choice first, then what the browser prefers.
function firstLanguage(): Lang {
  const chosen = localStorage.getItem(kept);
  if (chosen === "ko" || chosen === "en") return chosen;
  for (const wish of navigator.languages) {
    if (wish.startsWith("ko")) return "ko";
    if (wish.startsWith("en")) return "en";
  }
  return "ko";
}

export function setLanguage(next: Lang): void {
  localStorage.setItem(kept, next);
  lang.value = next;
}

/** t is the word in the visitor's language; with n = 1 its form for one, where there is one. */
export function t(word: Word, params: Params = {}): string {
  return find(word, params) ?? word;
}

/** tMaybe is t for words made at run time, such as the code of a refusal. */
export function tMaybe(word: string, params: Params = {}): string | undefined {
  return find(word, params);
}

function find(word: string, params: Params): string | undefined {
  const catalogue = catalogues[lang.value];
  const text = (params.n === 1 ? catalogue[word + ".one"] : undefined) ?? catalogue[word];
  return text?.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = params[name];
    return typeof value === "number" ? number(value) : String(value ?? "");
  });
}

const locale = () => (lang.value === "ko" ? "ko-KR" : "en-GB");

export function number(n: number): string {
  return new Intl.NumberFormat(locale()).format(n);
}

export function won(amount: number): string {
  return lang.value === "ko" ? number(amount) + "원" : "₩" + number(amount);
}

/** seatNames writes the labels of seats for people, where no plan is at hand. */
export function seatNames(labels: readonly string[]): string {
  return labels.map((label) => {
    const part = /^(.+)-([^-]+)-(\d+)$/.exec(label);
    return part ? t("seat.short", { section: part[1]!, row: part[2]!, number: part[3]! }) : label;
  }).join(" · ");
}

const zone = "Asia/Seoul"; // halls are there, whoever looks from where

// labelled says whose clock it is, to those whose own clock shows another time.
const labelled = (text: string, at: Date): string => (at.getTimezoneOffset() === -9 * 60 ? text : text + "\u00a0KST");

export function dateTime(iso: string): string {
  const at = new Date(iso);
  return labelled(new Intl.DateTimeFormat(locale(), {
    timeZone: zone, year: "numeric", month: "long", day: "numeric", weekday: "short", hour: "2-digit", minute: "2-digit", hour12: false,
  }).format(at), at);
}

export function date(iso: string): string {
  return new Intl.DateTimeFormat(locale(), { timeZone: zone, year: "numeric", month: "long", day: "numeric" }).format(new Date(iso));
}

/** seoul is what a field for a time shows of it, and moment what it means. */
export function seoul(iso: string): string {
  return new Date(Date.parse(iso) + 9 * 3600_000).toISOString().slice(0, 16);
}

/** kst says of a label whose time its field takes. */
export const kst = (label: string): string => label + " (KST)";

export const moment = (field: string): string => field + ":00+09:00";

export function clock(ms: number): string {
  return labelled(new Intl.DateTimeFormat(locale(), { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }).format(ms), new Date(ms));
}

/** countdown writes what is left: 2d 03:04:05, 3:04:05 or 4:05. */
export function countdown(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const days = Math.floor(s / 86400), hours = Math.floor(s / 3600) % 24, minutes = Math.floor(s / 60) % 60;
  if (days > 0) return `${days}${lang.value === "ko" ? "일" : "d"} ${two(hours)}:${two(minutes)}:${two(s % 60)}`;
  if (hours > 0) return `${hours}:${two(minutes)}:${two(s % 60)}`;
  return `${minutes}:${two(s % 60)}`;
}
