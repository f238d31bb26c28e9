// What others thought of a performance, newest first, and what I think of it. Who may say it the server decides.
import { useSignal } from "@preact/signals";
import { ask, get, Refusal, type Performance } from "../api";
import { session } from "../session";
import { date, number, t } from "../words";
import { Button, Choice, Form, Outcome, Text, useDeed, type Fields } from "./forms";
import { Failed, Loading, usePaged } from "./parts";

interface Review {
  id: number;
  rate: number;
  text: string;
  created_at: string;
  edited_at?: string;
  version: number;
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
  const { value, failed, retry, more } = usePaged<Review>(`/performances/${show.id}/reviews?limit=${pageOf}`), items = value.value?.items ?? [];
  const put = (items: Review[]) => {
    value.value = { ...value.value, items };
    changed();
  };
  const drop = (r: Review) => put(items.filter((x) => x.id !== r.id));
  return (
    <section class="reviews" id="reviews">
      <h2>{t("review.title")} <Rating show={show} /></h2>
      {failed.value && <Failed err={failed.value} retry={retry} />}
      {!value.value && !failed.value && <Loading />}
      {value.value?.items.length === 0 && <p class="hint">{t("review.none")}</p>}
      <ul class="cards">{items.map((r) => (
        <li key={r.id} class="card review">
          <p class="card-head"><span class="stars" role="img" aria-label={t("review.rate", { n: r.rate })}>{stars(r.rate)}</span><small>{date(r.created_at)}{r.edited_at && " · " + t("review.edited")}</small></p>
          {r.text && <p>{r.text}</p>}
          {session.value?.role === "admin" && <Moderate review={r} drop={drop} />}
        </li>
      ))}</ul>
      {more}
      {session.value?.role === "customer" && <Mine key={session.value.id} show={show} drop={drop}
        said={(r) => put(items.some((x) => x.id === r.id) ? items.map((x) => (x.id === r.id ? r : x)) : [r, ...items])} />}
    </section>
  );
}

const seen = (r: Review) => ({ match: `"${r.version}-seen"` });

interface MineProps {
  show: Performance;
  said: (r: Review) => void;
  drop: (r: Review) => void;
}

/** Mine writes my review, or changes the one that there is. */
function Mine({ show, said, drop }: MineProps) {
  const deed = useDeed(), mine = useSignal<Review | null | undefined>(undefined), path = `/performances/${show.id}/reviews`; // undefined: not asked yet
  const open = (event: Event) => {
    if (!(event.currentTarget as HTMLDetailsElement).open || mine.value) return;
    get<Review>(path + "/mine").then((r) => (mine.value = r), (err: unknown) => {
      if (err instanceof Refusal && err.status === 404) mine.value = null;
      else deed.failed.value = err;
    });
  };
  const save = async (f: Fields) => {
    const was = mine.value, body = { rate: Number(f["rate"]), text: f["text"] };
    const { body: is } = was ? await ask<Review>("PUT", "/reviews/" + was.id, { body, ...seen(was) }) : await ask<Review>("POST", path, { body });
    said((mine.value = is));
    return was ? t("review.changed") : t("review.sent");
  };
  const remove = () => void deed.run(async () => {
    await ask("DELETE", "/reviews/" + mine.value!.id, seen(mine.value!));
    drop(mine.value!);
    mine.value = null;
    return t("review.dropped");
  });
  const was = mine.value;
  return (
    <details class="card write" onToggle={open}>
      <summary>{was ? t("review.change") : t("review.write")}</summary>
      {was === undefined ? deed.failed.value ? <Outcome deed={deed} /> : <Loading /> : (
        <Form key={was?.id} quiet deed={deed} submit={was ? t("review.save") : t("review.send")} work={save}>
          <Choice label={t("review.stars")} name="rate">
            {Array.from({ length: best + 1 }, (_, i) => best - i).map((n) => <option key={n} value={n} selected={n === (was?.rate ?? best)}>{n} {stars(n)}</option>)}
          </Choice>
          <Text label={t("review.text")} name="text" rows={3} maxLength={1000} defaultValue={was?.text} />
        </Form>
      )}
      {was && <Button class="quiet drop" off={deed.busy.value} onClick={remove}>{t("review.drop")}</Button>}
    </details>
  );
}

/** Moderate is for admins: in two steps, for it is another's. */
function Moderate({ review, drop }: { review: Review; drop: (r: Review) => void }) {
  const deed = useDeed();
  return (
    <details>
      <summary>{t("review.moderate")}</summary>
      <Button class="secondary drop" off={deed.busy.value} onClick={() => void deed.run(async () => {
        await ask("DELETE", "/admin/reviews/" + review.id, seen(review));
        setTimeout(() => drop(review));
      })}>{t("review.drop")}</Button>
      <Outcome deed={deed} />
    </details>
  );
}
