package broadcast

import (
	"sort"

	"ticketblue/ticketing"
)

// ring keeps the newest frames, for viewers that come back.
type ring struct {
	frames []ticketing.Frame // oldest first
	bytes  int
	base   uint64 // the seq before the oldest frame: who has had it has missed nothing but the frames
}

func (r *ring) push(f ticketing.Frame) {
	r.frames = append(r.frames, f)
	r.bytes += len(f.Data)
	for len(r.frames) > ringFrames || r.bytes > ringBytes {
		r.bytes -= len(r.frames[0].Data)
		r.base = r.frames[0].Seq
		r.frames[0] = ticketing.Frame{}
		r.frames = r.frames[1:] // append moves the rest to a new array now and then
	}
}

// after are the frames after a seq; false when some of them are gone.
func (r *ring) after(seq uint64) ([]ticketing.Frame, bool) {
	if seq < r.base {
		return nil, false
	}
	i := sort.Search(len(r.frames), func(i int) bool { return r.frames[i].Seq > seq })
	return r.frames[i:], true
}
