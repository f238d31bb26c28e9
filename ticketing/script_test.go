package ticketing

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Golden scripts: what happens at the ticket office, as a conversation. A line that starts in the first column is
// said to the office; the indented lines under it are its answer and the facts that went into the journal. See
// testdata/README.md. `go test ./ticketing -run TestScripts -update` writes the answers anew; read the difference.

var update = flag.Bool("update", false, "rewrite the golden files")

func TestScripts(t *testing.T) {
	forScripts(t, "testdata/*.txt", func(t *testing.T) interpreter {
		var office *checked
		return func(words []string) ([]string, error) { return interpret(t, &office, words) }
	})
}

// interpreter answers a line of a script.
type interpreter func(words []string) ([]string, error)

func forScripts(t *testing.T, pattern string, office func(*testing.T) interpreter) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, file, runScript(t, string(before), office(t)))
		})
	}
}

// golden compares with a file, or rewrites it with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i, line := range gotLines {
		if i >= len(wantLines) || line != wantLines[i] {
			t.Fatalf("%s:%d: got %q, want %q", file, i+1, line, strings.Join(wantLines[min(i, len(wantLines)):min(i+1, len(wantLines))], ""))
		}
	}
	if len(wantLines) > len(gotLines) {
		t.Fatalf("%s:%d: %q is missing", file, len(gotLines)+1, wantLines[len(gotLines)])
	}
}

// runScript answers every line of a script and returns it with the answers it should have.
func runScript(t *testing.T, script string, interpret interpreter) string {
	t.Helper()
	var out strings.Builder
	for i, line := range strings.Split(strings.TrimRight(script, "\n"), "\n") {
		if strings.HasPrefix(line, " ") {
			continue // an old answer
		}
		out.WriteString(line + "\n")
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		say, err := interpret(words)
		if err != nil {
			t.Fatalf("line %d: %q: %v", i+1, line, err)
		}
		for _, answer := range say {
			out.WriteString("    " + answer + "\n")
		}
	}
	return out.String()
}

func interpret(t *testing.T, office **checked, words []string) ([]string, error) {
	if words[0] == "round" {
		plan, terms, at, err := parseRound(words[1:])
		if err != nil {
			return nil, err
		}
		*office = newChecked(t, plan, terms, at)
		return nil, nil
	}
	c := *office
	if words[0] == "the" && words[1] == "machine" { // moves to another node: snapshot, then restore
		c.snapshot()
		c.restore()
		return nil, nil
	}
	at, err := parseClock(words[0])
	if err != nil {
		return nil, err
	}
	if len(words) == 5 && words[2] == "tries" {
		return tryKeys(c, words, at)
	}
	cmd, err := parseCommand(words[1:])
	if err != nil {
		return nil, err
	}
	events, result := c.act(cmd, at)
	var say []string
	if cmd != nil {
		say = describeResult(result, cmd)
	}
	for _, e := range events {
		say = append(say, "* "+describe(c.plan, e))
	}
	if len(say) == 0 {
		say = []string{"nothing happens"}
	}
	return say, nil
}

// tryKeys reads "an tries 1 keys=1..32": she reserves the seat and gives it back once for each key, k1 to k32.
func tryKeys(c *checked, words []string, at Millis) ([]string, error) {
	var from, to int
	if _, err := fmt.Sscanf(words[4], "keys=%d..%d", &from, &to); err != nil {
		return nil, err
	}
	user := UserID(slices.Index(people, words[1]))
	for k := from; k <= to; k++ {
		cmd, err := parseReserve(user, []string{words[3], fmt.Sprintf("key=k%d", k)})
		if err != nil {
			return nil, err
		}
		_, result := c.act(cmd, at)
		if result.Code == OK {
			_, result = c.act(ReleaseReservation{user, result.Reservation.ID.Number}, at)
		}
		if result.Code != OK {
			return []string{fmt.Sprintf("k%d: no: %s", k, result.Code)}, nil
		}
	}
	return []string{"yes, each time"}, nil
}

