// What is shown, and one performance with its rounds.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, type Page, type Performance, type Performer, type Round, type RoundTerms } from "../api";
import { learn, now } from "../time";
import { countdown, date, dateTime, t, won, type Word } from "../words";
import { categoryName, Failed, Loading, Poster, useLoaded, usePaged } from "./parts";
import { Rating, Reviews } from "./reviews";
import { SearchBox } from "./search";

export function PerformancesPage() {
  const selling = usePaged<Performance>("/performances?limit=24&on_sale=true"), others = usePaged<Performance>("/performances?limit=24&on_sale=false");
  useEffect(() => void (document.title = "Ticket Blue"), []);
  const err = selling.failed.value ?? others.failed.value, onSale = selling.value.value?.items;
  if (err) return <Failed err={err} retry={() => (selling.retry(), others.retry())} />;
  if (!onSale || !others.value.value) return <Loading />;
  const coming = others.value.value.items.filter((p) => !onSale.some((s) => s.id === p.id)); // a sale may open between the two answers
  return (
    <>
      <div class="hero">
        <h1>{t("list.title")}</h1>
        <p>{t("list.lead")}</p>
        <SearchBox />
      </div>
      {onSale.length === 0 && <p class="hint">{t("list.nothing")}</p>}
      <Shows list={onSale} />
      {selling.more}
      {coming.length > 0 && <h2 class="coming">{t("list.coming")}</h2>}
      <Shows list={coming} />
      {others.more}
    </>
  );
}

function Shows({ list }: { list: Performance[] }) {
  return (
    <ul class="shows">
      {list.map((p) => (
        <li key={p.id}>
          <a href={"/performances/" + p.id} class="show">
            <Poster show={p} />
            <span class="show-text">
              <strong>{p.title}</strong>
              <span>{categoryName(p.category)} · {p.hall.name}</span>
              <span class="show-price">{t("list.from", { price: won(Math.min(...Object.values(p.prices))) })} <Rating show={p} /></span>
            </span>
          </a>
        </li>
      ))}
    </ul>
  );
}

export function PerformancePage({ id }: { id: number }) {
  const { value, failed, retry } = useLoaded("performance" + id, async () => {
    const at = "/performances/" + id;
    const [show, rounds, performers] = await Promise.all([get<Performance>(at), get<Page<RoundTerms>>(at + "/rounds"), get<Page<Performer>>(at + "/performers")]);
    return { show, rounds: rounds.items, performers: performers.items };
  });
  const reviewed = () => void get<Performance>("/performances/" + id).then((show) => (value.value = { ...value.value!, show }), () => undefined);
  useEffect(() => {
    if (value.value) document.title = value.value.show.title + " · Ticket Blue";
  }, [value.value]);
  if (failed.value) return <Failed err={failed.value} retry={retry} />;
  if (!value.value) return <Loading />;
  const { show, rounds, performers } = value.value;
  return (
    <div class="performance">
      <Poster show={show} large />
      <div>
        <p class="crumb">{categoryName(show.category)}</p>
        <h1>{show.title}</h1>
        <p><Rating show={show} /></p>
        {show.description && <p class="about">{show.description}</p>}
        <dl class="facts">
          <dt>{t("performance.days")}</dt><dd>{date(show.from)} – {date(show.to)}</dd>
          {performers.length > 0 && <><dt>{t("performance.performers")}</dt><dd>{performers.map((p) => p.name).join(", ")}</dd></>}
          <dt>{t("performance.hall")}</dt><dd>{show.hall.name}</dd>
          <dt>{t("performance.duration")}</dt><dd>{t("performance.minutes", { n: show.duration_minutes })}</dd>
          <dt>{t("performance.prices")}</dt>
          <dd>
            <ul class="prices">{Object.entries(show.prices).sort(([, a], [, b]) => b - a).map(([grade, price]) => <li key={grade}><strong>{grade}</strong> {won(price)}</li>)}</ul>
          </dd>
        </dl>
        <h2>{t("performance.rounds")}</h2>
        {rounds.length === 0 && <p class="hint">{t("performance.norounds")}</p>}
        <ul class="rounds">{rounds.map((r) => <RoundItem key={r.id} terms={r} />)}</ul>
        <Reviews show={show} changed={reviewed} />
      </div>
    </div>
  );
}

function RoundItem({ terms }: { terms: RoundTerms }) {
  const round = useSignal<Round | null>(null);
  useEffect(() => {
    const asked = Date.now();
    get<Round>("/rounds/" + terms.id).then((r) => {
      learn(r.server_time, asked);
      round.value = r;
    }, () => undefined); // the link works without
  }, [terms.id]);
  const r = round.value, opens = Date.parse(terms.opens_at) - now.value;
  const look = r && (r.status !== "open" || r.sold_out || r.canceled);
  const status = !r ? null : r.canceled ? "canceled" : r.sold_out ? "sold_out" : r.all_held ? "all_held" : r.status;
  return (
    <li>
      <a class="round-link" href={"/rounds/" + terms.id}>
        <span class="round-when">{dateTime(terms.starts_at)}</span>
        {status && <span class={"pill " + status}>{t(("status." + status) as Word)}</span>}
        <span class="round-left">
          {r?.status === "open" && t("performance.left", { n: r.totals.free })}
          {r?.status === "scheduled" && opens > 0 && `${t("count.opens")} ${countdown(opens)}`}
        </span>
        <span class={look ? "secondary small" : "primary small"}>{look ? t("performance.look") : t("performance.choose")}</span>
      </a>
    </li>
  );
}
