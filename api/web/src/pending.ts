// A request that changes something gets a number of its own when it is made. It is kept until it is answered, so that
// asking again, also after a reload, asks for the same thing and not for another.
import { session } from "./session";

export interface Pending {
  key: string;
  body: unknown;
  email: string; // whose request; empty: of whoever logs in next
}

const slot = (round: number) => "tb.pending." + round;

export function remember(round: number, body: unknown): Pending {
  const made: Pending = { key: crypto.randomUUID?.() ?? randomKey(), body, email: session.value?.email ?? "" };
  sessionStorage.setItem(slot(round), JSON.stringify(made));
  return made;
}

// Browsers offer randomUUID to secure pages only.
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

/** recall finds what this customer has asked and not been told yet. Another customer's request is forgotten. */
export function recall(round: number): Pending | null {
  const found = JSON.parse(sessionStorage.getItem(slot(round)) ?? "null") as Pending | null;
  const email = session.value?.email ?? "";
  if (!found || !email) return found;
  if (found.email && found.email !== email) {
    forget(round);
    return null;
  }
  found.email = email;
  sessionStorage.setItem(slot(round), JSON.stringify(found));
  return found;
}

export function forget(round: number): void {
  sessionStorage.removeItem(slot(round));
}
