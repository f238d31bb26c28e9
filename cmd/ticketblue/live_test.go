package main

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ticketblue/broadcast"
	"ticketblue/ticketing"
)

// TestDamagedBroadcastDirectory: what JetStream cannot start on is put aside, not thrown away; seats are sold, maps are
// shown and move, and what was on the subjects is there again.
func TestDamagedBroadcastDirectory(t *testing.T) {
	data := t.TempDir()
	s := startServer(t, data, "--demo")
	buy := func(key, seat string) {
		t.Helper()
		mustAsk(t, 201, "POST", s.url+"/v1/rounds/1/reservations", logIn(t, s), `{"seats":["`+seat+`"]}`, "Idempotency-Key", key)
	}
	buy("k1", "A-1-1")
	s.stop()
	dir := filepath.Join(data, "nats")
	if err := os.RemoveAll(filepath.Join(dir, "jetstream")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "jetstream"), []byte("no directory"), 0o600); err != nil {
		t.Fatal(err)
	}

	s = startServer(t, data, "--demo")
	aside, err := filepath.Glob(dir + ".damaged-*")
	if err != nil || len(aside) != 1 {
		t.Fatalf("put aside: %v, %v", aside, err)
	}
	if kept, err := os.ReadFile(filepath.Join(aside[0], "jetstream")); err != nil || string(kept) != "no directory" {
		t.Errorf("what was put aside holds %q, %v", kept, err)
	}
	live, err := http.Get(s.url + "/v1/rounds/1/events")
	if err != nil {
		t.Fatal(err)
	}
	defer live.Body.Close()
	lines := bufio.NewScanner(live.Body)
	lines.Buffer(nil, 1<<20)
	await := func(what string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), what) {
				return
			}
		}
		t.Fatalf("the live map ended without %q: %v", what, lines.Err())
	}
	await("event: snapshot")
	buy("k2", "A-1-2")
	await("event: delta")
	s.stop()
	if said := s.err.String(); !strings.Contains(said, "NATS did not start in") || strings.Contains(said, "within") {
		t.Errorf("a server that has given up is waited for: %s", said)
	}
	if last := followed(t, dir, "round:1"); last < 5 { // planned, activated, opened, held twice, at least
		t.Errorf("the round's subject ends with event %d", last)
	}
}

// noJournal is what a follower has who must do with JetStream.
type noJournal struct{ broadcast.Journal }

func (noJournal) ChunksAfter(context.Context, map[ticketing.Stream]uint64, int) (map[ticketing.Stream][]ticketing.Chunk, error) {
	return nil, nil
}

// followed reads a stream's subject from its first event, in the directory of a stopped server, and returns the last seq.
func followed(t *testing.T, dir string, stream ticketing.Stream) (last uint64) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), endLimit)
	defer stop()
	b, err := broadcast.Start(ctx, broadcast.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	}()
	held := 0
	err = b.Follow(ctx, broadcast.Follower{
		Name: "witness", Ephemeral: true, Of: []string{"round"}, Journal: noJournal{},
		Do: func(_ context.Context, s ticketing.Stream, from uint64, events []ticketing.Event) error {
			for _, e := range events {
				if _, ok := e.Fact.(ticketing.SeatsHeld); ok && s == stream {
					held++
				}
			}
			if last = from + uint64(len(events)) - 1; held == 2 {
				stop()
			}
			return nil
		},
	})
	if held != 2 {
		t.Fatalf("%d reservations are on the subject, want 2: %v", held, err)
	}
	return last
}
