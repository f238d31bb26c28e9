package ticketing

// Machine is a deterministic state machine: the state is the fold of its events, nothing else.
//
// A command is carried out in steps, so that a rule that fails leaves no trace: Due and Decide only look and
// say which events would follow; Apply alone changes the state. To carry out a command at now (see Act):
//
//	apply all events of Due(now); apply the events of Decide(command, now); Complete the result
//
// so a payment at or after its deadline is too late whether or not a timer has fired.
type Machine interface {
	// Due is what time alone has brought about: opening, closing, expiry. Empty when NextDeadline is after now.
	Due(now Millis) []Event
	// Decide answers a command. Refusals are results with a code and have no events.
	Decide(cmd Command, now Millis) ([]Event, Result)
	// Complete fills in what the result shows of the state after the events, and Seq. It changes nothing.
	Complete(*Result)
	// Apply takes a fact in. It cannot fail; a fact that contradicts the state is a bug and panics.
	Apply(Event)
	// NextDeadline is when Due will next have something to say; 0 when never.
	NextDeadline() Millis
	// Seq counts the events applied.
	Seq() uint64
	// LastAt is the time of the last event; now must not be before it.
	LastAt() Millis
	// Snapshot writes the whole state in one canonical form. Equal states are written alike, so its SHA-256
	// is the state's hash.
	Snapshot() []byte
}

// Act carries out a command on a machine and returns all the events that followed. Now is raised to the time of
// the machine's last event if the caller's clock is behind.
func Act(m Machine, cmd Command, now Millis) ([]Event, Result) {
	now = max(now, m.LastAt())
	events := m.Due(now)
	for _, e := range events {
		m.Apply(e)
	}
	decided, result := m.Decide(cmd, now)
	for _, e := range decided {
		m.Apply(e)
	}
	m.Complete(&result)
	return append(events, decided...), result
}
