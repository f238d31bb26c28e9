package api

import (
	"encoding/json"
	"testing"
	"time"

	"ticketblue/ticketing"
)

func TestProblemsAreWrittenLikeEncodingJSONDoes(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 120_000_000, time.UTC)
	rows := []*Problem{
		{},
		{RetryAt: &at},
		{Seats: []string{}, Errors: []FieldError{}},
		{Seats: []string{"A-1-1"}, Errors: []FieldError{{"seats[0]", "a seat label such as A-1-1"}}},
		{Seats: []string{"A-1-1", "가-1-2", `"\`, "<&>", "\xff", "\u2028", "\n\x7f\u0085"}, RetryAt: &at},
		invalid("x<y>", "\"quoted\"\t"),
		{Errors: []FieldError{{"a", "b"}, {"c", "d"}, {"", ""}}, Detail: "At most 65536 bytes."},
	}
	for code := range rules {
		rows = append(rows, problem(code, ""), problem(code, "detail: ü"))
	}
	for _, id := range []string{"", string(appendUUID(nil))} {
		for _, p := range rows {
			shown := *p
			shown.RequestID = id
			want, err := json.Marshal(shown)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(appendProblem(nil, p, []byte(id))); got != string(want) {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
		}
	}
}

func FuzzProblemsAreWrittenLikeEncodingJSONDoes(f *testing.F) {
	f.Add("A-1-1", "a detail", int64(1_790_000_000_001))
	f.Fuzz(func(t *testing.T, seat, detail string, millis int64) {
		at := time.UnixMilli(millis).UTC()
		if at.Year() < 1 || at.Year() > 9999 {
			return // encoding/json refuses
		}
		p := problem(ticketing.CodeSeatTaken, detail)
		p.Seats, p.RetryAt, p.Errors = []string{seat, "B"}, &at, []FieldError{{detail, seat}}
		want, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(appendProblem(nil, p, nil)); got != string(want) {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	})
}
