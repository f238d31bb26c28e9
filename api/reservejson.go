package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"ticketblue/ticketing"
)

// Reading and writing reservations by hand: encoding/json would take as long as everything else in the api together.

// readReserveBody reads what nearly everybody sends by hand, and all else by the book.
func readReserveBody(raw []byte) (reserveBody, error) {
	seats, plain := readPlainSeats(raw)
	body := reserveBody{Seats: seats}
	if !plain {
		var err error
		if body, err = readAnyReserveBody(raw); err != nil || body.BestAvailable != nil {
			return body, err
		}
	}
	return body, checkSeats(body.Seats)
}

// readAnyReserveBody knows all of JSON and says what is wrong.
func readAnyReserveBody(raw []byte) (body reserveBody, err error) {
	if checkStrict(raw) != nil {
		return body, problem(codeMalformedJSON, "")
	}
	fields, err := readObject("body", raw, "seats", "best_available")
	if err != nil {
		return body, err
	}
	best, wanted := fields["best_available"]
	if _, named := fields["seats"]; named && wanted {
		return body, invalid("best_available", "absent where seats are named")
	}
	if wanted {
		body.BestAvailable, err = readBest(best)
		return body, err
	}
	if json.Unmarshal(fields["seats"], &body.Seats) != nil {
		return body, invalid("seats", "a list of seat labels")
	}
	return body, nil
}

// readBest reads the other way to say which seats.
func readBest(raw []byte) (*bestBody, error) {
	const at = "body.best_available"
	fields, err := readObject(at, raw, "count", "grade", "section")
	if err != nil {
		return nil, err
	}
	var best bestBody
	if json.Unmarshal(fields["count"], &best.Count) != nil || best.Count < 1 || best.Count > ticketing.MaxSeatsPerRequest {
		return nil, invalid("best_available.count", fmt.Sprintf("1 to %d", ticketing.MaxSeatsPerRequest))
	}
	if best.Grade, err = readName(fields, "grade"); err == nil {
		best.Section, err = readName(fields, "section")
	}
	return &best, err
}

// readName reads the name of a grade or section; "" when it is not given.
func readName(fields map[string]json.RawMessage, field string) (name string, err error) {
	value, given := fields[field]
	if !given {
		return "", nil
	}
	if json.Unmarshal(value, &name) != nil || name == "" || utf8.RuneCountInString(name) > maxPlanName {
		return "", invalid("best_available."+field, fmt.Sprintf("a name of 1 to %d characters", maxPlanName))
	}
	return name, nil
}

const maxPlanName = 16 // characters of a grade's or section's name

// readObject takes an object apart that has no other fields than these.
func readObject(at string, raw []byte, known ...string) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || fields == nil {
		return nil, invalid(fieldError(at, "").Field, "an object")
	}
	for name := range fields {
		if !slices.Contains(known, name) {
			p := problem(codeInvalidInput, "")
			p.Errors = []FieldError{fieldError(at+"."+name, "unexpected property")}
			return nil, p
		}
	}
	return fields, nil
}

// readPlainSeats reads {"seats":["...", ...]} with nothing escaped and nothing else in it. False means no more than
// that it does not know.
func readPlainSeats(raw []byte) ([]string, bool) {
	s := scanner{string(raw), true} // one copy for all labels: raw changes with the next request
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
	rest string
	ok   bool
}

func (s *scanner) blank() {
	for len(s.rest) > 0 && (s.rest[0] == ' ' || s.rest[0] == '\t' || s.rest[0] == '\r' || s.rest[0] == '\n') {
		s.rest = s.rest[1:]
	}
}

func (s *scanner) want(token string) {
	s.blank()
	s.ok = s.ok && strings.HasPrefix(s.rest, token)
	if s.ok {
		s.rest = s.rest[len(token):]
	}
}

// text is a string without escapes.
func (s *scanner) text() string {
	s.want(`"`)
	for i := range len(s.rest) {
		switch b := s.rest[i]; {
		case !s.ok || b < ' ' || b == '\\':
			s.ok = false
			return ""
		case b == '"':
			text := s.rest[:i]
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
	dst = strconv.AppendInt(dst, int64(r.ID.Round), 10)
	dst = append(dst, '-')
	dst = strconv.AppendUint(dst, uint64(r.ID.Number), 10)
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
	dst = append(dst, '"')
	if r.RefundDue != 0 {
		dst = append(dst, `,"refund_due":`...)
		dst = strconv.AppendInt(dst, int64(r.RefundDue), 10)
	}
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendUint(dst, seq, 10)
	return append(dst, '}')
}

// appendText quotes a label. Those of plans are letters, digits and dashes; others go the long way.
func appendText(dst []byte, text string) []byte {
	if plain(text) {
		return append(append(append(dst, '"'), text...), '"')
	}
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

func plain(text string) bool {
	for i := range len(text) {
		if b := text[i]; (b < '-' || b > ':') && (b < 'A' || b > 'Z') && (b < 'a' || b > 'z') && b != ' ' && b != '_' {
			return false
		}
	}
	return true
}
