package eventlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ticketblue/ticketing"
)

var began = time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC)

// clock is a time the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

func open(t *testing.T, out io.Writer, file string) (*Log, *clock) {
	t.Helper()
	c := &clock{now: began}
	l, err := Open(Options{Out: out, File: file, Key: []byte("key"), Clock: c.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return l, c
}

func linesIn(t *testing.T, text string) (lines []map[string]any) {
	t.Helper()
	for one := range strings.Lines(text) {
		var v map[string]any
		if err := json.Unmarshal([]byte(one), &v); err != nil {
			t.Fatalf("%q: %v", one, err)
		}
		lines = append(lines, v)
	}
	return lines
}

// at is a field by its ECS name; nil when it is not there.
func at(line map[string]any, name string) any {
	var v any = line
	for part := range strings.SplitSeq(name, ".") {
		m, is := v.(map[string]any)
		if !is {
			return nil
		}
		v = m[part]
	}
	return v
}

const secretKey = "tviva20261123SECRET"

// everyFact is one of each kind that makes a line, with the action and outcome of each line.
var everyFact = []struct {
	stream ticketing.Stream
	fact   ticketing.Fact
	want   string
}{
	{"round:42", ticketing.SeatsHeld{Number: 17, User: 7, Seats: []ticketing.SeatIndex{1, 2}, ExpiresAt: 1}, "reservation-held success"},
	{"round:42", ticketing.HoldReleased{Number: 17}, "reservation-released success"},
	{"round:42", ticketing.HoldLapsed{Number: 17}, "reservation-expired failure"},
	{"round:42", ticketing.PaymentStarted{Number: 17, Attempt: 1, PayBy: 5, Coupon: "3-1"}, "payment-started success"},
	{"round:42", ticketing.PaymentPriced{Number: 17, Attempt: 1, Amount: 1000}, "payment-priced success"},
	{"round:42", ticketing.PaymentConfirming{Number: 17, Attempt: 1, PaymentKey: secretKey}, "payment-confirming success"},
	{"round:42", ticketing.PaymentDeclined{Number: 17, Attempt: 1}, "payment-declined failure"},
	{"round:42", ticketing.ReservationConfirmed{Number: 17, Attempt: 1}, "reservation-confirmed success, payment-confirmed success"},
	{"round:42", ticketing.ReservationCanceled{Number: 17, Refund: 900}, "reservation-canceled success"},
	{"round:42", ticketing.RefundDue{Number: 17, Attempt: 1, Amount: 900}, "payment-refund-due success"},
	{"round:42", ticketing.Refunded{Number: 17, Attempt: 1}, "payment-refunded success"},
	{"round:42", ticketing.RoundCanceled{}, "reservation-round-canceled success"},
	{"round:42", ticketing.SaleOpened{}, ""},
	{"campaign:3", ticketing.CouponClaimed{Number: 1, User: 7}, "coupon-claimed success"},
	{"campaign:3", ticketing.CouponGiven{Number: 1, User: 7}, "coupon-given success"},
	{"campaign:3", ticketing.CouponReserved{Number: 1, Amount: 10, Discount: 2}, "coupon-reserved success"},
	{"campaign:3", ticketing.CouponRedeemed{Number: 1}, "coupon-redeemed success"},
	{"campaign:3", ticketing.CouponReturned{Number: 1}, "coupon-returned success"},
	{"campaign:3", ticketing.CouponsExpired{Through: 9}, "coupon-expired failure"},
	{"catalogue:hall:1", ticketing.CatalogueSaved{}, ""},
}

func TestFacts(t *testing.T) {
	ids := map[string]bool{}
	for seq, c := range everyFact {
		var out bytes.Buffer
		l, _ := open(t, &out, "")
		err := l.Facts(c.stream, uint64(seq), []ticketing.Event{{At: ticketing.MillisOf(began), Fact: c.fact}})
		if err := errors.Join(err, l.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, line := range linesIn(t, out.String()) {
			got = append(got, fmt.Sprint(at(line, "event.action"), " ", at(line, "event.outcome")))
			id := fmt.Sprint(at(line, "event.id"))
			if ids[id] || !strings.HasPrefix(id, fmt.Sprintf("%s@%d", c.stream, seq)) {
				t.Errorf("%T: id %q", c.fact, id)
			}
			ids[id] = true
			if at(line, "@timestamp") != "2026-11-23T11:00:00.000Z" || at(line, "ecs.version") == nil || at(line, "event.kind") != "event" || at(line, "service.name") != "ticketblue" ||
				!strings.HasPrefix(fmt.Sprint(at(line, "event.action")), strings.TrimPrefix(fmt.Sprint(at(line, "event.dataset")), "ticketblue.")) {
				t.Errorf("%T: %v", c.fact, line)
			}
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%T: %q, want %q", c.fact, got, c.want)
		}
		if strings.Contains(out.String(), "SECRET") {
			t.Errorf("%T: the payment key is in the log", c.fact)
		}
	}
}

// Nothing personal: a person is a hash, the same each time, which another key does not give.
func TestNobodyIsNamed(t *testing.T) {
	hash := func(key string) string {
		var out bytes.Buffer
		l, _ := open(t, &out, "")
		l.opts.Key = []byte(key)
		l.Refused(Refusal{At: began, Operation: "reserve", Dataset: Reservation, Code: "seat_taken", Status: 409, User: 1234567, Target: "42", RequestID: "r-1"})
		if err := errors.Join(l.Facts("round:42", 1, []ticketing.Event{{Fact: ticketing.SeatsHeld{Number: 1, User: 1234567}}}), l.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "1234567") {
			t.Errorf("the account's number is in the log: %s", out.String())
		}
		lines := linesIn(t, out.String())
		if len(lines) != 2 || at(lines[0], "user.hash") != at(lines[1], "user.hash") || len(fmt.Sprint(at(lines[0], "user.hash"))) != 32 {
			t.Errorf("%v", lines)
		}
		return fmt.Sprint(at(lines[0], "user.hash"))
	}
	if hash("key") == hash("another") {
		t.Error("the key makes no difference")
	}
}

// blocked is a writer that takes nothing until it is let go.
type blocked struct {
	begun, free chan struct{}
	once        sync.Once
	out         bytes.Buffer
}

func (b *blocked) Write(p []byte) (int, error) {
	b.once.Do(func() { close(b.begun) })
	<-b.free
	return b.out.Write(p)
}

// A log that stands still holds up nobody: what does not fit is left out and counted, and later lines say so.
func TestRefusedNeverWaits(t *testing.T) {
	out := &blocked{begun: make(chan struct{}), free: make(chan struct{})}
	l, _ := open(t, out, "")
	refuse := func() {
		l.Refused(Refusal{At: began, Operation: "reserve", Dataset: Reservation, Code: "sold_out", Status: 409, RequestID: "r"})
	}
	refuse()
	<-out.begun // one is being written
	for range MaxWaiting + 5 {
		refuse()
	}
	if l.Dropped() != 5 {
		t.Errorf("%d dropped, want 5", l.Dropped())
	}
	close(out.free)
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines := linesIn(t, out.out.String())
	if n := len(lines); n != MaxWaiting+1 {
		t.Fatalf("%d lines", n)
	}
	if got := at(lines[len(lines)-1], "ticketblue.dropped"); got != 5.0 {
		t.Errorf("the last line says %v were dropped", got)
	}
	if l := lines[0]; at(l, "error.code") != "sold_out" || at(l, "http.response.status_code") != 409.0 || at(l, "event.outcome") != "failure" || at(l, "log.level") != "warn" {
		t.Errorf("%v", l)
	}
}

// A file a day, as days are in Seoul; after a restart too.
func TestFileOfTheDay(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "deep", "events.json")
	fact := []ticketing.Event{{At: 1, Fact: ticketing.HoldReleased{Number: 1}}}
	l, now := open(t, nil, path)
	files := func() []string {
		found, err := filepath.Glob(filepath.Join(dir, "deep", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	forget := func() { // a file rotated in the same millisecond would have the same name
		for _, f := range files() {
			if f != path {
				if err := os.Remove(f); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	write := func(seq uint64) {
		t.Helper()
		if err := l.Facts("round:1", seq, fact); err != nil {
			t.Fatal(err)
		}
	}
	now.set(time.Now())
	write(1)
	write(2)
	forget()
	now.set(now.Now().Add(24 * time.Hour))
	write(3)
	if got := files(); len(got) != 2 {
		t.Errorf("after midnight: %v", got)
	}
	today, err := os.ReadFile(path)
	if err != nil || strings.Count(string(today), "\n") != 1 || !strings.Contains(string(today), "round:1@3") {
		t.Errorf("today's: %s, %v", today, err)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	yesterday := now.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(path, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	forget()
	l, now = open(t, nil, path)
	now.set(time.Now())
	write(4)
	if got := files(); len(got) != 2 {
		t.Errorf("after a restart on another day: %v", got)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || l.file.MaxAge != 14 {
		t.Errorf("%v, %v, kept %d days", info, err, l.file.MaxAge)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFileThatCannotBe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{File: filepath.Join(path, "events.json"), Clock: time.Now}); err == nil {
		t.Error("opened")
	}
}

// fieldsOf are the dotted names of all fields.
func fieldsOf(v any, prefix string, into map[string]bool) {
	m, is := v.(map[string]any)
	if !is {
		into[strings.TrimPrefix(prefix, ".")] = true
		return
	}
	for name, inner := range m {
		fieldsOf(inner, prefix+"."+name, into)
	}
}

// The template has a type for every field there is, and for no other.
func TestTemplateFitsTheLines(t *testing.T) {
	var out bytes.Buffer
	l, _ := open(t, &out, "")
	for seq, c := range everyFact {
		if err := l.Facts(c.stream, uint64(seq)+1, []ticketing.Event{{At: 1, Fact: c.fact}}); err != nil {
			t.Fatal(err)
		}
	}
	l.dropped.Store(1)
	l.Refused(Refusal{At: began, Operation: "reserve", Dataset: Reservation, Code: "sold_out", Status: 409, User: 1, Target: "42", RequestID: "r"})
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	written := map[string]bool{}
	for _, line := range linesIn(t, out.String()) {
		fieldsOf(line, "", written)
	}
	text, err := os.ReadFile("../deploy/logstash/template.json")
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Template struct {
			Mappings map[string]any
		}
	}
	if err := json.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	raw, mapped := map[string]bool{}, map[string]bool{}
	fieldsOf(template.Template.Mappings, "", raw)
	for name := range raw {
		mapped[strings.TrimSuffix(strings.ReplaceAll(strings.TrimPrefix(name, "properties."), ".properties.", "."), ".type")] = true
	}
	if !maps.Equal(written, mapped) {
		t.Errorf("written %v\nmapped  %v", slices.Sorted(maps.Keys(written)), slices.Sorted(maps.Keys(mapped)))
	}
}
