package ticketing

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The words of golden scripts: how commands are read, and how answers and facts are written.

var people = []string{"", "an", "bo", "chu", "dan"} // by UserID

func parseCommand(words []string) (Command, error) {
	who, rest := words[0], words[1:]
	say := strings.Join(words, " ")
	if user := slices.Index(people, who); user > 0 {
		return parseCustomer(UserID(user), rest[0], rest[1:])
	}
	switch who {
	case "time": // passes
		return nil, nil
	case "admin":
		return parseAdmin(rest[0], rest[1:])
	case "provider", "campaign":
		number, attempt, err := parseOrder(rest[1])
		if err != nil {
			return nil, err
		}
		switch rest[0] {
		case "prices":
			amount, err := strconv.Atoi(rest[2])
			return PricePayment{number, attempt, KRW(amount)}, err
		case "approves":
			return ApprovePayment{number, attempt}, nil
		case "declines":
			return DeclinePayment{number, attempt}, nil
		case "refunds":
			return SettleRefund{number, attempt}, nil
		}
	}
	switch say {
	case "status?":
		return ReadStatus{}, nil
	case "seats?":
		return ReadSeats{}, nil
	}
	return nil, fmt.Errorf("no such command")
}

func parseCustomer(user UserID, verb string, args []string) (Command, error) {
	if verb == "reserves" && args[0] == "best" {
		return parseReserveBest(user, args[1:])
	}
	if verb == "reserves" {
		return parseReserve(user, args)
	}
	number, attempt, err := parseOrder(args[0])
	if err != nil {
		return nil, err
	}
	switch verb {
	case "releases":
		return ReleaseReservation{user, number}, nil
	case "cancels":
		return CancelReservation{user, number}, nil
	case "reads":
		return ReadReservation{user, number}, nil
	case "pays":
		return StartPayment{user, number, strings.TrimPrefix(strings.Join(args[1:], ""), "coupon=")}, nil
	case "confirms":
		amount, err := strconv.Atoi(args[1])
		return ConfirmPayment{user, number, attempt, KRW(amount), strings.TrimPrefix(strings.Join(args[2:], ""), "key=")}, err
	}
	return nil, fmt.Errorf("no such verb")
}

// parseReserve reads seats by number within row A-1, or as they are, and the key. The body is the seats.
func parseReserve(user UserID, args []string) (Command, error) {
	c := ReserveSeats{User: user}
	key := ""
	for _, a := range args {
		if k, found := strings.CutPrefix(a, "key="); found {
			key = k
		} else if _, err := strconv.Atoi(a); err == nil {
			c.Seats = append(c.Seats, "A-1-"+a)
		} else if a != "nothing" {
			c.Seats = append(c.Seats, a)
		}
	}
	if key == "" {
		return nil, fmt.Errorf("a reservation needs key=")
	}
	c.Key = DigestOf(people[user], "reserve", key)
	c.Body = DigestOf(c.Seats...)
	return c, nil
}

// parseReserveBest reads "2 grade=R section=A key=a". The body is all but the key.
func parseReserveBest(user UserID, args []string) (Command, error) {
	c := ReserveBest{User: user}
	var err error
	c.Count, err = strconv.Atoi(args[0])
	for _, a := range args[1:] {
		switch name, value, _ := strings.Cut(a, "="); name {
		case "grade":
			c.Grade = value
		case "section":
			c.Section = value
		case "key":
			c.Key = DigestOf(people[user], "reserve", value)
		}
	}
	if c.Key == (Digest{}) {
		return nil, fmt.Errorf("a reservation needs key=")
	}
	c.Body = DigestOf("best", args[0], c.Grade, c.Section)
	return c, err
}

func parseAdmin(verb string, args []string) (Command, error) {
	var seats []string
	var prices []KRW
	for _, a := range args {
		seats = append(seats, "A-1-"+a)
		if n, err := strconv.Atoi(a); err == nil {
			prices = append(prices, KRW(n))
		}
	}
	switch verb {
	case "opens":
		return OpenSale{}, nil
	case "pauses":
		return PauseSale{}, nil
	case "closes":
		return CloseSale{}, nil
	case "cancels":
		return CancelRound{}, nil
	case "prices":
		return ChangePrices{prices}, nil
	case "blocks":
		return BlockSeats{seats}, nil
	case "unblocks":
		return UnblockSeats{seats}, nil
	}
	return nil, fmt.Errorf("no such verb")
}

// parseOrder reads "3" or "3/2", the second order of reservation 3.
func parseOrder(s string) (number, attempt uint32, err error) {
	n, a, found := strings.Cut(s, "/")
	number64, err := strconv.ParseUint(n, 10, 32)
	if err != nil || !found {
		return uint32(number64), 0, err
	}
	attempt64, err := strconv.ParseUint(a, 10, 32)
	return uint32(number64), uint32(attempt64), err
}