// parseRound reads "seats=RRSS R=100 S=50 opens=20:00:00 closes=22:00:00 starts=1d19:00:00 ...".
func parseRound(words []string) (*Plan, Terms, Millis, error) {
	terms := Terms{
		HoldMillis: Millis(DefaultHold.Milliseconds()), PayMillis: Millis(DefaultPay.Milliseconds()), MaxPerUser: DefaultMaxPerUser,
	}
	var grades []string
	var seats []Seat
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "seats":
			grades, seats = parseSeats(value)
			terms.Prices = make([]KRW, len(grades))
		case "opens":
			terms.OpensAt, err = parseClock(value)
		case "closes":
			terms.ClosesAt, err = parseClock(value)
		case "starts":
			terms.StartsAt, err = parseClock(value)
		case "cancel_until":
			terms.CancelUntil, err = parseClock(value)
		case "hold", "pay":
			var d time.Duration
			d, err = time.ParseDuration(value)
			*map[string]*Millis{"hold": &terms.HoldMillis, "pay": &terms.PayMillis}[key] = Millis(d.Milliseconds())
		case "max":
			terms.MaxPerUser, err = strconv.Atoi(value)
		case "fee":
			terms.CancelFee, err = strconv.Atoi(value)
		default:
			var price int
			price, err = strconv.Atoi(value)
			terms.Prices[slices.Index(grades, key)] = KRW(price)
		}
		if err != nil {
			return nil, Terms{}, 0, err
		}
	}
	plan, err := NewPlan(grades, seats)
	return plan, terms, scriptDay, err
}

// parseSeats reads a letter per seat, its grade; an aisle is a number that is left out, a '/' the next row behind.
func parseSeats(s string) (grades []string, seats []Seat) {
	for y, row := range strings.Split(s, "/") {
		for x, g := range strings.Split(row, "") {
			if g == "_" {
				continue
			}
			if !slices.Contains(grades, g) {
				grades = append(grades, g)
			}
			seats = append(seats, Seat{
				Section: "A", Row: strconv.Itoa(y + 1), Number: x + 1, Grade: slices.Index(grades, g), X: x * 50, Y: 300 + y*90,
			})
		}
	}
	return grades, seats
}

// scriptDay is when day 0 of every script begins.
const scriptDay Millis = 1_796_083_200_000 // 2026-12-01 00:00 UTC
const dayMillis = 24 * 60 * 60 * 1000

// parseClock reads "20:00:00", "20:00:00.001" or, days later, "3d20:00:00".
func parseClock(s string) (Millis, error) {
	days := 0
	if d, rest, found := strings.Cut(s, "d"); found {
		n, err := strconv.Atoi(d)
		if err != nil {
			return 0, fmt.Errorf("day of %q: %w", s, err)
		}
		days, s = n, rest
	}
	clock, err := time.Parse("15:04:05", s) // takes fractions too
	if err != nil {
		return 0, err
	}
	midnight := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	return scriptDay + Millis(days)*dayMillis + Millis(clock.Sub(midnight).Milliseconds()), nil
}

func clock(m Millis) string {
	since := m - scriptDay
	s := m.Time().Format("15:04:05.000")
	s = strings.TrimSuffix(s, ".000")
	if days := since / dayMillis; days != 0 {
		s = fmt.Sprintf("%dd%s", days, s)
	}
	return s
}

func TestClockOfScripts(t *testing.T) {
	if got := scriptDay.Time().Format(time.RFC3339); got != "2026-12-01T00:00:00Z" {
		t.Fatalf("scripts begin at %s", got)
	}
	for _, s := range []string{"20:00:00", "20:00:00.001", "3d09:30:00"} {
		m, err := parseClock(s)
		if err != nil || clock(m) != s {
			t.Errorf("%s is read as %s: %v", s, clock(m), err)
		}
	}
}
