package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// adminKeyboard uses the console without a mouse: what one is on can be seen, what went wrong is told where one is, and
// the focus is never lost.
func (th *theatre) adminKeyboard(t *testing.T) {
	w := startBrowser(t, "en-US").open(t, th.url, 1280, 900) // whose fields for times are typed month first
	w.visit("/")
	w.logIn(theAdmin, thePassword)
	t.Run("admins", func(t *testing.T) { w.adminsByKeyboard(t) })
	t.Run("a campaign", func(t *testing.T) { w.campaignByKeyboard(t) })
}

// reach is tabTo, and sees where it has come to.
func (w *window) reach(selector string, back bool) {
	w.t.Helper()
	w.tabTo(selector, back)
	if looks := eval[string](w, `(s => s.outlineStyle + " " + parseFloat(s.outlineWidth))(getComputedStyle(document.activeElement))`); looks != "solid 3" {
		w.t.Errorf("the focus on %s looks like %q", selector, looks)
	}
}

func (w *window) typed(text string) {
	w.t.Helper()
	w.press(strings.Split(text, "")...)
}

// told is what is read out at the focus after a refusal.
func (w *window) told(field, says string) {
	w.t.Helper()
	w.until(fmt.Sprintf(`document.activeElement.matches('[name=%s][aria-invalid="true"]')`, quoted(field)))
	said := eval[string](w, `document.activeElement.getAttribute("aria-describedby").split(" ").map(id => document.getElementById(id).innerText).join(" ")`)
	if !strings.Contains(said, says) {
		w.t.Errorf("at %s it says %q, want %q", field, said, says)
	}
	w.until(`[...document.querySelectorAll("[role=alert]")].some(e => e.innerText.length > 0)`)
}

func (w *window) adminsByKeyboard(t *testing.T) {
	w.t = t
	w.visit("/admin")
	w.reach(`.tabs a[href="/admin/admins"]`, false)
	w.press(kb.Enter)
	w.untilText("h1", "Admins")
	w.until(`document.activeElement.id === "main" && document.title.startsWith("Admins")`)
	w.reach(`.admin-new [name="email"]`, false)
	w.typed(theAdmin)
	w.reach(`.admin-new [name="name"]`, false)
	w.typed("Third")
	w.press(kb.Enter)
	w.told("email", "There is an account with this e-mail already")
	w.reach(`.admin-new [name="name"]`, false)
	w.reach(`.admin-new [name="email"]`, true) // which chooses all that is in it
	w.typed("third@example.com")
	w.reach(`.admin-new button`, false)
	w.press(" ")
	w.untilText(".admin:last-of-type", "third@example.com")
	w.untilText(`.admin-new [role="status"]`, "The mail is on its way")
	w.until(`document.activeElement.matches(".admin-new button")`)
	w.reach(".admin:last-of-type summary", false)
	w.press(kb.Enter)
	w.reach(".admin:last-of-type .drop", false)
	w.press(kb.Enter)
	w.until(`document.querySelectorAll(".admin").length === 1 && document.activeElement.id === "main"`)
}

func (w *window) campaignByKeyboard(t *testing.T) {
	w.t = t
	w.visit("/admin")
	w.reach(`.tabs a[href="/admin/campaigns"]`, false)
	w.press(kb.Enter)
	w.untilText("h1", "Coupons")
	const form = ".campaign-new "
	w.reach(form+`[name="name"]`, false)
	w.typed("Spring")
	w.reach(form+`[name="discount.kind"]`, false)
	w.press(kb.ArrowDown)
	for _, f := range [][2]string{{"discount.value", "10"}, {"discount.cap", "3000"}, {"stock", "5"}} {
		w.reach(fmt.Sprintf(form+"[name=%q]", f[0]), false)
		w.typed(f[1])
	}
	w.reach(form+`[name="opens_at"]`, false)
	w.moment("01022030")
	w.reach(form+`[name="closes_at"]`, false)
	w.moment("01012030")
	w.press(kb.Enter)
	w.told("closes_at", "after")
	w.tabTo(form+`[name="opens_at"]`, true) // and back to the month
	w.reach(form+`[name="closes_at"]`, false)
	w.moment("03012030")
	w.press(kb.Enter)
	const item = ".campaign:first-of-type "
	w.untilText(item, "Spring")
	w.reach(item+".open", false)
	w.press(kb.Enter)
	w.until(`document.querySelector(".campaign:first-of-type .pill.open") !== null && document.activeElement.matches(".open[aria-disabled=true]")`)
	w.press(kb.Enter) // is off, and does nothing
	w.reach(item+".pause", false)
	w.press(" ")
	w.until(`document.querySelector(".campaign:first-of-type .pill.paused") !== null && document.activeElement.matches(".pause")`)
	w.reach(item+".final:last-of-type summary", false)
	w.press(kb.Enter)
	w.reach(item+".drop", false)
	w.press(kb.Enter)
	w.until(`![...document.querySelectorAll(".campaign")].some(c => c.innerText.includes("Spring")) && document.activeElement.id === "main"`)
}

// moment types ten in the morning of a day, month first, into the field for a time that has the focus.
func (w *window) moment(day string) {
	w.t.Helper()
	w.typed(day)
	w.press(kb.ArrowRight)
	w.typed("1000A")
}
