// What others thought of a performance, newest first, and what I think of it. Who may say it the server decides.
import { ask, get, type Page, type Performance } from "../api";
import { session } from "../session";
import { date, number, t } from "../words";
import { Form, useDeed } from "./forms";
import { Failed, Loading, useLoaded } from "./parts";

interface Review {
  id: number;
  rate: number;
  text: string;
  created_at: string;
  edited_at?: string;
}

const pageOf = 10, best = 5;

export const stars = (rate: number): string => "★".repeat(Math.round(rate)) + "☆".repeat(best - Math.round(rate));

/** Rating is the average of all reviews, where there are any. */
export function Rating({ show }: { show: Performance }) {
  const { average, count } = show.rating;
  if (count === 0) return null;
  return <span class="rating"><span aria-hidden="true">★ {number(average)} ({number(count)})</span><span class="spoken">{t("review.average", { average, n: count })}</span></span>;
}

export function Reviews({ show, changed }: { show: Performance; changed: () => void }) {
  const path = `/performances/${show.id}/reviews?limit=${pageOf}`, deed = useDeed();
  const { value, failed, retry } = useLoaded(path, () => get<Page<Review>>(path));
  const more = () => deed.run(async () => {
    const page = value.value!, next = await get<Page<Review>>(path + "&after=" + encodeURIComponent(page.next!));
    value.value = { ...next, items: [...page.items, ...next.items] };
  });
  return (
    <section class="reviews" id="reviews">
      <h2>{t("review.title")} <Rating show={show} /></h2>
      {failed.value && <Failed err={failed.value} retry={retry} />}
      {!value.value && !failed.value && <Loading />}
      {value.value?.items.length === 0 && <p class="hint">{t("review.none")}</p>}
      <ul class="cards">{value.value?.items.map((r) => (
        <li key={r.id} class="card review">
          <p class="card-head"><span class="stars" role="img" aria-label={t("review.rate", { n: r.rate })}>{stars(r.rate)}</span><small>{date(r.created_at)}</small></p>
          {r.text && <p>{r.text}</p>}
        </li>
      ))}</ul>
      {value.value?.next && <p class="centered"><button type="button" class="secondary more" disabled={deed.busy.value} onClick={() => void more()}>{t("mine.more")}</button></p>}
      {session.value && <Write show={show} written={(r) => {
        value.value = { ...value.value, items: [r, ...(value.value?.items ?? [])] };
        changed();
      }} />}
    </section>
  );
}

function Write({ show, written }: { show: Performance; written: (r: Review) => void }) {
  const deed = useDeed();
  return (
    <details class="card write">
      <summary>{t("review.write")}</summary>
      <Form quiet deed={deed} submit={t("review.send")} work={async (f, form) => {
        const { body } = await ask<Review>("POST", `/performances/${show.id}/reviews`, { body: { rate: Number(f["rate"]), text: f["text"] } });
        form.reset();
        written(body);
        return t("review.sent");
      }}>
        <label>{t("review.stars")}
          <select name="rate" defaultValue={String(best)}>{Array.from({ length: best + 1 }, (_, i) => best - i).map((n) => <option key={n} value={n}>{n} {stars(n)}</option>)}</select>
        </label>
        <label>{t("review.text")}<textarea name="text" rows={3} maxLength={1000} /></label>
      </Form>
    </details>
  );
}
