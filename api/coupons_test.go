package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"ticketblue/ticketing"
)

const claimPath = "/v1/campaigns/1/coupons"

// campaignPlan is a campaign of two coupons that opens in an hour; more is added to the body.
func (h *house) campaignPlan(more string) string {
	at := func(d time.Duration) string { return h.clock.Now().Add(d).Format(time.RFC3339) }
	return fmt.Sprintf(`{"name":"가을맞이","stock":5,"discount":{"kind":"rate","value":10,"cap":30000},"minimum_amount":50000,`+
		`"opens_at":%q,"closes_at":%q,"life_days":30%s}`, at(time.Hour), at(48*time.Hour), more)
}

// openCampaign plans a campaign and opens it at once; the first is campaign 1.
func (h *house) openCampaign(more string) campaignBody {
	h.t.Helper()
	token := h.token(admin, ticketing.Admin)
	var made campaignBody
	h.do(call{"POST", "/v1/admin/campaigns", token, h.campaignPlan(more), nil}).wantStatus(http.StatusCreated).decode(&made)
	h.do(call{method: "POST", path: fmt.Sprintf("/v1/admin/campaigns/%d/open", made.ID), token: token}).wantStatus(http.StatusOK).decode(&made)
	return made
}

func (h *house) claim(user ticketing.UserID, key string) answer {
	h.t.Helper()
	return h.do(call{"POST", claimPath, h.token(user, ticketing.Customer), "", map[string]string{headerIdempotencyKey: key}})
}

func TestClaim(t *testing.T) {
	h := open(t, nil)
	made := h.openCampaign("")
	if made.Status != "open" || made.Stock != 5 || *made.Left != 5 || made.LifeDays != 30 || !made.Claimable || made.Name != "가을맞이" ||
		made.Discount != (discountBody{"rate", 10, 30000}) || made.MinimumAmount != 50000 || made.ExpiresAt != nil {
		t.Errorf("campaign %+v", made)
	}
	first := h.claim(customer, "k1").wantStatus(http.StatusCreated)
	var k couponBody
	first.decode(&k)
	if k.ID != "1-1" || k.Number != 1 || k.Of != 5 || k.Status != "issued" || !k.ExpiresAt.Equal(h.clock.Now().Add(30*24*time.Hour)) {
		t.Errorf("coupon %s", first.body)
	}
	if want := fmt.Sprintf("campaign:1@%d", k.Seq); first.header.Get("TB-Position") != want || first.header.Get(headerReplayed) != "" {
		t.Errorf("headers %v", first.header)
	}
	again := h.claim(customer, "k1").wantStatus(http.StatusCreated)
	if again.header.Get(headerReplayed) != "true" || string(again.body) != string(first.body) {
		t.Errorf("repeat %s %v", again.body, again.header)
	}
	if p := h.claim(customer, "k2").wantStatus(http.StatusConflict).problem(); p.Code != "coupon_already_issued" || p.Retryable {
		t.Errorf("second %+v", p)
	}
	for user := range ticketing.UserID(4) {
		h.claim(100+user, "k").wantStatus(http.StatusCreated)
	}
	if p := h.claim(otherCustomer, "k").wantStatus(http.StatusConflict).problem(); p.Code != "coupons_gone" {
		t.Errorf("too late %+v", p)
	}
	var now campaignBody
	h.do(call{method: "GET", path: "/v1/campaigns/1"}).wantStatus(http.StatusOK).decode(&now)
	if *now.Left != 0 || now.Issued != 5 || now.Name != "가을맞이" {
		t.Errorf("campaign %+v", now)
	}
}

func TestCampaignsAreTurnedByAdmins(t *testing.T) {
	h := open(t, nil)
	token := h.token(admin, ticketing.Admin)
	h.do(call{"POST", "/v1/admin/campaigns", token, h.campaignPlan(""), nil}).wantStatus(http.StatusCreated)
	p := h.claim(customer, "k").wantStatus(http.StatusConflict).problem()
	if p.Code != "campaign_not_open" || p.RetryAt == nil || !p.RetryAt.Equal(h.clock.Now().Add(time.Hour)) {
		t.Errorf("before it opens: %+v", p)
	}
	for _, step := range []struct {
		verb   string
		status int
		want   string // status of the campaign, or code of the problem
		claim  string
	}{
		{"pause", 409, "campaign_not_open", "campaign_not_open"}, {"open", 200, "open", ""}, {"pause", 200, "paused", "campaign_paused"},
		{"pause", 200, "paused", "campaign_paused"}, {"open", 200, "open", ""}, {"close", 200, "closed", "campaign_closed"},
		{"open", 409, "campaign_closed", "campaign_closed"}, {"close", 200, "closed", "campaign_closed"},
	} {
		a := h.do(call{method: "POST", path: "/v1/admin/campaigns/1/" + step.verb, token: token}).wantStatus(step.status)
		if !strings.Contains(string(a.body), `"`+step.want+`"`) {
			t.Errorf("%s: %s", step.verb, a.body)
		}
		a = h.claim(ticketing.UserID(a.status+len(step.want)), step.verb+step.claim) // somebody or other
		if step.claim == "" {
			a.wantStatus(http.StatusCreated)
		} else if p := a.wantStatus(http.StatusConflict).problem(); p.Code != step.claim {
			t.Errorf("after %s: %+v", step.verb, p)
		}
	}
}

