package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestAccountPages goes the ways of an account in a real browser.
func TestAccountPages(t *testing.T) {
	t.Parallel() // it mostly waits for a browser
	th := openTheatre(t)
	b := startBrowser(t, "ko-KR")
	t.Run("wrong at its field", func(t *testing.T) { th.wrongAtField(t, b) })
	t.Run("ended session", func(t *testing.T) { th.endedSession(t, b) })
	t.Run("two tabs, one session", func(t *testing.T) { th.oneSession(t, b) })
	t.Run("password and profile", func(t *testing.T) { th.changeAccount(t, b) })
	t.Run("forgotten password", func(t *testing.T) { th.forgotten(t, b) })
	t.Run("Kakao", func(t *testing.T) { th.byKakao(t, b) })
	t.Run("Kakao without e-mail", func(t *testing.T) { th.noEmail(t, b) })
	t.Run("linked with Kakao", func(t *testing.T) { th.linked(t, b) })
	t.Run("closed for ever", func(t *testing.T) { th.withdraws(t, b) })
	t.Run("coupon", func(t *testing.T) { th.claims(t, b) })
}

// wrongAtField: what is wrong stands at its field, in the page's language, and the focus is there.
func (th *theatre) wrongAtField(t *testing.T, b *browser) {
	w := b.open(t, th.url, 1280, 900)
	w.visit("/signup?then=/me")
	w.enter(`[name="name"]`, "김하늘")
	const there = `(e => [e.name, document.getElementById(e.getAttribute("aria-describedby").split(" ").at(-1)).innerText].join())(document.activeElement)`
	for _, step := range []struct{ email, password, field, says string }{
		{"kim@nowhere", "-Enough7!", "email", "kim@example.com처럼"},
		{customer(3), "-Enough7!", "email", "이미 가입된 이메일입니다"},
		{"new@example.com", "onlyletters", "password", "영문자·숫자·특수문자를 각각 하나 이상"},
	} {
		w.fill(`[name="email"]`, step.email)
		w.fill(`[name="password"]`, step.password)
		w.click(`button[type="submit"]`)
		w.until(fmt.Sprintf(`document.activeElement.matches('[name=%s][aria-invalid="true"]')`, step.field))
		if said := eval[string](w, there); !strings.HasPrefix(said, step.field+",") || !strings.Contains(said, step.says) {
			t.Errorf("%s %s: at the focus it says %q", step.email, step.password, said)
		}
		w.untilText(`.form-error[role="alert"]`, "입력을 확인해 주세요")
	}
	w.fill(`[name="password"]`, "-Enough7!")
	w.click(`button[type="submit"]`)
	w.untilText("dd", "new@example.com")
}

// endedSession: somebody has ended it from another device, so the page asks to log in again and goes on where it was.
func (th *theatre) endedSession(t *testing.T, b *browser) {
	w := b.open(t, th.url, 1280, 900)
	w.visit("/")
	w.logIn(customer(6), thePassword)
	w.visit("/coupons")
	w.until(`document.querySelector("#me") !== null`)
	mustAsk(t, http.StatusNoContent, "POST", th.url+"/v1/auth/logout-all", th.tokens[6], nil)
	w.visit("/me")
	w.untilText(".failed", "로그인이 끝났습니다. 다시 로그인해 주세요")
	w.click(".failed a")
	w.enter(`[name="email"]`, customer(6))
	w.enter(`[name="password"]`, thePassword)
	w.click(`button[type="submit"]`)
	w.untilText("dd", customer(6))
	w.click("#logout")
	w.untilText(".failed", "로그인하면 내 정보를 볼 수 있습니다") // who has done it himself is told nothing else
}

// oneSession: no script can read what outlives a page; tabs share it, and a log-out ends it in all of them.
func (th *theatre) oneSession(t *testing.T, b *browser) {
	w := b.open(t, th.url, 1280, 900)
	w.visit("/signup?then=/me")
	w.enter(`[name="email"]`, "tabs@example.com")
	w.enter(`[name="name"]`, "<b>김하늘</b>")
	w.enter(`[name="password"]`, "short")
	w.click(`button[type="submit"]`)
	w.until(`document.querySelector("[name=password]").matches(":invalid")`)
	w.enter(`[name="password"]`, "-Enough7!")
	w.click(`button[type="submit"]`)
	w.untilText("dd", "tabs@example.com")
	if name := eval[string](w, `document.querySelector("[name=name]").value`); name != "<b>김하늘</b>" {
		t.Errorf("the name is shown as %q", name)
	}
	if kept := eval[string](w, `document.cookie + JSON.stringify({...localStorage, ...sessionStorage})`); strings.Contains(kept, "eyJ") || strings.Contains(kept, "tb_refresh") {
		t.Errorf("scripts can read %s", kept)
	}
	other := w.tab()
	other.visit("/me")
	other.untilText("dd", "tabs@example.com")
	w.reload()
	w.untilText("dd", "tabs@example.com")
	w.click("#logout")
	w.untilText("p", "로그인하면 내 정보를 볼 수 있습니다")
	other.untilText("p", "로그인하면 내 정보를 볼 수 있습니다")
	other.reload()
	other.until(`document.querySelector("#login") !== null`)
}

