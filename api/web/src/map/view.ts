// Where we look: hall centimetres to CSS pixels and back.
import type { Box } from "../round/plan";

export class View {
  scale = 1; // CSS pixels per centimetre
  x = 0; // CSS pixels: where the hall's origin is
  y = 0;
  width = 1; // CSS pixels
  height = 1;
  private fitScale = 1;

  constructor(private readonly world: Box, private readonly maxScale: number) {}

  resize(width: number, height: number): void {
    const first = this.width === 1, wasFit = this.zoomed < 1.01;
    this.x += (width - this.width) / 2;
    this.y += (height - this.height) / 2;
    this.width = width;
    this.height = height;
    this.fitScale = Math.min(this.maxScale, this.scaleFor(this.world));
    if (first || wasFit) this.look(this.fit());
    else this.keepInside();
  }

  /** zoomed is 1 when all of the hall is seen. */
  get zoomed(): number {
    return this.scale / this.fitScale;
  }

  /** fit is the place from which the whole hall is seen. */
  fit(): { scale: number; x: number; y: number } {
    return this.placeOf(this.world, this.fitScale);
  }

  /** on is the place from which the box fills the view. */
  on(box: Box): { scale: number; x: number; y: number } {
    return this.placeOf(box, Math.min(this.maxScale, this.scaleFor(box)));
  }

  look(place: { scale: number; x: number; y: number }): void {
    this.scale = place.scale;
    this.x = place.x;
    this.y = place.y;
    this.keepInside();
  }

  move(dx: number, dy: number): void {
    this.x += dx;
    this.y += dy;
    this.keepInside();
  }

  zoom(factor: number, x: number, y: number): void {
    const scale = Math.max(this.fitScale, Math.min(this.maxScale, this.scale * factor));
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.keepInside();
  }

  toHall(x: number, y: number): { x: number; y: number } {
    return { x: (x - this.x) / this.scale, y: (y - this.y) / this.scale };
  }

  /** seen is the part of the hall in view. */
  seen(): Box {
    const a = this.toHall(0, 0), b = this.toHall(this.width, this.height);
    return { x0: a.x, y0: a.y, x1: b.x, y1: b.y };
  }

  private scaleFor(box: Box): number {
    return Math.min(this.width / (box.x1 - box.x0), this.height / (box.y1 - box.y0));
  }

  private placeOf(box: Box, scale: number): { scale: number; x: number; y: number } {
    return { scale, x: this.width / 2 - ((box.x0 + box.x1) / 2) * scale, y: this.height / 2 - ((box.y0 + box.y1) / 2) * scale };
  }

  // What is smaller than the view stays in the middle; what is larger covers it.
  private keepInside(): void {
    this.x = inside(this.x, this.width, this.world.x0 * this.scale, this.world.x1 * this.scale);
    this.y = inside(this.y, this.height, this.world.y0 * this.scale, this.world.y1 * this.scale);
  }
}

const slack = 150; // px beyond the edge, so that every seat can be moved out from under the buttons

function inside(at: number, size: number, from: number, to: number): number {
  if (to - from <= size + 1) return (size - from - to) / 2;
  return Math.max(size - to - slack, Math.min(slack - from, at));
}
