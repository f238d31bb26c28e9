// Who has logged in. The token stays in this tab; this file is the only one that knows where, or that there is one.
import { signal } from "@preact/signals";

export interface Session {
  email: string;
  token: string;
  until: number; // by this device's clock
}

const kept = "tb.session";

export const session = signal<Session | null>(restore());

function restore(): Session | null {
  try {
    const found = JSON.parse(sessionStorage.getItem(kept) ?? "null") as Session | null;
    return found && found.until > Date.now() ? found : null;
  } catch {
    return null;
  }
}

export function enter(email: string, token: string, seconds: number): void {
  const next = { email, token, until: Date.now() + seconds * 1000 };
  sessionStorage.setItem(kept, JSON.stringify(next));
  session.value = next;
}

export function leave(): void {
  sessionStorage.removeItem(kept);
  session.value = null;
}

/** credentials are the headers that tell the server who asks. */
export function credentials(): Record<string, string> {
  return session.value ? { Authorization: "Bearer " + session.value.token } : {};
}