func describeResult(r Result, cmd Command) []string {
	if r.Code != OK {
		s := "no: " + string(r.Code) + short(r.Seats)
		if r.RetryAt != 0 {
			s += ", again at " + clock(r.RetryAt)
		}
		return []string{s}
	}
	switch cmd.(type) {
	case ReadStatus:
		return describeStatus(r.Status)
	case ReadSeats:
		return []string{"yes: " + string(r.SeatStates)}
	}
	if r.Status.Phase != 0 {
		return []string{"yes: the sale is " + r.Status.Phase.String()}
	}
	s := "yes: " + describeReservation(r.Reservation)
	if r.Replayed {
		s += " (as granted before)"
	}
	return []string{s}
}

func describeReservation(v Reservation) string {
	s := fmt.Sprintf("%d %s,%s, %d won", v.ID.Number, v.Status, short(v.Seats), v.Amount)
	if v.ExpiresAt != 0 {
		s += ", until " + clock(v.ExpiresAt)
	}
	if v.EndedAt != 0 {
		s += ", ended " + clock(v.EndedAt)
	}
	if v.Attempt != 0 {
		s += fmt.Sprintf(", order %d", v.Attempt)
		if v.Priced {
			s += fmt.Sprintf(" of %d won", v.Due)
		}
	}
	if v.Confirming {
		s += ", the provider is being asked"
	}
	if v.RefundDue != 0 {
		s += fmt.Sprintf(", %d won to be refunded", v.RefundDue)
	}
	return s
}

func describeStatus(s Status) []string {
	first := "yes: " + s.Phase.String()
	if s.Canceled {
		first += ", canceled"
	}
	if s.SoldOut {
		first += ", sold out"
	}
	if s.AllHeld {
		first += ", all held"
	}
	if s.NextExpiry != 0 {
		first += ", next expiry " + clock(s.NextExpiry)
	}
	out := []string{first}
	for i, c := range s.Counts {
		out = append(out, fmt.Sprintf("%s at %d won: %d free, %d held, %d sold, %d blocked", s.Grades[i], s.Prices[i], c.Free, c.Held, c.Sold, c.Blocked))
	}
	return out
}

// short leaves the section and row of the scripts' one row out.
func short(labels []string) string {
	if len(labels) == 0 {
		return ""
	}
	return strings.ReplaceAll(" "+strings.Join(labels, " "), " A-1-", " ")
}

func describe(plan *Plan, e Event) string {
	labels := func(seats []SeatIndex) string {
		var out []string
		for _, i := range seats {
			out = append(out, plan.Label(i))
		}
		return short(out)
	}
	s := clock(e.At) + " " + e.Name()
	switch f := e.Fact.(type) {
	case PricesChanged:
		return s + fmt.Sprintf(" %d", f.Prices)
	case SeatsBlocked:
		return s + labels(f.Seats)
	case SeatsFreed:
		return s + labels(f.Seats)
	case SeatsHeld:
		return s + fmt.Sprintf(" %d for %s,%s, until %s", f.Number, person(f.User), labels(f.Seats), clock(f.ExpiresAt))
	case PaymentStarted:
		if f.Coupon != "" {
			s += " with coupon " + f.Coupon
		}
		return s + fmt.Sprintf(" %d/%d, until %s", f.Number, f.Attempt, clock(f.PayBy))
	case PaymentPriced:
		return s + fmt.Sprintf(" %d/%d, %d won", f.Number, f.Attempt, f.Amount)
	case PaymentConfirming:
		return s + fmt.Sprintf(" %d/%d, key %s", f.Number, f.Attempt, f.PaymentKey)
	case ReservationCanceled:
		return s + fmt.Sprintf(" %d, %d won due", f.Number, f.Refund)
	case RefundDue:
		return s + fmt.Sprintf(" %d/%d, %d won", f.Number, f.Attempt, f.Amount)
	}
	if number, attempt := subject(e.Fact); attempt != 0 {
		s += fmt.Sprintf(" %d/%d", number, attempt)
	} else if number != 0 {
		s += fmt.Sprintf(" %d", number)
	}
	return s
}

func person(id UserID) string {
	if id > 0 && int(id) < len(people) {
		return people[id]
	}
	return fmt.Sprintf("customer %d", id)
}

func describeAll(plan *Plan, events []Event) string {
	var out []string
	for _, e := range events {
		out = append(out, describe(plan, e))
	}
	return "[" + strings.Join(out, "; ") + "]"
}
