package actors

import "ticketblue/ticketing"

// Input is what a shell can be told: *Command, Loaded, Commit, Timer, Wake, OwnershipLost, Broken, Freeze or Drain.
type Input interface{ input() }

type (
	// Command asks the machine something. Token comes back in exactly one Reply.
	Command struct {
		Cmd   ticketing.Command
		Now   ticketing.Millis // the node's clock
		Token any
	}
	// Loaded answers a Load. On error only Attempt, Err and Now are set: ticketing.ErrNotFound when there is no
	// such stream, ticketing.ErrFrozen when it was frozen before, ErrBroken when its history does not fold, anything else is worth another try.
	Loaded struct {
		Attempt     uint64
		Machine     ticketing.Machine
		Head        ticketing.Head
		SnapshotSeq uint64             // seq of the snapshot the machine was restored from; 0 when none
		Writer      ticketing.WriterID // drawn at random for this activation
		Err         error
		Now         ticketing.Millis
	}
	// Commit is the journal's word on appended events.
	Commit struct {
		ticketing.Commit
		Now ticketing.Millis
	}
	// Timer answers an Arm, perhaps early, late or twice.
	Timer struct{ Now ticketing.Millis }
	// Wake activates the stream without asking it anything.
	Wake struct{ Now ticketing.Millis }
	// OwnershipLost tells that this node no longer owns the stream.
	OwnershipLost struct{ Now ticketing.Millis }
	// Broken tells that an effect could not be carried out, so the machine in memory is suspect.
	Broken struct{ Err error }
	// Freeze tells that an auditor found the stream wrong: nobody is answered any more until a person has looked.
	Freeze struct{ Reason error }
	// Drain lets what is in flight finish, then passivates.
	Drain struct{}
)

func (*Command) input()      {}
func (Loaded) input()        {}
func (Commit) input()        {}
func (Timer) input()         {}
func (Wake) input()          {}
func (OwnershipLost) input() {}
func (Broken) input()        {}
func (Freeze) input()        {}
func (Drain) input()         {}

// Effect is what a shell wants done, in order: *Load, *Append, *Reply, *End, *Arm, *SaveSnapshot, *Mirror, *Passivate
// or *Alarm. Effects and all they point to are valid until the next Step.
type Effect interface{ effect() }

type (
	// Load reads and restores the stream's machine and draws a writer; the answer is a Loaded with this Attempt.
	Load struct{ Attempt uint64 }
	// Append hands events to the journal. The first of an activation begins the writer on Head.
	Append struct {
		Writer ticketing.WriterID
		First  bool
		Head   ticketing.Head // of First: the head that was loaded
		Events []ticketing.Event
		more   []ticketing.Event // backing of Events when two sources had to be joined
	}
	// Reply answers the command with this token.
	Reply struct {
		Token  any
		Result ticketing.Result
	}
	// End tells the journal that nothing more comes from this writer, and that it may forget it.
	End struct{ Writer ticketing.WriterID }
	// Arm sets the shell's only timer, replacing what was set. At may be in the past.
	Arm struct{ At ticketing.Millis }
	// SaveSnapshot stores a state whose last chunk is durable. Failing to is harmless.
	SaveSnapshot struct{ Snapshot ticketing.Snapshot }
	// Mirror tells the durable view what is durable. With Machine it begins anew: all events of that copy are. With
	// Events it applies them, in order. With neither there is none any more.
	Mirror struct {
		Machine ticketing.Refuser
		Events  []ticketing.Event
	}
	// Passivate forgets the shell, unless a message is already on its way to it. Park says that WakeAt (0: never)
	// is known and must be stored first.
	Passivate struct {
		Park   bool
		WakeAt ticketing.Millis
	}
	// Alarm wants a person's attention.
	Alarm struct {
		Text   string
		Err    error
		Frozen bool // the stream is now frozen
	}
)

func (*Load) effect()         {}
func (*Append) effect()       {}
func (*Reply) effect()        {}
func (*End) effect()          {}
func (*Arm) effect()          {}
func (*SaveSnapshot) effect() {}
func (*Mirror) effect()       {}
func (*Passivate) effect()    {}
func (*Alarm) effect()        {}

// output collects a step's effects. The frequent ones live in slices that are used again, so that a step in the
// steady state allocates nothing; growing a slice leaves older pointers on the old array, which stays good.
type output struct {
	list    []Effect
	appends []Append
	replies []Reply
}

func (o *output) reset() {
	clear(o.list)
	o.list = o.list[:0]
	clear(o.replies)
	o.replies = o.replies[:0]
	o.appends = o.appends[:0]
}

func (o *output) add(e Effect) { o.list = append(o.list, e) }

func (o *output) reply(token any, result ticketing.Result) {
	o.replies = append(o.replies, Reply{Token: token, Result: result})
	o.add(&o.replies[len(o.replies)-1])
}

// append joins the events that time brought about and those of the command into one effect.
func (o *output) append(writer ticketing.WriterID, due, decided []ticketing.Event) *Append {
	if len(o.appends) < cap(o.appends) {
		o.appends = o.appends[:len(o.appends)+1]
	} else {
		o.appends = append(o.appends, Append{})
	}
	a := &o.appends[len(o.appends)-1]
	*a = Append{Writer: writer, Events: decided, more: a.more[:0]}
	if len(due) > 0 {
		a.more = append(append(a.more, due...), decided...)
		a.Events = a.more
	}
	o.add(a)
	return a
}
