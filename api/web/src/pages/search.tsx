// The search box with its suggestions, and what was found.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, type Performance } from "../api";
import { address, go } from "../router";
import { t, won, type Word } from "../words";
import { categoryName, Failed, Loading, More, Poster, useLoaded, useTitle } from "./parts";

type Mark = { text: string; match: boolean };
interface Found {
  id: number;
  title?: string;
  name?: string;
  category?: string;
  hall?: { name: string };
  address?: string;
  min_price?: number;
  on_sale?: boolean;
  poster?: Performance["poster"];
  marks: { name?: Mark[]; hall?: Mark[]; performers?: Mark[]; address?: Mark[] };
}
type Section = { items: Found[]; count: number; near: boolean; next?: string };
type Answer = { performances?: Section; halls?: Section; performers?: Section; categories?: Record<string, number> };
type Kind = "performances" | "performers" | "halls";
type Suggestion = { kind: string; id: number; name: string };

const suggestions = (q: string) => get<{ items: Suggestion[] }>("/search/suggestions?q=" + encodeURIComponent(q.slice(0, 100)));
const results = (q: string) => "/search?q=" + encodeURIComponent(q);
const linkOf = (s: Suggestion) => (s.kind === "performance" ? "/performances/" + s.id : results(s.name));

/** SearchBox is a combobox: arrows choose a suggestion, Enter follows it or searches, Escape closes. */
export function SearchBox({ text = "" }: { text?: string }) {
  const typed = useSignal(text), offered = useSignal<Suggestion[]>([]), chosen = useSignal(-1), asked = useSignal(0);
  useEffect(() => void (typed.value = text), [text]);
  const close = () => {
    asked.value++; // what is on its way comes too late
    offered.value = [];
    chosen.value = -1;
  };
  const type = (q: string) => {
    typed.value = q;
    chosen.value = -1;
    const turn = ++asked.value;
    if (!q.trim()) return close();
    suggestions(q).then((a) => {
      if (turn === asked.value) offered.value = a.items;
    }, () => undefined); // one searches without
  };
  const leave = (path: string) => {
    close();
    go(path);
  };
  const key = (event: KeyboardEvent) => {
    const n = offered.value.length;
    if (event.isComposing) return; // Enter ends a syllable
    if (event.key === "Escape" && n > 0) {
      event.preventDefault(); // what was typed stays
      close();
    } else if (n > 0 && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      chosen.value = event.key === "ArrowDown" ? (chosen.value + 1) % n : (Math.max(chosen.value, 0) + n - 1) % n;
      event.preventDefault();
    } else if (event.key === "Enter" && chosen.value >= 0) {
      event.preventDefault();
      leave(linkOf(offered.value[chosen.value]!));
    }
  };
  return (
    <form role="search" class="search" onSubmit={(event) => { event.preventDefault(); leave(results(typed.value.trim())); }}>
      <input id="search" type="search" maxLength={100} autocomplete="off" role="combobox" aria-autocomplete="list" aria-label={t("search.label")} placeholder={t("search.label")}
        aria-expanded={offered.value.length > 0} aria-controls="suggestions" aria-activedescendant={chosen.value >= 0 ? "suggestion-" + chosen.value : undefined}
        value={typed.value} onInput={(event) => type(event.currentTarget.value)} onKeyDown={key} onBlur={close} />
      <button type="submit" class="primary">{t("search.go")}</button>
      <ul id="suggestions" role="listbox" aria-label={t("search.suggestions")} hidden={offered.value.length === 0}>
        {offered.value.map((s, i) => (
          <li key={s.kind + s.id} id={"suggestion-" + i} role="option" aria-selected={i === chosen.value}
            onMouseDown={(event) => { event.preventDefault(); leave(linkOf(s)); }}>
            <span>{s.name}</span><small>{t(("search.kind." + s.kind) as Word)}</small>
          </li>
        ))}
      </ul>
    </form>
  );
}

const kept = ["q", "category", "day", "on_sale", "sort"]; // in the address

