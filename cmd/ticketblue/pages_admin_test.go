package main

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"ticketblue/ticketing"
)

// TestAdminPages plans a sale from an empty hall to the last seat, in a real browser.
func TestAdminPages(t *testing.T) {
	t.Parallel() // it mostly waits for a browser
	th := openTheatre(t, func(_ *theatre, s *store) {
		if _, err := s.Audit(t.Context(), ticketing.AuditEntry{Operation: "create-admin", RequestID: "of createAdmin"}, 0); err != nil {
			t.Fatal(err)
		}
	})
	b := startBrowser(t, "ko-KR")
	t.Run("not for customers", func(t *testing.T) {
		w := b.open(t, th.url, 1280, 900)
		w.visit("/admin")
		w.untilText("p", "관리자로 로그인해 주세요")
		w.logIn(customer(0), thePassword)
		w.untilText(".failed", "찾으시는 페이지가 없습니다")
		if eval[bool](w, `document.querySelector("nav [href='/admin']") !== null`) {
			t.Error("a customer is led to the admins' pages")
		}
	})
	w := b.open(t, th.url, 1280, 900)
	w.visit("/")
	w.logIn(theAdmin, thePassword)
	t.Run("who made the first admin", func(t *testing.T) {
		w.visit("/admin/audit")
		w.untilText(".audit tbody tr:last-child", "명령줄")
	})
	t.Run("a hall by CSV", func(t *testing.T) { w.hallByCSV(t) })
	t.Run("a performance with poster and round", func(t *testing.T) { w.performance(t) })
	t.Run("a sale on the board", func(t *testing.T) { th.board(t, w) })
	t.Run("performers, by keyboard", func(t *testing.T) { w.performers(t) })
	t.Run("coupons", func(t *testing.T) { w.campaigns(t) })
	t.Run("admins", func(t *testing.T) { w.admins(t) })
	t.Run("reservations", func(t *testing.T) { w.reservations(t) })
	t.Run("jobs", func(t *testing.T) { w.jobs(t) })
	t.Run("the log", func(t *testing.T) {
		w.visit("/admin/audit")
		w.untilText(".audit", "create-hall")
		w.untilText(".audit", "pause-round")
		w.untilText(".audit", "export-reservations")
	})
	t.Run("phone", func(t *testing.T) { th.adminPhone(t, b) })
	t.Run("by keyboard alone", func(t *testing.T) { th.adminKeyboard(t) })
}

// choose picks an option as a hand does.
func (w *window) choose(selector, value string) {
	w.t.Helper()
	w.until(fmt.Sprintf(`document.querySelector(%s) !== null`, quoted(selector)))
	eval[any](w, fmt.Sprintf(`(() => { const s = document.querySelector(%s); s.value = %s; s.dispatchEvent(new Event("input", {bubbles: true})); s.dispatchEvent(new Event("change", {bubbles: true})); })()`, quoted(selector), quoted(value)))
}

// fill replaces what a field has: fields for times are not typed into as text.
func (w *window) fill(selector, value string) {
	w.t.Helper()
	w.until(fmt.Sprintf(`document.querySelector(%s) !== null`, quoted(selector)))
	eval[any](w, fmt.Sprintf(`(() => { const s = document.querySelector(%s); s.value = %s; s.dispatchEvent(new Event("input", {bubbles: true})); })()`, quoted(selector), quoted(value)))
}

func (w *window) hallByCSV(t *testing.T) {
	w.visit("/admin/halls")
	w.click(`a[href="/admin/halls/new"]`)
	w.enter(`[name="name"]`, "새 극장")
	w.fill("textarea", "section,row,seat,grade,x,y\nA,1,1,R,0,300\nA,1,1,R,55,300\n")
	w.click(`button[type="submit"]`)
	w.untilText(".form-error", "아직 배치로 쓸 수 없습니다")
	w.untilText(".found", "A-1-1")
	w.fill("textarea", "section,row,seat,grade,x,y\nA,1,1,R,0,300\nA,1,2,R,55,300\nA,2,1,S,0,390\nA,2,2,S,55,390\n")
	w.click(`button[type="submit"]`)
	w.untilText(".form-done", "4석입니다")
	w.until(`document.querySelector(".map > canvas") !== null`)
	w.click(`button[type="submit"]`)
	w.untilText("h1", "새 극장")
	w.until(`/\/admin\/halls\/\d+$/.test(location.pathname) && document.querySelector(".map > canvas") !== null`)
}

