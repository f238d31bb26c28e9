package ticketing

import (
	"cmp"
	"container/heap"
	"slices"
)

// What time brings about by itself: the sale opens and closes, unpaid seats go back, old reservations are forgotten.

// NextDeadline is when Due will next have something to say; 0 when never.
func (r *Round) NextDeadline() Millis {
	if !r.looked {
		r.soonest, r.looked = r.findDeadline(), true
	}
	return r.soonest
}

func (r *Round) findDeadline() Millis {
	next := r.deadlines.next(r)
	switch r.phase {
	case Scheduled:
		next = earliest(next, r.terms.OpensAt)
	case Open, Paused:
		next = earliest(next, r.terms.ClosesAt)
	}
	return next
}

func earliest(a, b Millis) Millis {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// Due is what time alone has brought about by now, in the order in which it came due.
func (r *Round) Due(now Millis) []Event {
	next := r.NextDeadline()
	if next == 0 || next > now {
		return nil
	}
	var events []Event
	for _, d := range r.deadlines.until(now, r) {
		events = append(events, Event{now, HoldLapsed{d.number}})
	}
	switch {
	case r.phase != Closed && now >= r.terms.ClosesAt:
		events = append(events, Event{now, SaleClosed{}})
	case r.phase == Scheduled && now >= r.terms.OpensAt:
		events = append(events, Event{now, SaleOpened{}})
	}
	return events
}

// deadline says that a reservation's seats go back at a moment. It is stale, and skipped, when the reservation has
// another deadline by now: cheaper than finding it in the heap with every change.
type deadline struct {
	at     Millis
	number uint32
}

// deadlines is a heap, earliest first.
type deadlines []deadline

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return compareDeadlines(d[i], d[j]) < 0 }
func (d deadlines) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *deadlines) Push(x any)        { *d = append(*d, x.(deadline)) }
func (d *deadlines) Pop() any {
	old := *d
	x := old[len(old)-1]
	*d = old[:len(old)-1]
	return x
}

func compareDeadlines(a, b deadline) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.number, b.number))
}

func (d deadline) stale(r *Round) bool {
	v := r.reservations[d.number]
	return v == nil || v.deadline != d.at
}

// next is the earliest deadline that is not stale; 0 for none. It drops stale ones on its way.
func (d *deadlines) next(r *Round) Millis {
	for len(*d) > 0 {
		if first := (*d)[0]; !first.stale(r) {
			return first.at
		}
		heap.Pop(d)
	}
	return 0
}

// until lists what is due by now, earliest first. Below an entry that is not due nothing is.
func (d deadlines) until(now Millis, r *Round) []deadline {
	var due []deadline
	var visit func(i int)
	visit = func(i int) {
		if i >= len(d) || d[i].at > now {
			return
		}
		if !d[i].stale(r) {
			due = append(due, d[i])
		}
		visit(2*i + 1)
		visit(2*i + 2)
	}
	visit(0)
	slices.SortFunc(due, compareDeadlines)
	return slices.Compact(due) // a deadline that was set, changed and set back stands twice
}

// setDeadline gives a live reservation's seats a moment to go back at; 0 takes it away.
func (r *Round) setDeadline(v *reservation, at Millis) {
	v.deadline = at
	if at != 0 {
		heap.Push(&r.deadlines, deadline{at, v.number})
	}
}

// ending says when an ended reservation is forgotten.
type ending struct {
	at     Millis
	number uint32
}

// forget drops what ended a day ago, by the time of the event being applied: so every replay forgets at the same
// event.
func (r *Round) forget(now Millis) {
	done := 0
	for ; done < len(r.endings) && r.endings[done].at <= now; done++ {
		e := r.endings[done]
		if v := r.reservations[e.number]; v != nil && v.forgetAt == e.at {
			r.drop(v)
		}
	}
	r.endings = r.endings[done:]
}

// drop forgets an ended reservation and its key.
func (r *Round) drop(v *reservation) {
	delete(r.reservations, v.number)
	c := r.customers[v.user]
	c.made = slices.DeleteFunc(c.made, func(n uint32) bool { return n == v.number })
	if len(c.made) == 0 {
		delete(r.customers, v.user)
	}
}

// rememberUntil starts an ended reservation's last day, unless money for it is still on its way.
func (r *Round) rememberUntil(v *reservation, now Millis) {
	v.forgetAt = 0
	if v.status.Live() || v.owing() {
		return
	}
	v.forgetAt = now.Add(rememberFor)
	r.endings = append(r.endings, ending{v.forgetAt, v.number})
}
