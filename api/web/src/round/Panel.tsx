// The column beside the map: what is left, what is selected, what is held.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Reservation } from "../api";
import { Sample } from "../map/Legend";
import { session } from "../session";
import { now } from "../time";
import { clock, countdown, number, t, won } from "../words";
import type { Buying } from "./buying";
import { Look, type RoundModel } from "./model";

interface Props {
  model: RoundModel;
  buying: Buying;
}

export function Counts({ model }: { model: RoundModel }) {
  const counts = model.gradeCounts.value, info = model.info.value!;
  return (
    <section class="card">
      <h2>{t("grade.title")}</h2>
      <table class="counts">
        <thead><tr><th scope="col">{t("grade.grade")}</th><th scope="col">{t("grade.price")}</th><th scope="col">{t("grade.free")}</th><th scope="col">{t("grade.held")}</th><th scope="col">{t("grade.sold")}</th></tr></thead>
        <tbody>
          {info.grades.map((g, i) => (
            <tr key={g.grade}>
              <th scope="row"><Sample look={Look.Free} grade={i} />{g.grade}</th>
              <td>{won(g.price)}</td>
              <td class="free">{number(counts[i]?.free ?? 0)}</td>
              <td>{number(counts[i]?.held ?? 0)}</td>
              <td>{number(counts[i]?.sold ?? 0)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

export function Selection({ model, buying }: Props) {
  const picked = model.selection.value, isOpen = model.info.value!.status === "open" && !model.info.value!.canceled;
  return (
    <section class={picked.length > 0 ? "card selection some" : "card selection"} aria-labelledby="selection">
      <div class="card-head">
        <h2 id="selection">{t("pick.title")}</h2>
        {picked.length > 0 && <button type="button" class="quiet" onClick={() => model.clear()}>{t("pick.clear")}</button>}
      </div>
      {picked.length === 0 ? <p class="hint">{t("pick.none")}</p> : (
        <ul class="picked">
          {picked.map((i) => (
            <li key={i}>
              <Sample look={Look.Free} grade={model.plan.grade[i]!} />
              <span class="picked-seat">{model.short(i)}<small>{model.plan.seat(i).grade}</small></span>
              <span>{won(model.price(i))}</span>
              <button type="button" class="remove" aria-label={t("pick.remove", { seat: model.short(i) })} onClick={() => model.toggle(i)}>×</button>
            </li>
          ))}
        </ul>
      )}
      <div class="total">
        <span>{t("pick.total")} <small>{t("pick.seats", { n: picked.length })}</small></span>
        <strong>{won(model.total.value)}</strong>
      </div>
      <button type="button" id="reserve" class="primary" disabled={picked.length === 0 || buying.busy.value || !isOpen} onClick={() => void buying.reserve()}>
        {buying.busy.value ? t("pick.working") : session.value === null ? t("pick.login") : t("pick.reserve")}
      </button>
      {isOpen ? model.max.value < 20 && <p class="hint">{t("pick.max", { n: model.max.value })}</p> : <p class="hint">{t("pick.closed")}</p>}
    </section>
  );
}

export function BestAvailable({ model, buying }: Props) {
  const count = useSignal(2), grade = useSignal("");
  const most = Math.min(8, model.max.value), isOpen = model.info.value!.status === "open";
  return (
    <section class="card best" aria-labelledby="best">
      <h2 id="best">{t("best.title")}</h2>
      <form class="best-form" onSubmit={(e) => { e.preventDefault(); void buying.best(count.value, grade.value); }}>
        <label>{t("best.count")}
          <select value={count.value} onChange={(e) => (count.value = Number(e.currentTarget.value))}>
            {Array.from({ length: most }, (_, k) => <option key={k} value={k + 1}>{k + 1}</option>)}
          </select>
        </label>
        <label>{t("best.grade")}
          <select value={grade.value} onChange={(e) => (grade.value = e.currentTarget.value)}>
            <option value="">{t("best.any")}</option>
            {model.info.value!.grades.map((g) => <option key={g.grade} value={g.grade}>{g.grade} · {won(g.price)}</option>)}
          </select>
        </label>
        <button type="submit" class="secondary" disabled={buying.busy.value || !isOpen}>{t("best.button", { n: count.value })}</button>
      </form>
    </section>
  );
}

export function Holds({ model, buying }: Props) {
  return <>{model.holds.value.map((hold) => <Hold key={hold.id} hold={hold} model={model} buying={buying} />)}</>;
}

const urgent = 60_000; // ms

function Hold({ hold, model, buying }: Props & { hold: Reservation }) {
  const until = hold.expires_at ? Date.parse(hold.expires_at) : 0, left = until - now.value;
  const warned = useSignal(false);
  useEffect(() => {
    if (until && left <= urgent) warned.value = true; // said once
    if (until && left <= 0) void buying.expire();
  }, [until && left <= urgent, until && left <= 0 && Math.floor(left / 3000)]);
  const whole = until ? Math.max(1, until - Date.parse(hold.held_at)) : 1;
  return (
    <section class={until && left <= urgent ? "card hold urgent" : "card hold"} aria-labelledby={"hold-" + hold.id}>
      <div class="card-head">
        <h2 id={"hold-" + hold.id}>{t("hold.title")}</h2>
        <small>{t("hold.number", { id: hold.id })}</small>
      </div>
      {until > 0 && (
        <>
          <p class="timer" role="timer" aria-label={t("hold.left")}>{countdown(left)}</p>
          <Bar part={Math.max(0, Math.min(1, left / whole))} />
          <p class="hint">{t("hold.until", { time: clock(until) })}</p>
        </>
      )}
      {hold.status !== "held" && <p>{hold.status === "paying" ? t("hold.paying") : t("hold.confirmed")}</p>}
      <p class="held-seats">{model.shortOf(hold.seats)}</p>
      <div class="total"><span>{t("pick.total")} <small>{t("pick.seats", { n: hold.seats.length })}</small></span><strong>{won(hold.amount)}</strong></div>
      {(hold.status === "held" || hold.status === "paying") && <a class="primary pay" href={"/checkout/" + hold.id}>{hold.status === "held" ? t("mine.pay") : t("mine.goon")}</a>}
      {hold.status === "held" && <button type="button" class="secondary release" disabled={buying.busy.value} onClick={() => void buying.release(hold.id)}>{t("hold.release")}</button>}
      <span class="spoken" role="status">{warned.value ? t("hold.minute") : ""}</span>
    </section>
  );
}

function Bar({ part }: { part: number }) {
  const bar = useRef<HTMLSpanElement>(null);
  useEffect(() => { bar.current!.style.transform = `scaleX(${part})`; }, [part]);
  return <span class="bar" aria-hidden="true"><span ref={bar} /></span>;
}

const goodNewsFor = 8_000; // ms

/** Message is the one place where answers are told: on the page, and to screen readers. */
export function Message({ model, buying }: Props) {
  const notice = buying.notice.value;
  useEffect(() => {
    if (notice?.kind !== "good") return; // bad news stays until it has been read
    const timer = setTimeout(() => (buying.notice.value = null), goodNewsFor);
    return () => clearTimeout(timer);
  }, [notice]);
  return (
    <div class="messages" role={notice?.kind === "bad" ? "alert" : "status"} aria-live={notice?.kind === "bad" ? "assertive" : "polite"}>
      {notice && (
        <div class={"notice " + notice.kind}>
          <div>
            {notice.title && <strong>{notice.title}</strong>}
            <p>{notice.text}</p>
            {notice.seats && notice.seats.length > 0 && <p class="failed-seats">{model.shortOf(notice.seats)}</p>}
            {notice.actions && notice.actions.length > 0 && (
              <p class="notice-actions">{notice.actions.map((a) => <button type="button" class="secondary" key={a.label} disabled={buying.busy.value} onClick={a.run}>{a.label}</button>)}</p>
            )}
          </div>
          <button type="button" class="remove" aria-label={t("notice.close")} onClick={() => (buying.notice.value = null)}>×</button>
        </div>
      )}
    </div>
  );
}
