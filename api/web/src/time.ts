// The server's clock decides; ours only counts.
import { signal } from "@preact/signals";

let offset = 0; // server minus device, ms

/** now is the server's time in ms, renewed every second. */
export const now = signal(Date.now());

export function serverNow(): number {
  return Date.now() + offset;
}

/** learn takes the server's time from an answer asked for at `asked` and received just now. */
export function learn(serverTime: string, asked: number): void {
  const received = Date.now();
  offset = Date.parse(serverTime) - (asked + received) / 2;
  now.value = serverNow();
}

export function startClock(): void {
  const tick = () => {
    now.value = serverNow();
    setTimeout(tick, 1000 - (serverNow() % 1000) + 5); // on the full second, so that all countdowns turn together
  };
  tick();
}
