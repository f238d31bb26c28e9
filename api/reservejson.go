package api

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"ticketblue/ticketing"
)

// Reading and writing reservations by hand: encoding/json would take as long as everything else in the api together.

// readReserveBody reads what nearly everybody sends by hand, and all else by the book.
func readReserveBody(raw []byte) (reserveBody, error) {
	seats, plain := readPlainSeats(raw)
	if !plain {
		var err error
		if seats, err = readAnySeats(raw); err != nil {
			return reserveBody{}, err
		}
	}
	return reserveBody{seats}, checkSeats(seats)
}

// readAnySeats knows all of JSON and says what is wrong.
func readAnySeats(raw []byte) ([]string, error) {
	if checkStrict(raw) != nil {
		return nil, problem(codeMalformedJSON, "")
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || fields == nil {
		return nil, invalid("body", "an object")
	}
	for name := range fields {
		if name != "seats" {
			p := problem(codeInvalidInput, "")
			p.Errors = []FieldError{fieldError("body."+name, "unexpected property")}
			return nil, p
		}
	}
	var seats []string
	if err := json.Unmarshal(fields["seats"], &seats); err != nil {
		return nil, invalid("seats", "a list of seat labels")
	}
	return seats, nil
}

// readPlainSeats reads {"seats":["...", ...]} with nothing escaped and nothing else in it. False means no more than
// that it does not know.
func readPlainSeats(raw []byte) ([]string, bool) {
	s := scanner{raw, true}
	s.want("{")
	s.want(`"seats"`)
	s.want(":")
	s.want("[")
	seats := make([]string, 0, 4)
	for s.ok {
		seats = append(seats, s.text())
		if s.blank(); len(s.rest) == 0 || s.rest[0] != ',' || len(seats) > ticketing.MaxSeatsPerRequest {
			break
		}
		s.rest = s.rest[1:]
	}
	s.want("]")
	s.want("}")
	s.blank()
	return seats, s.ok && len(s.rest) == 0 && utf8.Valid(raw)
}

// scanner takes a text apart from the front.
type scanner struct {
	rest []byte
	ok   bool
}

func (s *scanner) blank() { s.rest = bytes.TrimLeft(s.rest, " \t\r\n") }

func (s *scanner) want(token string) {
	s.blank()
	s.ok = s.ok && bytes.HasPrefix(s.rest, []byte(token))
	if s.ok {
		s.rest = s.rest[len(token):]
	}
}

// text is a string without escapes.
func (s *scanner) text() string {
	s.want(`"`)
	for i, b := range s.rest {
		switch {
		case !s.ok || b < ' ' || b == '\\':
			s.ok = false
			return ""
		case b == '"':
			text := string(s.rest[:i])
			s.rest = s.rest[i+1:]
			return text
		}
	}
	s.ok = false
	return ""
}

// appendReservation writes a reservationBody as encoding/json would.
func appendReservation(dst []byte, r ticketing.Reservation, seq uint64) []byte {
	dst = append(dst, `{"id":"`...)
	dst = append(dst, r.ID.String()...)
	dst = append(dst, `","round":`...)
	dst = strconv.AppendInt(dst, int64(r.ID.Round), 10)
	dst = append(dst, `,"status":"`...)
	dst = append(dst, r.Status.String()...)
	dst = append(dst, `","seats":[`...)
	for i, label := range r.Seats {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, label)
	}
	dst = append(dst, `],"amount":`...)
	dst = strconv.AppendInt(dst, int64(r.Amount), 10)
	dst = append(dst, `,"held_at":"`...)
	dst = r.HeldAt.Time().AppendFormat(dst, time.RFC3339Nano)
	if r.ExpiresAt != 0 {
		dst = append(dst, `","expires_at":"`...)
		dst = r.ExpiresAt.Time().AppendFormat(dst, time.RFC3339Nano)
	}
	dst = append(dst, `","seq":`...)
	dst = strconv.AppendUint(dst, seq, 10)
	return append(dst, '}')
}

// appendText quotes a label. Those of plans are letters, digits and dashes; others go the long way.
func appendText(dst []byte, text string) []byte {
	for _, r := range text {
		if r < ' ' || r > '~' && r < 0xA0 || r == '"' || r == '\\' || r == '<' || r == '>' || r == '&' || r == utf8.RuneError ||
			r == '\u2028' || r == '\u2029' || r == 0x7f {
			quoted, _ := json.Marshal(text) // a string always can
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, text...)
	return append(dst, '"')
}