func (th *theatre) changeAccount(t *testing.T, b *browser) {
	w := b.open(t, th.url, 1280, 900)
	w.visit("/login?then=//elsewhere.example")
	w.enter(`[name="email"]`, customer(0))
	w.enter(`[name="password"]`, "wrong-password-1")
	w.click(`button[type="submit"]`)
	w.untilText(".form-error", "이메일이나 비밀번호가 맞지 않습니다")
	w.visit("/")
	w.logIn(customer(0), thePassword)
	w.visit("/me")
	w.until(`document.querySelector("[name=old_password]") !== null`)
	w.enter(`[name="slack_id"]`, "U012AB3CD")
	w.click(`.card:has([name="slack_id"]) button[type="submit"]`)
	w.untilText(".form-done", "저장했습니다")
	w.enter(`[name="old_password"]`, "not-mine-1!")
	w.enter(`[name="new_password"]`, "green-ticket-8!")
	w.click(`.card:has([name="old_password"]) button[type="submit"]`)
	w.untilText(".form-error", "이메일이나 비밀번호가 맞지 않습니다") // and is still logged in
	eval[any](w, `document.querySelector("[name=old_password]").value = ""`)
	w.enter(`[name="old_password"]`, thePassword)
	w.click(`.card:has([name="old_password"]) button[type="submit"]`)
	w.untilText(".form-done", "바꿨습니다")
	w.reload()
	w.until(`document.querySelector("[name=slack_id]")?.value === "U012AB3CD"`)
	mustAsk(t, http.StatusUnauthorized, "POST", th.url+"/v1/auth/login", "", map[string]string{"email": customer(0), "password": thePassword})
}

func (th *theatre) forgotten(t *testing.T, b *browser) {
	w := b.open(t, th.url, 1280, 900)
	w.visit("/login")
	w.click(`a[href="/reset-password"]`)
	w.enter(`[name="email"]`, customer(1))
	w.click(`button[type="submit"]`)
	w.untilText(".card", "메일을 보냈습니다")
	th.t = t
	link := th.awaitMail(customer(1))
	w.visit(strings.TrimPrefix(link, th.url))
	w.until(`document.querySelector("[name=password]") !== null && location.hash === ""`)
	w.enter(`[name="password"]`, "green-ticket-8!")
	w.click(`button[type="submit"]`)
	w.untilText(".card", "새 비밀번호를 정했고")
	w.logIn(customer(1), "green-ticket-8!")
	w.visit("/")
	w.visit(strings.TrimPrefix(link, th.url)) // once only
	w.enter(`[name="password"]`, "third-ticket-9!")
	w.click(`button[type="submit"]`)
	w.untilText(".form-error", "이미 썼거나 기한이 지난 링크입니다")
}

func (th *theatre) byKakao(t *testing.T, b *browser) {
	w := b.open(t, th.url, 1280, 900)
	w.visit("/login?then=/me")
	w.click(".kakao")
	w.click(`button[formnovalidate]`)
	w.untilText(".notice.bad", "카카오에서 동의하지 않아")
	w.click(".kakao")
	w.click(`button[name="agree"]`)
	w.untilText("dd", "hanul@kakao.test")
	w.until(`location.pathname === "/me"`)
	w.untilText(".card", "비밀번호 없이 카카오로 로그인하는 계정입니다")
}

// atKakao is what a person does at the fake Kakao.
func (w *window) atKakao(sub, name string) {
	w.t.Helper()
	w.fill(`[name="sub"]`, sub)
	w.fill(`[name="nickname"]`, name)
	w.fill(`[name="email"]`, "")
	w.click(`button[name="agree"]`)
}

