// The live board of a sale: what goes, how fast, and what is left.
import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { SeatMap } from "../map/SeatMap";
import { Failed, Loading } from "../pages/parts";
import { RoundModel } from "../round/model";
import { Counts } from "../round/Panel";
import { dateTime, number, t, type Word } from "../words";
import { SaleButtons, StatusPill } from "./sale";

const seconds = 60; // that the chart shows
const renewEvery = 5_000; // ms between looks at status and prices

export function BoardPage({ id }: { id: number }) {
  const model = useMemo(() => new RoundModel(id), [id]);
  useEffect(() => {
    void model.open();
    const timer = setInterval(() => void model.renew().catch(() => undefined), renewEvery); // the live map says when it is cut off
    return () => {
      clearInterval(timer);
      model.close();
    };
  }, [model]);
  model.version.value;
  if (model.failed.value) return <Failed err={model.failed.value} retry={() => location.reload()} />;
  const info = model.info.value;
  if (!info) return <Loading />;
  return (
    <>
      <header class="round-head">
        <div>
          <p class="crumb">{info.performance_id && <a href={"/admin/performances/" + info.performance_id}>‹ {t("round.back")}</a>}</p>
          <h1>{info.title ?? t("round.number", { id: String(id) })}</h1>
          <p class="when">{dateTime(info.starts_at)}</p>
        </div>
        <div class="round-state">
          <StatusPill status={info.status} canceled={info.canceled} />
          <span class={"live " + model.connection.value} role="status">{t(("live." + model.connection.value) as Word)}</span>
        </div>
      </header>
      <div class="round-body">
        {model.seq >= 0 ? <SeatMap model={model} onPress={() => undefined} /> : <div class="map map-empty"><Loading /></div>}
        <div class="panel">
          <section class="card"><SaleButtons round={id} status={info.status} canceled={info.canceled} changed={() => void model.renew().catch(() => undefined)} /></section>
          {model.seq >= 0 && <Speed model={model} />}
          <Counts model={model} />
        </div>
      </div>
    </>
  );
}

// Seats that are no longer free, second by second. Seats that come back are not counted against those that go.
function Speed({ model }: { model: RoundModel }) {
  const history = useSignal<readonly number[]>([]), peak = useSignal(0);
  useEffect(() => {
    let before = taken(model);
    const timer = setInterval(() => {
      const now = taken(model), gone = Math.max(0, now - before);
      before = now;
      history.value = [...history.value.slice(1 - seconds), gone];
      peak.value = Math.max(peak.value, gone);
    }, 1_000);
    return () => clearInterval(timer);
  }, [model]);
  const counts = model.gradeCounts.value, sum = (of: "free" | "held" | "sold") => counts.reduce((n, c) => n + c[of], 0);
  const all = sum("free") + sum("held") + sum("sold"), top = Math.max(1, ...history.value), last = history.value.at(-1) ?? 0;
  return (
    <section class="card">
      <h2>{t("board.title")}</h2>
      <dl class="facts board">
        <dt>{t("grade.sold")}</dt><dd class="sold">{number(sum("sold"))}</dd>
        <dt>{t("grade.held")}</dt><dd class="held">{number(sum("held"))}</dd>
        <dt>{t("grade.free")}</dt><dd class="free">{number(sum("free"))}</dd>
        <dt>{t("board.share")}</dt><dd>{all > 0 ? number(Math.round((1000 * (all - sum("free"))) / all) / 10) : 0}%</dd>
        <dt>{t("board.now")}</dt><dd>{t("board.persecond", { n: last, peak: peak.value })}</dd>
      </dl>
      <svg class="speed" viewBox={`0 0 ${seconds} 20`} preserveAspectRatio="none" aria-hidden="true">
        {history.value.map((n, i) => <rect key={i} x={seconds - history.value.length + i} y={20 - (20 * n) / top} width={0.8} height={(20 * n) / top} />)}
      </svg>
      <p class="hint">{t("board.chart", { n: seconds })}</p>
    </section>
  );
}

const taken = (model: RoundModel) => model.gradeCounts.peek().reduce((n, c) => n + c.held + c.sold, 0);
