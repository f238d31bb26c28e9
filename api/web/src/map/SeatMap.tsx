// The map with its buttons and legend. It is hidden from screen readers: the list beside it says the same in words.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { RoundModel } from "../round/model";
import { lang, t } from "../words";
import { Atlas } from "./atlas";
import { Legend } from "./Legend";

interface Tip {
  seat: number;
  x: number;
  y: number;
}

export function SeatMap({ model, onPress }: { model: RoundModel; onPress: (seat: number) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null), atlas = useRef<Atlas | null>(null);
  const tip = useSignal<Tip | null>(null), zoomed = useSignal(false);
  useEffect(() => {
    const made = (atlas.current = new Atlas(canvas.current!, model, {
      press: onPress,
      hover: (seat, x, y) => (tip.value = seat < 0 ? null : { seat, x, y }),
      zoomed: (in_) => (zoomed.value = in_),
    }));
    Object.assign(canvas.current!, { placeOf: (label: string) => made.placeOf(model.plan.find(label)) }); // for tests in a browser
    return () => made.close();
  }, [model]);
  lang.value; // the stage's name is drawn
  useEffect(() => atlas.current?.ask(), [lang.value]);
  return (
    <section class="map" aria-label={t("map.title")}>
      <canvas ref={canvas} aria-hidden="true" />
      {tip.value && <Bubble tip={tip.value} model={model} />}
      <div class="map-tools">
        <button type="button" class="tool" aria-label={t("map.in")} title={t("map.in")} onClick={() => atlas.current?.zoomBy(1.6)}>+</button>
        <button type="button" class="tool" aria-label={t("map.out")} title={t("map.out")} onClick={() => atlas.current?.zoomBy(1 / 1.6)}>−</button>
        <button type="button" class="tool tool-wide" disabled={!zoomed.value} onClick={() => atlas.current?.showAll()}>{t("map.fit")}</button>
      </div>
      {!zoomed.value && <p class="map-hint" aria-hidden="true">{model.plan.count > 1000 ? t("map.hint") : t("map.hint2")}</p>}
      <Legend model={model} />
    </section>
  );
}

function Bubble({ tip, model }: { tip: Tip; model: RoundModel }) {
  model.version.value;
  const right = tip.x > 220;
  return (
    <div class="bubble" aria-hidden="true" style={{ transform: `translate(${tip.x + (right ? -12 : 12)}px, ${tip.y + 14}px)${right ? " translateX(-100%)" : ""}` }}>
      {model.describe(tip.seat)}
    </div>
  );
}
