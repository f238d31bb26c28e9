package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestPaymentPages pays, fails to pay, and gets money back in a real browser, at the fake Toss.
func TestPaymentPages(t *testing.T) {
	t.Parallel() // it mostly waits for a browser
	th := openTheatre(t)
	b := startBrowser(t, "ko-KR")
	t.Run("seats, coupon, ticket, cancellation, refund", func(t *testing.T) { th.buysAndCancels(t, b) })
	t.Run("refused, then paid by keyboard", func(t *testing.T) { th.refusedThenPaid(t, b) })
	t.Run("window closed", func(t *testing.T) { th.windowClosed(t, b) })
	t.Run("refreshed while nobody knows", func(t *testing.T) { th.refreshed(t, b) })
	t.Run("answer lost", func(t *testing.T) { th.answerLost(t, b) })
	t.Run("virtual account", func(t *testing.T) { th.virtualAccount(t, b) })
	t.Run("nothing to pay", func(t *testing.T) { th.nothingToPay(t, b) })
	t.Run("phone, in English", func(t *testing.T) { th.payByPhone(t, b) })
	t.Run("another's payment", func(t *testing.T) { th.anothersPayment(t, b) })
}

// atCheckout reserves a seat by the API and opens its checkout.
func (th *theatre) atCheckout(t *testing.T, b *browser, who int, seat string) (w *window, id string) {
	t.Helper()
	id = th.reserve(t, th.tokens[who], "pay for "+seat, seat)
	w = b.open(t, th.url, 1280, 900)
	w.visit("/")
	w.logIn(customer(who), thePassword)
	w.visit("/checkout/" + id)
	w.until(`document.querySelector("#pay") !== null`)
	return w, id
}

// campaign gives customers a coupon each.
func (th *theatre) campaign(t *testing.T, name string, percent int, who ...int) {
	t.Helper()
	now := time.Now()
	a := mustAsk(t, http.StatusCreated, "POST", th.url+"/v1/admin/campaigns", th.admin, map[string]any{
		"name": name, "stock": len(who), "discount": map[string]any{"kind": "rate", "value": percent, "cap": 500_000},
		"opens_at": now.UTC(), "closes_at": now.Add(24 * time.Hour).UTC(), "life_days": 30,
	})
	for _, i := range who {
		path := fmt.Sprintf("%s/v1/campaigns/%.0f/coupons", th.url, a.body["id"])
		mustAsk(t, http.StatusCreated, "POST", path, th.tokens[i], nil, "Idempotency-Key", "claim")
	}
}

// chooseCoupon waits for the campaign's coupon to be offered, and takes it.
func (w *window) chooseCoupon(name string) {
	w.t.Helper()
	w.until(fmt.Sprintf(`[...document.querySelectorAll("[name=coupon] option")].some(o => o.innerText.includes(%s))`, quoted(name)))
	eval[bool](w, fmt.Sprintf(`(() => {
		const select = document.querySelector("[name=coupon]");
		select.value = [...select.options].find(o => o.innerText.includes(%s)).value;
		return select.dispatchEvent(new Event("change", {bubbles: true}));
	})()`, quoted(name)))
}

// decide is a press of a button of the fake's page.
func (w *window) decide(outcome string) {
	w.t.Helper()
	w.until(`location.pathname === "/fake/toss/pay" && document.querySelector("form") !== null`)
	eval[bool](w, `(document.querySelector("details").open = true)`)
	w.click(fmt.Sprintf(`button[value=%q]`, outcome))
}

func (th *theatre) buysAndCancels(t *testing.T, b *browser) {
	th.campaign(t, "열 명 중 하나", 10, 0)
	w := b.open(t, th.url, 1280, 900)
	w.visit(th.path())
	w.logIn(customer(0), thePassword)
	w.clickSeat("A-1-1")
	w.clickSeat("A-1-2")
	w.click("#reserve")
	w.click(".hold .pay")
	w.chooseCoupon("열 명 중 하나")
	w.untilText(".due", "237,600원")
	w.reload() // nothing has happened yet
	w.untilText(".due", "264,000원")
	w.chooseCoupon("열 명 중 하나")
	w.untilText("#pay", "237,600원 결제하기")
	w.click("#pay")
	w.untilText("dd.amount", "₩237,600")
	w.visit(eval[string](w, `new URL(new URLSearchParams(location.search).get("successUrl")).pathname.replace("/success", "")`)) // and back again
	w.untilText(".hint", "쿠폰을 쓰고 있습니다")
	w.untilText("#pay", "237,600원 결제하기")
	w.click("#pay")
	w.decide("approve")
	w.untilText("h1", "예매가 완료되었습니다")
	w.untilText(".held-seats", "A구역 1열 1번 · A구역 1열 2번")
	w.reload()
	w.untilText("h1", "예매가 완료되었습니다")
	w.click(`.paid a[href="/reservations"]`)
	w.untilText(".reservation .pill", "예매 완료")
	w.click(".reservation summary")
	w.untilText(".reservation details", "수수료는 10%")
	w.untilText(".reservation details", "결제한 금액: 237,600원")
	w.click(`.reservation details button[type="submit"]`)
	w.untilText(".reservation .pill", "취소됨")
	w.untilText(".refund", "213,840원을 환불했습니다")
	w.visit("/coupons")
	w.untilText(".coupon.issued", "열 명 중 하나") // it came back
}

