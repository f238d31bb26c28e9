package ticketing

import (
	"errors"
	"math"
	"testing"
)

func TestDiscount(t *testing.T) {
	amount := func(value int64, minimum KRW) Discount { return Discount{AmountOff, value, 0, minimum} }
	rate := func(percent int64, limit, minimum KRW) Discount { return Discount{RateOff, percent, limit, minimum} }
	for _, c := range []struct {
		name   string
		terms  Discount
		amount KRW
		want   KRW
	}{
		{"an amount", amount(5_000, 0), 120_000, 5_000},
		{"an amount, never more than the order", amount(5_000, 0), 4_999, 4_999},
		{"an amount, all of it", amount(5_000, 0), 5_000, 5_000},
		{"one won", amount(1, 0), 1, 1},
		{"the largest amount", amount(int64(MaxDiscount), 0), math.MaxInt64, MaxDiscount},
		{"nothing off nothing", amount(5_000, 0), 0, 0},
		{"nothing off a debt", amount(5_000, 0), -1, 0},
		{"below the minimum", amount(5_000, 30_000), 29_999, 0},
		{"at the minimum", amount(5_000, 30_000), 30_000, 5_000},

		{"a rate", rate(10, 50_000, 0), 120_000, 12_000},
		{"a fraction of a won is cut off", rate(10, 50_000, 0), 99, 9},
		{"less than a won", rate(1, 50_000, 0), 99, 0},
		{"just a won", rate(1, 50_000, 0), 100, 1},
		{"33 percent of 101", rate(33, 50_000, 0), 101, 33},
		{"33 percent of 104", rate(33, 50_000, 0), 104, 34},
		{"99 percent of 199", rate(99, 50_000, 0), 199, 197},
		{"all of it", rate(100, 50_000, 0), 12_345, 12_345},
		{"the cap", rate(50, 10_000, 0), 20_000, 10_000},
		{"above the cap", rate(50, 10_000, 0), 20_002, 10_000},
		{"a won below the cap", rate(50, 10_000, 0), 19_999, 9_999},
		{"a rate below the minimum", rate(10, 50_000, 30_000), 29_999, 0},
		{"a rate at the minimum", rate(10, 50_000, 30_000), 30_000, 3_000},
		{"no amount overflows", rate(100, MaxDiscount, 0), math.MaxInt64, MaxDiscount},
		{"a rate of nothing", rate(100, 50_000, 0), 0, 0},
		{"a rate of a debt", rate(100, 50_000, 0), math.MinInt64, 0},
	} {
		if err := c.terms.validate(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := c.terms.Of(c.amount); got != c.want {
			t.Errorf("%s: %+v of %d is %d, want %d", c.name, c.terms, c.amount, got, c.want)
		}
		if c.amount > 0 && c.amount >= c.terms.Minimum {
			audit := CampaignAuditor{terms: CampaignTerms{Discount: c.terms}}
			if got := audit.off(c.amount); got != c.want {
				t.Errorf("%s: the auditor says %d, want %d", c.name, got, c.want)
			}
		}
	}
}

func TestCampaignTermsValidate(t *testing.T) {
	sound := CampaignTerms{
		Stock: 5_000, Claimable: true, Discount: Discount{AmountOff, 5_000, 0, 0},
		OpensAt: openAt, ClosesAt: openAt + dayMillis, LifeMillis: 30 * dayMillis,
	}
	if err := sound.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		field string
		spoil func(*CampaignTerms)
	}{
		{"stock", func(t *CampaignTerms) { t.Stock = -1 }},
		{"stock", func(t *CampaignTerms) { t.Stock = MaxCoupons + 1 }},
		{"opens_at", func(t *CampaignTerms) { t.OpensAt = 0 }},
		{"closes_at", func(t *CampaignTerms) { t.ClosesAt = t.OpensAt }},
		{"expires_at", func(t *CampaignTerms) { t.ExpiresAt = t.ClosesAt }},
		{"expires_at", func(t *CampaignTerms) { t.LifeMillis, t.ExpiresAt = 0, t.ClosesAt-1 }},
		{"life_days", func(t *CampaignTerms) { t.LifeMillis = 0 }},
		{"life_days", func(t *CampaignTerms) { t.LifeMillis = 3651 * dayMillis }},
		{"discount.kind", func(t *CampaignTerms) { t.Discount.Kind = 0 }},
		{"discount.kind", func(t *CampaignTerms) { t.Discount.Kind = 3 }},
		{"discount.value", func(t *CampaignTerms) { t.Discount.Value = 0 }},
		{"discount.value", func(t *CampaignTerms) { t.Discount.Value = int64(MaxDiscount) + 1 }},
		{"discount.cap", func(t *CampaignTerms) { t.Discount.Cap = 1 }},
		{"discount.value", func(t *CampaignTerms) { t.Discount = Discount{RateOff, 0, 1, 0} }},
		{"discount.value", func(t *CampaignTerms) { t.Discount = Discount{RateOff, 101, 1, 0} }},
		{"discount.cap", func(t *CampaignTerms) { t.Discount = Discount{RateOff, 100, 0, 0} }},
		{"discount.cap", func(t *CampaignTerms) { t.Discount = Discount{RateOff, 100, MaxDiscount + 1, 0} }},
		{"minimum_amount", func(t *CampaignTerms) { t.Discount.Minimum = -1 }},
		{"minimum_amount", func(t *CampaignTerms) { t.Discount.Minimum = MaxDiscount + 1 }},
	} {
		terms := sound
		c.spoil(&terms)
		var bad *Invalid
		if err := terms.Validate(); !errors.As(err, &bad) || bad.Field != c.field {
			t.Errorf("%+v: %v, want %s named", terms, err, c.field)
		}
	}
}
