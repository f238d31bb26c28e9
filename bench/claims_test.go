package main

import (
	"strings"
	"testing"
)

// The judge of claims names each way in which a campaign can be dishonest.
func TestJudgeOfClaims(t *testing.T) {
	told := func() map[string]couponAck {
		return map[string]couponAck{"3-1": {"3-1", 1, 2, 7}, "3-2": {"3-2", 2, 2, 8}}
	}
	audit := func() []auditedCoupon { return []auditedCoupon{{"3-1", 7, "issued"}, {"3-2", 8, "issued"}} }
	if found := judgeCoupons(2, 2, told(), audit()); len(found) > 0 {
		t.Fatalf("an honest campaign: %v", found)
	}
	for name, c := range map[string]struct {
		spoil func(map[string]couponAck, *[]auditedCoupon)
		want  string
	}{
		"over-issued":   {func(_ map[string]couponAck, a *[]auditedCoupon) { *a = append(*a, auditedCoupon{"3-3", 9, "issued"}) }, "over-issued"},
		"two":           {func(_ map[string]couponAck, a *[]auditedCoupon) { (*a)[1].User = 7 }, "two to a customer"},
		"lost":          {func(_ map[string]couponAck, a *[]auditedCoupon) { *a = (*a)[:1] }, "lost: 3-2"},
		"somebody else": {func(_ map[string]couponAck, a *[]auditedCoupon) { (*a)[1].User = 9 }, "is issued of 9"},
		"used":          {func(_ map[string]couponAck, a *[]auditedCoupon) { (*a)[1].Status = "expired" }, "is expired"},
		"orphaned":      {func(m map[string]couponAck, _ *[]auditedCoupon) { delete(m, "3-2") }, "orphaned"},
		"misnumbered":   {func(m map[string]couponAck, _ *[]auditedCoupon) { m["3-2"] = couponAck{"3-2", 1, 2, 8} }, "misnumbered"},
		"beyond stock":  {func(m map[string]couponAck, _ *[]auditedCoupon) { m["3-2"] = couponAck{"3-2", 3, 2, 8} }, "misnumbered"},
	} {
		m, a := told(), audit()
		c.spoil(m, &a)
		if found := strings.Join(judgeCoupons(2, 2, m, a), "; "); !strings.Contains(found, c.want) {
			t.Errorf("%s: %q, want %q in it", name, found, c.want)
		}
	}
}
