package auth

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// is an account with this hash.
func is(hash string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return hash, nil }
}

func TestHashAndCheck(t *testing.T) {
	p, err := NewPasswords(nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	hash, err := p.Hash(ctx, "blue-ticket-7")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %q", hash)
	}
	if other, err := p.Hash(ctx, "blue-ticket-7"); err != nil || other == hash {
		t.Errorf("the same salt twice, %v", err)
	}
	rows := map[string]struct {
		password, hash string
		right          bool
	}{
		"right":                      {"blue-ticket-7", hash, true},
		"wrong":                      {"blue-ticket-8", hash, false},
		"no account":                 {"blue-ticket-7", "", false},
		"no account, dummy password": {"nobody has this password", "", false},
	}
	for name, row := range rows {
		if right, err := p.Check(ctx, row.password, is(row.hash)); err != nil || right != row.right {
			t.Errorf("%s: %v, %v", name, right, err)
		}
	}
	if _, err := p.Check(ctx, "x", is("not a hash")); err == nil {
		t.Error("a broken hash is not an error")
	}
}

// TestUnknownAccountsCostTheSame compares by the work done, not by the clock of a busy machine: both paths must hash
// with the same parameters.
func TestUnknownAccountsCostTheSame(t *testing.T) {
	p, err := NewPasswords(nil)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := p.Hash(context.Background(), "blue-ticket-7")
	if err != nil {
		t.Fatal(err)
	}
	cost := func(hash string) string { return strings.Join(strings.Split(hash, "$")[:4], "$") }
	if cost(p.dummy) != cost(hash) {
		t.Errorf("dummy %s, real %s", cost(p.dummy), cost(hash))
	}
}

func TestBusyAfterTheWait(t *testing.T) {
	p, err := newPasswords(1, time.Millisecond, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.slots <- struct{}{} // somebody is hashing
	if _, err := p.Hash(context.Background(), "x"); !errors.Is(err, ErrBusy) {
		t.Errorf("hash: %v", err)
	}
	p.wait = time.Hour
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Check(ctx, "x", is("")); !errors.Is(err, ErrBusy) {
		t.Errorf("check: %v", err)
	}
	p.waiting.Store(hashQueue)
	if _, err := p.Check(context.Background(), "x", is("")); !errors.Is(err, ErrBusy) {
		t.Errorf("queue full: %v", err)
	}
	p.waiting.Store(0)
	p.leave(time.Now())
	if _, err := p.Check(context.Background(), "x", is("")); err != nil {
		t.Errorf("free again: %v", err)
	}
	if p.waiting.Load() != 0 || len(p.slots) != 0 {
		t.Errorf("%d wait, %d hash", p.waiting.Load(), len(p.slots))
	}
}

func TestNoMoreHashesThanSlots(t *testing.T) {
	p, err := newPasswords(2, time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := p.enter(context.Background()); err != nil {
				t.Error(err)
				return
			}
			if len(p.slots) > 2 {
				t.Error("too many at once")
			}
			p.leave(time.Now())
		})
	}
	all.Wait()
}

