// What colours and shapes mean, drawn by the very function that draws the seats.
import { useEffect, useRef } from "preact/hooks";
import { Look, lookWord, type RoundModel } from "../round/model";
import { gradeColour, paintSeat } from "./paint";

const side = 14;

export function Legend({ model }: { model: RoundModel }) {
  return (
    <ul class="legend" aria-hidden="true">
      {model.plan.grades.map((name, grade) => <li key={name}><Sample look={Look.Free} grade={grade} />{name}</li>)}
      {[Look.Selected, Look.Mine, Look.Held, Look.Sold].map((look) => <li key={look}><Sample look={look} grade={0} />{lookWord(look)}</li>)}
    </ul>
  );
}

export function Sample({ look, grade }: { look: Look; grade: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const pixels = devicePixelRatio || 1, c = canvas.current!;
    c.width = c.height = side * pixels;
    const pen = c.getContext("2d")!;
    pen.scale(pixels, pixels);
    paintSeat(pen, 0, 0, side, look, grade, "");
  }, [look, grade, gradeColour(grade)]);
  return <canvas ref={canvas} class="sample" />;
}
