package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ticketblue/bench/judge"
)

func TestAYesIsInTheFileBeforeItIsCounted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acks")
	l, err := newAckLog(path)
	if err != nil {
		t.Fatal(err)
	}
	const customers, each = 16, 20
	var wg sync.WaitGroup
	for c := range customers {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("42-%d", c*each+i+1)
				if err := l.add(judge.Ack{ID: id, User: int64(c), Seats: []string{"A", "B"}}); err != nil {
					t.Error(err)
				}
				body, err := os.ReadFile(path)
				if err != nil || !strings.Contains(string(body), `"id":"`+id+`"`) {
					t.Errorf("%s is counted and not in the file: %v", id, err)
				}
			}
		})
	}
	wg.Wait()
	if err := l.close(); err != nil {
		t.Error(err)
	}
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := customers * each
	if strings.Count(string(body), "\n") != n || len(l.all()) != n || l.seatsHeld() != 2*n || l.heldBy(3) != 2*each {
		t.Errorf("%d lines, %d acks, %d seats", strings.Count(string(body), "\n"), len(l.all()), l.seatsHeld())
	}
}

func TestAYesThatCannotBeWrittenIsNotCounted(t *testing.T) {
	l, err := newAckLog("/dev/full")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.add(judge.Ack{ID: "42-1"}); err == nil {
			t.Error("no error")
		}
	}
	if len(l.all()) != 0 {
		t.Error("counted")
	}
}
