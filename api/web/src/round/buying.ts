// Reserving and releasing: asking until there is an answer, with one number per request.
import { signal } from "@preact/signals";
import { ask, explain, get, Refusal, Unanswered, type Page, type Reservation } from "../api";
import { forget, recall, remember, type Pending } from "../pending";
import { go } from "../router";
import { who } from "../session";
import { serverNow } from "../time";
import { t } from "../words";
import type { RoundModel } from "./model";

export interface Notice {
  kind: "good" | "bad" | "info";
  title?: string;
  text: string;
  seats?: string[];
  actions?: { label: string; run: () => void }[];
}

interface BestBody {
  best_available: { count: number; grade?: string };
}

const live = ["held", "paying", "confirmed"];
const tries = 5;
const keptMine = "tb.mine";

/** mineHere are the ids of reservations made in this tab, newest first. */
export function mineHere(): string[] {
  return JSON.parse(sessionStorage.getItem(keptMine) ?? "[]") as string[];
}

function keepMine(id: string): void {
  sessionStorage.setItem(keptMine, JSON.stringify([id, ...mineHere().filter((other) => other !== id)].slice(0, 50)));
}

const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));

export class Buying {
  readonly notice = signal<Notice | null>(null);
  readonly busy = signal(false);

  constructor(private readonly model: RoundModel) {}

  reserve(): Promise<void> {
    const seats = this.model.selection.value.map((i) => this.model.plan.seat(i).label);
    return this.begin({ seats });
  }

  best(count: number, grade: string): Promise<void> {
    const body: BestBody = { best_available: grade ? { count, grade } : { count } };
    return this.begin(body);
  }

  /** resume asks again what was asked before a reload or a log-in and has not been answered. */
  async resume(): Promise<void> {
    if (!(await this.known())) return;
    const pending = recall(this.model.id);
    if (pending) await this.send(pending);
  }

  private async begin(body: unknown): Promise<void> {
    if (this.busy.value) return;
    await this.send(remember(this.model.id, body));
  }

  // What cannot be found out just now is asked again when it matters.
  private known() {
    return who().catch(() => null);
  }

  private login(): void {
    go("/login?then=" + encodeURIComponent(location.pathname + location.search));
  }

  private async send(pending: Pending): Promise<void> {
    this.busy.value = true;
    try {
      if (!(await who())) return this.login();
      if (!recall(this.model.id)) return; // it was another customer's
      await this.settle(pending, await this.untilAnswered(pending));
    } catch (err) {
      this.refused(pending, err);
    } finally {
      this.busy.value = false;
    }
  }

  private async untilAnswered(pending: Pending): Promise<Reservation> {
    for (let attempt = 1; ; attempt++) {
      try {
        return (await ask<Reservation>("POST", `/rounds/${this.model.id}/reservations`, { body: pending.body, key: pending.key })).body;
      } catch (err) {
        const unsure = err instanceof Unanswered || (err instanceof Refusal && !err.final && err.problem.retryable);
        if (!unsure || attempt >= tries) throw err;
        this.notice.value = { kind: "info", text: err instanceof Refusal ? err.words() : t("notice.lost") };
        const pause = err instanceof Refusal && err.retryAfter > 0 ? err.retryAfter * 1000 : 500 * 2 ** attempt;
        await wait(pause * (0.8 + 0.4 * Math.random())); // not all at once
      }
    }
  }

  private async settle(pending: Pending, made: Reservation): Promise<void> {
    forget(this.model.id);
    keepMine(made.id);
    this.model.setHolds([...this.model.holds.value.filter((h) => h.id !== made.id), made]);
    if (live.includes(made.status)) {
      // What is held stands beside the map, on a phone far away from what was pressed.
      const pay = made.status === "held" ? [{ label: t("mine.pay"), run: () => go("/checkout/" + made.id) }] : [];
      this.notice.value = { kind: "good", text: t("notice.held", { n: made.seats.length, seats: this.model.shortOf(made.seats) }), actions: pay };
    } else {
      this.notice.value = null; // a repeat of a request whose reservation has ended since
    }
    if ((pending.body as { seats?: string[] }).seats) this.model.clear();
    await this.reload();
  }