func (w *window) performance(t *testing.T) {
	w.visit("/admin/performances/new")
	w.enter(`[name="title"]`, "<i>새 공연</i>")
	w.choose(`[name="hall_id"]`, eval[string](w, `[...document.querySelectorAll("[name=hall_id] option")].find(o => o.innerText === "새 극장").value`))
	w.enter(`[name="prices.S"]`, "50000")
	w.enter(`[name="prices.R"]`, "70000")
	w.enter(`[name="duration_minutes"]`, "90")
	w.click(`button[type="submit"]`)
	w.untilText("h1", "<i>새 공연</i>")

	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 300, 400))); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "poster.png")
	if err := os.WriteFile(file, picture.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	w.do(chromedp.SetUploadFiles(chromedp.CSS(`.poster-form [type="file"]`), []string{file}))
	w.click(`.poster-form button`)
	w.until(`document.querySelector(".poster-form img")?.complete && document.querySelector(".poster-form img").naturalWidth > 0`)

	seoul := time.Now().UTC().Add(9 * time.Hour)
	at := func(hours int) string { return seoul.Add(time.Duration(hours) * time.Hour).Format("2006-01-02T15:04") }
	w.fill(`.cards > .card > .form [name="opens_at"]`, at(48))
	w.fill(`.cards > .card > .form [name="closes_at"]`, at(24))
	w.fill(`.cards > .card > .form [name="starts_at"]`, at(72))
	w.click(`.card:has([name="hold_seconds"]) > .form button`)
	w.until(`[...document.querySelectorAll(".form-error")].some(e => e.innerText.length > 0)`)
	w.fill(`.cards > .card > .form [name="opens_at"]`, at(12))
	w.click(`.card:has([name="hold_seconds"]) > .form button`)
	w.untilText(".round-item", "판매 예정")
}

func (th *theatre) board(t *testing.T, w *window) {
	w.visit(fmt.Sprintf("/admin/rounds/%d", th.round))
	w.untilText(".board .free", "100")
	w.until(`document.querySelector(".live.live") !== null`)
	th.reserve(t, th.tokens[1], "on the board", "A-1-1")
	w.untilText(".board .held", "1") // by itself
	w.untilText(".board .free", "99")
	w.click(".pause")
	w.until(`document.querySelector(".pill.paused") !== null`)
	w.click(".open")
	w.until(`document.querySelector(".pill.open") !== null`)
	w.click(".final summary")
	w.click(".cancel")
	w.until(`document.querySelector(".pill.canceled") !== null`)
}

// jobs starts one, dry, and sees it end.
func (w *window) jobs(t *testing.T) {
	t.Helper()
	w.visit("/admin/jobs")
	w.until(`document.querySelectorAll(".jobs tbody tr").length === 7`)
	w.click(".jobs tbody tr:first-child button")
	poll(t, "the end of a job", func() bool {
		w.click(".centered button")
		return eval[bool](w, `document.querySelector(".jobs tbody tr:first-child td:nth-child(3)").innerText.includes(`+"`끝남`"+`) ||
			document.querySelector(".jobs tbody tr:first-child td:nth-child(3)").innerText.includes("done")`)
	})
}

