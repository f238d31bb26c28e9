// My reservations, newest first, ended ones too.
import { useEffect } from "preact/hooks";
import { get, Refusal, type Page, type Reservation } from "../api";
import { mineHere } from "../round/buying";
import { session } from "../session";
import { now } from "../time";
import { countdown, dateTime, t, won, type Word } from "../words";
import { Failed, Loading, useLoaded } from "./parts";

interface Listed extends Page<Reservation> {
  partial?: boolean; // only what was made in this tab
}

async function list(after: string): Promise<Listed> {
  try {
    return await get<Page<Reservation>>("/reservations?limit=20" + (after && "&after=" + encodeURIComponent(after)));
  } catch (err) {
    if (!(err instanceof Refusal) || (err.status !== 404 && err.status !== 405)) throw err;
  }
  // A server without the list still knows each one.
  const found = await Promise.all(mineHere().map((id) => get<Reservation>("/reservations/" + id).catch(() => null)));
  return { items: found.filter((r) => r !== null), partial: true };
}

export function ReservationsPage() {
  useEffect(() => void (document.title = t("mine.title") + " · Ticket Blue"), []);
  const { value, failed, retry } = useLoaded("reservations" + (session.value?.email ?? ""), () => (session.value ? list("") : Promise.resolve<Listed>({ items: [] })));
  const more = async () => {
    const page = value.value!, next = await list(page.next!);
    value.value = { ...next, items: [...page.items, ...next.items] };
  };
  if (!session.value) {
    return <div class="failed"><h1>{t("mine.title")}</h1><p>{t("mine.login")}</p><p><a class="primary small" href="/login?then=/reservations">{t("nav.login")}</a></p></div>;
  }
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

function Item({ r }: { r: Reservation }) {
  const left = r.status === "held" && r.expires_at ? Date.parse(r.expires_at) - now.value : 0;
  return (
    <li class={"card reservation " + r.status}>
      <div class="card-head">
        <strong>{t("hold.number", { id: r.id })}</strong>
        <span class={"pill " + r.status}>{t(("reservation." + r.status) as Word)}</span>
      </div>
      <p class="held-seats">{r.seats.join(" · ")}</p>
      <div class="total"><span>{dateTime(r.held_at)}</span><strong>{won(r.amount)}</strong></div>
      {left > 0 && <p class="hint">{t("hold.left")} {countdown(left)}</p>}
      <a class="quiet" href={"/rounds/" + r.round}>{t("mine.round", { id: String(r.round) })}</a>
    </li>
  );
}
