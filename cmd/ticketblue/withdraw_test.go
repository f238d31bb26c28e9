package main

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// Somebody closes his account and takes seats at the same moment: one of them is refused, whichever comes first.
func TestWithdrawBesideReservations(t *testing.T) {
	const trials, tries = 8, 8
	o := newOffice(t, trials*tries, 0)
	s := startServer(t, o.data, "--bench")
	left := 0
	for trial := range trials {
		kim := map[string]any{"email": fmt.Sprintf("kim-%d@example.com", trial), "password": "blue-ticket-7", "name": "김하늘"}
		mustAsk(t, 201, "POST", s.url+"/v1/auth/signup", "", kim)
		delete(kim, "name")
		token := mustAsk(t, 200, "POST", s.url+"/v1/auth/login", "", kim).body["access_token"].(string)
		var all sync.WaitGroup
		var withdrawn answer
		var reserved [tries]answer
		all.Go(func() {
			withdrawn, _ = askAgain("POST", s.url+"/v1/me/withdraw", token, map[string]any{"password": kim["password"]}) // compared below
		})
		for i := range tries {
			all.Go(func() {
				<-time.After(time.Duration(15+5*i+trial) * time.Millisecond) // about when the password has been checked
				body := map[string]any{"seats": []string{o.labels[trial*tries+i]}}
				reserved[i], _ = askAgain("POST", fmt.Sprintf("%s/v1/rounds/%d/reservations", s.url, o.round), token, body, "Idempotency-Key", fmt.Sprint(i))
			})
		}
		all.Wait()
		got := 0
		for _, r := range reserved {
			if r.status == 201 {
				got++
			}
		}
		t.Logf("withdrawal %d, %d reservations", withdrawn.status, got)
		switch {
		case withdrawn.status == 204, withdrawn.status == 401: // asked again, after an answer that was late
			left++
			if got > 0 {
				t.Errorf("withdrawn with %d reservations", got)
			}
		case withdrawn.status != 409 || got == 0:
			t.Errorf("withdrawal %d %v, with %d reservations", withdrawn.status, withdrawn.body, got)
		}
	}
	t.Logf("%d of %d withdrawn", left, trials)
	if report := s.verify(); !report.OK {
		t.Error(report.Problems)
	}
}