// reservations looks for the one that the board saw, by filters that leave it out and filters that do not, and saves it.
func (w *window) reservations(t *testing.T) {
	w.visit("/admin")
	w.click(`.tabs a[href="/admin/reservations"]`)
	w.untilText(".found-list tbody", "A-1-1")
	w.choose(`[name="status"]`, "confirmed")
	w.click(`.filters button[type="submit"]`)
	w.until(`location.search.includes("status=confirmed") && document.querySelector(".found-list") !== null && document.querySelectorAll(".found-list tbody tr").length === 0`)
	w.choose(`[name="status"]`, "")
	w.enter(`[name="user"]`, customer(1))
	w.fill(`[name="from"]`, string(ticketing.DayOf(ticketing.MillisOf(time.Now()))))
	w.enter(`[name="min_amount"]`, "1")
	w.click(`.filters button[type="submit"]`)
	w.untilText(".found-list tbody", customer(1))
	w.untilText(".found-list tbody", "A-1-1")
	w.fill(`[name="min_amount"]`, "7")
	w.fill(`[name="max_amount"]`, "5")
	w.click(`.filters button[type="submit"]`)
	w.untilText(".filters .wrong", "최소 금액보다 작지 않아야")
	w.fill(`[name="max_amount"]`, "")
	w.click(`.filters button[type="submit"]`)
	w.untilText(".found-list tbody", "A-1-1")
	eval[any](w, `(() => {
		let file;
		URL.createObjectURL = (blob) => (file = blob, "#");
		HTMLAnchorElement.prototype.click = async function () {
			const bytes = new Uint8Array(await file.arrayBuffer());
			window.saved = this.download + " " + [...bytes.slice(0, 3)] + " " + new TextDecoder().decode(bytes);
		};
	})()`)
	w.click(".csv")
	w.until(`window.saved?.startsWith("reservations.csv 239,187,191 reservation,status,")`)
	if saved := eval[string](w, `window.saved`); !strings.Contains(saved, customer(1)) || strings.Count(saved, "\r\n") != 2 {
		t.Errorf("saved %q", saved)
	}
}

func (th *theatre) adminPhone(t *testing.T, b *browser) {
	const width = 375
	w := b.open(t, th.url, width, 812, chromedp.EmulateMobile, chromedp.EmulateTouch)
	w.visit("/")
	w.logIn(theAdmin, thePassword)
	for _, path := range []string{"/me", "/admin", "/admin/halls", "/admin/halls/1", fmt.Sprintf("/admin/performances/%d", th.show), fmt.Sprintf("/admin/rounds/%d", th.round), "/admin/performances/new", "/admin/performers", "/admin/campaigns", "/admin/reservations", "/admin/jobs", "/admin/admins", "/admin/audit"} {
		w.visit(path)
		w.until(`document.querySelector("h1") !== null`)
		if wide := eval[float64](w, `document.documentElement.scrollWidth`); wide > width+0.5 {
			t.Errorf("%s is %.1f pixels wide", path, wide)
		}
		w.until(`document.querySelector("main .loading") === null`)
		if cut := eval[int](w, `[...document.querySelectorAll("main *")].filter(e => getComputedStyle(e).overflowX !== "visible" && !e.matches("input, .spoken, .poster") && e.scrollWidth > e.clientWidth + 1).length`); cut > 0 {
			t.Errorf("%s: %d things are cut off", path, cut)
		}
		if !eval[bool](w, `(e => e.width > 0 && e.right <= innerWidth && e.bottom <= document.querySelector("header").getBoundingClientRect().bottom)(document.querySelector('nav a[href="/admin"]').getBoundingClientRect())`) {
			t.Errorf("%s: no link to the console is in sight", path)
		}
		w.named(path)
	}
}

