// All seats drawn once. Moving the map is then one copy; a change redraws its seats only.
import type { RoundModel } from "../round/model";
import type { Box } from "../round/plan";
import { paintSeat } from "./paint";

const maxPixels = 8 << 20; // 32 MB

export class Bitmap {
  readonly canvas: HTMLCanvasElement;
  readonly scale: number; // pixels per centimetre
  private readonly pen: CanvasRenderingContext2D;
  private readonly side: number; // of a seat, whole pixels: so it can be wiped without touching its neighbours

  constructor(private readonly model: RoundModel, readonly box: Box, wanted: number) {
    const w = box.x1 - box.x0, h = box.y1 - box.y0;
    this.scale = Math.min(wanted, Math.sqrt(maxPixels / (w * h)));
    this.canvas = document.createElement("canvas");
    this.canvas.width = Math.ceil(w * this.scale);
    this.canvas.height = Math.ceil(h * this.scale);
    this.pen = this.canvas.getContext("2d")!;
    this.side = Math.max(1, Math.floor(model.plan.half * 2 * this.scale));
    for (let i = 0; i < model.plan.count; i++) this.seat(i, false);
  }

  /** seatPixels is the side of a seat in this bitmap. */
  get seatPixels(): number {
    return this.side;
  }

  redraw(seats: Iterable<number>): void {
    for (const i of seats) this.seat(i, true);
  }

  private seat(i: number, wipe: boolean): void {
    const { plan } = this.model;
    const x = Math.round((plan.x[i]! - plan.half - this.box.x0) * this.scale), y = Math.round((plan.y[i]! - plan.half - this.box.y0) * this.scale);
    if (wipe) this.pen.clearRect(x, y, this.side, this.side);
    paintSeat(this.pen, x, y, this.side, this.model.look(i), plan.grade[i]!, "");
  }
}
