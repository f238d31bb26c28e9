package ticketing

// DiscountKind is how a coupon makes an order cheaper.
type DiscountKind uint8

// Kinds of discount.
const (
	AmountOff DiscountKind = iota + 1 // so many won off
	RateOff                           // so many percent off, up to a cap
)

var discountNames = [...]string{AmountOff: "amount", RateOff: "rate"}

func (k DiscountKind) String() string { return discountNames[k] }

// ParseDiscountKind reads "amount" or "rate".
func ParseDiscountKind(s string) (DiscountKind, bool) {
	for k := AmountOff; k <= RateOff; k++ {
		if discountNames[k] == s {
			return k, true
		}
	}
	return 0, false
}

// Discount is what a campaign's coupons are worth.
type Discount struct {
	Kind    DiscountKind `json:"kind"`
	Value   int64        `json:"value"`   // won, or percent from 1 to 100
	Cap     KRW          `json:"cap"`     // of a rate: the most it takes off; 0 for an amount
	Minimum KRW          `json:"minimum"` // orders below this get nothing off; 0: every order does
}

// Limits of a discount.
const MaxDiscount KRW = 1_000_000_000 // won; keeps every sum far from overflow

// Of is what comes off an order of this amount: whole won, a fraction of a won cut off; never more than the amount,
// and nothing off an order below the minimum.
func (d Discount) Of(amount KRW) KRW {
	switch {
	case amount <= 0 || amount < d.Minimum:
		return 0
	case d.Kind == RateOff:
		rate := KRW(d.Value)
		whole, rest := amount/100, amount%100 // apart, so that no amount overflows
		return min(whole*rate+rest*rate/100, d.Cap)
	}
	return min(KRW(d.Value), amount)
}

func (d Discount) validate() error {
	switch d.Kind {
	case AmountOff:
		if d.Value < 1 || KRW(d.Value) > MaxDiscount {
			return invalid("discount.value", "between 1 and %d won", MaxDiscount)
		}
		if d.Cap != 0 {
			return invalid("discount.cap", "left out: an amount is its own cap")
		}
	case RateOff:
		if d.Value < 1 || d.Value > 100 {
			return invalid("discount.value", "between 1 and 100 percent")
		}
		if d.Cap < 1 || d.Cap > MaxDiscount {
			return invalid("discount.cap", "between 1 and %d won: the most that is taken off", MaxDiscount)
		}
	default:
		return invalid("discount.kind", "amount or rate")
	}
	if d.Minimum < 0 || d.Minimum > MaxDiscount {
		return invalid("minimum_amount", "between 0 and %d won", MaxDiscount)
	}
	return nil
}
