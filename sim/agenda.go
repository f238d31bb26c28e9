package sim

// appointment is something to be done at a time.
type appointment struct {
	at  ms
	tie uint32 // random: what happens in the same millisecond has no order of its own
	n   uint64 // in order of making
	do  func()
}

func (a *appointment) before(b *appointment) bool {
	switch {
	case a.at != b.at:
		return a.at < b.at
	case a.tie != b.tie:
		return a.tie < b.tie
	}
	return a.n < b.n
}

// agenda is a heap of appointments, the next one first; by hand, because it is half of the simulation's work.
type agenda []appointment

func (a *agenda) push(x appointment) {
	*a = append(*a, x)
	h := *a
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].before(&h[parent]) {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

func (a *agenda) pop() appointment {
	h := *a
	first, last := h[0], len(h)-1
	h[0], h[last] = h[last], appointment{}
	h = h[:last]
	*a = h
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if h[child].before(&h[least]) {
				least = child
			}
		}
		if least == i {
			return first
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
