// The drawn map: decides what a frame shows, and turns what hands do into seats.
import type { RoundModel } from "../round/model";
import { number, t } from "../words";
import type { Box, Section } from "../round/plan";
import { Bitmap } from "./bitmap";
import { listen } from "./gestures";
import { Grid } from "./grid";
import { colours, paintSeat } from "./paint";
import { View } from "./view";

const biggestSeat = 48; // px
const pressable = 9; // px of a seat's side from which a mouse can press it; below, a press zooms in
const touchable = 18; // and a finger
const singleSeats = 5_000; // as many are drawn one by one, sharply; more come from the bitmap
const glide = 220; // ms
const miniWidth = 132; // px
const miniEvery = 1_000; // ms

export interface Watcher {
  press(seat: number): void;
  hover(seat: number, x: number, y: number): void; // -1: none
  zoomed(in_: boolean): void;
}

export class Atlas {
  private readonly pen: CanvasRenderingContext2D;
  private readonly grid: Grid;
  private readonly world: Box;
  private readonly front: number; // where the stage ends: between it and the seats a section has its name
  private readonly view: View;
  private bitmap: Bitmap | null = null;
  private mini: HTMLCanvasElement | null = null;
  private frame = 0;
  private hovered = -1;
  private miniTimer = 0;
  private miniTop = -1; // where the small hall is; -1 when it is not drawn
  private pixels = 1; // device pixels per CSS pixel
  private readonly stops: (() => void)[] = [];

  constructor(private readonly canvas: HTMLCanvasElement, private readonly model: RoundModel, private readonly watcher: Watcher) {
    const { box, half } = model.plan;
    const edge = half * 3;
    const stage = Math.max(half * 6, (box.y1 - box.y0) * 0.09);
    this.front = box.y0 - half * 4.5;
    this.world = { x0: box.x0 - edge, y0: this.front - stage, x1: box.x1 + edge, y1: box.y1 + edge };
    this.pen = canvas.getContext("2d")!;
    this.grid = new Grid(model.plan);
    this.view = new View(this.world, biggestSeat / (half * 2));
    const sizes = new ResizeObserver(() => this.resize());
    sizes.observe(canvas);
    this.stops.push(() => sizes.disconnect(), model.onPaint((seats) => this.changed(seats)), listen(canvas, {
      move: (dx, dy) => this.act(() => this.view.move(dx, dy)),
      zoom: (factor, x, y) => this.act(() => this.view.zoom(factor, x, y)),
      tap: (x, y, touch) => this.tap(x, y, touch ? touchable : pressable),
      hover: (x, y) => this.hover(x, y),
      leave: () => this.setHover(-1, 0, 0),
    }));
    this.resize();
  }

