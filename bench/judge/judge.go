// Package judge decides whether a sale was honest. It is pure: it compares what customers were told (acks), what
// the API answers now, and what the server's own audit (`ticketblue verify`) says, and names every disagreement.
package judge

import (
	"fmt"
	"slices"
)

// Ack is a yes that a customer has received: it must hold for ever.
type Ack struct {
	Key   string   `json:"key"`   // the attempt's Idempotency-Key
	ID    string   `json:"id"`    // the reservation
	User  int64    `json:"user"`  // who was told
	Asked []string `json:"asked"` // seats in the request
	Seats []string `json:"seats"` // seats in the answer
}

// Reservation is a claim on seats as the API or the audit shows it.
type Reservation struct {
	ID     string   `json:"id"`
	User   int64    `json:"user"` // 0 in the API's answers, which only the owner gets
	Status string   `json:"status"`
	Seats  []string `json:"seats"`
}

// Live reservations have their seats.
func (r Reservation) Live() bool {
	return r.Status == "held" || r.Status == "paying" || r.Status == "confirmed"
}

// Counts is how many seats are in each state.
type Counts struct {
	Free    int `json:"free"`
	Held    int `json:"held"`
	Sold    int `json:"sold"`
	Blocked int `json:"blocked"`
}

// Add sums two counts.
func (c Counts) Add(o Counts) Counts {
	return Counts{c.Free + o.Free, c.Held + o.Held, c.Sold + o.Sold, c.Blocked + o.Blocked}
}

// Audit is what `ticketblue verify` says of one round.
type Audit struct {
	OK           bool
	Problems     []string
	Counts       Counts
	Reservations []Reservation
}

// API is what the HTTP interface answers once the crowd is gone.
type API struct {
	Totals       Counts
	Grades       []Counts
	Labels       []string               // of every seat, in plan order
	Map          string                 // one character per seat in plan order: . free, h held, s sold, b blocked
	Reservations map[string]Reservation // every ack's, asked by its owner; absent when the API knows none
}

// Case is all that is known about one round's sale.
type Case struct {
	MaxPerUser int
	WantFull   bool           // nobody stopped buying before the last seat was gone
	Acks       []Ack          //
	Unanswered []string       // keys of attempts that never got a final answer
	Unexpected map[string]int // answers no correct server gives (500, 401, unreadable), by code
	API        API
	Audit      Audit
}

// Kind sorts findings.
type Kind string

// Kinds of findings, most serious first.
const (
	Oversold   Kind = "oversold"   // a seat with two owners, or promised twice
	Lost       Kind = "lost"       // a yes that does not hold
	Orphaned   Kind = "orphaned"   // a live reservation nobody was told about
	Leaked     Kind = "leaked"     // the seat map and the live reservations disagree
	OverLimit  Kind = "over limit" // a customer with more seats than allowed
	Miscounted Kind = "miscounted" // a counter that disagrees
	Unsold     Kind = "unsold"     // seats left although people wanted them
	Unanswered Kind = "unanswered" // an attempt without a final answer
	Unexpected Kind = "unexpected" // an answer no correct server gives
	Audited    Kind = "audit"      // verify itself is not content
)

// Kinds lists them all in the order in which they are reported.
var Kinds = []Kind{Oversold, Lost, Orphaned, Leaked, OverLimit, Miscounted, Unsold, Unanswered, Unexpected, Audited}

// maxExamples bounds the examples kept per kind; the counts are always complete.
const maxExamples = 20

// Verdict is the judgment.
type Verdict struct {
	Found    map[Kind]int      `json:"found"`
	Examples map[Kind][]string `json:"examples"`
	Acks     int               `json:"acks"`
	Seats    int               `json:"seats"` // of the round
	Totals   Counts            `json:"totals"`
}

// Pass tells whether nothing at all was found.
func (v Verdict) Pass() bool { return len(v.Found) == 0 }

