// A plan is a hall's seats. It never changes, so it is arranged once for drawing and for reading.
import { get } from "../api";

export interface PlanWire {
  hash: string;
  grades: string[];
  seats: { label: string; section: string; row: string; number: number; grade: string; x: number; y: number }[];
}

export interface Box {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

export interface Row {
  name: string;
  seats: number[]; // by number
}

export interface Section {
  name: string;
  rows: Row[];
  grades: number[];
  box: Box;
}

export class Plan {
  readonly count: number;
  readonly x: Float32Array; // centimetres, the seat's middle
  readonly y: Float32Array;
  readonly grade: Uint8Array;
  readonly sectionOf: Uint16Array;
  readonly sections: Section[] = [];
  readonly half: number; // half of a seat's side when drawn, cm
  readonly box: Box; // of all seats, without the stage
  private byLabel = new Map<string, number>();

  constructor(readonly wire: PlanWire) {
    const n = (this.count = wire.seats.length);
    this.x = new Float32Array(n);
    this.y = new Float32Array(n);
    this.grade = new Uint8Array(n);
    this.sectionOf = new Uint16Array(n);
    this.arrange();
    this.half = pitch(this) * 0.43;
    if (this.sections.length > foldFrom) fold(this);
    this.box = around(this.sections.map((s) => s.box));
  }

  get grades(): string[] {
    return this.wire.grades;
  }

  seat(i: number) {
    return this.wire.seats[i]!;
  }

  find(label: string): number {
    return this.byLabel.get(label) ?? -1;
  }

  private arrange(): void {
    const sections = new Map<string, number>(), rows = new Map<string, Row>();
    const gradeNumber = new Map(this.wire.grades.map((g, i) => [g, i]));
    for (let i = 0; i < this.count; i++) {
      const seat = this.seat(i);
      this.byLabel.set(seat.label, i);
      this.x[i] = seat.x;
      this.y[i] = seat.y;
      const grade = (this.grade[i] = gradeNumber.get(seat.grade) ?? 0);
      let s = sections.get(seat.section);
      if (s === undefined) {
        sections.set(seat.section, (s = this.sections.length));
        this.sections.push({ name: seat.section, rows: [], grades: [], box: { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity } });
      }
      this.sectionOf[i] = s;
      const section = this.sections[s]!;
      grow(section.box, seat.x, seat.y);
      if (!section.grades.includes(grade)) section.grades.push(grade);
      const name = s + "\n" + seat.row;
      let row = rows.get(name);
      if (!row) {
        rows.set(name, (row = { name: seat.row, seats: [] }));
        section.rows.push(row);
      }
      row.seats.push(i);
    }
    for (const row of rows.values()) row.seats.sort((a, b) => this.seat(a).number - this.seat(b).number);
  }
}

function grow(box: Box, x: number, y: number): void {
  if (x < box.x0) box.x0 = x;
  if (x > box.x1) box.x1 = x;
  if (y < box.y0) box.y0 = y;
  if (y > box.y1) box.y1 = y;
}

function around(boxes: Box[]): Box {
  const all = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
  for (const b of boxes) {
    grow(all, b.x0, b.y0);
    grow(all, b.x1, b.y1);
  }
  return all;
}

const foldFrom = 3; // sections
const tooLong = 3; // height by width
const looksGood = 1; // height by width of what is folded

// A hall that was described without places comes with its sections one behind the other, as a line nobody can read.
// It is drawn in as many columns as make it about square, still from the front to the back.
function fold(plan: Plan): void {
  const { sections, half } = plan, all = around(sections.map((s) => s.box)), gap = half * 8;
  if ((all.y1 - all.y0) / Math.max(1, all.x1 - all.x0) < tooLong) return;
  const wide = Math.max(...sections.map((s) => s.box.x1 - s.box.x0)) + gap, tall = Math.max(...sections.map((s) => s.box.y1 - s.box.y0)) + gap;
  const columns = Math.max(1, Math.round(Math.sqrt((sections.length * tall) / (looksGood * wide))));
  sections.forEach(({ box, rows }, s) => {
    const row = Math.floor(s / columns), inRow = Math.min(columns, sections.length - row * columns);
    const dx = ((s % columns) - (inRow - 1) / 2) * wide - (box.x0 + box.x1) / 2, dy = all.y0 + row * tall - box.y0;
    for (const i of rows.flatMap((r) => r.seats)) {
      plan.x[i]! += dx;
      plan.y[i]! += dy;
    }
    Object.assign(box, { x0: box.x0 + dx, x1: box.x1 + dx, y0: box.y0 + dy, y1: box.y1 + dy });
  });
}

// pitch is the usual distance of neighbours in a row, in centimetres: half of them are nearer, half farther.
function pitch(plan: Plan): number {
  const found: number[] = [];
  for (const section of plan.sections) {
    for (const row of section.rows) {
      const step = Math.max(1, Math.floor(row.seats.length / 8));
      for (let i = 1; i < row.seats.length; i += step) {
        const a = row.seats[i - 1]!, b = row.seats[i]!;
        const d = Math.hypot(plan.x[a]! - plan.x[b]!, plan.y[a]! - plan.y[b]!);
        if (d > 0) found.push(d);
      }
    }
  }
  return found.sort((a, b) => a - b)[found.length >> 1] ?? 55;
}

const known = new Map<string, Promise<Plan>>();

export function loadPlan(hash: string): Promise<Plan> {
  let plan = known.get(hash);
  if (!plan) {
    plan = get<PlanWire>("/plans/" + hash).then((wire) => new Plan(wire));
    plan.catch(() => known.delete(hash));
    known.set(hash, plan);
  }
  return plan;
}
