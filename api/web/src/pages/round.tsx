// One round: its seats, live, and what one may do with them.
import { useComputed } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { get, type Performance } from "../api";
import { SeatMap } from "../map/SeatMap";
import { Buying } from "../round/buying";
import { RoundModel } from "../round/model";
import { BestAvailable, Counts, Holds, Message, Selection } from "../round/Panel";
import { SeatList } from "../round/SeatList";
import { signal, type Signal } from "@preact/signals";
import { now, serverNow } from "../time";
import { clock, countdown, dateTime, t, type Word } from "../words";
import { Failed, Loading, Thumb } from "./parts";

type Show = Performance | null | undefined; // undefined: not known yet; null: cannot be known

const renewEvery = 10_000; // ms between looks at prices, status and the next expiry

export function RoundPage({ id }: { id: number }) {
  const { model, buying, show } = useMemo(() => {
    const model = new RoundModel(id);
    return { model, buying: new Buying(model), show: signal<Show>(undefined) };
  }, [id]);
  useEffect(() => start(model, buying), [model]);
  useEffect(() => void identify(model, show), [model, !model.info.value]);
  // The map comes last: what stands above it must not push it away under a finger.
  const ready = useComputed(() => (model.version.value, model.seq >= 0 && show.value !== undefined));
  useEffect(() => watchLost(model, buying), [model.lost.value]);
  if (model.failed.value) return <Failed err={model.failed.value} retry={() => location.reload()} />;
  if (!model.info.value) return <Loading />;
  const press = (seat: number) => {
    if (!model.toggle(seat)) buying.notice.value = { kind: "info", text: t("notice.limit", { n: model.max.value }) };
  };
  return (
    <div class="round">
      <Head model={model} show={show} />
      <Message model={model} buying={buying} />
      <div class="round-body">
        {ready.value ? <SeatMap model={model} onPress={press} /> : <div class="map map-empty"><Loading /></div>}
        <div class="panel">
          <Holds model={model} buying={buying} />
          {ready.value && <Selection model={model} buying={buying} />}
          <BestAvailable model={model} buying={buying} />
          <Counts model={model} />
          {ready.value && <SeatList model={model} onPress={press} />}
        </div>
      </div>
    </div>
  );
}

function start(model: RoundModel, buying: Buying): () => void {
  let timer = 0;
  void model.open().then(async () => {
    if (model.failed.value) return;
    await buying.reload().catch(() => undefined);
    await buying.resume();
  });
  const renew = () => {
    const info = model.info.value;
    const opening = info ? Date.parse(info.opens_at) - serverNow() : 0;
    const pause = info?.status === "scheduled" && opening > 0 ? Math.min(renewEvery, opening + 100) : renewEvery;
    timer = window.setTimeout(() => void model.renew().catch(() => undefined).finally(renew), pause);
  };
  renew();
  return () => {
    clearTimeout(timer);
    model.close();
  };
}

// The round says of which performance it is; the performance says where.
async function identify(model: RoundModel, show: Signal<Show>): Promise<void> {
  const info = model.info.value;
  if (!info) return;
  if (info.title) document.title = info.title + " · Ticket Blue";
  show.value = info.performance_id ? await get<Performance>("/performances/" + info.performance_id).catch(() => null) : null;
}

function watchLost(model: RoundModel, buying: Buying): void {
  if (model.lost.value.length === 0 || buying.busy.value) return; // our own request will say it better
  buying.notice.value = { kind: "info", text: t("notice.taken", { seats: model.shortOf(model.lost.value) }) };
}

function Head({ model, show }: { model: RoundModel; show: Signal<Show> }) {
  const info = model.info.value!, status = model.status.value;
  return (
    <header class="round-head">
      <Thumb show={show.value} />
      <div class="round-name">
        <p class="crumb">{info.performance_id ? <a href={"/performances/" + info.performance_id}>‹ {t("round.back")}</a> : "\u00a0"}</p>
        <h1>{info.title ?? t("round.number", { id: String(model.id) })}</h1>
        <p class="when">{dateTime(info.starts_at)}{show.value && <span> · {show.value.hall.name}</span>}</p>
      </div>
      <div class="round-state">
        <span class={"pill " + status}>{t(("status." + status) as Word)}</span>
        <span class={"live " + model.connection.value} role="status">{t(("live." + model.connection.value) as Word)}</span>
        <Countdown model={model} />
      </div>
    </header>
  );
}

const soon = 24 * 3600_000; // ms: closings farther away need no countdown

function Countdown({ model }: { model: RoundModel }) {
  const info = model.info.value!, status = model.status.value, opens = Date.parse(info.opens_at) - now.value, closes = Date.parse(info.closes_at) - now.value;
  const back = info.next_expiry ? Date.parse(info.next_expiry) - now.value : 0;
  return (
    <p class="countdown">
      {status === "scheduled" && opens > 0 && <span>{t("count.opens")} <strong role="timer">{countdown(opens)}</strong></span>}
      {status === "open" && closes > 0 && closes < soon && <span>{t("count.closes")} <strong role="timer">{countdown(closes)}</strong></span>}
      {status === "all_held" && <span>{back > 0 ? t("count.return", { time: countdown(back) }) : t("count.returnsoon")}</span>}
      <small>{t("count.clock")} {clock(now.value)}</small>
    </p>
  );
}

