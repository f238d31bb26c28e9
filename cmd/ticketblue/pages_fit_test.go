package main

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
)

// backAndAstray: the way back ends where one was, the focus follows a link, and an address that nobody has says so.
func (th *theatre) backAndAstray(t *testing.T, b *browser) {
	w := b.open(t, th.url, 375, 300)
	w.visit(fmt.Sprintf("/performances/%d", th.show))
	w.until(`document.querySelector(".round-link .pill") !== null && document.querySelector(".reviews .hint") !== null`) // nothing comes above any more
	y := eval[float64](w, `(document.querySelector(".round-link").scrollIntoView({block: "center"}), scrollY)`)
	w.click(".round-link")
	w.until(`document.querySelector(".map > canvas") !== null && document.activeElement.id === "main" && scrollY === 0`)
	eval[any](w, `history.back()`)
	w.until(fmt.Sprintf(`document.querySelector(".round-link") !== null && Math.abs(scrollY - %f) < 2`, y))
	w.visit("/no/such/page")
	w.untilText("h1", "찾으시는 페이지가 없습니다")
	w.click(".failed a")
	w.untilText(".show", "밤의 노래")
	w.visit("/performances/99")
	w.untilText("h1", "찾으시는 페이지가 없습니다")
	mustAsk(t, http.StatusNotFound, "GET", th.url+"/no/such/page", "", nil) // a problem, to programs
}

// stage: no section's name is written over the stage, nor over its first row, however near one looks.
func (th *theatre) stage(t *testing.T, b *browser) {
	w := b.open(t, th.url, 1280, 900)
	w.visit(th.path())
	w.seat("A-1-1")
	eval[chromedp.Void](w, `{
		const pen = CanvasRenderingContext2D.prototype, {fillText, roundRect} = pen;
		pen.roundRect = function (x, y, w, h, r) { window.shape = {top: y, bottom: y + h}; roundRect.call(this, x, y, w, h, r); };
		pen.fillText = function (text, x, y) {
			const size = parseFloat(this.font.split(" ")[1]);
			if (text === "무대") window.drawn = {stage: window.shape};
			else if (text.endsWith("구역")) window.drawn[text] = {top: y - size / 2, bottom: y + size / 2};
			fillText.call(this, text, x, y);
		};
	}`)
	for _, tool := range []int{1, 2, 2, 1, 1} { // in, out
		w.click(fmt.Sprintf(".tool:nth-child(%d)", tool))
		w.until(`window.drawn && window.drawn["A구역"] !== undefined`)
		clear := eval[[]float64](w, `(map => [drawn["A구역"].top - drawn.stage.bottom, map.placeOf("A-1-1").y - (map.placeOf("A-1-2").x - map.placeOf("A-1-1").x) / 2 - drawn["A구역"].bottom])(document.querySelector(".map > canvas"))`)
		if clear[0] < 0 || clear[1] < 0 {
			t.Errorf("between the stage and the name of section A are %.1f pixels, and %.1f to its first row", clear[0], clear[1])
		}
		eval[chromedp.Void](w, `window.drawn = undefined`)
	}
}

// fits opens a page in a language, which must not be wider than the window.
func (w *window) fits(path, lang string, width float64) {
	w.t.Helper()
	w.visit(path)
	eval[chromedp.Void](w, `localStorage.setItem("tb.lang", "`+lang+`")`)
	w.reload()
	w.until(`document.querySelector("h1") !== null`)
	widest := eval[float64](w, `Math.max(document.documentElement.scrollWidth,
		...[...document.querySelectorAll("header *, main *")].filter(e => !e.closest(".spoken, canvas, .poster")).map(e => e.getBoundingClientRect().right))`)
	if widest > width+0.5 {
		w.t.Errorf("%s in %s is %.1f pixels wide", path, lang, widest)
	}
	w.named(path)
}

// named: whatever one can press or fill in has a name that is read out, and no two things are called by one id.
func (w *window) named(path string) {
	w.t.Helper()
	nameless := eval[[]string](w, `[...document.querySelectorAll("a, button, input, select, textarea, summary")].filter(e => e.type !== "hidden" &&
		!(e.getAttribute("aria-label") || e.labels?.length || e.textContent.trim() || e.querySelector("img[alt]"))).map(e => e.outerHTML)`)
	twice := eval[[]string](w, `(all => all.filter((id, i) => all.indexOf(id) !== i))([...document.querySelectorAll("[id]")].map(e => e.id))`)
	if len(nameless)+len(twice) > 0 {
		w.t.Errorf("%s: without a name %q, twice there %q", path, nameless, twice)
	}
}
