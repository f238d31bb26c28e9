package main

import (
	"fmt"
	"maps"
	"slices"

	"ticketblue/ticketing"
)

// claim is what somebody says the state's hash was at a seq.
type claim struct {
	who  string
	hash ticketing.Hash
}

type refolded struct {
	findings
	round roundReport
}

// findings are what does not agree with the replay.
type findings struct{ problems []string }

// readTables is what the tables that customers' lists come from say, as far as they have followed the journal.
type readTables struct {
	live      []ticketing.LiveReservation
	projected uint64
}

// refold replays a round from its first event, by the machine and by the auditor, and holds each claim and the read
// tables against the state at their seq.
func refold(stream ticketing.Stream, history ticketing.History, want map[uint64][]claim, tables readTables) (out refolded) {
	id, _ := stream.Round()
	out.round = roundReport{Round: int64(id), Reservations: []reservationReport{}}
	defer func() {
		if p := recover(); p != nil {
			out.differs("event %d does not fit: %v", out.round.Seq+1, p)
		}
	}()
	round, auditor := ticketing.NewRound(id, history.Plan), ticketing.NewAuditor(history.Plan)
	for _, chunk := range history.Tail {
		events, err := ticketing.DecodeChunk(chunk.Payload)
		if err != nil {
			out.differs("chunk %d-%d: %v", chunk.From, chunk.To, err)
			return out
		}
		for _, e := range events {
			if err := auditor.See(e); err != nil {
				out.differs("event %d: %v", round.Seq()+1, err)
			}
			round.Apply(e)
			out.round.Seq = round.Seq()
			out.compare(want, round)
			if round.Seq() == tables.projected {
				out.compareTables(tables.live, auditor.Live(), history.Plan)
			}
		}
	}
	out.ahead(want, round.Seq())
	if tables.projected > round.Seq() || tables.projected == 0 && len(tables.live) > 0 {
		out.differs("the read tables are at event %d, the journal ends at %d", tables.projected, round.Seq())
	}
	out.describe(id, round, auditor, history.Plan)
	return out
}

// compareTables holds the tables against the auditor's list; both are in order of numbers and seats.
func (x *refolded) compareTables(tables, live []ticketing.LiveReservation, plan *ticketing.Plan) {
	same := slices.EqualFunc(tables, live, func(a, b ticketing.LiveReservation) bool {
		return a.Number == b.Number && a.User == b.User && a.Status == b.Status && slices.Equal(a.Seats, b.Seats)
	})
	if same {
		return
	}
	x.differs("at event %d the read tables have %d live reservations, the journal %d, and they are not the same",
		x.round.Seq, len(tables), len(live))
	for _, v := range live {
		i := slices.IndexFunc(tables, func(w ticketing.LiveReservation) bool { return w.Number == v.Number })
		if i < 0 || tables[i].User != v.User || tables[i].Status != v.Status || !slices.Equal(tables[i].Seats, v.Seats) {
			x.differs("the first: reservation %d, %s, with %d seats from %s", v.Number, v.Status, len(v.Seats), plan.Label(v.Seats[0]))
			return
		}
	}
}

func (x *findings) differs(format string, args ...any) {
	x.problems = append(x.problems, fmt.Sprintf(format, args...))
}

// compare settles the claims about the state as it is now.
func (x *findings) compare(want map[uint64][]claim, m ticketing.Machine) {
	claims, some := want[m.Seq()]
	if !some {
		return
	}
	delete(want, m.Seq())
	hash := ticketing.StateHash(m)
	for _, c := range claims {
		if c.hash != hash {
			x.differs("the %s at event %d is %s, the replay %s", c.who, m.Seq(), c.hash, hash)
		}
	}
}

// ahead names the claims that are left at the end of the journal.
func (x *findings) ahead(want map[uint64][]claim, end uint64) {
	for _, seq := range slices.Sorted(maps.Keys(want)) {
		for _, c := range want[seq] {
			x.differs("the %s is at event %d, the journal ends at %d", c.who, seq, end)
		}
	}
}

// describe reports the final state, and compares the machine's seats with the auditor's.
func (x *refolded) describe(id ticketing.RoundID, round *ticketing.Round, auditor *ticketing.Auditor, plan *ticketing.Plan) {
	_, answer := round.Decide(ticketing.ReadSeats{}, round.LastAt())
	round.Complete(&answer)
	total := answer.Status.Total()
	x.round.Hash = ticketing.StateHash(round).String()
	x.round.Free, x.round.Held, x.round.Sold, x.round.Blocked = total.Free, total.Held, total.Sold, total.Blocked
	for i, seen := range auditor.Seats() {
		if byte(seen) != answer.SeatStates[i] {
			x.differs("seat %s is %q by the machine, %q by the auditor", plan.Label(ticketing.SeatIndex(i)), answer.SeatStates[i], seen)
		}
	}
	for _, v := range auditor.Live() {
		labels := make([]string, len(v.Seats))
		for i, s := range v.Seats {
			labels[i] = plan.Label(s)
		}
		x.round.Reservations = append(x.round.Reservations, reservationReport{
			ID:   ticketing.ReservationID{Round: id, Number: v.Number}.String(),
			User: int64(v.User), Status: v.Status.String(), Seats: labels,
		})
	}
}
