// Package split tells what a server's CPU time went to, by the names of functions in a CPU profile of it.
package split

import "strings"

// Parts of a server's CPU time.
const (
	Sockets   = "HTTP: sockets"
	HTTP      = "HTTP: the rest"
	Token     = "token"
	Actor     = "decide: actor"
	Machine   = "decide: machine"
	Journal   = "journal writer"
	Projector = "projection"
	Broadcast = "relay, NATS"
	GC        = "garbage collection"
	Scheduler = "scheduler"
	Other     = "other"
)

// rule gives what happens in functions of a name to a part.
type rule struct {
	prefix string
	part   string
}

// owners have goroutines of their own, or are entered from outside for their own sake: all that happens within is
// theirs, also what they have done by others. The outermost counts.
var owners = []rule{
	{"ticketblue/persistence.(*Journal)", Journal},
	{"ticketblue/persistence.(*Projector)", Projector},
	{"ticketblue/broadcast.", Broadcast},
	{"github.com/nats-io/", Broadcast},
	{"runtime.gcBgMarkWorker", GC},
	{"runtime.gcAssistAlloc", GC},
	{"runtime.bgsweep", GC},
	{"runtime.bgscavenge", GC},
	{"runtime.gcStart", GC},
	{"runtime.mcall", Scheduler},
	{"runtime.mstart", Scheduler},
	{"runtime.sysmon", Scheduler},
	{"github.com/riverqueue/", Other},
	{"ticketblue/jobs.", Other},
}

// layers lie on the way of a request through one goroutine. The innermost counts, so that a layer pays for the library
// functions, allocations and system calls it makes, but not for the layer below.
var layers = []rule{
	{"internal/poll.", Sockets},
	{"ticketblue/api/auth.", Token},
	{"ticketblue/api.", HTTP},
	{"github.com/gofiber/", HTTP},
	{"github.com/valyala/fasthttp", HTTP},
	{"ticketblue/actors.", Actor},
	{"github.com/asynkron/protoactor-go/", Actor},
	{"ticketblue/ticketing.", Machine},
}

// PartOf is the part that a stack belongs to, given by its functions, the innermost first.
func PartOf(frames []string) string {
	for i := len(frames) - 1; i >= 0; i-- {
		if part := match(owners, frames[i]); part != "" {
			return part
		}
	}
	foreign := false
	for _, frame := range frames {
		if part := match(layers, frame); part != "" {
			return part
		}
		foreign = foreign || !strings.HasPrefix(frame, "runtime.")
	}
	if foreign {
		return Other
	}
	return Scheduler // stacks of the runtime whose beginning was not seen
}

func match(rules []rule, frame string) string {
	for _, r := range rules {
		if strings.HasPrefix(frame, r.prefix) {
			return r.part
		}
	}
	return ""
}

// Of is a CPU profile's time in seconds, by part.
func Of(profile []byte) (map[string]float64, error) {
	stacks, err := Read(profile)
	if err != nil {
		return nil, err
	}
	parts := map[string]float64{}
	for _, s := range stacks {
		parts[PartOf(s.Frames)] += s.Seconds
	}
	return parts, nil
}