// noEmail: whoever gives Kakao's leave for no e-mail is a customer like any other, and asked for nothing that needs one.
func (th *theatre) noEmail(t *testing.T, b *browser) {
	w := b.open(t, th.url, 1280, 900)
	w.visit("/login?then=/me")
	w.click(".kakao")
	w.atKakao("4242", "이름만")
	w.until(`document.querySelector("[name=name]")?.value === "이름만"`)
	w.untilText("dd", "없음")
	w.untilText(".card", "비밀번호 없이 카카오로 로그인하는 계정입니다")
	if eval[bool](w, `document.querySelector('main a[href="/reset-password"]') !== null`) {
		t.Error("without an e-mail a link for a password is offered")
	}
	w.choose(`[name="language"]`, "en")
	w.click(`.card:has([name="slack_id"]) button[type="submit"]`)
	w.untilText(".form-done", "저장했습니다")
	w.reload()
	w.until(`document.querySelector("[name=language]")?.value === "en"`)
}

// linked: an account with a password opens by Kakao as well, and a Kakao account opens one only.
func (th *theatre) linked(t *testing.T, b *browser) {
	first := b.open(t, th.url, 1280, 900)
	first.visit("/")
	first.logIn(customer(7), thePassword)
	first.visit("/me")
	first.click(".kakao")
	first.atKakao("777", "누구")
	first.untilText(".notice.good", "카카오 계정을 연결했습니다")
	other := b.open(t, th.url, 1280, 900)
	other.visit("/")
	other.logIn(customer(8), thePassword)
	other.visit("/me")
	other.click(".kakao")
	other.atKakao("777", "누구")
	other.untilText(".notice.bad", "이미 다른 계정에 연결된 카카오 계정입니다")
	w := b.open(t, th.url, 1280, 900)
	w.visit("/login?then=/me")
	w.click(".kakao")
	w.atKakao("777", "누구")
	w.untilText("dd", customer(7))
}

func (th *theatre) withdraws(t *testing.T, b *browser) {
	w := b.open(t, th.url, 1280, 900)
	id := th.reserve(t, th.tokens[2], "in the way", "A-1-1")
	w.visit("/")
	w.logIn(customer(2), thePassword)
	w.visit("/me")
	w.click(`.check input`)
	w.enter(`[name="password"]`, thePassword)
	w.click(`.card:has(.check) button[type="submit"]`)
	w.untilText(".form-error", "선점했거나 예매한 좌석이 있습니다")
	mustAsk(t, http.StatusOK, "DELETE", th.url+"/v1/reservations/"+id, th.tokens[2], nil)
	w.click(`.card:has(.check) button[type="submit"]`)
	w.until(`document.querySelector("#login") !== null`)
	mustAsk(t, http.StatusUnauthorized, "POST", th.url+"/v1/auth/login", "", map[string]string{"email": customer(2), "password": thePassword})
}

// claims: one coupon is left, and two want it.
func (th *theatre) claims(t *testing.T, b *browser) {
	now := time.Now()
	mustAsk(t, http.StatusCreated, "POST", th.url+"/v1/admin/campaigns", th.admin, map[string]any{
		"name": "가을맞이 10%", "stock": 1, "discount": map[string]any{"kind": "rate", "value": 10, "cap": 30_000}, "minimum_amount": 50_000,
		"opens_at": now.UTC(), "closes_at": now.Add(24 * time.Hour).UTC(), "life_days": 30,
	})
	first, second := b.open(t, th.url, 1280, 900), b.open(t, th.url, 1280, 900)
	for i, w := range []*window{first, second} {
		w.visit("/coupons")
		w.logIn(customer(3+i), thePassword)
		w.untilText(".campaign", "10% 할인, 최대 30,000원 · 50,000원 이상 결제")
	}
	eval[chromedp.Void](first, `(() => { // the list is behind, once
		const ask = window.fetch;
		let behind = 1;
		window.fetch = async (...call) => String(call[0]).startsWith("/v1/coupons?") && behind-- > 0
			? new Response('{"code":"unavailable","title":"","retryable":true}', {status: 503, headers: {"Retry-After": "1"}}) : ask(...call);
	})()`)
	first.click(".campaign button")
	first.untilText(".campaign", "1장 중 1번째입니다")
	first.untilText(".coupon.issued", "가을맞이 10%")
	second.until(`document.querySelector(".campaign button").disabled`) // by itself
	second.untilText(".campaign", "소진")
	first.reload()
	first.untilText(".campaign", "받은 쿠폰입니다")
}
