package api

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"ticketblue/ticketing"
)

// Refusals about seats, money and coupons are told with what a reader needs and nothing a customer typed; what is read,
// granted, or about other things is not.
func TestRefusalsAreTold(t *testing.T) {
	var mu sync.Mutex
	var all []Refusal
	h := withRound(t, func(c *Config) {
		c.Refused = func(r Refusal) {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, r)
		}
	})
	token := h.token(customer, ticketing.Customer)
	key := map[string]string{headerIdempotencyKey: "s3cret-key"}
	h.reserve(otherCustomer, "k", "A-1-1").wantStatus(http.StatusCreated)
	taken := h.reserve(customer, "k", "A-1-1").wantStatus(http.StatusConflict)
	h.do(call{"POST", reservePath, token, `{"seats":["s3cret"],"x":1}`, key}).wantStatus(http.StatusUnprocessableEntity)
	h.do(call{"POST", "/v1/rounds/s3cret/reservations", token, `{"seats":["A-1-1"]}`, key}).wantStatus(http.StatusNotFound)
	h.do(call{"POST", reservePath, "", `{"seats":["A-1-1"]}`, key}).wantStatus(http.StatusUnauthorized)
	h.do(call{"POST", "/v1/campaigns/9/coupons", token, "", key}).wantStatus(http.StatusNotFound)
	h.do(call{method: "DELETE", path: "/v1/reservations/1-77", token: token}).wantStatus(http.StatusNotFound)
	h.do(call{method: "GET", path: "/v1/reservations/1-77", token: token}).wantStatus(http.StatusNotFound)
	h.do(call{"POST", "/v1/admin/halls", token, `{}`, nil}).wantStatus(http.StatusForbidden)

	mu.Lock()
	defer mu.Unlock()
	var got []string
	for _, r := range all {
		got = append(got, strings.Join([]string{r.Operation, r.Tag, r.Code, r.Target}, " "))
		if strings.Contains(r.Target, "s3cret") || r.RequestID == "" || !r.At.Equal(h.clock.Now()) {
			t.Errorf("%+v", r)
		}
	}
	want := []string{
		"reserve reservations seat_taken 1", "reserve reservations invalid_input 1", "reserve reservations not_found ", "reserve reservations unauthenticated 1",
		"claim-coupon coupons not_found 9", "release-reservation reservations not_found 1-77",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("told\n%s", strings.Join(got, "\n"))
	}
	if all[0].User != customer || all[0].Status != http.StatusConflict || all[0].RequestID != taken.header.Get(headerRequestID) || all[3].User != 0 {
		t.Errorf("%+v, %+v", all[0], all[3])
	}
}
