// The hall in words: sections, their rows, their seats. Arrow keys move, Enter selects; one seat at a time can be
// reached by Tab, so nobody tabs through twenty thousand.
import { useComputed, useSignal, type Signal } from "@preact/signals";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { t, type Word } from "../words";
import { Look, lookWord, type RoundModel } from "./model";
import type { Row, Section } from "./plan";

const rowsShown = 30, seatsShown = 40; // at a time; halls may have rows of thousands

interface Cursor {
  row: number;
  seat: number; // within the row
}

export function SeatList({ model, onPress }: { model: RoundModel; onPress: (seat: number) => void }) {
  const open = useSignal(-1);
  return (
    <section class="card seat-list" aria-labelledby="seat-list">
      <h2 id="seat-list">{t("list.seats")}</h2>
      <p class="hint">{t("list.seats.help")}</p>
      <ul class="sections" onKeyDown={alongHeads}>
        {model.plan.sections.map((section, s) => <SectionItem key={s} model={model} section={section} s={s} open={open} onPress={onPress} />)}
      </ul>
    </section>
  );
}

// Up and down between the names of sections.
function alongHeads(event: KeyboardEvent): void {
  const head = (event.target as Element).closest(".section-head");
  if (!head || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
  const heads = [...(event.currentTarget as Element).querySelectorAll<HTMLElement>(".section-head")];
  const grid = event.key === "ArrowDown" ? head.parentElement!.querySelector<HTMLElement>('[tabindex="0"].seat') : null;
  const next = grid ?? heads[heads.indexOf(head as HTMLElement) + (event.key === "ArrowDown" ? 1 : -1)];
  next?.focus();
  event.preventDefault();
}

interface SectionProps {
  model: RoundModel;
  section: Section;
  s: number;
  open: Signal<number>;
  onPress: (seat: number) => void;
}

function SectionItem({ model, section, s, open, onPress }: SectionProps) {
  const free = useComputed(() => (model.version.value, model.sectionFree[s]!));
  const isOpen = useComputed(() => open.value === s);
  return (
    <li>
      <button type="button" class="section-head" aria-expanded={isOpen.value} onClick={() => (open.value = isOpen.value ? -1 : s)}>
        <span class="section-name">{t("list.section", { name: section.name })}</span>
        <span class="section-grade">{section.grades.map((g) => model.plan.grades[g]).join(", ")}</span>
        <span class={free.value > 0 ? "section-free" : "section-free none"}>{t("list.sectionfree", { n: free.value })}</span>
      </button>
      {isOpen.value && <SectionGrid model={model} section={section} onPress={onPress} />}
    </li>
  );
}

function SectionGrid({ model, section, onPress }: Omit<SectionProps, "s" | "open">) {
  const cursor = useSignal<Cursor>({ row: 0, seat: 0 });
  const grid = useRef<HTMLDivElement>(null), moved = useRef(false);
  model.version.value;
  const { row, seat } = cursor.value;
  const firstRow = row - (row % rowsShown), firstSeat = seat - (seat % seatsShown);
  const rows = section.rows.slice(firstRow, firstRow + rowsShown);
  const longest = Math.max(...section.rows.map((r) => r.seats.length));
  const move = (next: Cursor) => {
    const r = Math.max(0, Math.min(section.rows.length - 1, next.row));
    moved.current = true;
    cursor.value = { row: r, seat: Math.max(0, Math.min(section.rows[r]!.seats.length - 1, next.seat)) };
  };
  useLayoutEffect(() => { // before the next key arrives
    if (moved.current) grid.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
    moved.current = false;
  }, [cursor.value]);
  return (
    <div>
      <div ref={grid} role="grid" class="grid" aria-label={t("list.grid", { name: section.name })} aria-rowcount={section.rows.length} aria-colcount={longest}
        onKeyDown={(e) => keys(e, cursor.value, section, move)}>
        {rows.map((r, k) => (
          <RowItem key={firstRow + k} model={model} row={r} number={firstRow + k} first={firstSeat} at={firstRow + k === row ? Math.min(seat, r.seats.length - 1) : -1}
            onPress={(i, at) => { cursor.value = { row: firstRow + k, seat: at }; onPress(i); }} />
        ))}
      </div>
      <Pager word="list.page" from={firstRow} shown={rowsShown} of={section.rows.length} to={(n) => move({ row: n, seat })} />
      <Pager word="list.page" from={firstSeat} shown={seatsShown} of={longest} to={(n) => move({ row, seat: n })} />
    </div>
  );
}

const steps: Record<string, (c: Cursor, s: Section) => Cursor> = {
  ArrowLeft: (c) => ({ ...c, seat: c.seat - 1 }),
  ArrowRight: (c) => ({ ...c, seat: c.seat + 1 }),
  ArrowUp: (c) => ({ ...c, row: c.row - 1 }),
  ArrowDown: (c) => ({ ...c, row: c.row + 1 }),
  Home: (c) => ({ ...c, seat: 0 }),
  End: (c, s) => ({ ...c, seat: s.rows[c.row]!.seats.length - 1 }),
  PageUp: (c) => ({ ...c, row: c.row - 10 }),
  PageDown: (c) => ({ ...c, row: c.row + 10 }),
};

function keys(event: KeyboardEvent, at: Cursor, section: Section, move: (c: Cursor) => void): void {
  const step = steps[event.key];
  if (event.key === "Escape" || (event.key === "ArrowUp" && at.row === 0)) {
    (event.currentTarget as Element).closest("li")!.querySelector<HTMLElement>(".section-head")!.focus();
  } else if (step) move(step(at, section));
  else return;
  event.preventDefault();
}

interface RowProps {
  model: RoundModel;
  row: Row;
  number: number; // of the row in its section, from 0
  first: number; // seat shown
  at: number; // where the cursor is; -1: elsewhere
  onPress: (seat: number, at: number) => void;
}

function RowItem({ model, row, number, first, at, onPress }: RowProps) {
  const seats = row.seats.slice(first, first + seatsShown);
  const looks = seats.map((i) => model.look(i)).join("");
  const price = model.info.value; // prices are read out
  // The same vnode is the same row: a change elsewhere costs nothing here.
  return useMemo(() => (
    <div role="row" class="row" aria-rowindex={number + 1}>
      <span role="rowheader" class="row-name">{t("list.row", { name: row.name })}</span>
      <span class="row-seats" role="presentation">
        {seats.map((i, k) => <SeatCell key={i} model={model} i={i} column={first + k} current={at === first + k} onPress={onPress} />)}
      </span>
    </div>
  ), [looks, first, at, price, t("list.row")]);
}

interface CellProps {
  model: RoundModel;
  i: number;
  column: number;
  current: boolean;
  onPress: (seat: number, at: number) => void;
}

const lookClass = ["free", "held", "sold", "blocked", "mine", "selected"];

function SeatCell({ model, i, column, current, onPress }: CellProps) {
  const look = model.look(i);
  const taken = look !== Look.Free && look !== Look.Selected;
  return (
    <button type="button" role="gridcell" class={`seat ${lookClass[look]} grade-${model.plan.grade[i]! % 6}`} tabIndex={current ? 0 : -1}
      aria-colindex={column + 1} aria-selected={look === Look.Selected} aria-disabled={taken} aria-label={model.describe(i)} title={lookWord(look)}
      data-seat={model.plan.seat(i).label} onClick={() => onPress(i, column)}>
      {model.plan.seat(i).number}
    </button>
  );
}

function Pager({ word, from, shown, of, to }: { word: Word; from: number; shown: number; of: number; to: (first: number) => void }) {
  if (of <= shown) return null;
  return (
    <div class="pager">
      <button type="button" class="quiet" disabled={from === 0} onClick={() => to(from - shown)}>{t("list.prev")}</button>
      <span>{t(word, { from: from + 1, to: Math.min(of, from + shown), n: of })}</span>
      <button type="button" class="quiet" disabled={from + shown >= of} onClick={() => to(from + shown)}>{t("list.next")}</button>
    </div>
  );
}
