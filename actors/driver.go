package actors

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"ticketblue/ticketing"
)

// driver is the actor of one stream: it feeds a shell from the mailbox and carries out its effects. Nothing may
// panic out of Receive, for supervision would restart the actor and drop its mailbox.
type driver struct {
	system  *System
	cell    *cell
	shell   *Shell
	epoch   uint64 // losses of ownership it has been told of
	timer   *time.Timer
	records []byte    // encoding buffer
	at      time.Time // of the message in hand
	alarmed time.Time // when an alarm was logged last
}

func newDriver(s *System, c *cell) *driver {
	d := &driver{system: s, cell: c, epoch: s.epoch.Load()}
	c.epoch.Store(d.epoch)
	opt := s.Shell
	opt.Owned, opt.MirrorUsed = d.owned, c.viewUsed
	d.shell = NewShell(c.stream, opt)
	return d
}

// owned is false between a loss of ownership and the word of it, which may wait in the mailbox behind commands
// while the lock has come back.
func (d *driver) owned() bool {
	return d.epoch == d.system.epoch.Load() && d.system.Ownership.Valid()
}

// Receive implements actor.Actor.
func (d *driver) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *request:
		d.at = d.system.Clock()
		m.taken, m.Now = d.at, ticketing.MillisOf(d.at)
		d.step(&m.Command)
	case Input:
		d.at = d.system.Clock()
		if _, lost := m.(OwnershipLost); lost {
			d.epoch = d.system.epoch.Load() // the shell forgets its machine with this
		}
		d.step(m)
		d.cell.epoch.Store(d.epoch)
	}
}

// step takes one input in. When that fails the shell is told, and a shell that cannot bear even that is left be.
func (d *driver) step(in Input) {
	if err := d.run(in); err != nil {
		if err := d.run(Broken{Err: err}); err != nil {
			d.alarm(&Alarm{Text: "recovery failed", Err: err})
		}
	}
}

// run performs every effect of one step, also those after one that failed: callers wait for their replies.
func (d *driver) run(in Input) (err error) {
	defer recovered(&err)
	effects := d.shell.Step(in)
	seq, until := d.shell.Durable()
	d.cell.publish(seq, until, d.shell.Silent()) // before any caller hears of it: who has an answer reads at least that much
	for _, e := range effects {
		if failure := d.perform(e); failure != nil {
			err = failure
		}
	}
	return err
}

func (d *driver) perform(e Effect) (err error) {
	defer recovered(&err)
	switch e := e.(type) {
	case *Load:
		d.system.load(d.cell, e.Attempt)
	case *Append:
		if e.First {
			d.system.Journal.Begin(d.cell.stream, e.Writer, e.Head, d.notify)
		}
		d.records = ticketing.EncodeEvents(d.records[:0], e.Events)
		d.system.Journal.Append(e.Writer, len(e.Events), d.records)
	case *Reply:
		d.reply(e)
	case *End:
		d.system.Journal.End(e.Writer)
	case *Arm:
		d.arm(e.At)
	case *SaveSnapshot:
		d.system.save(d.cell.stream, e.Snapshot)
	case *Mirror:
		d.cell.mirror(e)
	case *Passivate:
		d.passivate(*e)
	case *Alarm:
		d.alarm(e)
	default:
		return fmt.Errorf("no such effect: %T", e)
	}
	return nil
}

// notify runs in the journal's goroutine.
func (d *driver) notify(c ticketing.Commit) {
	d.system.metrics.commit(c.Outcome)
	d.cell.send(Commit{Commit: c, Now: d.system.millis()})
}

func (d *driver) reply(e *Reply) {
	r := e.Token.(*request)
	d.system.metrics.latency.Observe(d.at.Sub(r.taken).Seconds())
	d.cell.inFlight.Add(-1)
	d.system.leave()
	r.result = e.Result
	e.Result.SeatStates, e.Result.Owners = nil, nil // the effect is kept until the next step, which may be long
	r.done <- struct{}{}                            // from here on the request is its caller's
}

func (d *driver) arm(at ticketing.Millis) {
	wait := min(at.Time().Sub(d.at), longestTimer)
	if d.timer == nil {
		d.timer = time.AfterFunc(wait, func() { d.cell.send(Timer{Now: d.system.millis()}) })
		return
	}
	d.timer.Reset(wait)
}

func (d *driver) passivate(p Passivate) {
	if !d.cell.close() {
		return
	}
	if d.timer != nil {
		d.timer.Stop()
	}
	d.system.metrics.active.Dec()
	d.system.park(d.cell.stream, p)
}

func (d *driver) alarm(a *Alarm) {
	d.system.metrics.alarms.Inc()
	if a.Frozen {
		d.system.metrics.frozen.Inc()
		d.system.keepFrozen(d.cell.stream, a.Err)
	} else if d.at.Sub(d.alarmed) < alarmLogEvery {
		return
	}
	d.alarmed = d.at
	d.system.Log.Error("stream alarm", "stream", d.cell.stream, "alarm", a.Text, "error", a.Err)
}
