// The live map: server-sent events with resume while they are there, asking every two seconds while they are not.
import { ask, Refusal, type RoundStatus } from "../api";

export type Connection = "connecting" | "live" | "polling" | "away";

export interface Sink {
  seq(): number;
  snapshot(seq: number, seats: string, status?: RoundStatus): void;
  delta(seq: number, changes: [number, string][], status?: RoundStatus): void;
  connection(state: Connection): void;
  /** renew asks for what a snapshot does not say: whether the sale is paused. */
  renew(): Promise<void>;
}

interface SnapshotWire {
  seq: number;
  seats: string;
  status?: RoundStatus;
}

interface DeltaWire {
  seq: number;
  status?: RoundStatus;
  changes: [number, string][];
}

const pollEvery = 2_000; // ms
const retryEvents = 30_000; // ms until events are tried again where the server had none
const silence = 1_500; // ms without a connection until we ask by ourselves

export class Live {
  private events: EventSource | null = null;
  private timer = 0; // of the next poll or silence
  private again = 0; // of the next try for events
  private etag = "";
  private closed = false;

  constructor(private readonly round: number, private readonly sink: Sink) {
    document.addEventListener("visibilitychange", this.visibility);
    this.connect();
  }

  close(): void {
    this.closed = true;
    document.removeEventListener("visibilitychange", this.visibility);
    this.disconnect();
  }

  /** refresh asks for the whole map now. */
  async refresh(): Promise<void> {
    const answer = await ask<SnapshotWire>("GET", `/rounds/${this.round}/seats`, { etag: this.etag });
    if (this.closed || answer.status === 304) return;
    this.etag = answer.etag;
    this.sink.snapshot(answer.body.seq, answer.body.seats);
  }

  // A browser allows few connections to one server: a page that nobody sees gives its own back.
  private visibility = () => {
    this.disconnect();
    if (!document.hidden) this.connect();
  };

  private disconnect(): void {
    this.events?.close();
    this.events = null;
    clearTimeout(this.timer);
    clearTimeout(this.again);
    this.timer = this.again = 0;
  }

  private connect(): void {
    const seen = this.sink.seq(); // the browser remembers this by itself only while it reconnects
    const events = (this.events = new EventSource(`/v1/rounds/${this.round}/events${seen < 0 ? "" : "?last_event_id=" + seen}`));
    events.addEventListener("snapshot", (e) => {
      const s = JSON.parse((e as MessageEvent<string>).data) as SnapshotWire;
      this.connected();
      this.sink.snapshot(s.seq, s.seats, s.status);
    });
    events.addEventListener("delta", (e) => {
      const d = JSON.parse((e as MessageEvent<string>).data) as DeltaWire;
      this.connected();
      this.sink.delta(d.seq, d.changes, d.status);
    });
    events.onopen = () => this.connected();
    events.onerror = () => {
      if (events !== this.events) return;
      if (events.readyState === EventSource.CLOSED) {
        this.disconnect(); // the server has no events here just now
        this.again = window.setTimeout(() => this.connect(), retryEvents);
        void this.poll();
      } else if (!this.timer) {
        this.timer = window.setTimeout(() => void this.poll(), silence); // the browser reconnects by itself
      }
    };
  }

  private connected(): void {
    clearTimeout(this.timer);
    this.timer = 0;
    this.sink.connection("live");
  }

  private async poll(): Promise<void> {
    clearTimeout(this.timer);
    let wait = pollEvery;
    try {
      await Promise.all([this.refresh(), this.sink.renew()]);
      if (this.closed || this.isLive()) return;
      this.sink.connection("polling");
    } catch (err) {
      if (this.closed || this.isLive()) return;
      if (err instanceof Refusal && err.retryAfter > 0) wait = err.retryAfter * 1000;
      this.sink.connection("away");
    }
    if (!document.hidden) this.timer = window.setTimeout(() => void this.poll(), wait);
  }

  private isLive(): boolean {
    return this.events?.readyState === EventSource.OPEN;
  }
}