  close(): void {
    for (const stop of this.stops) stop();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.miniTimer);
  }

  zoomBy(factor: number): void {
    this.act(() => this.view.zoom(factor, this.view.width / 2, this.view.height / 2));
  }

  showAll(): void {
    this.glideTo(this.view.fit());
  }

  /** showSection fills the view with a section. */
  showSection(s: Section): void {
    const edge = this.model.plan.half * 4;
    this.glideTo(this.view.on({ x0: s.box.x0 - edge, y0: s.box.y0 - edge, x1: s.box.x1 + edge, y1: s.box.y1 + edge }));
  }

  /** placeOf tells where a seat is on the canvas, in CSS pixels. */
  placeOf(seat: number): { x: number; y: number } {
    const { plan } = this.model;
    return { x: plan.x[seat]! * this.view.scale + this.view.x, y: plan.y[seat]! * this.view.scale + this.view.y };
  }

  private get seatSide(): number {
    return this.model.plan.half * 2 * this.view.scale;
  }

  private act(change: () => void): void {
    change();
    this.watcher.zoomed(this.view.zoomed > 1.05);
    this.ask();
  }

  /** ask draws with the next frame. */
  ask(): void {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  private changed(seats: Iterable<number> | null): void {
    if (seats) this.bitmap?.redraw(seats);
    else this.bitmap = null;
    this.forgetMini();
    this.ask();
  }

  // The small hall is made anew at most once a second: making it takes longer than everything else in a frame.
  private forgetMini(): void {
    if (this.mini && !this.miniTimer) {
      this.miniTimer = window.setTimeout(() => {
        this.miniTimer = 0;
        this.mini = null;
        this.ask();
      }, miniEvery);
    }
  }

  private resize(): void {
    const box = this.canvas.getBoundingClientRect();
    if (box.width < 1 || box.height < 1) return;
    this.pixels = devicePixelRatio || 1;
    this.canvas.width = Math.round(box.width * this.pixels);
    this.canvas.height = Math.round(box.height * this.pixels);
    this.view.resize(box.width, box.height);
    this.draw(); // at once: a resized canvas is blank
  }

  private tap(x: number, y: number, least: number): void {
    if (this.tapMini(x, y)) return;
    const at = this.view.toHall(x, y);
    const seat = this.grid.at(at.x, at.y, this.model.plan.half * 1.4);
    if (seat >= 0 && this.seatSide >= least) return this.watcher.press(seat);
    const section = this.model.plan.sections.find((s) => at.x >= s.box.x0 && at.x <= s.box.x1 && at.y >= s.box.y0 && at.y <= s.box.y1);
    if (this.seatSide >= least || (!section && seat < 0)) return;
    const sharp = (least * 1.6) / (this.model.plan.half * 2); // a wide section does not fill the view: go near enough to press
    const place = section ? this.view.on(section.box) : { scale: 0, x: 0, y: 0 };
    if (section && place.scale * this.model.plan.half * 2 >= least) this.showSection(section);
    else this.glideTo({ scale: sharp, x: this.view.width / 2 - at.x * sharp, y: this.view.height / 2 - at.y * sharp });
  }

  private hover(x: number, y: number): void {
    const at = this.view.toHall(x, y);
    this.setHover(this.seatSide < 5 ? -1 : this.grid.at(at.x, at.y, this.model.plan.half * 1.2), x, y);
  }

  private setHover(seat: number, x: number, y: number): void {
    if (seat !== this.hovered) this.ask();
    this.hovered = seat;
    this.watcher.hover(seat, x, y);
  }

  private glideTo(place: { scale: number; x: number; y: number }): void {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return this.act(() => this.view.look(place));
    const from = { scale: this.view.scale, x: this.view.x, y: this.view.y }, began = performance.now();
    const middle = { x: this.view.width / 2, y: this.view.height / 2 };
    const a = { x: (middle.x - from.x) / from.scale, y: (middle.y - from.y) / from.scale };
    const b = { x: (middle.x - place.x) / place.scale, y: (middle.y - place.y) / place.scale };
    const step = () => {
      const part = Math.min(1, (performance.now() - began) / glide), k = 1 - (1 - part) ** 3;
      const scale = from.scale * (place.scale / from.scale) ** k;
      this.act(() => this.view.look({ scale, x: middle.x - (a.x + (b.x - a.x) * k) * scale, y: middle.y - (a.y + (b.y - a.y) * k) * scale }));
      if (part < 1) requestAnimationFrame(step);
    };
    step();
  }

  private draw(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (this.model.seq < 0) return;
    const { pen, view } = this;
    pen.setTransform(this.pixels, 0, 0, this.pixels, 0, 0);
    pen.fillStyle = colours.background;
    pen.fillRect(0, 0, view.width, view.height);
    this.drawStage();
    const seen = view.seen();
    const few = this.grid.count(seen) <= singleSeats;
    if (few && (this.seatSide * this.pixels > this.bitmapSide() || this.model.plan.count <= singleSeats)) this.drawSingle(seen);
    else this.drawBitmap();
    if (this.seatSide < pressable) this.drawNames();
    else this.drawRowNames(seen);
    if (this.hovered >= 0) this.drawHover();
    this.miniTop = -1;
    if (view.zoomed > 1.3 && view.width > 480) this.drawMini(seen);
    this.report();
  }

  // Twice as fine as the whole hall needs: one can come closer before single seats take over.
  private bitmapSide(): number {
    return this.bitmap?.seatPixels ?? this.model.plan.half * 4 * this.view.fit().scale * this.pixels;
  }

  private drawBitmap(): void {
    const { view } = this;
    this.bitmap ??= new Bitmap(this.model, this.world, view.fit().scale * 2 * this.pixels);
    const { canvas, scale, box } = this.bitmap;
    this.pen.imageSmoothingEnabled = true;
    this.pen.drawImage(canvas, box.x0 * view.scale + view.x, box.y0 * view.scale + view.y, (canvas.width / scale) * view.scale, (canvas.height / scale) * view.scale);
  }

  private drawSingle(seen: Box): void {
    const { plan } = this.model, { scale, x, y } = this.view, side = this.seatSide;
    this.grid.within(seen, (i) => {
      paintSeat(this.pen, (plan.x[i]! - plan.half) * scale + x, (plan.y[i]! - plan.half) * scale + y, side, this.model.look(i), plan.grade[i]!, String(plan.seat(i).number));
    });
  }

  private drawStage(): void {
    const { pen, view } = this, { box, half } = this.model.plan;
    const middle = ((box.x0 + box.x1) / 2) * view.scale + view.x;
    const width = Math.max((box.x1 - box.x0) * 0.5, half * 10) * view.scale;
    const top = this.world.y0 * view.scale + view.y + 6, bottom = this.front * view.scale + view.y;
    const height = Math.max(8, bottom - top);
    pen.fillStyle = colours.stage;
    pen.beginPath();
    pen.roundRect(middle - width / 2, top, width, height, [4, 4, height * 0.6, height * 0.6]);
    pen.fill();
    const size = Math.max(9, Math.min(22, height * 0.5));
    this.text(t("map.stage"), middle, top + height / 2, size, "#fff");
  }

  private drawNames(): void {
    const { plan, sectionFree } = this.model, { view } = this;
    for (let s = 0; s < plan.sections.length; s++) {
      const { box, name } = plan.sections[s]!;
      const x = ((box.x0 + box.x1) / 2) * view.scale + view.x, y = ((box.y0 + box.y1) / 2) * view.scale + view.y;
      const room = (box.x1 - box.x0) * view.scale;
      if (room < 16 || x < -room || x > view.width + room) continue;
      const size = Math.max(10, Math.min(15, room / 5));
      this.pen.font = `700 ${size}px system-ui, sans-serif`;
      const full = `${name} · ${number(sectionFree[s]!)}`, text = this.pen.measureText(full).width + size * 1.4 < room ? full : name;
      const w = this.pen.measureText(text).width + size * 1.2, h = size * 1.8;
      this.pen.fillStyle = "rgb(255 255 255 / 0.93)";
      this.pen.beginPath();
      this.pen.roundRect(x - w / 2, y - h / 2, w, h, h / 2);
      this.pen.fill();
      this.text(text, x, y, size, colours.ink);
    }
  }

  // Beside each row that is seen its name, at the row's start or, when that is outside, at the edge of the view.
  private drawRowNames(seen: Box): void {
    const { plan } = this.model, { view, pen } = this, size = Math.min(14, Math.max(9, this.seatSide * 0.6));
    for (const section of plan.sections) {
      const { box } = section;
      if (box.x1 < seen.x0 || box.x0 > seen.x1 || box.y1 < seen.y0 || box.y0 > seen.y1 + plan.half * 6) continue;
      this.text(t("list.section", { name: section.name }), ((box.x0 + box.x1) / 2) * view.scale + view.x, (box.y0 - plan.half * 2.6) * view.scale + view.y, size + 4, colours.ink);
      for (const row of section.rows) {
        const first = row.seats[0]!, y = plan.y[first]! * view.scale + view.y;
        if (y < 0 || y > view.height) continue;
        const x = Math.max(14, (plan.x[first]! - plan.half * 2.4) * view.scale + view.x);
        if (x === 14) {
          pen.fillStyle = "rgb(255 255 255 / 0.9)";
          pen.beginPath();
          pen.roundRect(2, y - size * 0.8, 24, size * 1.6, 4);
          pen.fill();
        }
        this.text(row.name, x, y, size, "#526079");
      }
    }
  }

  private text(text: string, x: number, y: number, size: number, colour: string): void {
    this.pen.font = `700 ${size}px system-ui, sans-serif`;
    this.pen.textAlign = "center";
    this.pen.textBaseline = "middle";
    this.pen.fillStyle = colour;
    this.pen.fillText(text, x, y + 1);
  }

  private drawHover(): void {
    const { x, y } = this.placeOf(this.hovered), side = this.seatSide + 4;
    this.pen.strokeStyle = colours.ink;
    this.pen.lineWidth = 2;
    this.pen.strokeRect(x - side / 2, y - side / 2, side, side);
  }

  // A small hall in the corner, with the part that is seen.
  private drawMini(seen: Box): void {
    const { world, view, pen } = this, scale = miniWidth / (world.x1 - world.x0), height = (world.y1 - world.y0) * scale;
    const left = view.width - miniWidth - 12, top = view.height - height - 12;
    if (!this.bitmap && this.model.plan.count > singleSeats) return;
    this.mini ??= this.makeMini(height);
    this.miniTop = top;
    pen.fillStyle = "rgb(255 255 255 / 0.94)";
    pen.fillRect(left - 4, top - 4, miniWidth + 8, height + 8);
    pen.drawImage(this.mini, left, top, miniWidth, height);
    pen.strokeStyle = colours.mine;
    pen.lineWidth = 2;
    const x0 = Math.max(world.x0, seen.x0), y0 = Math.max(world.y0, seen.y0), x1 = Math.min(world.x1, seen.x1), y1 = Math.min(world.y1, seen.y1);
    pen.strokeRect(left + (x0 - world.x0) * scale, top + (y0 - world.y0) * scale, (x1 - x0) * scale, (y1 - y0) * scale);
  }

  // A press on the small hall goes there.
  private tapMini(x: number, y: number): boolean {
    const { world, view } = this, left = view.width - miniWidth - 12;
    if (this.miniTop < 0 || x < left || y < this.miniTop || y > view.height - 12 || x > left + miniWidth) return false;
    const scale = miniWidth / (world.x1 - world.x0);
    const hallX = world.x0 + (x - left) / scale, hallY = world.y0 + (y - this.miniTop) / scale;
    this.glideTo({ scale: view.scale, x: view.width / 2 - hallX * view.scale, y: view.height / 2 - hallY * view.scale });
    return true;
  }

  private makeMini(height: number): HTMLCanvasElement {
    this.bitmap ??= new Bitmap(this.model, this.world, this.view.fit().scale * 2 * this.pixels);
    const mini = document.createElement("canvas");
    mini.width = miniWidth * this.pixels;
    mini.height = Math.max(1, height * this.pixels);
    const pen = mini.getContext("2d")!;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(this.bitmap.canvas, 0, 0, mini.width, mini.height);
    return mini;
  }

  private report(): void {
    if (performance.getEntriesByName("tb:map").length === 0) performance.mark("tb:map"); // the first time seats were seen
  }
}
