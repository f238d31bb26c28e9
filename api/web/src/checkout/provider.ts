// Where the browser goes to pay: the provider's window, and from there back to the success or the failure page.
import { Mistake } from "../api";
import { go } from "../router";
import { t } from "../words";
import type { Payment, Provider } from "./payment";

const tossScript = "https://js.tosspayments.com/v2/standard";

interface PaymentRequest {
  orderId: string;
  orderName: string;
  successUrl: string;
  failUrl: string;
}

interface Amount {
  currency: "KRW";
  value: number;
}

export interface TossWidgets {
  setAmount(amount: Amount): Promise<void>;
  renderPaymentMethods(options: { selector: string; variantKey: string }): Promise<unknown>;
  renderAgreement(options: { selector: string; variantKey: string }): Promise<unknown>;
  requestPayment(request: PaymentRequest): Promise<void>;
}

interface TossPayments {
  widgets(options: { customerKey: string }): TossWidgets;
  payment(options: { customerKey: string }): { requestPayment(request: PaymentRequest & { method: "CARD"; amount: Amount }): Promise<void> };
}

interface TossFactory {
  (clientKey: string): TossPayments;
  ANONYMOUS: string;
}

const toss = () => (window as unknown as { TossPayments?: TossFactory }).TossPayments;

/** usesWidgets: keys of the widget's kind draw the ways to pay into our page; others open a window. */
export const usesWidgets = (p: Provider): boolean => p.provider === "toss" && (p.client_key ?? "").includes("_gck_");

function loadToss(): Promise<TossFactory> {
  const there = toss();
  if (there) return Promise.resolve(there);
  return new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = tossScript;
    script.onload = () => { const loaded = toss(); if (loaded) done(loaded); else fail(new Mistake(t("pay.noscript"))); };
    script.onerror = () => { script.remove(); fail(new Mistake(t("pay.noscript"))); };
    document.head.append(script);
  });
}

/** draw shows the provider's ways to pay in the elements that the selectors name. */
export async function draw(p: Provider, amount: number, methods: string, agreement: string): Promise<TossWidgets> {
  const factory = await loadToss();
  const widgets = factory(p.client_key!).widgets({ customerKey: factory.ANONYMOUS });
  await widgets.setAmount({ currency: "KRW", value: amount });
  await Promise.all([
    widgets.renderPaymentMethods({ selector: methods, variantKey: "DEFAULT" }), widgets.renderAgreement({ selector: agreement, variantKey: "AGREEMENT" }),
  ]);
  return widgets;
}

/** leave goes to the provider's window with a payment that has its price. */
export async function leave(p: Provider, reservation: string, payment: Payment, name: string, widgets: TossWidgets | null): Promise<void> {
  const page = `/checkout/${reservation}`, amount = payment.amount!;
  if (amount === 0) return go(`${page}/success?` + new URLSearchParams({ orderId: payment.provider_order_id, amount: "0" }));
  const request: PaymentRequest = {
    orderId: payment.provider_order_id, orderName: name, successUrl: `${location.origin}${page}/success`, failUrl: `${location.origin}${page}/fail`,
  };
  if (p.provider === "fake") return location.assign(p.page! + "?" + new URLSearchParams({ ...request, amount: String(amount) }));
  if (p.provider === "none") throw new Mistake(t("pay.noprovider"));
  if (widgets) return widgets.requestPayment(request);
  const factory = await loadToss();
  await factory(p.client_key!).payment({ customerKey: factory.ANONYMOUS }).requestPayment({ ...request, method: "CARD", amount: { currency: "KRW", value: amount } });
}
