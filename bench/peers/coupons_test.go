package main

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

// More customers than coupons, each twice and at the same time: the kinds that lock give exactly the stock, one each.
// The kind that does not is there to be seen failing.
func TestCouponsAreCounted(t *testing.T) {
	const stock, customers, workers = 60, 90, 30
	s := testShop(t, "row-lock")
	server, r, err := startRedis(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	for _, kind := range []string{"no-lock", "optimistic", "row-lock", "redis-lock", "one-statement"} {
		t.Run(kind, func(t *testing.T) {
			if _, err := s.db.Exec(t.Context(), `DROP TABLE IF EXISTS campaigns, coupons`); err != nil {
				t.Fatal(err)
			}
			s.db.Reset() // statements that were prepared for the tables before
			k, err := newCounter(t.Context(), kind, s.db, r)
			if err != nil {
				t.Fatal(err)
			}
			campaign, err := k.plan(t.Context(), stock)
			if err != nil {
				t.Fatal(err)
			}
			asks := make(chan claim)
			var all sync.WaitGroup
			for range workers {
				all.Go(func() {
					for c := range asks {
						for {
							_, err := k.claim(t.Context(), c)
							if errors.Is(err, errBusy) {
								continue
							}
							if err != nil && !errors.Is(err, errGone) && !errors.Is(err, errHasOne) {
								t.Error(err)
							}
							break
						}
					}
				})
			}
			for n := range 2 * customers {
				asks <- claim{campaign: campaign, user: int64(n / 2), key: fmt.Sprint(n), at: time.Now()}
			}
			close(asks)
			all.Wait()
			report, err := k.report(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			owners, numbers := map[int64]bool{}, map[string]bool{}
			for _, c := range report[0].Coupons {
				owners[c.User], numbers[c.ID] = true, true
			}
			issued := 0
			if err := s.db.QueryRow(t.Context(), `SELECT issued FROM campaigns`).Scan(&issued); err != nil {
				t.Fatal(err)
			}
			n := len(report[0].Coupons)
			exact := n == stock && len(owners) == stock && len(numbers) == stock && issued == stock
			if exact != (kind != "no-lock") {
				t.Errorf("%d coupons of %d, %d customers, %d numbers, counted %d", n, stock, len(owners), len(numbers), issued)
			}
		})
	}
}
