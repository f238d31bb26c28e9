// What I was told, newest first: unread ones are those above the mark.
import { useSignalEffect } from "@preact/signals";
import { ask, get } from "../api";
import { arrived, countedUnread, details, sentence, unread, type Inbox, type Notice } from "../inbox";
import { dateTime, t } from "../words";
import { Button, Outcome, useDeed } from "./forms";
import { Account, Failed, Loading, More, useLoaded } from "./parts";

const pageOf = 20;

export function InboxPage() {
  return <Account title={t("inbox.title")} lead={t("inbox.login")}>{(who) => <Told user={who.id} />}</Account>;
}

function Told({ user }: { user: number }) {
  const deed = useDeed();
  const { value, failed, retry } = useLoaded("inbox" + user, async () => {
    const inbox = await get<Inbox>("/inbox?limit=" + pageOf);
    unread.value = inbox.unread;
    return inbox;
  });
  useSignalEffect(() => {
    const notice = arrived.value, shown = value.peek();
    if (!notice || !shown || shown.items.some((n) => n.id === notice.id)) return;
    value.value = { ...shown, items: [notice, ...shown.items].sort((a, b) => (a.at < b.at ? 1 : -1)) };
  });
  if (failed.value) return <Failed err={failed.value} retry={retry} />;
  if (!value.value) return <Loading />;
  const { items, next } = value.value;
  const fresh = (n: Notice, i: number) => (unread.value >= countedUnread ? !n.read : i < unread.value);
  const mark = (i: number) => deed.run(async () => {
    await ask("POST", "/inbox/read", { body: { until: items[i]!.id } });
    value.value = { items: items.map((n, at) => (at >= i ? { ...n, read: true } : n)), next, unread: i };
    unread.value = i;
    return t("inbox.marked");
  });
  const more = async (after: string) => {
    const page = await get<Inbox>(`/inbox?limit=${pageOf}&after=` + encodeURIComponent(after));
    value.value = { ...page, items: [...items, ...page.items] };
  };
  return (
    <div class="narrow">
      <div class="card-head">
        <h1>{t("inbox.title")}</h1>
        {items.length > 0 && <Button id="read-all" off={unread.value === 0} onClick={() => void mark(0)}>{t("inbox.all")}</Button>}
      </div>
      <Outcome deed={deed} />
      {items.length === 0 && <p class="hint">{t("inbox.empty")}</p>}
      <ul class="told">{items.map((n, i) => <Item key={n.id} notice={n} fresh={fresh(n, i)} mark={() => mark(i)} />)}</ul>
      <More next={next} load={more} />
    </div>
  );
}

function Item({ notice: n, fresh, mark }: { notice: Notice; fresh: boolean; mark: () => Promise<void> }) {
  // The button goes with the mark; the focus must not.
  const read = (event: Event) => {
    const link = (event.currentTarget as Element).closest("li")!.querySelector("a");
    void mark().then(() => link?.focus());
  };
  return (
    <li class={"card " + n.kind + (fresh ? " fresh" : "")}>
      <p><a href={about(n)}>{fresh && <span class="spoken">{t("inbox.new")} </span>}{sentence(n)}</a></p>
      <p class="hint">{details(n)}</p>
      <p class="card-head">
        <small><time dateTime={n.at}>{dateTime(n.at)}</time></small>
        {fresh && <button type="button" class="quiet read" onClick={read}>{t("inbox.read")}</button>}
      </p>
    </li>
  );
}

// about is the page where one can do something about it.
function about(n: Notice): string {
  switch (n.kind) {
    case "held": return n.until && Date.parse(n.until) > Date.now() ? "/checkout/" + n.reservation : "/reservations";
    case "review": return "/performances/" + n.performance;
    case "coupon": return "/coupons";
    case "dormancy": return "/me";
    default: return "/reservations";
  }
}
