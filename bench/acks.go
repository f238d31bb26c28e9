package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"ticketblue/bench/judge"
)

// ackLog keeps every yes. With a file, a yes is on the disk before it is counted, so that after a crash of anything
// the file has every promise that a customer may rely on. One JSON object per line.
type ackLog struct {
	mu      sync.Mutex
	synced  *sync.Cond
	file    *os.File // nil: memory only
	pending []byte   // lines not yet written
	written int      // lines handed in so far
	durable int      // lines on the disk
	syncing bool
	failed  error
	acks    []judge.Ack
	held    map[int64]int // seats by user
	seats   int
}

func newAckLog(path string) (*ackLog, error) {
	l := &ackLog{held: map[int64]int{}}
	l.synced = sync.NewCond(&l.mu)
	if path == "" {
		return l, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the file of acks: %w", err)
	}
	l.file = file
	return l, nil
}

func (l *ackLog) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// add returns once the yes is durable and counted.
func (l *ackLog) add(a judge.Ack) error {
	line, err := json.Marshal(a)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		if err := l.sync(append(line, '\n')); err != nil {
			return err
		}
	}
	l.acks = append(l.acks, a)
	l.held[a.User] += len(a.Seats)
	l.seats += len(a.Seats)
	return nil
}

// sync writes the line with all others that wait: whoever comes while nobody syncs does it for everybody.
func (l *ackLog) sync(line []byte) error {
	l.pending = append(l.pending, line...)
	l.written++
	mine := l.written
	for l.durable < mine && l.failed == nil {
		if l.syncing {
			l.synced.Wait()
			continue
		}
		batch, upTo := l.pending, l.written
		l.pending, l.syncing = nil, true
		l.mu.Unlock()
		_, err := l.file.Write(batch)
		if err == nil {
			err = l.file.Sync()
		}
		l.mu.Lock()
		l.syncing = false
		if err != nil {
			l.failed = fmt.Errorf("writing acks: %w", err)
		} else {
			l.durable = upTo
		}
		l.synced.Broadcast()
	}
	return l.failed
}

func (l *ackLog) all() []judge.Ack {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.acks
}

// seatsHeld is how many seats customers were told are theirs.
func (l *ackLog) seatsHeld() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seats
}

func (l *ackLog) heldBy(user int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held[user]
}