// What an admin does for one customer, and with a campaign that was a mistake.
func TestAdminsGiveRenameAndDelete(t *testing.T) {
	h := open(t, nil)
	h.addKim()
	h.openCampaign(`,"claimable":false,"welcome":true`)
	h.openCampaign("")
	token := h.token(admin, ticketing.Admin)
	ask := func(method, path, body string) answer {
		t.Helper()
		return h.do(call{method, "/v1/admin/campaigns" + path, token, body, nil})
	}
	var first, again couponBody
	given := ask("PUT", "/1/coupons/1", "").wantStatus(http.StatusOK)
	given.decode(&first)
	if first.ID != "1-1" || given.header.Get("TB-Position") != fmt.Sprintf("campaign:1@%d", first.Seq) || given.header.Get(headerReplayed) != "" {
		t.Errorf("given %s %v", given.body, given.header)
	}
	repeat := ask("PUT", "/1/coupons/1", "").wantStatus(http.StatusOK)
	if repeat.decode(&again); again.ID != first.ID || repeat.header.Get(headerReplayed) != "true" {
		t.Errorf("given again %s %v", repeat.body, repeat.header)
	}
	var renamed campaignBody
	ask("PUT", "/2", `{"name":"봄맞이"}`).wantStatus(http.StatusOK).decode(&renamed)
	if renamed.Name != "봄맞이" || renamed.ID != 2 {
		t.Errorf("renamed %+v", renamed)
	}
	if p := ask("DELETE", "/1", "").wantStatus(http.StatusConflict).problem(); p.Code != "has_coupons" {
		t.Errorf("deleting what a customer has: %+v", p)
	}
	ask("DELETE", "/2", "").wantStatus(http.StatusNoContent)
	ask("DELETE", "/2", "").wantStatus(http.StatusNotFound)
	if p := h.do(call{"POST", "/v1/campaigns/2/coupons", h.token(customer, ticketing.Customer), "",
		map[string]string{headerIdempotencyKey: "k"}}).wantStatus(http.StatusConflict).problem(); p.Code != "campaign_closed" {
		t.Errorf("claim of a deleted campaign: %+v", p)
	}
	var gone campaignBody
	h.do(call{method: "GET", path: "/v1/campaigns/2"}).wantStatus(http.StatusOK).decode(&gone)
	if gone.Status != "closed" || gone.Claimable || gone.Name != "" {
		t.Errorf("a deleted campaign: %+v", gone)
	}
	var page struct{ Items []campaignBody }
	h.do(call{method: "GET", path: "/v1/admin/campaigns", token: token}).wantStatus(http.StatusOK).decode(&page)
	if len(page.Items) != 1 || !page.Items[0].Welcome {
		t.Errorf("admins see %+v", page.Items)
	}
}

func TestListsOfCampaigns(t *testing.T) {
	h := open(t, nil)
	for n := range 5 {
		h.openCampaign([]string{"", `,"claimable":false`}[n%2])
	}
	list := func(path, token string) (ids []int64) {
		t.Helper()
		for after := ""; ; {
			var page struct {
				Items []campaignBody
				Next  string
			}
			h.do(call{method: "GET", path: path + "?limit=2" + after, token: token}).wantStatus(http.StatusOK).decode(&page)
			for _, c := range page.Items {
				ids = append(ids, c.ID)
			}
			if page.Next == "" {
				return ids
			}
			after = "&after=" + page.Next
		}
	}
	if got := fmt.Sprint(list("/v1/campaigns", "")); got != "[5 3 1]" {
		t.Errorf("public %s", got)
	}
	if got := fmt.Sprint(list("/v1/admin/campaigns", h.token(admin, ticketing.Admin))); got != "[5 4 3 2 1]" {
		t.Errorf("admin's %s", got)
	}
}

