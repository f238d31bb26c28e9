// What a round page knows: the plan, the state of every seat, what is selected and what is mine. The map, the list and
// the counts all read it here, so they cannot disagree.
import { batch, computed, signal } from "@preact/signals";
import { ask, type Reservation, type Round, type RoundStatus } from "../api";
import { learn } from "../time";
import { t, won } from "../words";
import { Live, type Connection } from "./live";
import { loadPlan, type Plan } from "./plan";

export const enum Seat { Free, Held, Sold, Blocked }
export const enum Look { Free, Held, Sold, Blocked, Mine, Selected }

const codes: Record<string, Seat> = { ".": Seat.Free, h: Seat.Held, s: Seat.Sold, b: Seat.Blocked };
const lookWords = ["seat.free", "seat.held", "seat.sold", "seat.blocked", "seat.mine", "seat.selected"] as const;
export const lookWord = (look: Look) => t(lookWords[look]!);

export interface Count {
  free: number;
  held: number;
  sold: number;
}

type Painter = (seats: Iterable<number> | null) => void; // null: all

const keptSelection = (round: number) => "tb.selection." + round;

export class RoundModel {
  readonly info = signal<Round | null>(null);
  readonly failed = signal<unknown>(null);
  readonly connection = signal<Connection>("connecting");
  readonly version = signal(0); // counts changes of seats, for whoever draws them
  readonly selection = signal<readonly number[]>([]);
  readonly holds = signal<readonly Reservation[]>([]); // mine and alive
  readonly max = signal(20); // seats per customer
  readonly lost = signal<readonly string[]>([]); // seats of the selection that somebody else has just taken
  plan!: Plan;
  states = new Uint8Array(0);
  seq = -1;
  sectionFree = new Int32Array(0);
  private counts: Count[] = [];
  private mine = new Set<number>();
  private chosen = new Set<number>();
  private painters = new Set<Painter>();
  private live: Live | null = null;
  private closed = false;

  constructor(readonly id: number) {}

  /** gradeCounts come from the very states the map shows. */
  readonly gradeCounts = computed<readonly Count[]>(() => {
    this.version.value;
    return this.counts.map((c) => ({ ...c }));
  });

  readonly status = computed<RoundStatus | "canceled" | "sold_out" | "all_held">(() => {
    const info = this.info.value;
    if (!info) return "scheduled";
    if (info.canceled) return "canceled";
    const counts = this.gradeCounts.value;
    if (info.status === "open" && counts.length > 0 && counts.every((c) => c.free === 0)) {
      return counts.some((c) => c.held > 0) ? "all_held" : "sold_out";
    }
    return info.status;
  });

  readonly total = computed(() => this.selection.value.reduce((sum, i) => sum + this.price(i), 0));

  /** drawn is the model of a plan of which nothing is sold: for looking at it. */
  static drawn(plan: Plan): RoundModel {
    const model = new RoundModel(0);
    model.plan = plan;
    model.states = new Uint8Array(plan.count);
    model.sectionFree = Int32Array.from(plan.sections, (s) => s.rows.reduce((n, r) => n + r.seats.length, 0));
    model.seq = 0;
    return model;
  }

  async open(): Promise<void> {
    try {
      await this.renew();
      this.plan = await loadPlan(this.info.value!.plan);
      this.sectionFree = new Int32Array(this.plan.sections.length);
      this.counts = this.plan.grades.map(() => ({ free: 0, held: 0, sold: 0 }));
      if (this.closed) return;
      this.live = new Live(this.id, {
        seq: () => this.seq,
        snapshot: (seq, seats, status) => this.snapshot(seq, seats, status),
        delta: (seq, changes, status) => this.delta(seq, changes, status),
        connection: (state) => (this.connection.value = state),
        renew: () => this.renew(),
      });
    } catch (err) {
      this.failed.value = err;
    }
  }

  close(): void {
    this.closed = true;
    this.live?.close();
  }

  /** renew asks how the sale stands: status, prices, times. */
  async renew(): Promise<void> {
    const asked = Date.now();
    const { body } = await ask<Round>("GET", "/rounds/" + this.id);
    learn(body.server_time, asked);
    this.info.value = body;
    this.max.value = body.max_per_user ?? this.max.value;
  }

  /** refresh asks for all seats now; nothing is lost when that fails, for the live map goes on. */
  refresh(): void {
    this.live?.refresh().catch(() => undefined);
  }

  onPaint(painter: Painter): () => void {
    this.painters.add(painter);
    return () => this.painters.delete(painter);
  }

  look(i: number): Look {
    if (this.mine.has(i)) return Look.Mine;
    if (this.chosen.has(i)) return Look.Selected;
    return this.states[i]! as number as Look;
  }

  price(i: number): number {
    const name = this.plan.grades[this.plan.grade[i]!];
    return this.info.value?.grades.find((g) => g.grade === name)?.price ?? 0;
  }