  private refused(pending: Pending, err: unknown): void {
    if (err instanceof Refusal && err.status === 401) return this.login(); // kept: it is asked again after the log-in
    if (!(err instanceof Refusal) || !err.final) {
      this.notice.value = {
        kind: "bad", text: err instanceof Refusal ? err.words() : t("notice.unsure"),
        actions: [
          { label: t("notice.check"), run: () => void this.send(pending) },
          { label: t("notice.forget"), run: () => { forget(this.model.id); this.notice.value = null; void this.reload(); } },
        ],
      };
      return;
    }
    forget(this.model.id);
    const again = err.problem.code === "seat_taken" ? this.alternative(pending) : [];
    this.model.deselect(err.seats);
    this.notice.value = { kind: "bad", title: t("refusal.title"), text: err.words(), seats: [...err.seats], actions: again };
    this.model.refresh();
  }

  // Who has lost a seat gets, by one press, as many others of its grade.
  private alternative(pending: Pending): Notice["actions"] {
    const seats = (pending.body as { seats?: string[] }).seats ?? [];
    const grades = new Set(seats.map((l) => this.model.plan.seat(this.model.plan.find(l)).grade));
    if (grades.size !== 1) return [];
    const grade = [...grades][0]!, n = seats.length;
    return [{ label: t("best.again", { n, grade }), run: () => { this.model.clear(); void this.best(n, grade); } }];
  }

  async release(id: string): Promise<void> {
    this.busy.value = true;
    try {
      await ask<Reservation>("DELETE", "/reservations/" + id);
      this.notice.value = { kind: "good", text: t("notice.released") };
    } catch (err) {
      if (err instanceof Refusal && err.status === 401) this.login();
      else this.notice.value = { kind: "bad", text: explain(err) };
    } finally {
      this.busy.value = false;
    }
    await this.reload();
  }

  /** reload asks what is mine in this round, and for the seats. */
  async reload(): Promise<void> {
    if (!(await this.known())) return this.model.setHolds([]);
    const ids = new Set([...mineHere(), ...(await this.listed())].filter((id) => id.startsWith(this.model.id + "-")));
    const found = await Promise.all([...ids].map((id) => get<Reservation>("/reservations/" + id).catch((err: unknown) => this.unreadable(id, err))));
    this.model.setHolds(found.filter((r) => r !== null && live.includes(r.status)) as Reservation[]);
    this.model.refresh();
  }

  // What cannot be read just now is still there; what is not ours is not.
  private unreadable(id: string, err: unknown): Reservation | null {
    if (err instanceof Refusal && err.final) return null;
    return this.model.holds.value.find((h) => h.id === id) ?? null;
  }

  private async listed(): Promise<string[]> {
    try {
      const page = await get<Page<Reservation>>("/reservations?limit=100");
      return page.items.filter((r) => r.round === this.model.id && live.includes(r.status)).map((r) => r.id);
    } catch {
      return []; // what was made in this tab is known anyway
    }
  }

  /** expire looks at holds whose time is over by the server's clock. */
  async expire(): Promise<void> {
    const due = this.model.holds.value.filter((h) => h.status === "held" && h.expires_at && Date.parse(h.expires_at) <= serverNow());
    if (due.length === 0) return;
    await this.reload();
    const left = new Set(this.model.holds.value.map((h) => h.id));
    const gone = due.filter((h) => !left.has(h.id)).flatMap((h) => h.seats);
    if (gone.length > 0) this.notice.value = { kind: "bad", text: t("notice.expired", { seats: this.model.shortOf(gone) }) };
  }
}
