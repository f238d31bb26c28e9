// Customers' reservations: seven filters, and the same as a file. The address keeps what is looked for.
import { useEffect } from "preact/hooks";
import { download, Refusal, type Page, type Reservation, type ReservationStatus } from "../api";
import { Button, Choice, Field, Form, Outcome, useDeed, type Fields } from "../pages/forms";
import { Failed, Loading, usePaged } from "../pages/parts";
import { address, go } from "../router";
import { dateTime, t, won, type Word } from "../words";

interface Found {
  reservation: Reservation & { performance: { id: number; title: string }; hall: string; starts_at: string };
  customer: { id: number; name?: string; email?: string };
  money: { paid: number; discount: number; coupon_id?: string; refund_due: number; refunded: number };
}

interface Search extends Page<Found> {
  total: number;
  total_at_least: boolean;
}

const filters = ["user", "title", "from", "to", "status", "min_amount", "max_amount"] as const;
const statuses: ReservationStatus[] = ["held", "paying", "confirmed", "released", "expired", "canceled"];
const sorts = ["newest", "oldest", "highest", "lowest"] as const;

/** query is what of the fields the server is asked for; empty ones are no filters. */
function query(fields: Fields, names: readonly string[]): string {
  const asked = new URLSearchParams();
  for (const name of names) if (fields[name]) asked.set(name, fields[name]);
  return asked.size > 0 ? "?" + asked : "";
}

export function FoundPage() {
  const asked: Fields = Object.fromEntries(address.value.searchParams), here = query(asked, [...filters, "sort"]);
  const { value, failed, retry, more } = usePaged<Found, Search>("/admin/reservations" + (here || "?limit=20"));
  const deed = useDeed(), search = useDeed(), wrong = failed.value instanceof Refusal && failed.value.status === 422;
  useEffect(() => { // told at the filter
    search.failed.value = wrong ? failed.value : null;
    if (wrong) setTimeout(() => document.querySelector<HTMLElement>(".filters [aria-invalid]")?.focus());
  }, [failed.value]);
  const take = () => void deed.run(() => download("/admin/reservations.csv" + query(asked, filters)));
  return (
    <>
      <h1>{t("admin.reservations")}</h1>
      <Form deed={search} submit={t("found.search")} class="card filters" work={async (fields) => go("/admin/reservations" + query(fields, [...filters, "sort"]))} key={here}>
        <div class="fields">
          <Field label={t("found.user")} name="user" defaultValue={asked.user} maxLength={100} hint={t("found.user.hint")} />
          <Field label={t("found.performance")} name="title" defaultValue={asked.title} maxLength={200} />
          <Field label={t("found.from")} name="from" type="date" defaultValue={asked.from} />
          <Field label={t("found.to")} name="to" type="date" defaultValue={asked.to} />
          <Choice label={t("found.status")} name="status">
            <option value="">{t("found.any")}</option>
            {statuses.map((s) => <option key={s} value={s} selected={asked.status === s}>{t(("reservation." + s) as Word)}</option>)}
          </Choice>
          <Field label={t("found.min")} name="min_amount" type="number" min={1} defaultValue={asked.min_amount} />
          <Field label={t("found.max")} name="max_amount" type="number" min={1} defaultValue={asked.max_amount} />
          <Choice label={t("found.sort")} name="sort">
            {sorts.map((s) => <option key={s} value={s} selected={asked.sort === s}>{t(("found." + s) as Word)}</option>)}
          </Choice>
        </div>
      </Form>
      {failed.value ? !wrong && <Failed err={failed.value} retry={retry} /> : value.value ? <List found={value.value} /> : <Loading />}
      {more}
      <Outcome deed={deed} />
      {value.value && value.value.total > 0 && <p class="centered"><Button class="secondary csv" off={deed.busy.value} onClick={take}>{t("found.csv")}</Button></p>}
    </>
  );
}

function List({ found }: { found: Search }) {
  return (
    <div class="card scroll">
      <p class="hint" role="status">{t(found.total_at_least ? "found.atleast" : "found.total", { n: found.total })}</p>
      <table class="counts audit found-list">
        <thead><tr>
          <th scope="col">{t("found.number")}</th><th scope="col">{t("found.status")}</th><th scope="col">{t("found.user")}</th><th scope="col">{t("found.performance")}</th>
          <th scope="col">{t("found.seats")}</th><th scope="col">{t("found.amount")}</th><th scope="col">{t("found.paid")}</th><th scope="col">{t("found.held")}</th>
        </tr></thead>
        <tbody>{found.items.map(({ reservation: r, customer: c, money: m }) => (
          <tr key={r.id}>
            <th scope="row">{r.id}</th>
            <td><span class={"pill " + r.status}>{t(("reservation." + r.status) as Word)}</span></td>
            <td data-of={t("found.user")}>{c.name ?? t("found.closed", { id: String(c.id) })}{c.email && <small>{c.email}</small>}</td>
            <td data-of={t("found.performance")}><a href={"/admin/rounds/" + r.round}>{r.performance.title}</a><small>{dateTime(r.starts_at)} · {r.hall}</small></td>
            <td data-of={t("found.seats")}>{r.seats.join(" · ")}</td><td data-of={t("found.amount")}>{won(r.amount)}{m.discount > 0 && <small>−{won(m.discount)}{m.coupon_id && " · " + m.coupon_id}</small>}</td>
            <td data-of={t("found.paid")}>{(m.paid > 0 || m.coupon_id) && won(m.paid)}{m.refund_due > 0 && <small>{t("refund.due", { amount: won(m.refund_due) })}</small>}{m.refunded > 0 && <small>{t("refund.done", { amount: won(m.refunded) })}</small>}</td><td data-of={t("found.held")}>{dateTime(r.held_at)}</td>
          </tr>
        ))}</tbody>
      </table>
    </div>
  );
}