func TestMyCoupons(t *testing.T) {
	h := open(t, nil)
	now := ticketing.MillisOf(h.clock.Now())
	order := ticketing.OrderID{Reservation: ticketing.ReservationID{Round: 42, Number: 1}, Attempt: 1}
	var list []ticketing.CouponSummary
	for status := ticketing.ExpiredCoupon; status >= ticketing.IssuedCoupon; status-- {
		k := ticketing.CouponSummary{Name: "가을맞이", Coupon: ticketing.Coupon{
			ID: ticketing.CouponID{Campaign: 3, Number: uint32(status)}, User: customer, Status: status, Of: 100,
			Discount: ticketing.Discount{Kind: ticketing.RateOff, Value: 10, Cap: 3000, Minimum: 1000}, IssuedAt: now, ExpiresAt: now + 1000,
		}}
		if status == ticketing.ReservedCoupon || status == ticketing.RedeemedCoupon {
			k.Order, k.Taken = order, 990
		}
		if status == ticketing.ReservedCoupon {
			k.ReservedUntil = now + 500
		}
		list = append(list, k)
	}
	h.campaigns.of = map[ticketing.UserID][]ticketing.CouponSummary{customer: list}
	token := h.token(customer, ticketing.Customer)
	var seen []myCouponBody
	for after := ""; ; {
		var page struct {
			Items []myCouponBody
			Next  string
		}
		h.do(call{method: "GET", path: "/v1/coupons?limit=3&usable=true&amount=9900" + after, token: token}).wantStatus(http.StatusOK).decode(&page)
		seen = append(seen, page.Items...)
		if page.Next == "" {
			break
		}
		after = "&after=" + page.Next
	}
	if len(seen) != 4 || seen[0].Status != "expired" || seen[1].Order != "42-1-1" || seen[1].Taken != 990 || seen[2].ReservedUntil == nil ||
		seen[3].Order != "" || *seen[3].Off != 990 || seen[3].Name != "가을맞이" {
		t.Errorf("coupons %+v", seen)
	}
	if f := h.campaigns.asked[0]; f != (ticketing.CouponFilter{UsableAt: now, Amount: 9900}) {
		t.Errorf("asked for %+v", f)
	}
	h.do(call{method: "GET", path: "/v1/coupons?usable=false&amount=9900", token: token}).wantStatus(http.StatusOK)
	if f := h.campaigns.asked[len(h.campaigns.asked)-1]; f != (ticketing.CouponFilter{UsableAt: now, Amount: 9900, Unusable: true}) {
		t.Errorf("not usable: asked for %+v", f)
	}
	h.lists.at["campaign:3"] = 7
	h.do(call{method: "GET", path: "/v1/coupons", token: token, header: map[string]string{headerPosition: "campaign:3@7"}}).wantStatus(http.StatusOK)
	if f := h.campaigns.asked[len(h.campaigns.asked)-1]; f != (ticketing.CouponFilter{}) || h.lists.awaited[0] != "campaign:3@7" {
		t.Errorf("asked for %+v after %v", f, h.lists.awaited)
	}
}

