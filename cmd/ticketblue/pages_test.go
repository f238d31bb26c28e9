package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"ticketblue/api/auth"
	"ticketblue/ticketing"
)

// theatre is a running server with a small hall on sale: sections A and B of five rows with ten seats, VIP and R.
type theatre struct {
	*server
	round  ticketing.RoundID
	show   int64
	users  []ticketing.UserID
	tokens []string // of the users
	admin  string   // a token
}

const (
	customers   = 14
	theAdmin    = "admin@example.com"
	thePassword = "blue-ticket-7!" // everybody's
)

// customer is the e-mail of one of them.
func customer(i int) string { return fmt.Sprintf("customer%d@example.com", i) }

func (th *theatre) path() string { return fmt.Sprintf("/rounds/%d?performance=%d", th.round, th.show) }

// openTheatre starts it with what else there was before, if that is told.
func openTheatre(t *testing.T, before ...func(*theatre, *store)) *theatre {
	t.Helper()
	flags := storeFlags{Data: t.TempDir(), LogLevel: "error"}
	s, err := flags.openOwn(t.Context(), flags.logger())
	if err != nil {
		t.Fatal(err)
	}
	th := &theatre{}
	th.plan(t, s)
	tokens, err := auth.NewTokens(s.tokens, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	passwords, err := auth.NewPasswords(nil)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := passwords.Hash(t.Context(), thePassword)
	if err != nil {
		t.Fatal(err)
	}
	account := func(email string, role ticketing.Role) (ticketing.UserID, string) {
		id, err := s.CreateUser(t.Context(), ticketing.User{Email: email, Name: "김하늘", PasswordHash: hash, Role: role, CreatedAt: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		token, err := tokens.Mint(id, role)
		if err != nil {
			t.Fatal(err)
		}
		return id, token
	}
	for i := range customers {
		id, token := account(customer(i), ticketing.Customer)
		th.users, th.tokens = append(th.users, id), append(th.tokens, token)
	}
	_, th.admin = account(theAdmin, ticketing.Admin)
	for _, make := range before {
		make(th, s)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	th.server = startServer(t, flags.Data)
	return th
}

func (th *theatre) plan(t *testing.T, s *store) {
	t.Helper()
	ctx := t.Context()
	var seats []ticketing.Seat
	for section, name := range []string{"A", "B"} {
		for row := range 5 {
			for number := range 10 {
				seats = append(seats, ticketing.Seat{
					Section: name, Row: strconv.Itoa(row + 1), Number: number + 1, Grade: section,
					X: (section*12 + number) * 55, Y: 300 + row*90,
				})
			}
		}
	}
	plan, err := ticketing.NewPlan([]string{"VIP", "R"}, seats)
	if err != nil {
		t.Fatal(err)
	}
	hall, err := s.CreateHall(ctx, ticketing.Hall{Name: "작은 극장"}, plan)
	if err != nil {
		t.Fatal(err)
	}
	show, err := s.CreatePerformance(ctx, ticketing.Performance{
		Title: "밤의 노래", Category: "musical", HallID: hall.ID, DurationMinutes: 90,
		Prices: map[string]ticketing.KRW{"VIP": 132_000, "R": 99_000},
	})
	if err != nil {
		t.Fatal(err)
	}
	now, day := ticketing.MillisOf(time.Now()), 24*time.Hour
	round, err := s.CreateRound(ctx, ticketing.RoundInfo{
		PerformanceID: show.ID, PlanHash: plan.Hash(), StartsAt: now.Add(3 * day),
		Terms: ticketing.Terms{
			Prices: []ticketing.KRW{132_000, 99_000}, OpensAt: now, ClosesAt: now.Add(2 * day), StartsAt: now.Add(3 * day),
			HoldMillis: 300_000, PayMillis: 600_000, MaxPerUser: 4, CancelUntil: now.Add(2 * day), CancelFee: 10,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	th.round, th.show = round.ID, show.ID
}

// TestPages uses the pages as customers do, in a real browser.
func TestPages(t *testing.T) {
	th := openTheatre(t)
	t.Run("as files", func(t *testing.T) { th.files(t) })
	korean := startBrowser(t, "ko-KR")
	t.Run("from the list to a release", func(t *testing.T) { th.wholeWay(t, korean) })
	t.Run("keyboard only", func(t *testing.T) { th.keyboard(t, korean) })
	t.Run("two windows, one seat", func(t *testing.T) { th.twoWindows(t, korean) })
	t.Run("refusal in words", func(t *testing.T) { th.refusal(t, korean) })
	t.Run("paused while asking", func(t *testing.T) { th.paused(t, korean) })
	t.Run("lost answer", func(t *testing.T) { th.lostAnswer(t, korean) })
	t.Run("phone", func(t *testing.T) { th.phone(t, korean) })
	t.Run("back, and astray", func(t *testing.T) { th.backAndAstray(t, korean) })
	t.Run("stage", func(t *testing.T) { th.stage(t, korean) })
	t.Run("poster", func(t *testing.T) { th.poster(t, korean) })
	t.Run("on sale and coming", func(t *testing.T) { th.onSaleAndComing(t, korean) })
	t.Run("search", func(t *testing.T) { th.searches(t, korean) })
	t.Run("English", func(t *testing.T) { th.english(t, startBrowser(t, "en-US")) })
}

// poster: without one its place is there all the same, so that nothing moves when the picture comes.
func (th *theatre) poster(t *testing.T, b *browser) {
	const place = `(e => [e.offsetLeft, e.offsetTop, e.offsetWidth, e.offsetHeight].join())(document.querySelector(%s))`
	where := func(w *window, selector string) string { return eval[string](w, fmt.Sprintf(place, quoted(selector))) }
	w := b.open(t, th.url, 1280, 900)
	w.visit("/")
	w.untilText(".show .poster", "밤의 노래")
	inList := where(w, ".show .poster")
	w.visit(th.path())
	w.untilText("h1", "밤의 노래")
	besideTitle := where(w, ".thumb")
	small := th.upload(t, 10)
	for path, c := range map[string]struct{ box, picture, place string }{
		"/": {".show .poster", ".show img.poster", inList}, th.path(): {".thumb", ".thumb img", besideTitle},
		fmt.Sprintf("/performances/%d", th.show): {".poster", "img.poster", ""},
	} {
		w.visit(path)
		w.until(fmt.Sprintf(`(i => i && i.complete && i.naturalWidth >= 320)(document.querySelector(%s))`, quoted(c.picture)))
		said := eval[string](w, fmt.Sprintf(`(i => [i.alt, i.loading, i.hasAttribute("width") && i.hasAttribute("height"), (i.srcset || i.src).includes(%s)].join())(document.querySelector(%s))`,
			quoted(small), quoted(c.picture)))
		if want := "밤의 노래 포스터,lazy,true,true"; said != want {
			t.Errorf("%s: the picture says %q, want %q", path, said, want)
		}
		if got := where(w, c.box); c.place != "" && got != c.place {
			t.Errorf("%s: the picture is at %s, its place was at %s", path, got, c.place)
		}
	}
}

// files: the page is asked about each time and allows nothing inline; what it names is kept for ever.
func (th *theatre) files(t *testing.T) {
	get := func(path string, headers ...string) *http.Response {
		req, err := http.NewRequest(http.MethodGet, th.url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	page := get("/rounds/1")
	body, err := io.ReadAll(page.Body)
	if err != nil {
		t.Fatal(err)
	}
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'self'") || strings.Contains(policy, "unsafe") {
		t.Errorf("the page's policy is %q", policy)
	}
	if again := get("/", "If-None-Match", page.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("the same page again: %d, want 304", again.StatusCode)
	}
	for _, asset := range regexp.MustCompile(`/assets/[^"]+`).FindAllString(string(body), -1) {
		plain, packed := get(asset, "Accept-Encoding", "identity"), get(asset, "Accept-Encoding", "gzip")
		if plain.StatusCode != http.StatusOK || !strings.Contains(plain.Header.Get("Cache-Control"), "immutable") || plain.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d %v", asset, plain.StatusCode, plain.Header)
		}
		if packed.Header.Get("Content-Encoding") != "gzip" || packed.ContentLength >= plain.ContentLength {
			t.Errorf("%s packed: %d bytes, plain %d", asset, packed.ContentLength, plain.ContentLength)
		}
	}
	if gone := get("/assets/main-OLD.js"); gone.StatusCode != http.StatusNotFound {
		t.Errorf("an asset of another version: %d, want 404", gone.StatusCode)
	}
}

func (th *theatre) wholeWay(t *testing.T, b *browser) {
	w := b.open(t, th.url, 1280, 900)
	w.visit("/")
	w.untilText("h1", "지금 예매할 수 있는 공연")
	w.click(".show")
	w.untilText("h1", "밤의 노래")
	w.click(".round-link")
	w.clickSeat("A-1-3")
	w.clickSeat("A-1-4")
	w.untilText(".picked", "A구역 1열 3번")
	w.untilText(".selection .total", "264,000원")
	w.click("#reserve")
	w.untilText("h1", "로그인")
	w.click("#other")
	w.enter(`[name="email"]`, "kim@example.com")
	w.enter(`[name="name"]`, "김하늘")
	w.enter(`[name="password"]`, "blue-ticket-7!")
	w.click(`button[type="submit"]`)

	// What was asked before the log-in is asked now, without another press.
	w.untilText(".notice.good", "2석을 선점했습니다")
	w.untilText(".notice.good button", "결제하기")
	w.untilText(".hold", "A구역 1열 3번 · A구역 1열 4번")
	shown := eval[string](w, `document.querySelector(".timer").innerText`)
	if left, err := time.ParseDuration(strings.Replace(shown, ":", "m", 1) + "s"); err != nil || left < 4*time.Minute || left > 5*time.Minute {
		t.Errorf("the timer shows %q for a hold of five minutes", shown)
	}
	w.until(fmt.Sprintf(`document.querySelector(".timer").innerText !== %s`, quoted(shown)))

	w.reload()
	w.untilText(".hold", "A구역 1열 3번 · A구역 1열 4번")
	w.clickSeat("A-1-3") // mine already: nothing to select
	if n := eval[int](w, `document.querySelectorAll(".picked li").length`); n != 0 {
		t.Errorf("a seat of mine was selected once more")
	}
	w.visit("/reservations")
	w.untilText(".reservation.held", "A구역 1열 3번")
	w.visit(th.path())

	w.click(".release")
	w.untilText(".notice.good", "선점을 해제했습니다")
	w.untilGone(".hold")
	th.wantSeat(t, "A-1-3", ".")
	w.until(`[...document.querySelectorAll(".counts .free")].map(e => e.innerText).join() === "50,50"`)
}

// wantSeat asks the server itself.
func (th *theatre) wantSeat(t *testing.T, label, want string) {
	t.Helper()
	plan := mustAsk(t, http.StatusOK, "GET", th.url+"/v1/rounds/"+strconv.FormatInt(int64(th.round), 10)+"/seats", "", nil)
	var section, row, number int
	if _, err := fmt.Sscanf(label, "%c-%d-%d", &section, &row, &number); err != nil {
		t.Fatal(err)
	}
	states, _ := plan.body["seats"].(string)
	i := (section-'A')*50 + (row-1)*10 + number - 1
	if i >= len(states) || string(states[i]) != want {
		t.Errorf("seat %s is not %q in %s", label, want, states)
	}
}

func (th *theatre) keyboard(t *testing.T, b *browser) {
	w := b.open(t, th.url, 1280, 900)
	w.visit(th.path())
	w.logIn(customer(0), thePassword)
	w.until(`document.querySelector(".section-head") !== null`)
	w.tabTo(".section-head", false)
	w.press(kb.ArrowDown, kb.Enter) // section B
	w.until(`document.querySelectorAll(".grid .seat").length === 50`)
	w.press(kb.ArrowDown) // into the first row
	w.press(kb.ArrowDown, kb.ArrowRight, kb.ArrowRight, kb.Enter)
	w.until(`document.activeElement.ariaLabel === "B구역 2열 3번, R, 99,000원, 선택함"`)
	w.press(kb.ArrowLeft)
	w.until(`document.activeElement.ariaLabel === "B구역 2열 2번, R, 99,000원, 선택 가능"`)
	if n := eval[int](w, `document.querySelectorAll('.grid [tabindex="0"]').length`); n != 1 {
		t.Errorf("%d seats can be reached by Tab, want one", n)
	}
	w.press(kb.Escape)
	w.until(`document.activeElement.matches(".section-head")`)
	w.tabTo("#reserve", true)
	w.press(kb.Enter)
	w.untilText(".hold", "B구역 2열 3번")
	th.wantSeat(t, "B-2-3", "h")
	w.tabTo(".release", true)
	w.press(kb.Enter)
	w.untilGone(".hold")
	th.wantSeat(t, "B-2-3", ".")
}

func (th *theatre) twoWindows(t *testing.T, b *browser) {
	winner, loser := b.open(t, th.url, 1280, 900), b.open(t, th.url, 1280, 900)
	for i, w := range []*window{winner, loser} {
		w.visit(th.path())
		w.logIn(customer(1+i), thePassword)
		w.clickSeat("A-3-5")
		w.untilText(".picked", "A구역 3열 5번")
	}
	eval[chromedp.Void](winner, `{
		const ask = window.fetch;
		window.fetch = async (...call) => {
			const answer = await ask(...call);
			if (call[1]?.method === "POST") window.answered = Date.now();
			return answer;
		};
	}`)
	eval[chromedp.Void](loser, `new MutationObserver(() => {
		if (!window.taken && document.querySelector(".picked") === null) window.taken = Date.now();
	}).observe(document.body, {subtree: true, childList: true})`)
	loser.until(`document.querySelector(".live.live") !== null`)
	loser.do(blocked(seatsAddress)) // he is told, or does not learn of it
	winner.click("#reserve")
	winner.untilText(".hold", "A구역 3열 5번")
	loser.untilText(".notice", "방금 다른 분이 가져간 좌석을 선택에서 뺐습니다: A구역 3열 5번")
	late := time.Duration(eval[int64](loser, `window.taken`)-eval[int64](winner, `window.answered`)) * time.Millisecond
	t.Logf("the loser saw it %s after the winner's answer", late)
	loser.clickSeat("A-3-5") // taken: cannot be selected
	if eval[bool](loser, `document.querySelector(".picked") !== null`) {
		t.Error("a taken seat could be selected")
	}
}

const (
	eventsAddress = "*://*:*/v1/rounds/*/events"
	seatsAddress  = "*://*:*/v1/rounds/*/seats"
)

// refusal: a map that has stopped, so that the press comes too late.
func (th *theatre) refusal(t *testing.T, b *browser) {
	w := b.open(t, th.url, 1280, 900)
	w.do(blocked(eventsAddress))
	w.visit(th.path())
	w.logIn(customer(3), thePassword)
	w.untilText(".live.polling", "갱신")
	w.clickSeat("B-4-1")
	w.clickSeat("B-4-2")
	w.untilText(".selection .total", "198,000원")
	w.do(blocked(eventsAddress, seatsAddress))
	w.until(`document.querySelector(".live.away") !== null`) // it says so
	th.reserve(t, th.tokens[4], "elsewhere", "B-4-1")
	w.click("#reserve")
	w.untilText(".notice.bad", "방금 다른 분이 선점했습니다")
	w.untilText(".failed-seats", "B구역 4열 1번")
	w.untilText(".picked", "B구역 4열 2번") // what was not taken stays selected
	if eval[bool](w, `document.querySelector(".picked").innerText.includes("4열 1번")`) {
		t.Error("the taken seat is still selected")
	}
	if role := eval[string](w, `document.querySelector(".notice.bad").parentElement.getAttribute("aria-live")`); role != "assertive" {
		t.Errorf("the refusal is read out as %q", role)
	}
	w.do(blocked())
	w.click("#reserve")
	w.untilText(".hold", "B구역 4열 2번")
}

// paused: a page without events sees a pause, and its end, as soon as it asks.
func (th *theatre) paused(t *testing.T, b *browser) {
	w := b.open(t, th.url, 1280, 900)
	w.do(blocked(eventsAddress))
	w.visit(th.path())
	w.untilText(".live.polling", "갱신")
	for _, step := range []struct{ act, pill string }{{"pause", ".pill.paused"}, {"open", ".pill.open"}} {
		mustAsk(t, http.StatusOK, "POST", fmt.Sprintf("%s/v1/admin/rounds/%d/%s", th.url, th.round, step.act), th.admin, nil)
		w.until(fmt.Sprintf(`document.querySelector(%q) !== null`, step.pill))
	}
}

// blocked cuts the window off from addresses; without any, from none.
func blocked(patterns ...string) chromedp.Action[chromedp.Void] {
	rules := []*network.BlockPattern{}
	for _, p := range patterns {
		rules = append(rules, &network.BlockPattern{URLPattern: p, Block: true})
	}
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: rules})
		return err
	})
}

func (th *theatre) reserve(t *testing.T, token, key, label string) string {
	t.Helper()
	a := mustAsk(t, http.StatusCreated, "POST", fmt.Sprintf("%s/v1/rounds/%d/reservations", th.url, th.round), token,
		map[string]any{"seats": []string{label}}, "Idempotency-Key", key)
	id, _ := a.body["id"].(string)
	return id
}

// lostAnswer: the server has done it, but the page was reloaded before the answer came.
func (th *theatre) lostAnswer(t *testing.T, b *browser) {
	w := b.open(t, th.url, 1280, 900)
	id := th.reserve(t, th.tokens[5], "the key of the click", "A-5-1")
	w.visit("/")
	eval[chromedp.Void](w, fmt.Sprintf(`sessionStorage.setItem("tb.pending.%d", %s)`, th.round,
		quoted(fmt.Sprintf(`{"key":"the key of the click","body":{"seats":["A-5-1"]},"user":%d}`, th.users[5]))))
	w.logIn(customer(5), thePassword)
	w.visit(th.path())
	w.untilText(".hold", "예매 번호 "+id)
	w.until(fmt.Sprintf(`sessionStorage.getItem("tb.pending.%d") === null`, th.round))
	if n := eval[int](w, `document.querySelectorAll(".hold").length`); n != 1 {
		t.Errorf("%d holds, want the one that was made", n)
	}
}

func (th *theatre) phone(t *testing.T, b *browser) {
	const width, height = 375, 812
	w := b.open(t, th.url, width, height, chromedp.EmulateMobile, chromedp.EmulateTouch)
	for _, lang := range []string{"ko", "en"} {
		for _, path := range []string{"/", fmt.Sprintf("/performances/%d", th.show), th.path(), "/login", "/signup", "/reset-password", "/reservations", "/coupons", "/me"} {
			w.fits(path, lang, width)
		}
	}
	w.visit(th.path())
	w.logIn(customer(6), thePassword)
	x, y := w.seat("B-1-5")
	w.do(chromedp.TapXY(x, y)) // comes nearer first: seats are small for a finger
	w.until(`!document.querySelector(".tool-wide").disabled`)
	w.until(`(window.steady = window.last === (window.last = JSON.stringify(document.querySelector(".map > canvas").placeOf("B-1-5")))) && steady`)
	x, y = w.seat("B-1-5")
	w.do(chromedp.TapXY(x, y))
	w.untilText(".picked", "seat 5")
	if !eval[bool](w, `(() => { const b = document.querySelector("#reserve").getBoundingClientRect(); return b.top >= 0 && b.bottom <= innerHeight; })()`) {
		t.Error("with a seat selected the button to reserve is not in sight")
	}
	eval[chromedp.Void](w, `localStorage.removeItem("tb.lang")`)
}

func (th *theatre) english(t *testing.T, b *browser) {
	w := b.open(t, th.url, 1280, 900)
	w.visit(th.path())
	w.untilText("h2", "Your selection")
	w.until(`document.documentElement.lang === "en"`)
	w.clickSeat("A-2-2")
	w.untilText(".picked", "Section A, row 2, seat 2")
	w.untilText(".selection .total", "₩132,000")
	w.click("#language")
	w.untilText(".picked", "A구역 2열 2번")
	w.reload() // the choice and the selection stay
	w.untilText(".picked", "A구역 2열 2번")
	w.until(`document.documentElement.lang === "ko"`)
}