  /** describe is the seat in words, as the list reads it out and the map shows it. */
  describe(i: number): string {
    const seat = this.plan.seat(i);
    if (!this.info.value) return `${this.short(i)}, ${seat.grade}`;
    return t("seat.label", { section: seat.section, row: seat.row, number: String(seat.number), grade: seat.grade, price: won(this.price(i)), state: lookWord(this.look(i)) });
  }

  short(i: number): string {
    const seat = this.plan.seat(i);
    return t("seat.short", { section: seat.section, row: seat.row, number: String(seat.number) });
  }

  shortOf(labels: readonly string[]): string {
    return labels.map((l) => (this.plan.find(l) >= 0 ? this.short(this.plan.find(l)) : l)).join(" · ");
  }

  /** toggle selects a free seat or takes it back; false: that is too many. */
  toggle(i: number): boolean {
    if (this.chosen.has(i)) this.chosen.delete(i);
    else if (this.look(i) !== Look.Free) return true;
    else if (this.chosen.size >= this.max.value) return false;
    else this.chosen.add(i);
    this.selected([i]);
    return true;
  }

  clear(): void {
    const before = [...this.chosen];
    this.chosen.clear();
    this.selected(before);
  }

  deselect(labels: readonly string[]): void {
    const gone = labels.map((l) => this.plan.find(l)).filter((i) => this.chosen.delete(i));
    this.selected(gone);
  }

  setHolds(holds: readonly Reservation[]): void {
    const before = this.mine;
    this.mine = new Set(holds.flatMap((h) => h.seats.map((l) => this.plan.find(l))).filter((i) => i >= 0));
    for (const i of this.mine) this.chosen.delete(i);
    batch(() => {
      this.holds.value = holds;
      this.selected([...before, ...this.mine]);
    });
  }

  private selected(changed: number[]): void {
    this.selection.value = [...this.chosen].sort((a, b) => a - b);
    if (this.seq < 0) return; // what was selected before a reload has not been read yet
    sessionStorage.setItem(keptSelection(this.id), JSON.stringify(this.selection.value.map((i) => this.plan.seat(i).label)));
    this.paint(changed);
  }

  private paint(changed: Iterable<number> | null): void {
    this.version.value++;
    for (const painter of this.painters) painter(changed);
  }

  private snapshot(seq: number, seats: string, status?: RoundStatus): void {
    if (seq < this.seq) return; // older than what is shown
    const first = this.seq < 0;
    const next = Uint8Array.from(seats, (c) => codes[c] ?? Seat.Blocked);
    const before = this.states;
    this.seq = seq;
    this.states = next;
    this.recount();
    batch(() => {
      this.setStatus(status);
      if (first) this.restoreSelection();
      const changed: number[] = [];
      if (!first) next.forEach((s, i) => s !== before[i] && changed.push(i));
      this.dropTaken(changed);
      this.paint(first ? null : changed);
    });
  }

  private delta(seq: number, changes: [number, string][], status?: RoundStatus): void {
    if (seq <= this.seq) return;
    this.seq = seq;
    for (const [i, code] of changes) {
      this.count(i, -1);
      this.states[i] = codes[code] ?? Seat.Blocked;
      this.count(i, 1);
    }
    const changed = changes.map(([i]) => i);
    batch(() => {
      this.setStatus(status);
      this.dropTaken(changed);
      this.paint(changed);
    });
  }

  private setStatus(status?: RoundStatus): void {
    const info = this.info.value;
    if (status && info && info.status !== status) this.info.value = { ...info, status };
  }

  private dropTaken(changed: number[]): void {
    const gone = changed.filter((i) => this.states[i] !== Seat.Free && !this.mine.has(i) && this.chosen.delete(i));
    if (gone.length === 0) return;
    this.selected(gone);
    this.lost.value = gone.map((i) => this.plan.seat(i).label);
  }

  private restoreSelection(): void {
    const labels = JSON.parse(sessionStorage.getItem(keptSelection(this.id)) ?? "[]") as string[];
    for (const label of labels) {
      const i = this.plan.find(label);
      if (i >= 0 && this.states[i] === Seat.Free) this.chosen.add(i);
    }
    this.selection.value = [...this.chosen].sort((a, b) => a - b);
  }

  private recount(): void {
    this.sectionFree.fill(0);
    for (const c of this.counts) c.free = c.held = c.sold = 0;
    for (let i = 0; i < this.states.length; i++) this.count(i, 1);
  }

  private count(i: number, by: number): void {
    const c = this.counts[this.plan.grade[i]!]!;
    const state = this.states[i];
    if (state === Seat.Free) {
      c.free += by;
      this.sectionFree[this.plan.sectionOf[i]!]! += by;
    } else if (state === Seat.Held) c.held += by;
    else if (state === Seat.Sold) c.sold += by;
  }
}
