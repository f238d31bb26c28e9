package api

import (
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"ticketblue/ticketing"
)

// The events of a live map as they go over the wire. Each is encoded once, however many watch. Its id is the round's
// seq, so a browser that comes back names by itself how far it had got.

type snapshotBody struct {
	Seq    uint64 `json:"seq" doc:"The round's last event in it" example:"1234"`
	Status string `json:"status" enum:"scheduled,open,paused,closed"`
	Seats  string `json:"seats" doc:"One character per seat in plan order: . free, h held, s sold, b blocked" example:"..hsb"`
}

type deltaBody struct {
	Seq     uint64       `json:"seq" doc:"The round's last event in it" example:"1240"`
	Status  string       `json:"status" enum:"scheduled,open,paused,closed"`
	Changes []changeBody `json:"changes" nullable:"false" doc:"Ascending by seat, one per seat; none when only the status has changed" example:"[[2,\"h\"],[3,\".\"]]"`
}

// changeBody documents [index, state].
type changeBody [2]any

// Schema tells huma what the pair is.
func (changeBody) Schema(huma.Registry) *huma.Schema {
	two := 2
	s := &huma.Schema{
		Type: huma.TypeArray, Description: "The seat's index in plan order, from 0, and its new state",
		MinItems: &two, MaxItems: &two,
		Items: &huma.Schema{OneOf: []*huma.Schema{{Type: huma.TypeInteger}, {Type: huma.TypeString, Enum: []any{".", "h", "s", "b"}}}},
	}
	s.PrecomputeMessages()
	return s
}

const (
	frameOverhead = 96 // bytes of an event around its seats or changes, at most
	changeSize    = 12 // bytes of [12345,"h"], and a comma
)

// EncodeSnapshot writes the event for a round's whole map: one SeatState per seat in plan order.
func EncodeSnapshot(_ ticketing.RoundID, seq uint64, states []byte, phase ticketing.Phase) []byte {
	dst := appendHead(make([]byte, 0, frameOverhead+len(states)), "snapshot", seq, phase)
	dst = append(dst, `,"seats":"`...)
	dst = append(dst, states...)
	return append(dst, "\"}\n\n"...)
}

// EncodeDelta writes the event for what has changed since the one before.
func EncodeDelta(d ticketing.Delta) []byte {
	dst := appendHead(make([]byte, 0, frameOverhead+changeSize*len(d.Changes)), "delta", d.Seq, d.Phase)
	dst = append(dst, `,"changes":[`...)
	for i, change := range d.Changes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		dst = strconv.AppendUint(dst, uint64(change.Seat), 10)
		dst = append(dst, ',', '"', byte(change.State), '"', ']')
	}
	return append(dst, "]}\n\n"...)
}

func appendHead(dst []byte, event string, seq uint64, phase ticketing.Phase) []byte {
	dst = append(dst, "id: "...)
	dst = strconv.AppendUint(dst, seq, 10)
	dst = append(dst, "\nevent: "...)
	dst = append(dst, event...)
	dst = append(dst, "\ndata: {\"seq\":"...)
	dst = strconv.AppendUint(dst, seq, 10)
	dst = append(dst, `,"status":"`...)
	dst = append(dst, phase.String()...)
	return append(dst, '"')
}
