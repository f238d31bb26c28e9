package eventlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"

	"ticketblue/ticketing"
)

// Limits of the log.
const (
	KeepDays     = 14   // files that are older are deleted
	MaxFileMB    = 1024 // a day's file that grows beyond is changed before the day is over
	MaxWaiting   = 8192 // refusals that wait to be written; more are left out
	secondsInDay = 24 * 60 * 60
)

// Options of Open.
type Options struct {
	Out   io.Writer // such as stdout; nil: none
	File  string    // changed every midnight in Seoul and kept for KeepDays; "": none
	Key   []byte    // of the hashes of accounts; a secret
	Clock func() time.Time
	Log   *slog.Logger // where a log that cannot be written says so
}

// Refusal is a request about seats, money or coupons that got a no.
type Refusal struct {
	At        time.Time
	Operation string // as in the OpenAPI document
	Dataset   string // Reservation, Payment or Coupon
	Code      string
	Status    int
	User      ticketing.UserID // 0: nobody known
	Target    string           // what the path names: a round's, a campaign's, a reservation's id
	RequestID string
}

// Log is an open event log. Its methods may be called from many goroutines.
type Log struct {
	opts    Options
	file    *lumberjack.Logger // nil: none
	mu      sync.Mutex         // of what is written, and of the day
	day     int64
	waiting chan Refusal
	dropped atomic.Uint64
	failing bool
	closing chan struct{}
	drained chan struct{}
}

// Open begins to write. Close ends it.
func Open(o Options) (*Log, error) {
	l := &Log{opts: o, waiting: make(chan Refusal, MaxWaiting), closing: make(chan struct{}), drained: make(chan struct{})}
	if o.File != "" {
		l.file = &lumberjack.Logger{Filename: o.File, MaxAge: KeepDays, MaxSize: MaxFileMB}
		l.day = seoulDay(o.Clock())
		if old, err := os.Stat(o.File); err == nil {
			l.day = seoulDay(old.ModTime()) // of an earlier run: the first line changes it if that was another day's
		}
		if _, err := l.file.Write(nil); err != nil { // makes the directory and the file: say now what will not work
			return nil, fmt.Errorf("opening the event log: %w", err)
		}
	}
	go l.run()
	return l, nil
}

// Refused writes a refusal as soon as that can be done. It never waits: beyond MaxWaiting it is left out and counted.
func (l *Log) Refused(r Refusal) {
	select {
	case l.waiting <- r:
	default:
		l.dropped.Add(1)
	}
}

// Dropped is how many refusals were left out since the log was opened.
func (l *Log) Dropped() uint64 { return l.dropped.Load() }

// Facts writes the lines of consecutive events of a stream, the first with seq from. It returns when they are written.
func (l *Log) Facts(s ticketing.Stream, from uint64, events []ticketing.Event) error {
	var text bytes.Buffer
	encode := json.NewEncoder(&text)
	encode.SetEscapeHTML(false)
	for i, e := range events {
		for _, line := range l.linesOf(s, from+uint64(i), e) {
			if err := encode.Encode(line); err != nil {
				return fmt.Errorf("encoding a line of %s: %w", s, err)
			}
		}
	}
	return l.write(text.Bytes())
}

// Close writes what waits and closes the file. Refusals that come later are left out.
func (l *Log) Close(ctx context.Context) error {
	close(l.closing)
	select {
	case <-l.drained:
	case <-ctx.Done():
		return fmt.Errorf("%d refusals are left out of the event log: %w", len(l.waiting), ctx.Err())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// run writes refusals until the log is closing and none waits.
func (l *Log) run() {
	defer close(l.drained)
	for {
		select {
		case r := <-l.waiting:
			l.put(r)
		case <-l.closing:
			for len(l.waiting) > 0 {
				l.put(<-l.waiting)
			}
			return
		}
	}
}

func (l *Log) put(r Refusal) {
	if err := l.refusal(r); err != nil {
		l.dropped.Add(1)
		l.complain(err)
	}
}

func (l *Log) refusal(r Refusal) error {
	made := newLine(r.Dataset, "refused", failure, r.RequestID, r.At)
	made.Message = r.Operation + " refused: " + r.Code
	made.User, made.Error = l.person(r.User), &errorPart{r.Code}
	made.HTTP = &httpPart{idPart{r.RequestID}, statusPart{r.Status}}
	made.Ours = oursPart{Target: r.Target, Dropped: l.dropped.Load()}
	text, err := json.Marshal(made)
	if err != nil {
		return err
	}
	return l.write(append(text, '\n'))
}

// write puts whole lines out. At midnight the file changes first.
func (l *Log) write(text []byte) (err error) {
	if len(text) == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opts.Out != nil {
		_, err = l.opts.Out.Write(text)
	}
	if l.file == nil {
		return err
	}
	if day := seoulDay(l.opts.Clock()); day != l.day {
		if rotated := l.file.Rotate(); rotated != nil {
			return errors.Join(err, rotated)
		}
		l.day = day
	}
	_, written := l.file.Write(text)
	return errors.Join(err, written)
}

// complain says once that the log cannot be written.
func (l *Log) complain(err error) {
	if !l.failing {
		l.failing = true
		l.opts.Log.Error("the event log cannot be written: lines are left out", "err", err)
	}
}

// seoulDay counts days in Seoul.
func seoulDay(t time.Time) int64 { return (t.Unix() + 9*60*60) / secondsInDay }
