package ticketing

import "slices"

// The naive model's best seats: every block there could be is looked at.

func (n *naive) reserveBest(c ReserveBest, now Millis) Result {
	remembered, oldestEnded, answer, done := n.beforeSeats(c.User, c.Key, c.Body)
	if done {
		return answer
	}
	asked := n.asked(c.Grade, c.Section)
	hasSection := slices.ContainsFunc(n.plan.Seats, func(s Seat) bool { return s.Section == c.Section })
	switch {
	case c.Grade != "" && !slices.Contains(n.plan.Grades, c.Grade):
		return no(CodeGradeUnknown)
	case c.Section != "" && (!hasSection || c.Grade != "" && len(asked) == 0):
		return no(CodeSectionUnknown)
	case c.Count <= 0 || c.Count > 20:
		return no(CodeSeatsInvalid)
	}
	has := 0
	for _, label := range n.labels() {
		if v := n.owner(label); v != nil && v.user == c.User {
			has++
		}
	}
	switch {
	case has+c.Count > n.terms.MaxPerUser:
		return no(CodeLimitExceeded)
	case remembered >= 32 && oldestEnded == nil:
		return no(CodeTooManyKeys)
	}
	seats := n.bestSeats(c)
	if seats == nil {
		return n.nothingLeft(asked)
	}
	if remembered >= 32 {
		oldestEnded.forgotten = true
	}
	return n.hold(ReserveSeats{User: c.User, Key: c.Key, Body: c.Body}, seats, now)
}

// nothingLeft says why there is no block among the seats asked for.
func (n *naive) nothingLeft(asked []string) Result {
	has := func(state SeatState) bool {
		return slices.ContainsFunc(asked, func(label string) bool { return n.seatState(label) == state })
	}
	switch {
	case has(SeatFree):
		return no(CodeNoBlock)
	case has(SeatHeld):
		return Result{Code: CodeAllHeld, RetryAt: n.status().NextExpiry}
	}
	return no(CodeSoldOut)
}

func (n *naive) asked(grade, section string) []string {
	var out []string
	for _, s := range n.plan.Seats {
		if (grade == "" || n.plan.Grades[s.Grade] == grade) && (section == "" || s.Section == section) {
			out = append(out, s.Label())
		}
	}
	return out
}

// bestSeats tries a block at every seat, in plan order.
func (n *naive) bestSeats(c ReserveBest) (best []string) {
	states := n.seatStates()
	next, before := n.neighbours()
	left, right := n.plan.Seats[0].X, n.plan.Seats[0].X
	for _, s := range n.plan.Seats {
		left, right = min(left, s.X), max(right, s.X)
	}
	asked := map[string]bool{}
	for _, label := range n.asked(c.Grade, c.Section) {
		asked[label] = true
	}
	// Beyond a row's end stands -1, where nobody can sit.
	free := func(i int) bool { return i >= 0 && states[i] == byte(SeatFree) }
	bestOrphans, bestFar := false, 0
	for first := range n.plan.Seats {
		var labels []string
		far, last := 0, -1
		for i := first; len(labels) < c.Count && free(i) && asked[n.plan.Seats[i].Label()]; i = next[i] {
			s := n.plan.Seats[i]
			labels, last = append(labels, s.Label()), i
			far += (2*s.X-left-right)*(2*s.X-left-right) + 4*s.Y*s.Y
		}
		if len(labels) < c.Count {
			continue
		}
		l, r := before[first], next[last]
		orphans := free(l) && !free(before[l]) || free(r) && !free(next[r])
		if best == nil || !orphans && bestOrphans || orphans == bestOrphans && far < bestFar {
			best, bestOrphans, bestFar = labels, orphans, far
		}
	}
	return best
}

// neighbours is for every seat the one after it and the one before it that is next to it, or -1.
func (n *naive) neighbours() (next, before []int) {
	next, before = make([]int, len(n.plan.Seats)), make([]int, len(n.plan.Seats))
	for i := range next {
		next[i], before[i] = -1, -1
	}
	for i, a := range n.plan.Seats {
		for j := i + 1; j < len(n.plan.Seats); j++ {
			b := n.plan.Seats[j]
			if a.Section != b.Section || a.Row != b.Row {
				continue
			}
			numbers := a.Number == b.Number+1 || b.Number == a.Number+1
			if numbers && a.X-b.X <= 100 && b.X-a.X <= 100 && a.Y-b.Y <= 100 && b.Y-a.Y <= 100 {
				next[i], before[j] = j, i
			}
			break
		}
	}
	return next, before
}