// performers makes one and deletes it without a mouse, and another tab sees it after a reload.
func (w *window) performers(t *testing.T) {
	w.visit("/admin")
	w.tabTo(`.tabs a[href="/admin/performers"]`, false)
	w.press(kb.Enter)
	w.untilText("h1", "출연자")
	w.tabTo(`.performer-new [name="name"]`, false)
	w.press("N", "a", "m", "s", "a", "n", kb.Enter)
	w.untilText(".performer", "Namsan")
	w.cast()
	w.visit("/admin/performers")
	w.untilText(".performer", "Namsan")
	other := w.tab()
	other.visit("/admin/performers")
	other.untilText(".performer", "Namsan")
	w.tabTo(".performer .final summary", false)
	w.press(kb.Enter)
	w.tabTo(".performer .drop", false)
	w.press(kb.Enter)
	w.untilGone(".performer")
	other.reload()
	other.until(`document.querySelector(".performer-new") !== null && document.querySelector(".performer") === null`)
}

// cast puts the performer into a performance and takes him out again, without a mouse.
func (w *window) cast() {
	w.t.Helper()
	w.visit("/admin/performances/1")
	w.until(`document.querySelector('.cast [name="performer"] option') !== null`)
	w.tabTo(`.cast button[type="submit"]`, false)
	w.press(kb.Enter)
	w.untilText(".cast li", "Namsan")
	w.tabTo(".cast .remove", true)
	w.press(kb.Enter)
	w.untilGone(".cast .remove")
	w.until(`document.activeElement.matches(".cast h2")`)
}

// campaigns plans one, opens it, gives a customer a coupon, is refused to delete it, and closes it.
func (w *window) campaigns(t *testing.T) {
	w.visit("/admin/campaigns")
	w.untilText("h1", "쿠폰")
	seoul := time.Now().UTC().Add(9 * time.Hour)
	at := func(hours int) string { return seoul.Add(time.Duration(hours) * time.Hour).Format("2006-01-02T15:04") }
	w.enter(`.campaign-new [name="name"]`, "<b>봄</b> 쿠폰")
	w.choose(`.campaign-new [name="discount.kind"]`, "rate")
	w.enter(`.campaign-new [name="discount.value"]`, "10")
	w.enter(`.campaign-new [name="discount.cap"]`, "3000")
	w.enter(`.campaign-new [name="stock"]`, "5")
	w.fill(`.campaign-new [name="opens_at"]`, at(48))
	w.fill(`.campaign-new [name="closes_at"]`, at(24))
	w.click(`.campaign-new button`)
	w.untilText(".campaign-new .wrong", "시작보다 뒤여야")
	w.fill(`.campaign-new [name="opens_at"]`, at(12))
	w.click(`.campaign-new button`)
	w.untilText(".campaign", "<b>봄</b> 쿠폰")
	const item = ".campaign:first-of-type "
	w.click(item + ".open")
	w.until(`document.querySelector(".campaign:first-of-type .pill.open") !== null`)
	w.enter(item+`.give [name="user"]`, "1")
	w.click(item + ".give button")
	w.untilText(item+".give .form-done", "지급했습니다")
	w.tabTo(item+"details:has(.rename) summary", false) // without a mouse
	w.press(kb.Enter)
	w.tabTo(item+`.rename [name="name"]`, false)
	w.press("!", kb.Enter)
	w.untilText(item+".rename .form-done", "저장했습니다")
	w.untilText(item+"strong", "!")
	w.click(item + ".final:last-of-type summary")
	w.click(item + ".drop")
	w.untilText(item+".final:last-of-type .form-error", "삭제 대신 종료")
	w.click(item + ".final summary")
	w.click(item + ".close")
	w.until(`document.querySelector(".campaign:first-of-type .pill.closed") !== null`)
}

// admins makes another one and takes the rights away again; of oneself that is not offered.
func (w *window) admins(t *testing.T) {
	w.visit("/admin/admins")
	w.untilText(".admin", "본인입니다")
	w.enter(`.admin-new [name="email"]`, "second@example.com")
	w.enter(`.admin-new [name="name"]`, "둘째")
	w.click(".admin-new button")
	w.untilText(".admin:last-of-type", "둘째")
	w.click(".admin:last-of-type summary")
	w.click(".admin:last-of-type .drop")
	w.until(`document.querySelectorAll(".admin").length === 1`)
}