func (th *theatre) refusedThenPaid(t *testing.T, b *browser) {
	w, _ := th.atCheckout(t, b, 1, "A-2-1")
	w.tabTo("#pay", false)
	w.press(kb.Enter)
	w.until(`location.pathname === "/fake/toss/pay" && document.querySelector("form") !== null`)
	w.tabTo("summary", false)
	w.press(kb.Enter)
	w.tabTo(`button[value="refuse"]`, false)
	w.press(kb.Enter)
	w.untilText(".notice.bad", "카드사에서 결제를 거절했습니다")
	w.untilText(".hint", "좌석은 아직 고객님의 것입니다")
	w.reload()
	w.untilText(".notice.bad", "카드사에서 결제를 거절했습니다")
	w.tabTo(`.notice a[href^="/checkout/"]`, false)
	w.press(kb.Enter)
	w.until(`document.querySelector("#pay") !== null`)
	w.tabTo("#pay", false)
	w.press(kb.Enter)
	w.decide("approve")
	w.untilText("h1", "예매가 완료되었습니다")
}

func (th *theatre) windowClosed(t *testing.T, b *browser) {
	w, id := th.atCheckout(t, b, 2, "A-2-2")
	w.click("#pay")
	w.decide("declined")
	w.untilText(".notice.bad", "결제를 취소하셨습니다. 돈은 나가지 않았습니다")
	w.visit("/checkout/" + id + "/fail?code=%3Cimg%20src=x%20onerror=document.title=1%3E&message=%3Cscript%3Edocument.title%3D2%3C/script%3E&orderId=x")
	w.untilText(".notice.bad", "결제창이 닫혔습니다")
	if text := w.says(); strings.Contains(text, "<script>") || strings.Contains(text, "<img") {
		t.Errorf("the page shows what stands in its address:\n%s", text)
	}
	w.click(`.notice a`)
	w.click("#pay")
	w.decide("approve")
	w.untilText("h1", "예매가 완료되었습니다")
	w.visit("/checkout/" + id) // again
	w.untilText(".notice.good", "이미 결제를 마친 예매입니다")
}

func (th *theatre) refreshed(t *testing.T, b *browser) {
	w, _ := th.atCheckout(t, b, 3, "A-3-1")
	w.click("#pay")
	w.decide("slow")
	w.untilText("h1", "결제를 확인하고 있습니다")
	w.reload() // it goes on with that, unless it is over by now
	w.until(`["결제를 확인하고 있습니다", "예매가 완료되었습니다"].some(said => document.querySelector("h1")?.innerText.includes(said))`)
	w.untilText("h1", "예매가 완료되었습니다")
}

func (th *theatre) answerLost(t *testing.T, b *browser) {
	w, _ := th.atCheckout(t, b, 4, "A-3-2")
	w.click("#pay")
	w.decide("lost")
	w.untilText("h1", "예매가 완료되었습니다")
	w.click(`.paid a[href="/reservations"]`)
	w.click(".reservation summary")
	w.click(`.reservation details button[type="submit"]`)
	w.untilText(".refund", "118,800원을 환불했습니다") // whose answer was not lost as well: that had been the first
}

func (th *theatre) virtualAccount(t *testing.T, b *browser) {
	w, _ := th.atCheckout(t, b, 5, "A-3-3")
	w.click("#pay")
	w.decide("deposit")
	w.untilText(".notice.bad", "가상계좌는 쓸 수 없습니다")
	w.click(`.notice a[href^="/checkout/"]`)
	w.until(`document.querySelector("#pay") !== null`)
}

func (th *theatre) nothingToPay(t *testing.T, b *browser) {
	th.campaign(t, "초대권", 100, 6)
	w, _ := th.atCheckout(t, b, 6, "A-3-4")
	w.chooseCoupon("초대권")
	w.untilText("#pay", "0원으로 예매하기")
	w.click("#pay")
	w.untilText("h1", "예매가 완료되었습니다")
}

// payByPhone: pages of a payment fit a small window, in both languages, and so does the fake's.
func (th *theatre) payByPhone(t *testing.T, b *browser) {
	const width, height = 375, 812
	id := th.reserve(t, th.tokens[4], "by phone", "B-5-1")
	w := b.open(t, th.url, width, height, chromedp.EmulateMobile, chromedp.EmulateTouch)
	w.visit("/")
	w.logIn(customer(4), thePassword)
	for _, lang := range []string{"ko", "en"} {
		for _, path := range []string{"/checkout/" + id, "/checkout/" + id + "/fail?code=PAY_PROCESS_CANCELED", "/checkout/" + id + "/success?orderId=x", "/reservations"} {
			w.fits(path, lang, width)
		}
	}
	w.visit("/checkout/" + id)
	w.untilText("#pay", "Pay ₩99,000")
	w.click("#pay")
	w.until(`location.pathname === "/fake/toss/pay" && document.documentElement.scrollWidth <= innerWidth`)
	w.decide("approve")
	w.untilText("h1", "The seats are yours")
}

// anothersPayment: an address that speaks of another order, or of another amount, changes nothing.
func (th *theatre) anothersPayment(t *testing.T, b *browser) {
	w, id := th.atCheckout(t, b, 7, "A-4-1")
	w.visit("/checkout/" + id + "/success?paymentKey=fake_x&orderId=tb-order-9-9-9&amount=1")
	w.untilText(".notice.bad", "이 예매의 결제가 아닙니다")
	w.click(".notice a")
	w.click("#pay")
	w.until(`location.pathname === "/fake/toss/pay"`)
	order := eval[string](w, `new URLSearchParams(location.search).get("orderId")`)
	w.visit("/checkout/" + id + "/success?paymentKey=fake_x&amount=1&orderId=" + order)
	w.untilText(".notice.bad", "금액이 주문과 다릅니다")
	w.visit("/checkout/" + id)
	w.until(`document.querySelector("#pay") !== null`)
}
