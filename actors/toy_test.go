package actors

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ticketblue/ticketing"
)

// toy is a machine with a counter and switches to make it fail.
type toy struct {
	seq      uint64
	lastAt   ticketing.Millis
	count    int
	deadline ticketing.Millis // of the next SaleClosed
	failDue  bool
	failSnap bool
}

// What commands and facts mean to the toy.
var (
	add     = ticketing.OpenSale{}                            // counts one up
	addTwo  = ticketing.UnblockSeats{}                        // counts two up
	refuses = ticketing.PauseSale{}                           // refuses
	asks    = ticketing.ReadStatus{}                          // shows the counter
	crashes = ticketing.CancelRound{}                         // panics in Decide
	breaks  = ticketing.CloseSale{}                           // decides on a fact that panics in Apply
	arms    = func(at ticketing.KRW) ticketing.ChangePrices { // sets the deadline
		return ticketing.ChangePrices{Prices: []ticketing.KRW{at}}
	}
)

func (m *toy) Due(now ticketing.Millis) []ticketing.Event {
	if m.failDue {
		panic("due")
	}
	if m.deadline == 0 || m.deadline > now {
		return nil
	}
	return []ticketing.Event{{At: now, Fact: ticketing.SaleClosed{}}}
}

func (m *toy) Decide(cmd ticketing.Command, now ticketing.Millis) ([]ticketing.Event, ticketing.Result) {
	up := ticketing.Event{At: now, Fact: ticketing.SaleOpened{}}
	switch c := cmd.(type) {
	case ticketing.OpenSale:
		return []ticketing.Event{up}, ticketing.Result{}
	case ticketing.UnblockSeats:
		return []ticketing.Event{up, up}, ticketing.Result{}
	case ticketing.PauseSale:
		return nil, ticketing.Result{Code: ticketing.CodeSalePaused}
	case ticketing.CancelRound:
		panic("decide")
	case ticketing.CloseSale:
		return []ticketing.Event{{At: now, Fact: ticketing.RoundCanceled{}}}, ticketing.Result{}
	case ticketing.ChangePrices:
		return []ticketing.Event{{At: now, Fact: ticketing.PricesChanged(c)}}, ticketing.Result{}
	}
	return nil, ticketing.Result{}
}

func (m *toy) Complete(r *ticketing.Result) {
	r.Seq = m.seq
	r.RetryAt = ticketing.Millis(m.count)
}

func (m *toy) Apply(e ticketing.Event) {
	if e.At < m.lastAt {
		panic("time runs backwards")
	}
	switch f := e.Fact.(type) {
	case ticketing.SaleOpened:
		m.count++
	case ticketing.SaleClosed:
		m.deadline = 0
	case ticketing.PricesChanged:
		m.deadline = ticketing.Millis(f.Prices[0])
	case ticketing.RoundCanceled:
		panic("apply")
	}
	m.seq++
	m.lastAt = e.At
}

func (m *toy) Copy() ticketing.Refuser {
	own := *m
	return &own
}

func (m *toy) Refuse(ticketing.Command, ticketing.Millis) (ticketing.Result, bool) {
	return ticketing.Result{}, false
}

func (m *toy) NextDeadline() ticketing.Millis { return m.deadline }
func (m *toy) Seq() uint64                    { return m.seq }
func (m *toy) LastAt() ticketing.Millis       { return m.lastAt }
func (m *toy) Snapshot() []byte {
	if m.failSnap {
		panic("snapshot")
	}
	return fmt.Appendf(nil, "%d at %d", m.count, m.seq)
}

// rig drives one shell by hand.
type rig struct {
	*testing.T
	shell   *Shell
	owned   bool
	asked   int // how often Owned was asked
	now     ticketing.Millis
	machine *toy
	writer  ticketing.WriterID
	head    ticketing.Head
}

const testStart = ticketing.Millis(1_000_000)

func newRig(t *testing.T, opt Options) *rig {
	r := &rig{T: t, owned: true, now: testStart}
	opt.Owned = func() bool { r.asked++; return r.owned }
	r.shell = NewShell("round:1", opt)
	return r
}

// active is a rig whose machine had five events and is active now, the barrier being the sixth.
func active(t *testing.T, opt Options) *rig {
	r := newRig(t, opt)
	r.want(r.step(Wake{Now: r.now}), "load 1")
	r.load(1)
	r.commit(6)
	return r
}

// load answers Load with a fresh machine at seq 5.
func (r *rig) load(attempt uint64) []string {
	r.machine = &toy{seq: 5, lastAt: 10}
	r.writer[0]++
	r.head = ticketing.Head{From: 3, To: 5}
	return r.step(Loaded{Attempt: attempt, Machine: r.machine, Head: r.head, SnapshotSeq: 5, Writer: r.writer, Now: r.now})
}

func (r *rig) command(token string, cmd ticketing.Command) []string {
	return r.step(&Command{Cmd: cmd, Now: r.now, Token: token})
}

func (r *rig) commit(to uint64) []string {
	r.head = ticketing.Head{From: r.head.To + 1, To: to, Writer: r.writer}
	return r.outcome(ticketing.Committed)
}

func (r *rig) outcome(o ticketing.Outcome) []string {
	return r.step(Commit{Commit: ticketing.Commit{Writer: r.writer, Outcome: o, Head: r.head}, Now: r.now})
}

// step shows the effects in words; Arm is left out unless it is asked for by timers.
func (r *rig) step(in Input) []string {
	var out []string
	for _, e := range r.shell.Step(in) {
		if _, timer := e.(*Arm); !timer {
			out = append(out, describe(e))
		}
	}
	return out
}

// armed is when the step wants the timer; 0 when it does not.
func (r *rig) armed(in Input) ticketing.Millis {
	for _, e := range r.shell.Step(in) {
		if a, ok := e.(*Arm); ok {
			return a.At
		}
	}
	return 0
}

func (r *rig) want(got []string, want ...string) {
	r.Helper()
	if !slices.Equal(got, want) {
		r.Fatalf("effects\n got: %s\nwant: %s", strings.Join(got, " | "), strings.Join(want, " | "))
	}
}

func describe(e Effect) string {
	switch e := e.(type) {
	case *Load:
		return fmt.Sprintf("load %d", e.Attempt)
	case *Append:
		text := fmt.Sprintf("append %d", len(e.Events))
		if e.First {
			text = fmt.Sprintf("begin on %d, %s", e.Head.To, text)
		}
		return text
	case *Reply:
		code := e.Result.Code
		if code == ticketing.OK {
			code = "yes"
		}
		return fmt.Sprintf("%v: %s@%d", e.Token, code, e.Result.Seq)
	case *End:
		return "end"
	case *Arm:
		return fmt.Sprintf("arm %d", e.At)
	case *SaveSnapshot:
		return fmt.Sprintf("snapshot %d on %d..%d: %s", e.Snapshot.Seq, e.Snapshot.Head.From, e.Snapshot.Head.To, e.Snapshot.State)
	case *Mirror:
		if e.Machine != nil {
			return fmt.Sprintf("mirror at %d", e.Machine.Seq())
		}
		return fmt.Sprintf("mirror +%d", len(e.Events))
	case *Passivate:
		return fmt.Sprintf("passivate %v %d", e.Park, e.WakeAt)
	case *Alarm:
		return "alarm: " + e.Text
	}
	return fmt.Sprintf("%T", e)
}