// Line is the verdict in one line that starts with PASS or FAIL.
func (v Verdict) Line() string {
	word := "PASS"
	if !v.Pass() {
		word = "FAIL"
	}
	taken := v.Totals.Held + v.Totals.Sold
	line := fmt.Sprintf("%s  %d of %d seats taken, %d reservations acknowledged", word, taken, v.Seats, v.Acks)
	for _, k := range Kinds {
		alwaysShown := k == Oversold || k == Lost || k == Leaked || k == Miscounted
		if n := v.Found[k]; n > 0 || alwaysShown {
			line += fmt.Sprintf(", %s %d", k, n)
		}
	}
	return line
}

func (v *Verdict) add(k Kind, format string, args ...any) {
	v.Found[k]++
	if len(v.Examples[k]) < maxExamples {
		v.Examples[k] = append(v.Examples[k], fmt.Sprintf(format, args...))
	}
}

// Add sums up the verdicts on two rounds.
func (v *Verdict) Add(o Verdict) {
	if v.Found == nil {
		v.Found, v.Examples = map[Kind]int{}, map[Kind][]string{}
	}
	for kind, n := range o.Found {
		v.Found[kind] += n
		v.Examples[kind] = append(v.Examples[kind], o.Examples[kind]...)
		v.Examples[kind] = v.Examples[kind][:min(len(v.Examples[kind]), maxExamples)]
	}
	v.Acks += o.Acks
	v.Seats += o.Seats
	v.Totals = v.Totals.Add(o.Totals)
}

// Judge compares everything with everything.
func Judge(c Case) Verdict {
	v := Verdict{
		Found: map[Kind]int{}, Examples: map[Kind][]string{},
		Acks: len(c.Acks), Seats: len(c.API.Labels), Totals: c.API.Totals,
	}
	v.auditContent(c)
	live := v.liveSeats(c)
	v.acks(c)
	v.orphans(c)
	v.limits(c)
	v.seatMap(c, live)
	v.counters(c)
	if c.WantFull && c.API.Totals.Free != 0 {
		v.add(Unsold, "%d seats are free although the crowd wanted every seat", c.API.Totals.Free)
	}
	for _, key := range c.Unanswered {
		v.add(Unanswered, "attempt %s never got a final answer", key)
	}
	for code, n := range c.Unexpected {
		v.add(Unexpected, "%d answers were %s", n, code)
	}
	return v
}

func (v *Verdict) auditContent(c Case) {
	for _, p := range c.Audit.Problems {
		v.add(Audited, "verify: %s", p)
	}
	if !c.Audit.OK && len(c.Audit.Problems) == 0 {
		v.add(Audited, "verify is not ok and names no problem")
	}
}

// liveSeats is the owner of every taken seat by the audit; a second owner is an oversold seat.
func (v *Verdict) liveSeats(c Case) map[string]Reservation {
	owner := map[string]Reservation{}
	for _, r := range c.Audit.Reservations {
		if !r.Live() {
			continue
		}
		for _, seat := range r.Seats {
			if first, taken := owner[seat]; taken {
				v.add(Oversold, "seat %s is in live reservations %s and %s", seat, first.ID, r.ID)
				continue
			}
			owner[seat] = r
		}
	}
	return owner
}

// acks checks that no seat was promised twice and that every promise holds, by the audit and by the API.
func (v *Verdict) acks(c Case) {
	audit := map[string]Reservation{}
	for _, r := range c.Audit.Reservations {
		audit[r.ID] = r
	}
	promised := map[string]string{}
	for _, a := range c.Acks {
		for _, seat := range a.Seats {
			if first, twice := promised[seat]; twice {
				v.add(Oversold, "seat %s was promised by %s and by %s", seat, first, a.ID)
				continue
			}
			promised[seat] = a.ID
		}
		if !sameSeats(a.Asked, a.Seats) {
			v.add(Lost, "%s: asked for %v, was answered %v", a.ID, a.Asked, a.Seats)
		}
		found, ok := audit[a.ID]
		switch {
		case !ok:
			v.add(Lost, "%s (user %d, %v) is unknown to verify", a.ID, a.User, a.Seats)
		case found.User != a.User:
			v.add(Lost, "%s was given to user %d; verify says user %d", a.ID, a.User, found.User)
		default:
			v.holds("verify", a, found)
		}
		if found, ok = c.API.Reservations[a.ID]; !ok {
			v.add(Lost, "%s (user %d, %v) is unknown to the API", a.ID, a.User, a.Seats)
		} else {
			v.holds("the API", a, found)
		}
	}
}

