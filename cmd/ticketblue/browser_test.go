package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A real browser in front of the whole program: Debian's chromium, which `tools/needs browser` installs.

const (
	pageLimit    = endLimit // for anything a page is waited for
	browserLimit = 20 * time.Minute
)

// browser is one chromium with a profile of its own.
type browser struct {
	t   *testing.T
	ctx context.Context // of its first, empty tab
}

// startBrowser starts a browser whose user prefers the language. A missing browser fails the test.
func startBrowser(t *testing.T, language string) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("no browser: tools/needs browser installs one (%v)", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WSURLReadTimeout(startLimit),
		chromedp.Flag("accept-lang", language), chromedp.Flag("lang", language),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
	)
	limited, cancel := context.WithTimeout(t.Context(), browserLimit)
	t.Cleanup(cancel)
	allocated, cancel := chromedp.NewExecAllocator(limited, options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocated)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	return &browser{t: t, ctx: ctx}
}

// window is one page of a browser, with cookies of its own. What goes wrong in its scripts, and what its policy forbids, fails the test.
type window struct {
	t    *testing.T
	ctx  context.Context
	base string
}

func (b *browser) open(t *testing.T, base string, width, height int64, device ...chromedp.EmulateViewportOption) *window {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	w := newWindow(t, ctx, cancel, base)
	w.do(chromedp.EmulateViewport(width, height, device...))
	return w
}

// tab is another page of the same visitor, with the same cookies.
func (w *window) tab() *window {
	w.t.Helper()
	ctx, cancel := chromedp.NewContext(w.ctx)
	return newWindow(w.t, ctx, cancel, w.base)
}

func newWindow(t *testing.T, ctx context.Context, cancel context.CancelFunc, base string) *window {
	t.Helper()
	w := &window{t: t, ctx: ctx, base: base}
	var mu sync.Mutex
	var wrong []string
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		wrong = append(wrong, what)
	}
	t.Cleanup(func() {
		cancel()
		mu.Lock()
		defer mu.Unlock()
		for _, what := range wrong {
			t.Errorf("in the browser: %s", what)
		}
	})
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as the context it was made with
		t.Fatal(err)
	}
	err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			note(fmt.Sprintf("%s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
		case *log.EventEntryAdded:
			if e.Entry.Source != "network" && e.Entry.Source != "recommendation" { // refusals are noted there; and taste
				note(fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text))
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *window) do(steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, pageLimit)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		w.t.Fatalf("%v\nthe page says:\n%s", err, w.says())
	}
}

// says is the text of the page, for who has to find out why a test failed.
func (w *window) says() string {
	ctx, cancel := context.WithTimeout(w.ctx, pageLimit)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
	if err != nil {
		return err.Error()
	}
	return text
}

func (w *window) visit(path string) {
	w.t.Helper()
	w.do(chromedp.Navigate(w.base + path))
}

// reload returns when the page has been loaded anew. (chromedp.Reload may return before.)
func (w *window) reload() {
	w.t.Helper()
	w.do(chromedp.Navigate(eval[string](w, `location.href`)))
}

// eval returns what the expression, or its promise, gives.
func eval[T any](w *window, expression string) T {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, pageLimit)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		w.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// until waits for the expression to be true, also over a change of page.
func (w *window) until(expression string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, pageLimit)
	defer cancel()
	for {
		_, err := chromedp.Run(ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(pageLimit)))
		if err == nil {
			return
		}
		if ctx.Err() != nil || !strings.Contains(err.Error(), "context with specified id") && !strings.Contains(err.Error(), "context was destroyed") &&
			!strings.Contains(err.Error(), "target navigated") {
			w.t.Fatalf("waiting for %s: %v\nthe page says:\n%s", expression, err, w.says())
		}
	}
}

// untilText waits for an element that says it.
func (w *window) untilText(selector, text string) {
	w.t.Helper()
	w.until(fmt.Sprintf(`[...document.querySelectorAll(%s)].some(e => e.innerText.includes(%s))`, quoted(selector), quoted(text)))
}

func (w *window) untilGone(selector string) {
	w.t.Helper()
	w.until(fmt.Sprintf(`document.querySelector(%s) === null`, quoted(selector)))
}

// click presses what can be pressed: a button of ours that is at work says so by aria-disabled, and ignores clicks.
func (w *window) click(selector string) {
	w.t.Helper()
	w.until(fmt.Sprintf(`(e => e && e.getAttribute("aria-disabled") !== "true")(document.querySelector(%s))`, quoted(selector)))
	w.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible, chromedp.NodeEnabled))
}

func (w *window) enter(selector, text string) {
	w.t.Helper()
	w.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// press sends keys to whatever has the focus.
func (w *window) press(keys ...string) {
	w.t.Helper()
	for _, key := range keys {
		w.do(chromedp.KeyEvent(key))
	}
}

const maxTabs = 80

// tabTo presses Tab, or Shift and Tab, until the focus is on such an element, once there is one.
func (w *window) tabTo(selector string, back bool) {
	w.t.Helper()
	w.until(fmt.Sprintf(`document.querySelector(%s) !== null`, quoted(selector)))
	var with []chromedp.KeyOption
	if back {
		with = append(with, chromedp.KeyModifiers(chromedp.ModifierShift))
	}
	for range maxTabs {
		w.do(chromedp.KeyEvent(kb.Tab, with...))
		if eval[bool](w, fmt.Sprintf(`document.activeElement.matches(%s)`, quoted(selector))) {
			return
		}
	}
	w.t.Fatalf("%d times Tab did not come to %s\n%s", maxTabs, selector, w.says())
}

// seat is where the map shows a seat, in pixels of the window.
func (w *window) seat(label string) (x, y float64) {
	w.t.Helper()
	w.until(`performance.getEntriesByName("tb:map").length > 0`)
	place := eval[[]float64](w, fmt.Sprintf(`(() => {
		const map = document.querySelector(".map > canvas");
		map.scrollIntoView({block: "center"});
		const box = map.getBoundingClientRect(), at = map.placeOf(%s);
		return [box.left + at.x, box.top + at.y];
	})()`, quoted(label)))
	return place[0], place[1]
}

// clickSeat clicks on the map.
func (w *window) clickSeat(label string) {
	w.t.Helper()
	x, y := w.seat(label)
	w.do(chromedp.MouseClickXY(x, y))
}

// logIn makes the window that of a customer, and loads the page again.
func (w *window) logIn(email, password string) {
	w.t.Helper()
	body := quoted(fmt.Sprintf(`{"email": %s, "password": %s, "cookie": true}`, quoted(email), quoted(password)))
	status := eval[int](w, fmt.Sprintf(`fetch("/v1/auth/login", {method: "POST", headers: {"Content-Type": "application/json"}, body: %s}).then(r => r.status)`, body))
	if status != http.StatusOK {
		w.t.Fatalf("logging %s in: %d", email, status)
	}
	eval[chromedp.Void](w, `localStorage.setItem("tb.session", "expected")`)
	w.reload()
}

// quoted is a JavaScript string.
func quoted(s string) string {
	body, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings can be encoded
	}
	return strings.ReplaceAll(string(body), "\u2028", `\u2028`)
}
