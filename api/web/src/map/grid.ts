// Which seats are here? A grid of squares, each knowing its seats, in two flat arrays.
import type { Box, Plan } from "../round/plan";

export class Grid {
  private readonly cell: number; // centimetres
  private readonly columns: number;
  private readonly rows: number;
  private readonly starts: Int32Array; // of each square in `seats`
  private readonly seats: Int32Array;

  constructor(private readonly plan: Plan) {
    const { box, count } = plan;
    this.cell = plan.half * 16;
    this.columns = Math.floor((box.x1 - box.x0) / this.cell) + 1;
    this.rows = Math.floor((box.y1 - box.y0) / this.cell) + 1;
    this.starts = new Int32Array(this.columns * this.rows + 1);
    for (let i = 0; i < count; i++) this.starts[this.square(plan.x[i]!, plan.y[i]!) + 1]!++;
    for (let s = 1; s < this.starts.length; s++) this.starts[s]! += this.starts[s - 1]!;
    const next = this.starts.slice();
    this.seats = new Int32Array(count);
    for (let i = 0; i < count; i++) this.seats[next[this.square(plan.x[i]!, plan.y[i]!)]!++] = i;
  }

  /** within visits the seats of all squares that touch the box; some are a little outside. */
  within(box: Box, visit: (seat: number) => void): void {
    this.squares(box, (from, to) => {
      for (let k = from; k < to; k++) visit(this.seats[k]!);
    });
  }

  /** count is how many seats within would visit. */
  count(box: Box): number {
    let n = 0;
    this.squares(box, (from, to) => (n += to - from));
    return n;
  }

  /** at is the seat whose middle is nearest to the point and at most `reach` away; -1 when there is none. */
  at(x: number, y: number, reach: number): number {
    let best = -1, nearest = reach;
    this.within({ x0: x - reach, y0: y - reach, x1: x + reach, y1: y + reach }, (i) => {
      const d = Math.max(Math.abs(this.plan.x[i]! - x), Math.abs(this.plan.y[i]! - y));
      if (d <= nearest) [best, nearest] = [i, d];
    });
    return best;
  }

  private squares(box: Box, visit: (from: number, to: number) => void): void {
    const { x0, y0 } = this.plan.box;
    const clamp = (n: number, max: number) => Math.max(0, Math.min(max, Math.floor(n / this.cell)));
    if (box.x1 < x0 || box.y1 < y0) return;
    const c0 = clamp(box.x0 - x0, this.columns), c1 = clamp(box.x1 - x0, this.columns - 1);
    const r1 = clamp(box.y1 - y0, this.rows - 1);
    for (let r = clamp(box.y0 - y0, this.rows); r <= r1; r++) {
      if (c0 <= c1) visit(this.starts[r * this.columns + c0]!, this.starts[r * this.columns + c1 + 1]!);
    }
  }

  private square(x: number, y: number): number {
    const { x0, y0 } = this.plan.box;
    return Math.floor((y - y0) / this.cell) * this.columns + Math.floor((x - x0) / this.cell);
  }
}
