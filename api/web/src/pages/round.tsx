// One round: its seats, live, and what one may do with them.
import { useComputed } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { get, type Page, type Performance, type RoundTerms } from "../api";
import { SeatMap } from "../map/SeatMap";
import { address } from "../router";
import { Buying } from "../round/buying";
import { RoundModel } from "../round/model";
import { BestAvailable, Counts, Holds, Message, Selection } from "../round/Panel";
import { SeatList } from "../round/SeatList";
import { signal, type Signal } from "@preact/signals";
import { now, serverNow } from "../time";
import { clock, countdown, dateTime, t, type Word } from "../words";
import { Failed, Loading } from "./parts";

type Show = Performance | null | undefined; // undefined: not known yet; null: it is not said

const renewEvery = 10_000; // ms between looks at prices, status and the next expiry

export function RoundPage({ id }: { id: number }) {
  const { model, buying, show } = useMemo(() => {
    const model = new RoundModel(id);
    return { model, buying: new Buying(model), show: signal<Show>(undefined) };
  }, [id]);
  useEffect(() => start(model, buying, show), [model]);
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

function start(model: RoundModel, buying: Buying, show: Signal<Show>): () => void {
  let timer = 0;
  void identify(model, show);
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

const keptShow = (round: number) => "tb.performance." + round;

// A round's address may say of which performance it is; the round itself is the same without.
async function identify(model: RoundModel, show: Signal<Show>): Promise<void> {
  const id = address.value.searchParams.get("performance") ?? sessionStorage.getItem(keptShow(model.id));
  try {
    show.value = id && /^\d+$/.test(id) ? await performanceOf(model, id) : null;
  } catch {
    show.value = null; // the page does without a title
  }
  if (show.value) document.title = show.value.title + " · Ticket Blue";
}

async function performanceOf(model: RoundModel, id: string): Promise<Performance | null> {
  const [rounds, performance] = await Promise.all([get<Page<RoundTerms>>(`/performances/${id}/rounds`), get<Performance>("/performances/" + id)]);
  const terms = rounds.items.find((r) => r.id === model.id);
  if (!terms) return null;
  model.max.value = terms.max_per_user;
  sessionStorage.setItem(keptShow(model.id), id);
  return performance;
}

function watchLost(model: RoundModel, buying: Buying): void {
  if (model.lost.value.length === 0 || buying.busy.value) return; // our own request will say it better
  buying.notice.value = { kind: "info", text: t("notice.taken", { seats: model.shortOf(model.lost.value) }) };
}

function Head({ model, show }: { model: RoundModel; show: Signal<Show> }) {
  const info = model.info.value!, status = model.status.value;
  return (
    <header class="round-head">
      <div>
        <p class="crumb">{show.value ? <a href={"/performances/" + show.value.id}>‹ {t("round.back")}</a> : "\u00a0"}</p>
        <h1>{show.value?.title ?? t("round.number", { id: String(model.id) })}</h1>
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