func (v *Verdict) holds(source string, a Ack, found Reservation) {
	switch {
	case !found.Live():
		v.add(Lost, "%s was promised; %s says %s", a.ID, source, found.Status)
	case !sameSeats(a.Seats, found.Seats):
		v.add(Lost, "%s was promised with %v; %s says %v", a.ID, a.Seats, source, found.Seats)
	}
}

func (v *Verdict) orphans(c Case) {
	told := map[string]bool{}
	for _, a := range c.Acks {
		told[a.ID] = true
	}
	for _, r := range c.Audit.Reservations {
		if r.Live() && !told[r.ID] {
			v.add(Orphaned, "%s (user %d, %v) is %s and nobody was told", r.ID, r.User, r.Seats, r.Status)
		}
	}
}

func (v *Verdict) limits(c Case) {
	seats := map[int64]int{}
	for _, r := range c.Audit.Reservations {
		if r.Live() {
			seats[r.User] += len(r.Seats)
		}
	}
	for user, n := range seats {
		if n > c.MaxPerUser {
			v.add(OverLimit, "user %d has %d seats of at most %d", user, n, c.MaxPerUser)
		}
	}
}

// seatMap compares the public map with the live reservations, seat by seat.
func (v *Verdict) seatMap(c Case, owner map[string]Reservation) {
	if len(c.API.Map) != len(c.API.Labels) {
		v.add(Leaked, "the map shows %d seats, the plan has %d", len(c.API.Map), len(c.API.Labels))
		return
	}
	known := make(map[string]bool, len(c.API.Labels))
	for i, label := range c.API.Labels {
		known[label] = true
		r, taken := owner[label]
		shown := c.API.Map[i]
		shownTaken := shown == 'h' || shown == 's'
		switch {
		case shownTaken && !taken:
			v.add(Leaked, "seat %s is shown as %q and no live reservation has it", label, shown)
		case taken && !shownTaken:
			v.add(Leaked, "seat %s belongs to %s and is shown as %q", label, r.ID, shown)
		case taken && (shown == 's') != (r.Status == "confirmed"):
			v.add(Leaked, "seat %s of %s (%s) is shown as %q", label, r.ID, r.Status, shown)
		case !shownTaken && shown != '.' && shown != 'b':
			v.add(Leaked, "seat %s is shown as %q, which means nothing", label, shown)
		}
	}
	for label, r := range owner {
		if !known[label] {
			v.add(Leaked, "%s has seat %s, which the plan does not have", r.ID, label)
		}
	}
}

// counters compares all ways of counting the same seats with the map.
func (v *Verdict) counters(c Case) {
	var byMap, byLive, byGrade Counts
	for _, ch := range []byte(c.API.Map) {
		switch ch {
		case '.':
			byMap.Free++
		case 'h':
			byMap.Held++
		case 's':
			byMap.Sold++
		case 'b':
			byMap.Blocked++
		}
	}
	for _, r := range c.Audit.Reservations {
		switch {
		case r.Status == "confirmed":
			byLive.Sold += len(r.Seats)
		case r.Live():
			byLive.Held += len(r.Seats)
		}
	}
	// Reservations say nothing about seats without one.
	byLive.Free, byLive.Blocked = byMap.Free, byMap.Blocked
	for _, g := range c.API.Grades {
		byGrade = byGrade.Add(g)
	}
	for _, other := range []struct {
		name string
		got  Counts
	}{
		{"the round's totals", c.API.Totals},
		{"the sum of its grades", byGrade},
		{"verify's counters", c.Audit.Counts},
		{"verify's live reservations", byLive},
	} {
		if other.got != byMap {
			v.add(Miscounted, "%s are %+v, the map says %+v", other.name, other.got, byMap)
		}
	}
}

// sameSeats compares as sets; the order of seats in an answer means nothing.
func sameSeats(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
