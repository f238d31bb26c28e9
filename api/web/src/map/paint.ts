// How a seat looks: a colour for its grade while it is free, and a shape of its own for every state, so that nobody
// has to tell colours apart.
import { Look } from "../round/model";

// Okabe and Ito's colours, chosen to differ for every kind of eye; orange is kept for "held".
const gradeColours = ["#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a6d3b"];
export const gradeColour = (grade: number): string => gradeColours[grade % gradeColours.length]!;

export const colours = {
  background: "#f6f8fc",
  held: "#e69f00",
  heldPale: "#fdf0d5",
  sold: "#c3c9d6",
  soldPale: "#e9ecf2",
  blocked: "#dfe3ea",
  mine: "#0b2a6b",
  selected: "#111827",
  ink: "#0f172a",
  stage: "#1e293b",
};

const marksFrom = 5; // px of a seat's side from which shapes can be seen
const roundFrom = 9;
const numbersFrom = 17;

export type Pen = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** paintSeat draws within the square from (x, y) with the given side, all in pixels. */
export function paintSeat(pen: Pen, x: number, y: number, side: number, look: Look, grade: number, number: string): void {
  if (side < marksFrom) {
    pen.fillStyle = look === Look.Free ? gradeColour(grade) : flat[look]!;
    pen.fillRect(x, y, side, side);
    return;
  }
  switch (look) {
    case Look.Free:
      body(pen, x, y, side, gradeColour(grade));
      if (side >= numbersFrom) write(pen, x, y, side, number, "#fff");
      return;
    case Look.Selected:
      body(pen, x, y, side, colours.selected);
      if (side >= numbersFrom) return write(pen, x, y, side, number, "#fff");
      pen.fillStyle = "#fff";
      return pen.fillRect(x + side * 0.32, y + side * 0.32, side * 0.36, side * 0.36);
    case Look.Mine:
      body(pen, x, y, side, colours.mine);
      return stroke(pen, side, "#fff", [[x + side * 0.24, y + side * 0.52], [x + side * 0.43, y + side * 0.72], [x + side * 0.78, y + side * 0.3]]);
    case Look.Held: // a half
      body(pen, x, y, side, colours.held);
      pen.fillStyle = colours.heldPale;
      return pen.fillRect(x + side * 0.12, y + side * 0.12, side * 0.76, side * 0.38);
    case Look.Sold: // a cross
      body(pen, x, y, side, colours.soldPale);
      stroke(pen, side, colours.sold, [[x + side * 0.25, y + side * 0.25], [x + side * 0.75, y + side * 0.75]]);
      return stroke(pen, side, colours.sold, [[x + side * 0.75, y + side * 0.25], [x + side * 0.25, y + side * 0.75]]);
    default: // a bar
      pen.fillStyle = colours.blocked;
      pen.fillRect(x + side * 0.2, y + side * 0.42, side * 0.6, side * 0.16);
  }
}

const flat: Record<number, string> = {
  [Look.Held]: "#f6cf87", [Look.Sold]: "#d9dde6", [Look.Blocked]: "#eceff4", [Look.Mine]: colours.mine, [Look.Selected]: colours.selected,
};

function body(pen: Pen, x: number, y: number, side: number, colour: string): void {
  pen.fillStyle = colour;
  if (side < roundFrom) return pen.fillRect(x, y, side, side);
  pen.beginPath();
  pen.roundRect(x, y, side, side, [side * 0.34, side * 0.34, side * 0.16, side * 0.16]); // the back of a chair
  pen.fill();
}

function write(pen: Pen, x: number, y: number, side: number, text: string, colour: string): void {
  pen.fillStyle = colour;
  pen.font = `600 ${Math.round(side * (text.length > 3 ? 0.3 : 0.42))}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(text, x + side / 2, y + side * 0.54);
}

function stroke(pen: Pen, side: number, colour: string, points: [number, number][]): void {
  pen.strokeStyle = colour;
  pen.lineWidth = Math.max(1, side * 0.12);
  pen.beginPath();
  points.forEach(([x, y], i) => (i === 0 ? pen.moveTo(x, y) : pen.lineTo(x, y)));
  pen.stroke();
}
