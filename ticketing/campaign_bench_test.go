package ticketing

import (
	"runtime"
	"testing"
)

// benchTerms: nobody may claim with a stock, everybody without one.
func benchTerms(stock int) CampaignTerms {
	return CampaignTerms{
		Stock: stock, Claimable: stock == 0, Discount: Discount{AmountOff, 5_000, 0, 1_000},
		OpensAt: openAt, ClosesAt: openAt + dayMillis, LifeMillis: dayMillis,
	}
}

func openCampaign(b testing.TB, coupons int) *Campaign {
	b.Helper()
	c := NewCampaign(testCampaign)
	c.Apply(Event{scriptDay, CampaignPlanned{benchTerms(0)}})
	c.Apply(Event{openAt, CampaignOpened{}})
	for n := range coupons {
		if _, res := Act(c, nthClaim(n), openAt); res.Code != OK {
			b.Fatal(res.Code)
		}
	}
	return c
}

func nthClaim(n int) ClaimCoupon {
	cmd := ClaimCoupon{User: UserID(n + 1)}
	cmd.Key[0], cmd.Key[1], cmd.Key[2] = byte(n), byte(n>>8), byte(n>>16)
	return cmd
}

// BenchmarkClaim: a claim is granted, or refused for the customer has one.
func BenchmarkClaim(b *testing.B) {
	b.Run("granted", func(b *testing.B) {
		c, n := openCampaign(b, 0), 0
		b.ReportAllocs()
		for b.Loop() {
			if n == 1_000_000 {
				b.StopTimer()
				c, n = openCampaign(b, 0), 0
				b.StartTimer()
			}
			if _, res := Act(c, nthClaim(n), openAt); res.Code != OK {
				b.Fatal(res.Code)
			}
			n++
		}
	})
	b.Run("refused", func(b *testing.B) {
		c := openCampaign(b, 1000)
		cmd := nthClaim(17)
		cmd.Body[0] = 1
		cmd.Key[8] = 1
		b.ReportAllocs()
		for b.Loop() {
			if _, res := Act(c, cmd, openAt); res.Code != CodeCouponAlreadyIssued {
				b.Fatal(res.Code)
			}
		}
	})
}

// BenchmarkCampaignSnapshot writes a million coupons down, and brings them back; it reports what they take in memory.
func BenchmarkCampaignSnapshot(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	c := openCampaign(b, 1_000_000)
	runtime.GC()
	runtime.ReadMemStats(&after)
	s := TakeSnapshot(CampaignStream(testCampaign), c, Head{})
	b.Run("take", func(b *testing.B) {
		b.SetBytes(int64(len(s.State)))
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB/machine")
		for b.Loop() {
			TakeSnapshot(CampaignStream(testCampaign), c, Head{})
		}
	})
	b.Run("restore", func(b *testing.B) {
		b.SetBytes(int64(len(s.State)))
		for b.Loop() {
			if _, err := Restore(CampaignStream(testCampaign), History{Snapshot: &s}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
