// Paying, as the API has it. Every step may be asked again: the order is the same until it has ended.
import { ask, get, Refusal, Unanswered, type Reservation } from "../api";
import { now } from "../time";

export interface Payment {
  order_id: string;
  provider_order_id: string;
  status: "open" | "confirming" | "declined" | "paid" | "refund_due" | "refunded";
  reservation_status: Reservation["status"];
  coupon_id?: string;
  price: number;
  amount?: number; // absent while the coupon is not settled
  refund?: number;
  pay_by?: string;
  reason?: string;
}

export interface Provider {
  provider: "toss" | "fake" | "none";
  client_key?: string;
  page?: string;
}

/** Returned is what a provider's redirect brings along. */
export interface Returned {
  paymentKey: string;
  orderId: string; // the provider's name of it
  amount: string;
}

const provideTime = 20_000; // ms: longer than the server waits for the provider
const firstPause = 700, lastPause = 5_000; // ms between questions

export const start = async (reservation: string, coupon: string): Promise<Payment> =>
  (await ask<Payment>("POST", `/reservations/${reservation}/payment`, { body: coupon ? { coupon_id: coupon } : {} })).body;

/** standing is how the newest order stands; null when there is none. */
export async function standing(reservation: string): Promise<Payment | null> {
  try {
    return await get<Payment>(`/reservations/${reservation}/payment`);
  } catch (err) {
    if (err instanceof Refusal && err.status === 404) return null;
    throw err;
  }
}

/** orderOf is our name of the order that a redirect speaks of; "" when it is none of this reservation's. */
export function orderOf(returned: Returned, reservation: string): string {
  const order = /(?:^|-)(\d+-\d+-\d+)$/.exec(returned.orderId)?.[1] ?? "";
  return order.startsWith(reservation + "-") ? order : "";
}

/** unsure: asking again is right, for nobody has said no. */
export const unsure = (err: unknown): boolean => err instanceof Unanswered || (err instanceof Refusal && (!err.final || err.status === 429));

/**
 * confirm asks until the payment has ended, and tells meanwhile how often it has asked. It returns null when its page
 * has gone, and throws what the server refuses for good.
 */
export async function confirm(order: string, returned: Returned, alive: () => boolean, asked: (times: number) => void): Promise<Payment | null> {
  const body = { order_id: order, amount: Number(returned.amount), ...(returned.paymentKey ? { payment_key: returned.paymentKey } : {}) };
  for (let times = 1, pause = firstPause; alive(); times++) {
    try {
      const { status, body: payment } = await ask<Payment>("POST", "/payments/confirm", { body, patience: provideTime });
      if (status !== 202) return payment;
    } catch (err) {
      if (!unsure(err)) throw err;
      if (err instanceof Refusal && err.retryAfter > 0) pause = Math.max(pause, err.retryAfter * 1000);
    }
    if (!alive()) return null;
    asked(times);
    await new Promise((done) => setTimeout(done, pause));
    pause = Math.min(pause * 1.6, lastPause);
  }
  return null;
}

/** left is how long the payment may still be begun, in ms; Infinity when nothing runs out. */
export const left = (until: string | undefined): number => (until ? Date.parse(until) - now.value : Infinity);
