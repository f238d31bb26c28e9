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

// TestInboxPages follows the bell in a real browser: live, in two tabs, over a restart of the server, and by asking where
// there are no events.
func TestInboxPages(t *testing.T) {
	th := openTheatre(t)
	b := startBrowser(t, "ko-KR")
	t.Run("nobody", func(t *testing.T) {
		w := b.open(t, th.url, 1280, 900)
		w.visit("/inbox")
		w.untilText(".failed", "알림을 보려면 로그인하세요")
		if eval[bool](w, `document.querySelector("#bell") !== null`) {
			t.Error("there is a bell for who has not logged in")
		}
	})
	t.Run("by asking", func(t *testing.T) { th.bellByAsking(t, b) })
	t.Run("phone", func(t *testing.T) { th.inboxPhone(t, b) })
	t.Run("escaped", func(t *testing.T) { th.inboxEscaped(t, b) })
	t.Run("two tabs and a restart", func(t *testing.T) { th.bell(t, b) })
}

// give gives a customer a coupon of a campaign of its own, which is told at once.
func (th *theatre) give(t *testing.T, customer int) {
	t.Helper()
	now := time.Now().UTC()
	a := mustAsk(t, http.StatusCreated, "POST", th.url+"/v1/admin/campaigns", th.admin, map[string]any{
		"name": "감사 쿠폰", "stock": 1, "claimable": false, "discount": map[string]any{"kind": "amount", "value": 5000},
		"opens_at": now, "closes_at": now.Add(24 * time.Hour), "life_days": 30,
	})
	mustAsk(t, http.StatusOK, "PUT", fmt.Sprintf("%s/v1/admin/campaigns/%.0f/coupons/%d", th.url, a.body["id"], th.users[customer]), th.admin, nil)
}

func (w *window) untilUnread(n int) {
	w.t.Helper()
	want := fmt.Sprintf(`document.querySelector("#bell .count")?.innerText === "%d"`, n)
	if n == 0 {
		want = `document.querySelector("#bell") !== null && document.querySelector("#bell .count") === null`
	}
	w.until(want)
}

const inboxEvents = "*://*:*/v1/inbox/events*"

func (th *theatre) bell(t *testing.T, b *browser) {
	w := b.open(t, th.url, 1280, 900)
	w.visit("/")
	w.logIn(customer(0), thePassword)
	w.untilUnread(0)
	w.visit("/inbox")
	w.untilText("h1", "알림")
	w.untilText(".hint", "아직 알림이 없습니다")
	other := w.tab()
	other.visit("/coupons")
	other.untilUnread(0)
	eval[chromedp.Void](w, `window.sameDocument = true`)

	th.give(t, 0)
	for _, tab := range []*window{w, other} {
		tab.untilUnread(1)
		tab.until(`document.querySelector("#bell").ariaLabel === "알림, 읽지 않음 1개"`)
	}
	w.untilText(".told .fresh", "새 쿠폰을 받았습니다")
	other.until(`(p => [p.role ?? p.getAttribute("role"), p.innerText].join())(document.querySelector("header .spoken, nav .spoken")).startsWith("status,새 쿠폰을 받았습니다: ")`)

	th.give(t, 0)
	w.untilUnread(2)
	w.click(".told li:last-child .read") // the older one: the newer stays
	other.untilUnread(1)
	w.until(`document.querySelectorAll(".told .fresh").length === 1 && document.querySelector(".told li").matches(".fresh")`)
	w.until(`document.activeElement.matches(".told li:last-child a")`)

	th.stop()
	th.server = awaitServer(t, th.data, program("serve", "--data", th.data, "--listen", strings.TrimPrefix(th.url, "http://"), "--ops-listen", "127.0.0.1:0"))
	th.give(t, 0)
	w.untilUnread(2)
	other.untilUnread(2)
	w.until(`document.querySelectorAll(".told li").length === 3`)
	if !eval[bool](w, `window.sameDocument === true`) {
		t.Error("the page was loaded anew")
	}

	w.tabTo("#read-all", true) // without a mouse
	w.press(kb.Enter)
	w.untilUnread(0)
	w.untilText(".form-done", "읽음으로 표시했습니다")
	other.untilUnread(0)
	w.until(`document.activeElement.matches("#read-all") && document.querySelector(".told .fresh") === null`)
	w.reload()
	w.until(`document.querySelectorAll(".told li").length === 3 && document.querySelector(".told .fresh") === null`)
	w.click("#language")
	w.untilText(".told li", "You have a new coupon")
}

// bellByAsking: the events do not come through, and the list has more than a page.
func (th *theatre) bellByAsking(t *testing.T, b *browser) {
	const told = 22
	for range told {
		th.give(t, 1)
	}
	poll(t, "all of them in the inbox", func() bool { // the list is to be whole when it is opened
		return len(mustAsk(t, http.StatusOK, "GET", th.url+"/v1/inbox?limit=100", th.tokens[1], nil).body["items"].([]any)) == told
	})
	w := b.open(t, th.url, 1280, 900)
	w.do(blocked(inboxEvents))
	w.visit("/inbox")
	w.logIn(customer(1), thePassword)
	w.untilUnread(told)
	w.until(`document.querySelectorAll(".told .fresh").length === 20`)
	w.click(".more button")
	w.until(`document.querySelectorAll(".told .fresh").length === 22`)
	th.give(t, 1)
	w.untilUnread(told + 1)
	w.until(`document.querySelectorAll(".told .fresh").length === 23`)
}

func (th *theatre) inboxPhone(t *testing.T, b *browser) {
	const width = 360
	th.give(t, 2)
	w := b.open(t, th.url, width, 740, chromedp.EmulateMobile, chromedp.EmulateTouch)
	w.visit("/")
	w.logIn(customer(2), thePassword)
	for _, lang := range []string{"ko", "en"} {
		w.fits("/inbox", lang, width)
		w.untilUnread(1)
	}
}

// inboxEscaped: titles are text, whatever stands in them.
func (th *theatre) inboxEscaped(t *testing.T, b *browser) {
	const title = `<img src=x onerror="document.title='owned'">`
	show := fmt.Sprintf("/v1/performances/%d", th.show)
	a := mustAsk(t, http.StatusOK, "GET", th.url+show, "", nil)
	hall, _ := a.body["hall"].(map[string]any)
	mustAsk(t, http.StatusOK, "PUT", th.url+strings.Replace(show, "/v1/", "/v1/admin/", 1), th.admin, map[string]any{
		"title": title, "category": a.body["category"], "hall_id": hall["id"], "duration_minutes": a.body["duration_minutes"],
		"prices": a.body["prices"], "from": a.body["from"], "to": a.body["to"],
	}, "If-Match", a.header.Get("ETag"))
	th.reserve(t, th.tokens[3], "escaped", "A-4-4")
	w := b.open(t, th.url, 1280, 900)
	w.visit("/inbox")
	w.logIn(customer(3), thePassword)
	w.untilText(".told .held a", title)
	w.until(`document.querySelector(".told .held a").getAttribute("href").startsWith("/checkout/")`)
	if eval[bool](w, `document.querySelector(".told img") !== null || document.title === "owned"`) {
		t.Error("a title became a picture")
	}
}
