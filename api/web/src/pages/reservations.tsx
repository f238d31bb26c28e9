// My reservations, newest first, ended ones too.
import { get, Refusal, type Listed, type Page, type Reservation } from "../api";
import { mineHere } from "../round/buying";
import { now } from "../time";
import { countdown, dateTime, t, won, type Word } from "../words";
import { Account, Failed, Loading, useLoaded } from "./parts";

interface Found extends Page<Listed> {
  partial?: boolean; // only what was made in this tab
}

async function list(after: string): Promise<Found> {
  try {
    return await get<Page<Listed>>("/reservations?limit=20" + (after && "&after=" + encodeURIComponent(after)));
  } catch (err) {
    if (after || !(err instanceof Refusal) || err.status === 401) throw err;
  }
  // Where the list cannot be had just now, each one still can.
  const found = await Promise.all(mineHere().map((id) => get<Reservation>("/reservations/" + id).catch(() => null)));
  return { items: found.filter((r) => r !== null), partial: true };
}

export function ReservationsPage() {
  return <Account title={t("mine.title")} lead={t("mine.login")}>{(who) => <Reservations user={who.id} />}</Account>;
}

function Reservations({ user }: { user: number }) {
  const { value, failed, retry } = useLoaded("reservations" + user, () => list(""));
  const more = async () => {
    const page = value.value!, next = await list(page.next!);
    value.value = { ...next, items: [...page.items, ...next.items] };
  };
  if (failed.value) return <Failed err={failed.value} retry={retry} />;
  if (!value.value) return <Loading />;
  return (
    <div class="narrow">
      <h1>{t("mine.title")}</h1>
      {value.value.partial && <p class="hint">{t("mine.session")}</p>}
      {value.value.items.length === 0 && <p class="hint">{t("mine.empty")}</p>}
      <ul class="reservations">{value.value.items.map((r) => <Item key={r.id} r={r} />)}</ul>
      {value.value.next && <p class="centered"><button type="button" class="secondary" onClick={() => void more()}>{t("mine.more")}</button></p>}
    </div>
  );
}

function Item({ r }: { r: Listed }) {
  const left = r.status === "held" && r.expires_at ? Date.parse(r.expires_at) - now.value : 0;
  return (
    <li class={"card reservation " + r.status}>
      <div class="card-head">
        <strong>{t("hold.number", { id: r.id })}</strong>
        <span class={"pill " + r.status}>{t(("reservation." + r.status) as Word)}</span>
      </div>
      {r.performance && <h2>{r.performance.title}</h2>}
      {r.starts_at && <p>{dateTime(r.starts_at)} · {r.hall}</p>}
      <p class="held-seats">{r.seats.join(" · ")}</p>
      <div class="total"><small>{dateTime(r.held_at)}</small><strong>{won(r.amount)}</strong></div>
      {left > 0 && <p class="hint">{t("hold.left")} {countdown(left)}</p>}
      <a class="quiet" href={"/rounds/" + r.round}>{t("mine.round", { id: String(r.round) })}</a>
    </li>
  );
}