func badCoupons(h *house) []bad {
	mine, theirs := h.token(customer, ticketing.Customer), h.token(otherCustomer, ticketing.Customer)
	root := h.token(admin, ticketing.Admin)
	claim := func(path, token, body, key string) call {
		return call{"POST", path, token, body, map[string]string{headerIdempotencyKey: key}}
	}
	plan := func(old, changed string) call {
		body := h.campaignPlan("")
		if !strings.Contains(body, old) {
			panic(old)
		}
		return call{"POST", "/v1/admin/campaigns", root, strings.Replace(body, old, changed, 1), nil}
	}
	admins := func(method, path, body string) call {
		return call{method, "/v1/admin/campaigns" + path, root, body, nil}
	}
	list := func(query string) call { return call{method: "GET", path: "/v1/coupons" + query, token: mine} }
	times := func(opens, closes time.Duration) string {
		return fmt.Sprintf(`"opens_at":%q,"closes_at":%q`, h.clock.Now().Add(opens).Format(time.RFC3339), h.clock.Now().Add(closes).Format(time.RFC3339))
	}
	const invalid = "invalid_input"
	return []bad{
		{name: "claim, no key", call: call{method: "POST", path: claimPath, token: theirs}, status: 400, code: "idempotency_key_required"},
		{name: "claim, long key", call: claim(claimPath, theirs, "", strings.Repeat("k", MaxKeyBytes+1)), status: 422, code: invalid, field: headerIdempotencyKey},
		{name: "claim, a body", call: claim(claimPath, theirs, `{"count":2}`, "k"), status: 422, code: invalid, field: "body"},
		{name: "claim, a second one", call: claim(claimPath, mine, "", "other"), status: 409, code: "coupon_already_issued"},
		{name: "claim what is given", call: claim("/v1/campaigns/2/coupons", theirs, "", "k"), status: 409, code: "not_claimable"},
		{name: "claim too early", call: claim("/v1/campaigns/3/coupons", theirs, "", "k"), status: 409, code: "campaign_not_open"},
		{name: "claim of no campaign", call: claim("/v1/campaigns/99/coupons", theirs, "", "k"), status: 404, code: "not_found"},
		{name: "claim of an odd campaign", call: claim("/v1/campaigns/01/coupons", theirs, "", "k"), status: 404, code: "not_found"},
		{name: "no campaign", call: call{method: "GET", path: "/v1/campaigns/99"}, status: 404, code: "not_found"},
		{name: "odd campaign", call: call{method: "GET", path: "/v1/campaigns/x"}, status: 404, code: "not_found"},
		{name: "open no campaign", call: call{method: "POST", path: "/v1/admin/campaigns/99/open", token: root}, status: 404, code: "not_found"},
		{name: "campaigns, page of 0", call: call{method: "GET", path: "/v1/campaigns?limit=0"}, status: 422, code: invalid, field: "limit"},
		{name: "coupons, page of 101", call: list("?limit=101"), status: 422, code: invalid, field: "limit"},
		{name: "coupons after nothing", call: list("?after=s3cret"), status: 422, code: invalid, field: "after"},
		{name: "coupons, an amount for nothing", call: list("?amount=1000"), status: 422, code: invalid, field: "amount"},
		{name: "coupons, amount 0", call: list("?usable=true&amount=0"), status: 422, code: invalid, field: "amount"},
		{name: "coupons, perhaps usable", call: list("?usable=s3cret"), status: 422, code: invalid, field: "usable"},

		{name: "campaign of yesterday", call: plan(times(time.Hour, 48*time.Hour), times(-48*time.Hour, -24*time.Hour)), status: 422, code: invalid, field: "closes_at"},
		{name: "campaign that closes now", call: plan(times(time.Hour, 48*time.Hour), times(-time.Hour, 0)), status: 422, code: invalid, field: "closes_at"},
		{name: "campaign without a name", call: plan(`"name":"가을맞이",`, ""), status: 422, code: invalid, field: "name"},
		{name: "campaign with a blank name", call: plan(`"가을맞이"`, `" "`), status: 422, code: invalid, field: "name"},
		{name: "campaign with a long name", call: plan(`"가을맞이"`, `"`+strings.Repeat("가", 201)+`"`), status: 422, code: invalid, field: "name"},
		{name: "campaign without a stock", call: plan(`"stock":5,`, ""), status: 422, code: invalid, field: "stock"},
		{name: "campaign, stock -1", call: plan(`"stock":5`, `"stock":-1`), status: 422, code: invalid, field: "stock"},
		{name: "campaign, stock too large", call: plan(`"stock":5`, `"stock":5000001`), status: 422, code: invalid, field: "stock"},
		{name: "campaign, stock 1.5", call: plan(`"stock":5`, `"stock":1.5`), status: 422, code: invalid, field: "stock"},
		{name: "discount of a kind", call: plan(`"rate"`, `"gift"`), status: 422, code: invalid, field: "discount.kind"},
		{name: "discount of nothing", call: plan(`"value":10`, `"value":0`), status: 422, code: invalid, field: "discount.value"},
		{name: "500 percent", call: plan(`"value":10`, `"value":500`), status: 422, code: invalid, field: "discount.value"},
		{name: "101 percent", call: plan(`"value":10`, `"value":101`), status: 422, code: invalid, field: "discount.value"},
		{name: "a rate without a cap", call: plan(`,"cap":30000`, ``), status: 422, code: invalid, field: "discount.cap"},
		{name: "an amount with a cap", call: plan(`"rate"`, `"amount"`), status: 422, code: invalid, field: "discount.cap"},
		{name: "an amount too large", call: plan(`"value":10,"cap":30000`, `"value":1000000001`), status: 422, code: invalid, field: "discount.value"},
		{name: "a negative minimum", call: plan(`50000`, `-1`), status: 422, code: invalid, field: "minimum_amount"},
		{name: "closes before it opens", call: plan(`"opens_at":"2026`, `"opens_at":"2027`), status: 422, code: invalid, field: "closes_at"},
		{name: "opens when", call: plan(`"opens_at":"2026`, `"opens_at":"soon`), status: 422, code: invalid, field: "opens_at"},
		{name: "no life", call: plan(`,"life_days":30`, ``), status: 422, code: invalid, field: "life_days"},
		{name: "life of 0", call: plan(`"life_days":30`, `"life_days":0`), status: 422, code: invalid, field: "life_days"},
		{name: "life of ten years and a day", call: plan(`"life_days":30`, `"life_days":3651`), status: 422, code: invalid, field: "life_days"},
		{name: "two lives", call: plan(`"life_days":30`, `"life_days":30,"expires_at":"2027-01-01T00:00:00Z"`), status: 422, code: invalid, field: "expires_at"},
		{name: "expires before the last claim", call: plan(`"life_days":30`, `"expires_at":"2026-11-23T00:00:00Z"`), status: 422, code: invalid, field: "expires_at"},
		{name: "give to nobody", call: admins("PUT", "/1/coupons/99", ""), status: 404, code: "not_found"},
		{name: "give to an odd user", call: admins("PUT", "/1/coupons/0", ""), status: 404, code: "not_found"},
		{name: "give of no campaign", call: admins("PUT", "/99/coupons/1", ""), status: 404, code: "not_found"},
		{name: "give too early", call: admins("PUT", "/3/coupons/1", ""), status: 409, code: "campaign_not_open"},
		{name: "another name, blank", call: admins("PUT", "/1", `{"name":" "}`), status: 422, code: invalid, field: "name"},
		{name: "another name, two lines", call: admins("PUT", "/1", `{"name":"a\nb"}`), status: 422, code: invalid, field: "name"},
		{name: "other terms", call: admins("PUT", "/1", `{"name":"N","stock":9}`), status: 422, code: invalid, field: "stock"},
		{name: "another name of no campaign", call: admins("PUT", "/99", `{"name":"N"}`), status: 404, code: "not_found"},
		{name: "delete what somebody has", call: admins("DELETE", "/1", ""), status: 409, code: "has_coupons"},
		{name: "delete no campaign", call: admins("DELETE", "/99", ""), status: 404, code: "not_found"},
		{name: "unknown field of a campaign", call: plan(`"stock":5`, `"stock":5,"sold":1`), status: 422, code: invalid, field: "sold"},
	}
}