export function SearchPage() {
  const asked = address.value.searchParams, q = asked.get("q") ?? "";
  const query = new URLSearchParams(kept.flatMap((name) => (asked.get(name) ? [[name, asked.get(name)!]] : [])));
  if (query.has("category") || query.has("day") || query.has("on_sale") || query.has("sort")) query.set("kind", "performance");
  const { value, failed, retry } = useLoaded("search?" + query, async (): Promise<Answer & { meant?: Suggestion[] }> => {
    const a = await get<Answer>("/search?" + query), nothing = ![a.performances, a.halls, a.performers].some((s) => s && s.count > 0);
    return { ...a, ...(nothing && { meant: query.has("kind") || !q.trim() ? [] : (await suggestions(q)).items }) }; // initials, and half a syllable
  });
  useTitle(q || t("search.label"));
  const change = (name: string, to: string) => {
    const next = new URLSearchParams(asked);
    if (to) next.set(name, to);
    else next.delete(name);
    go("/search?" + next, true);
  };
  const more = (kind: Kind) => async (after: string) => {
    const was = value.value!, page = new URLSearchParams(query);
    page.set("kind", kind.slice(0, -1));
    page.set("after", after);
    const next = (await get<Answer>("/search?" + page))[kind]!;
    if (value.value === was) value.value = { ...was, [kind]: { ...next, items: [...was[kind]!.items, ...next.items] } };
  };
  const a = value.value;
  return (
    <>
      <h1>{t("search.title")}</h1>
      <SearchBox text={q} />
      <p class="search-filters">
        <select id="category" aria-label={t("search.category")} value={asked.get("category") ?? ""} onChange={(e) => change("category", e.currentTarget.value)}>
          <option value="">{t("search.category")}</option>
          {["musical", "concert", "sports"].map((c) => <option key={c} value={c}>{categoryName(c)}{a?.categories?.[c] ? ` (${a.categories[c]})` : ""}</option>)}
        </select>
        <select id="sort" aria-label={t("search.sort")} value={asked.get("sort") ?? ""} onChange={(e) => change("sort", e.currentTarget.value)}>
          {["", "starting", "ending", "cheapest", "dearest", "name"].map((s) => <option key={s} value={s}>{t(("search.sort." + (s || "best")) as Word)}</option>)}
        </select>
        <input id="day" type="date" aria-label={t("search.day")} value={asked.get("day") ?? ""} onChange={(e) => change("day", e.currentTarget.value)} />
        <label class="check"><input id="on-sale" type="checkbox" checked={asked.get("on_sale") === "true"} onChange={(e) => change("on_sale", e.currentTarget.checked ? "true" : "")} /> {t("search.onsale")}</label>
      </p>
      {failed.value ? <Failed err={failed.value} retry={retry} /> : !a ? <Loading /> : (
        <div aria-live="polite" id="found">
          {a.meant && <p class="hint">{t(a.meant.length > 0 ? "search.meant" : "search.none")}</p>}
          {a.meant && <ul class="names" id="meant">{a.meant.map((s) => <li key={s.kind + s.id}><a href={linkOf(s)}>{s.name}</a> <small>{t(("search.kind." + s.kind) as Word)}</small></li>)}</ul>}
          {a.performances && a.performances.count > 0 && <Performances section={a.performances} more={more("performances")} />}
          {([["performers", a.performers], ["halls", a.halls]] as const).map(([kind, s]) => s && s.count > 0 && (
            <section key={kind}>
              <h2>{t(("search." + kind) as Word, { n: s.count })}</h2>
              <ul class="names">{s.items.map((f) => <li key={f.id}><a href={results(f.name!)}><Marked text={f.name!} marks={f.marks.name} /></a> {f.address && <small><Marked text={f.address} marks={f.marks.address} /></small>}</li>)}</ul>
              <More next={s.next} load={more(kind)} />
            </section>
          ))}
        </div>
      )}
    </>
  );
}

function Performances({ section, more }: { section: Section; more: (after: string) => Promise<void> }) {
  return (
    <section>
      <h2>{t("search.performances", { n: section.count })}</h2>
      {section.near && <p class="hint">{t("search.near")}</p>}
      <ul class="shows">
        {section.items.map((f) => (
          <li key={f.id}>
            <a href={"/performances/" + f.id} class="show">
              <Poster show={{ id: f.id, title: f.title!, category: f.category!, poster: f.poster ?? null } as Performance} />
              <span class="show-text">
                <strong><Marked text={f.title!} marks={f.marks.name} /></strong>
                <span>{categoryName(f.category!)} · <Marked text={f.hall!.name} marks={f.marks.hall} /></span>
                {f.marks.performers && <span><Marked text="" marks={f.marks.performers} /></span>}
                <span class="show-price">{t("list.from", { price: won(f.min_price!) })}</span>
              </span>
            </a>
          </li>
        ))}
      </ul>
      <More next={section.next} load={more} />
    </section>
  );
}

function Marked({ text, marks }: { text: string; marks?: Mark[] }) {
  return <>{marks ? marks.map((m) => (m.match ? <mark>{m.text}</mark> : m.text)) : text}</>;
}
