package main

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp"

	"ticketblue/payments/faketoss"
)

// tossStub stands in for Toss' script, which is not asked: it draws something, and keeps what it is told.
const tossStub = `window.TossPayments = Object.assign(key => ({
	widgets: who => ({
		setAmount: async amount => { window.told = {key, who, amount}; },
		renderPaymentMethods: async o => { document.querySelector(o.selector).innerHTML = '<p style="color: green">ways to pay</p>'; },
		renderAgreement: async o => { document.querySelector(o.selector).textContent = "agreement"; },
		requestPayment: async request => { window.told.request = request; },
	}),
}), {ANONYMOUS: "ANONYMOUS"});`

// intercepted answers requests for Toss' script with the stub; no request leaves the machine.
func (w *window) intercepted() {
	w.t.Helper()
	err := chromedp.Listen(w.ctx, func(event any) {
		paused, ok := event.(*fetch.EventRequestPaused)
		if !ok {
			return
		}
		go func() { // a listener must not wait
			answer := fetch.FulfillRequestParams{
				RequestID: paused.RequestID, ResponseCode: 200, Body: []byte(tossStub),
				ResponseHeaders: []*fetch.HeaderEntry{{Name: "Content-Type", Value: "text/javascript"}},
			}
			_ = chromedp.Do(w.ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error { // the page may have gone
				_, err := cdp.Call(ctx, target, fetch.FulfillRequest, answer)
				return err
			}))
		}()
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: "https://*"}}})
		return err
	}))
}

// TestTossWidget: with Toss' keys its widget is drawn with the server's amount, and what it sends back is confirmed.
func TestTossWidget(t *testing.T) {
	t.Parallel() // it mostly waits for a browser
	th, toss := openTheatre(t), newBank(t, faketoss.Webhooks{})
	th.stop()
	cmd := program("serve", "--data", th.data, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--toss-url", toss.url, "--toss-client-key", "test_gck_stub")
	cmd.Env = append(cmd.Env, "TB_TOSS_SECRET_KEY="+faketoss.SecretKey)
	th.server = awaitServer(t, th.data, cmd)
	id := th.reserve(t, th.tokens[0], "widget", "A-1-1")
	w := startBrowser(t, "ko-KR").open(t, th.url, 1280, 900)
	w.intercepted()
	w.visit("/")
	w.logIn(customer(0), thePassword)
	w.visit("/checkout/" + id)
	w.click("#pay") // the price is settled
	w.untilText("#toss-methods", "ways to pay")
	w.untilText("#toss-agreement", "agreement")
	w.until(`!document.querySelector("#pay").disabled`)
	w.click("#pay")
	w.until(`window.told.request !== undefined`)
	if told := eval[string](w, `[told.key, told.who.customerKey, told.amount.currency, told.amount.value, told.request.orderId, told.request.successUrl].join(" ")`); told !=
		"test_gck_stub ANONYMOUS KRW 132000 tb-order-"+id+"-1 "+th.url+"/checkout/"+id+"/success" {
		t.Errorf("the widget was told %s", told)
	}
	key, err := toss.Authenticate("tb-order-"+id+"-1", "a seat", 132_000, faketoss.Approve)
	if err != nil {
		t.Fatal(err)
	}
	w.visit("/checkout/" + id + "/success?paymentType=NORMAL&amount=132000&orderId=tb-order-" + id + "-1&paymentKey=" + key)
	w.untilText("h1", "예매가 완료되었습니다")
}