// FuzzCouponAnswer: what is written by hand is what encoding/json writes.
func FuzzCouponAnswer(f *testing.F) {
	f.Add(uint32(4812), 5000, int64(10), int64(30000), int64(1_790_000_000_123), uint8(0))
	f.Add(uint32(1), 0, int64(5000), int64(0), int64(1_790_000_000_120), uint8(1))
	f.Fuzz(func(t *testing.T, number uint32, of int, value, limit, issued int64, kind uint8) {
		const year3000 = 32503680000000
		if issued < 1 || issued > year3000 {
			return
		}
		k := &ticketing.Coupon{
			ID: ticketing.CouponID{Campaign: 3, Number: number}, Status: ticketing.IssuedCoupon + ticketing.CouponStatus(kind%4), Of: of,
			Discount: ticketing.Discount{Kind: ticketing.AmountOff + ticketing.DiscountKind(kind%2), Value: value, Cap: ticketing.KRW(limit), Minimum: 7},
			IssuedAt: ticketing.Millis(issued), ExpiresAt: ticketing.Millis(issued + 1),
		}
		want, err := json.Marshal(couponBody{factsOnWire(k), 9})
		if err != nil {
			t.Fatal(err)
		}
		if got := appendCoupon(nil, k, 9); string(got) != string(want) {
			t.Errorf("by hand  %s\nby json %s", got, want)
		}
	})
}

// FuzzCouponCursor: what is read is what was written.
func FuzzCouponCursor(f *testing.F) {
	l := listOf("list-coupons")
	write := func(c ticketing.CouponCursor) string { return l.cursor(int64(c.IssuedAt), c.ID.String()) }
	f.Add(write(ticketing.CouponCursor{IssuedAt: 1_790_000_000_123, ID: ticketing.CouponID{Campaign: 3, Number: 4812}}))
	f.Add("s3cret")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := parseCouponCursor(l, text); err == nil && text != "" {
			again, err := parseCouponCursor(l, write(c))
			if err != nil || again != c {
				t.Errorf("%q is %+v, and again %+v", text, c, again)
			}
		}
	})
}
