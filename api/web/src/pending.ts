// A request that changes something gets a number of its own when it is made. It is kept until it is answered, so that
// asking again, also after a reload, asks for the same thing and not for another.
import { session } from "./session";

export interface Pending {
  key: string;
  body: unknown;
  user: number; // whose request; 0: of whoever logs in next
}

const slot = (round: number) => "tb.pending." + round;

export function remember(round: number, body: unknown): Pending {
  const made: Pending = { key: newKey(), body, user: session.value?.id ?? 0 };
  sessionStorage.setItem(slot(round), JSON.stringify(made));
  return made;
}

/** newKey names a request. (Browsers offer randomUUID to secure pages only.) */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

/** recall finds what this customer has asked and not been told yet. Another customer's request is forgotten. */
export function recall(round: number): Pending | null {
  const found = JSON.parse(sessionStorage.getItem(slot(round)) ?? "null") as Pending | null;
  const user = session.value?.id ?? 0;
  if (!found || !user) return found;
  if (found.user && found.user !== user) {
    forget(round);
    return null;
  }
  found.user = user;
  sessionStorage.setItem(slot(round), JSON.stringify(found));
  return found;
}

export function forget(round: number): void {
  sessionStorage.removeItem(slot(round));
}