func TestASlotRestsWhileTheMachineIsBusy(t *testing.T) {
	p, err := newPasswords(1, time.Millisecond, func() bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	if err := p.enter(context.Background()); err != nil {
		t.Fatal(err)
	}
	p.rested = time.Now()
	p.leave(time.Now().Add(-time.Minute)) // after long work: it rests for maxRest
	if _, err := p.Check(context.Background(), "x", is("")); !errors.Is(err, ErrBusy) {
		t.Errorf("while it rests: %v", err)
	}
	p.wait = time.Minute
	if _, err := p.Check(context.Background(), "x", is("")); err != nil {
		t.Errorf("after its rest: %v", err)
	}
}

// TestRestIsOwedBeyondWhatWasSaved: a quiet slot does some hashes without a rest, then only as many as its share allows.
func TestRestIsOwedBeyondWhatWasSaved(t *testing.T) {
	p, err := newPasswords(1, time.Millisecond, func() bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	const hash = 25 * time.Millisecond
	for _, lane := range []*Passwords{p, p.Known()} {
		now := time.Unix(1_800_000_000, 0)
		free := 0
		for lane.owe(hash, now) <= 0 {
			free++
		}
		if want := int(lane.saved / (time.Duration(lane.rest) * hash)); free != want {
			t.Errorf("%d hashes without a rest, want %d", free, want)
		}
		served := 0
		for end := now.Add(time.Minute); now.Before(end); served++ {
			now = now.Add(hash + max(0, lane.owe(hash, now.Add(hash))))
		}
		if share := float64(served) * float64(hash) / float64(time.Minute); share > 1.1/float64(lane.rest) {
			t.Errorf("%d hashes in a minute: %.3f of a processor", served, share)
		}
		if now = now.Add(time.Hour); lane.saved > 0 && lane.owe(hash, now) > 0 {
			t.Error("a rest after an hour of rest")
		}
	}
}

// TestKnownOnesDoNotWaitForOthers: the other lane is full and resting.
func TestKnownOnesDoNotWaitForOthers(t *testing.T) {
	p, err := newPasswords(1, time.Millisecond, func() bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	p.slots <- struct{}{}
	p.waiting.Store(hashQueue)
	if _, err := p.Check(t.Context(), "x", is("")); !errors.Is(err, ErrBusy) {
		t.Errorf("everybody: %v", err)
	}
	if _, err := p.Known().Check(t.Context(), "x", is("")); err != nil {
		t.Errorf("known: %v", err)
	}
}

func TestRulesOfAccounts(t *testing.T) {
	emails := map[string]string{
		"kim@example.com": "kim@example.com", "KIM+tickets@Example.CO.KR": "kim+tickets@example.co.kr",
		"": "", "kim": "", "kim@localhost": "", "@example.com": "", "kim@": "", "a b@example.com": "", "Kim <kim@example.com>": "",
		"kim@example.com\n": "", "김@example.com": "", "kim@example.": "", strings.Repeat("a", 250) + "@b.kr": "", "null@null": "",
	}
	for in, want := range emails {
		if got, err := Email(in); got != want || (err != nil) != (want == "") {
			t.Errorf("Email(%q) = %q, %v", in, got, err)
		}
	}
	check := func(what string, rule func(string) error, ok bool, inputs ...string) {
		for _, in := range inputs {
			err := rule(in)
			var invalid *ticketing.Invalid
			if (err == nil) != ok || (err != nil && !errors.As(err, &invalid)) {
				t.Errorf("%s(%q) = %v", what, in, err)
			}
		}
	}
	check("password", CheckPassword, true, "blue-ticket-7", "비밀번호는 1개!", "a1!"+strings.Repeat("x", 125))
	check("password", CheckPassword, false, "", "a1!bcde", "abcdefgh!", "12345678!", "abcdefg1", "a1!"+strings.Repeat("x", 126), "a1!bcdef\xff")
	check("name", CheckName, true, "K", "김하늘", strings.Repeat("가", 50))
	check("name", CheckName, false, "", " ", strings.Repeat("가", 51), "a\x00b", "a\nb", " K", "K\u3000", "K\ufffd")
	for nickname, want := range map[string]string{
		"하늘": "하늘", " 하늘\u3000\n": "하늘", strings.Repeat("가", 49) + " 나": strings.Repeat("가", 49), "": namelessName, " \u200b": namelessName,
	} {
		if got := nameOf(nickname); got != want || CheckName(got) != nil {
			t.Errorf("%q of Kakao is called %q, want %q", nickname, got, want)
		}
	}
}

// TestFewWaitForASlotThatRests: while the machine is busy more would wait in vain.
func TestFewWaitForASlotThatRests(t *testing.T) {
	busy := false
	p, err := newPasswords(1, time.Minute, func() bool { return busy })
	if err != nil {
		t.Fatal(err)
	}
	p.waiting.Store(hashQueue)
	if p.Full() {
		t.Error("full though nobody hashes")
	}
	p.slots <- struct{}{}
	if !p.Full() {
		t.Error("not full though no more may wait")
	}
	p.waiting.Store(busyQueue)
	if p.Full() {
		t.Error("full though nothing is more urgent")
	}
	busy = true
	if !p.Full() {
		t.Error("not full though the slot rests")
	}
	looked := func(context.Context) (string, error) { t.Error("looked at the accounts"); return "", nil }
	if _, err := p.Check(t.Context(), "x", looked); !errors.Is(err, ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
}

// TestNoAccountNoHash: when the accounts cannot be read the slot is free again at once.
func TestNoAccountNoHash(t *testing.T) {
	p, err := newPasswords(1, time.Minute, func() bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	if _, err := p.Check(t.Context(), "x", func(context.Context) (string, error) { return "", broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if len(p.slots) != 0 {
		t.Error("the slot is taken")
	}
}
