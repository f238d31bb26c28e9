package ticketing

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Golden scripts of campaigns: a conversation at the coupon counter (testdata/README.md).
func TestCampaignScripts(t *testing.T) {
	forScripts(t, "testdata/campaigns/*.txt", func(t *testing.T) interpreter {
		var counter *checkedCampaign
		return func(words []string) ([]string, error) { return atCounter(t, &counter, words) }
	})
}

func atCounter(t *testing.T, counter **checkedCampaign, words []string) ([]string, error) {
	if words[0] == "campaign" {
		terms, err := parseCampaign(words[1:])
		if err == nil {
			*counter = newCheckedCampaign(t, terms, scriptDay)
		}
		return nil, err
	}
	c := *counter
	if words[0] == "the" && words[1] == "machine" {
		c.snapshot()
		c.restore()
		return nil, nil
	}
	at, err := parseClock(words[0])
	if err != nil {
		return nil, err
	}
	cmd, err := parseAtCounter(words[1:], at)
	if err != nil {
		return nil, err
	}
	events, result := c.act(cmd, at)
	var say []string
	if cmd != nil {
		say = []string{describeAtCounter(result, cmd)}
	}
	for _, e := range events {
		say = append(say, "* "+describeCampaignFact(e))
	}
	if len(say) == 0 {
		say = []string{"nothing happens"}
	}
	return say, nil
}

// parseCampaign reads "stock=3 amount=5000 min=0 opens=20:00:00 closes=22:00:00 life=720h" or "rate=10 cap=1000
// expires=3d00:00:00"; "given" for a campaign of which nobody can claim.
func parseCampaign(words []string) (CampaignTerms, error) {
	terms := CampaignTerms{Claimable: true}
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		number, err := strconv.ParseInt(value, 10, 64)
		switch name {
		case "given":
			terms.Claimable, err = false, nil
		case "stock":
			terms.Stock = int(number)
		case "amount":
			terms.Discount.Kind, terms.Discount.Value = AmountOff, number
		case "rate":
			terms.Discount.Kind, terms.Discount.Value = RateOff, number
		case "cap":
			terms.Discount.Cap = KRW(number)
		case "min":
			terms.Discount.Minimum = KRW(number)
		case "opens":
			terms.OpensAt, err = parseClock(value)
		case "closes":
			terms.ClosesAt, err = parseClock(value)
		case "expires":
			terms.ExpiresAt, err = parseClock(value)
		case "life":
			var d time.Duration
			d, err = time.ParseDuration(value)
			terms.LifeMillis = Millis(d.Milliseconds())
		default:
			err = fmt.Errorf("no such term: %s", word)
		}
		if err != nil {
			return terms, err
		}
	}
	return terms, nil
}

func parseAtCounter(words []string, at Millis) (Command, error) {
	who, verb, args := words[0], "", []string(nil)
	if len(words) > 1 {
		verb, args = words[1], words[2:]
	}
	user := UserID(slices.Index(people, who))
	switch who + " " + verb {
	case "time passes":
		return nil, nil
	case "status? ":
		return ReadCampaign{}, nil
	case "waiting? ":
		return ReadWaiting{at}, nil
	case "admin opens":
		return OpenCampaign{}, nil
	case "admin pauses":
		return PauseCampaign{}, nil
	case "admin closes":
		return CloseCampaign{}, nil
	case "admin drops":
		return DropCampaign{}, nil
	case "house gives":
		return GiveCoupon{UserID(slices.Index(people, args[0]))}, nil
	}
	if verb == "claims" {
		body := ""
		if len(args) > 1 {
			body = args[1]
		}
		return ClaimCoupon{user, DigestOf(who, "claim", args[0]), DigestOf(body)}, nil
	}
	number, err := strconv.ParseUint(args[0], 10, 32)
	if err != nil {
		return nil, err
	}
	if verb == "reads" {
		return ReadCoupon{user, uint32(number)}, nil
	}
	order, err := parseOrderOf(args[2]) // "1 for 7-3-1"
	if err != nil {
		return nil, err
	}
	switch verb {
	case "redeems":
		return RedeemCoupon{uint32(number), order}, nil
	case "returns":
		return ReturnCoupon{uint32(number), order}, nil
	case "uses", "checks":
		amount, err := strconv.ParseInt(strings.TrimPrefix(args[3], "amount="), 10, 64)
		if err != nil {
			return nil, err
		}
		until, err := parseClock(strings.TrimPrefix(args[4], "until="))
		use := ReserveCoupon{user, uint32(number), order, KRW(amount), until}
		if verb == "checks" {
			return CheckCoupon(use), err
		}
		return use, err
	}
	return nil, fmt.Errorf("no such verb")
}

func parseOrderOf(s string) (OrderID, error) {
	var o OrderID
	_, err := fmt.Sscanf(s, "%d-%d-%d", &o.Reservation.Round, &o.Reservation.Number, &o.Attempt)
	return o, err
}

func describeAtCounter(r Result, cmd Command) string {
	switch {
	case r.Code != OK && r.RetryAt != 0:
		return "no: " + string(r.Code) + ", again at " + clock(r.RetryAt)
	case r.Code != OK:
		return "no: " + string(r.Code)
	case r.Campaign != nil:
		s := r.Campaign
		return fmt.Sprintf("yes: %s, %d issued, %d left, %d reserved, %d redeemed", s.Phase, s.Issued, s.Left, s.Reserved, s.Redeemed)
	case r.Coupon == nil:
		ids := []string{"yes:"}
		for _, k := range r.Coupons {
			ids = append(ids, fmt.Sprintf("%s for %s", k.ID, k.Order))
		}
		return strings.Join(ids, " ")
	}
	k := r.Coupon
	s := fmt.Sprintf("yes: %s of %d, %s's, %s, until %s", k.ID, k.Of, person(k.User), k.Status, clock(k.ExpiresAt))
	if k.Order != (OrderID{}) {
		s += fmt.Sprintf(", %d won off %s", k.Taken, k.Order)
	}
	if r.Replayed {
		s += " (as granted before)"
	}
	return s
}

func describeCampaignFact(e Event) string {
	s := clock(e.At) + " " + e.Name()
	switch f := e.Fact.(type) {
	case CouponClaimed:
		return s + fmt.Sprintf(" %d by %s", f.Number, person(f.User))
	case CouponGiven:
		return s + fmt.Sprintf(" %d to %s", f.Number, person(f.User))
	case CouponReserved:
		return s + fmt.Sprintf(" %d for %s, %d won off %d, until %s", f.Number, f.Order, f.Discount, f.Amount, clock(f.Until))
	case CouponRedeemed:
		return s + fmt.Sprintf(" %d by %s", f.Number, f.Order)
	case CouponReturned:
		return s + fmt.Sprintf(" %d by %s", f.Number, f.Order)
	case CouponsExpired:
		return s + fmt.Sprintf(" up to %d", f.Through)
	}
	return s
}
