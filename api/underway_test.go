package api

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"ticketblue/ticketing"
)

// Nobody who entered before is missed, whoever else comes and goes, and newcomers are not waited for.
func TestSettle(t *testing.T) {
	u := &underway{}
	first := u.enter()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 5 {
		if err := u.settle(ended); !errors.Is(err, context.Canceled) {
			t.Fatalf("settled beside somebody: %v", err)
		}
	}
	first.Add(-1)
	if err := u.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	var crowd sync.WaitGroup
	quit := make(chan struct{})
	for range 4 {
		crowd.Go(func() {
			for {
				select {
				case <-quit:
					return
				default:
					u.enter().Add(-1)
				}
			}
		})
	}
	for range 100 {
		if err := u.settle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	close(quit)
	crowd.Wait()
}

// A reservation that was let in before its customer withdraws is waited for, and so is its row: then the account stays.
func TestWithdrawWaitsForReservations(t *testing.T) {
	h := withRound(t, nil)
	h.addKim()
	token := tokensOf(h.logIn("")).AccessToken
	var decided atomic.Bool
	inside, goOn := make(chan struct{}), make(chan struct{})
	h.sales.before = func(_ context.Context, _ ticketing.Stream, cmd ticketing.Command) *ticketing.Result {
		if _, holds := cmd.(ticketing.ReserveSeats); holds {
			close(inside)
			<-goOn
			decided.Store(true)
		}
		return nil
	}
	reserved := make(chan int, 1)
	go func() {
		reserved <- h.do(call{"POST", reservePath, token, `{"seats":["A-1-1"]}`, map[string]string{headerIdempotencyKey: "k"}}).status
	}()
	<-inside
	h.lists.onCommitted = func() { h.accounts.live = decided.Load() } // what the tables know once they are as far as the journal
	left := make(chan answer, 1)
	go func() { left <- h.as(token, "POST", "/v1/me/withdraw", `{"password":"`+kimsPassword+`"}`) }()
	h.untilRevoked(token)
	select {
	case a := <-left:
		t.Fatalf("withdrawn beside a reservation under way: %d", a.status)
	default:
	}
	close(goOn)
	if got := <-reserved; got != http.StatusCreated {
		t.Errorf("reserved: %d", got)
	}
	a := <-left
	a.wantStatus(http.StatusConflict)
	h.as(token, "GET", "/v1/me", "").wantStatus(http.StatusOK)
}

// untilRevoked returns when a token opens nothing any more.
func (h *house) untilRevoked(token string) {
	h.t.Helper()
	for h.as(token, "GET", "/v1/me", "").status != http.StatusUnauthorized {
		if h.t.Context().Err() != nil {
			h.t.Fatal("the token stays good")
		}
	}
}
