package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"ticketblue/persistence"
	"ticketblue/ticketing"
)

// reviewers have been to the show that is over; ten of them fill a page.
const reviewers = 11

// TestReviewPages reads, writes, changes and deletes reviews in a real browser.
func TestReviewPages(t *testing.T) {
	t.Parallel() // it mostly waits for a browser
	var over, coming int64
	th := openTheatre(t, func(th *theatre, s *store) {
		guests := th.users[:reviewers+1] // customer 0 has been there too
		over, coming = th.attended(t, s, "어제의 노래", -24*time.Hour, guests), th.attended(t, s, "내일의 노래", 24*time.Hour, guests)
	})
	for i := range reviewers {
		th.review(t, over, i+1)
	}
	b := startBrowser(t, "ko-KR")
	path := fmt.Sprintf("/performances/%d", over)
	t.Run("page by page", func(t *testing.T) {
		w := b.open(t, th.url, 1280, 900)
		w.visit(path)
		w.until(`document.querySelectorAll(".review").length === 10`)
		w.untilText(".reviews h2", "(11)")
		w.tabTo(".more button", false)
		w.press(kb.Enter)
		w.until(`document.querySelectorAll(".review").length === 11 && document.querySelector(".more button") === null`)
		w.untilText(".review:last-child", "<b>1</b>번")
		if eval[bool](w, `document.querySelector(".write") !== null`) {
			t.Error("who has not logged in is offered to write")
		}
	})
	t.Run("refused", func(t *testing.T) {
		w := b.open(t, th.url, 1280, 900)
		w.visit("/")
		w.logIn(customer(reviewers+1), thePassword) // was never there
		th.writeReview(w, path, "못 봤지만")
		w.untilText(".write .form-error", "예매가 확정된 고객만")
		early := b.open(t, th.url, 1280, 900)
		early.visit("/")
		early.logIn(customer(0), thePassword)
		th.writeReview(early, fmt.Sprintf("/performances/%d", coming), "벌써 좋아요")
		early.untilText(".write .form-error", "공연이 끝난 뒤에")
		if text := eval[string](early, `document.querySelector(".write textarea").value`); text != "벌써 좋아요" {
			t.Errorf("after the refusal the text is %q", text)
		}
	})
	t.Run("mine, by keyboard", func(t *testing.T) { th.ownReview(t, b, path) })
	t.Run("by an admin", func(t *testing.T) {
		w := b.open(t, th.url, 1280, 900)
		w.visit("/")
		w.logIn(theAdmin, thePassword)
		w.visit(path)
		w.untilText(".review:first-child", "<b>11</b>번")
		w.tabTo(".review:first-child summary", false)
		w.press(kb.Enter)
		w.tabTo(".review:first-child .drop", false)
		w.press(kb.Enter)
		w.untilText(".reviews h2", "(10)")
		w.until(`!document.body.innerText.includes("<b>11</b>번")`)
	})
}

// ownReview writes one, finds it again after a reload, changes it and deletes it, without a mouse.
func (th *theatre) ownReview(t *testing.T, b *browser, path string) {
	w := b.open(t, th.url, 1280, 900)
	w.visit("/")
	w.logIn(customer(0), thePassword)
	w.visit("/reservations")
	w.untilText(".reservation", "어제의 노래")
	w.until(`[...document.querySelectorAll(".reservation")].every(r => r.innerText.includes("관람평 쓰기") !== r.innerText.includes("예매 취소"))`) // it is too late to cancel
	w.visit(path)
	w.openOwn()
	w.tabTo(".write select", false)
	w.press("4")
	w.tabTo(".write textarea", false)
	w.press("G", "o", "o", "d")
	w.tabTo(".write button", false)
	w.press(kb.Enter)
	w.untilText(".review:first-child", "Good")
	w.untilText(".reviews h2", "(12)")
	w.until(`document.querySelector(".review:first-child .stars").getAttribute("aria-label").includes("4")`)
	w.reload()
	w.openOwn()
	w.until(`document.querySelector(".write textarea")?.value === "Good" && document.querySelector(".write select").value === "4"`)
	w.fill(".write textarea", "Good!")
	w.tabTo(`.write button[type="submit"]`, false)
	w.press(kb.Enter)
	w.untilText(".review:first-child", "Good!")
	w.untilText(".review:first-child", "수정됨")
	w.untilText(".write .form-done", "고쳤습니다")
	w.tabTo(".write .drop", false)
	w.press(kb.Enter)
	w.untilText(".reviews h2", "(11)")
	w.until(`!document.body.innerText.includes("Good!") && document.querySelector(".write textarea").value === ""`)
}

// openOwn opens the form by keyboard: while reviews are still coming, it moves under a mouse.
func (w *window) openOwn() {
	w.t.Helper()
	w.tabTo(".write summary", false)
	w.press(kb.Enter)
	w.until(`document.querySelector(".write textarea") !== null`)
}

func (th *theatre) writeReview(w *window, path, text string) {
	w.t.Helper()
	w.visit(path)
	w.openOwn()
	w.enter(".write textarea", text)
	w.tabTo(`.write button[type="submit"]`, false)
	w.press(kb.Enter)
}

// review is written by one of the customers as soon as the read tables have his ticket.
func (th *theatre) review(t *testing.T, show int64, i int) {
	t.Helper()
	poll(t, "a review", func() bool {
		a, err := askAgain("POST", fmt.Sprintf("%s/v1/performances/%d/reviews", th.url, show), th.tokens[i], map[string]any{"rate": i % 6, "text": fmt.Sprintf("<b>%d</b>번", i)})
		if err != nil || a.status != http.StatusCreated && !strings.Contains(fmt.Sprint(a.body["code"]), "ticket_required") {
			t.Fatalf("a review: %d %v %v", a.status, a.body, err)
		}
		return a.status == http.StatusCreated
	})
}

// attended makes a performance with a round that is shown so long from now, to which all guests have tickets.
func (th *theatre) attended(t *testing.T, s *store, title string, in time.Duration, guests []ticketing.UserID) int64 {
	t.Helper()
	ctx, starts := t.Context(), ticketing.MillisOf(time.Now().Add(in))
	hall, err := s.Performance(ctx, th.show)
	if err != nil {
		t.Fatal(err)
	}
	round, err := s.Round(ctx, th.round)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.Plan(ctx, round.PlanHash)
	if err != nil {
		t.Fatal(err)
	}
	day := ticketing.DayOf(starts)
	shows := []ticketing.Performance{{Title: title, Category: "concert", HallID: hall.HallID, DurationMinutes: 90, Prices: hall.Prices, From: day, To: day}}
	opens := ticketing.MillisOf(time.Now()).Add(-72 * time.Hour)
	rounds := []ticketing.RoundInfo{{PlanHash: round.PlanHash, StartsAt: starts, Terms: termsFor(opens, starts, starts, []ticketing.KRW{0, 0})}}
	err = s.InBulk(ctx, func(b *persistence.Bulk) error {
		if err := b.Performances(ctx, shows); err != nil {
			return err
		}
		rounds[0].PerformanceID = shows[0].ID
		if err := b.Rounds(ctx, rounds, demoPlanned); err != nil {
			return err
		}
		events, err := attended(rounds[0], plan, guests)
		if err != nil {
			return err
		}
		return b.History(ctx, rounds[0].ID, events)
	})
	if err != nil {
		t.Fatal(err)
	}
	return shows[0].ID
}
