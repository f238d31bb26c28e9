package notify

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func newTestLine(t *testing.T) (*line, func()) {
	closing := make(chan struct{})
	l := newLine(closing)
	l.first, l.patience = 20*time.Millisecond, patience
	end := sync.OnceFunc(func() { close(closing) })
	t.Cleanup(end)
	return l, end
}

var down = &Trouble{Reason: "down", Channel: true}

// While a channel rests, one attempt at a time finds out whether it is well, whatever the crowd that waits.
func TestOneFindsOutForAll(t *testing.T) {
	l, _ := newTestLine(t)
	var tries, atOnce, most atomic.Int64
	well := int64(4)
	attempt := func(context.Context) error {
		most.Store(max(most.Load(), atOnce.Add(1)))
		defer atOnce.Add(-1)
		if tries.Add(1) < well {
			return down
		}
		return nil
	}
	if err := l.run(t.Context(), attempt); !errors.Is(err, down) {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var failed atomic.Int64
	for range 50 {
		all.Go(func() {
			if l.run(t.Context(), attempt) != nil {
				failed.Add(1)
			}
		})
	}
	all.Wait()
	if failed.Load() != well-2 {
		t.Errorf("%d of 50 failed, want %d: those that found out", failed.Load(), well-2)
	}
	if l.pause != 0 {
		t.Errorf("still resting: %s", l.pause)
	}
}

func TestRestsGrowAndEnd(t *testing.T) {
	l, _ := newTestLine(t)
	for _, want := range []time.Duration{20 * time.Millisecond, 40 * time.Millisecond, 80 * time.Millisecond} {
		l.until = time.Time{} // the rest is over
		_ = l.run(t.Context(), func(context.Context) error { return down })
		if l.pause != want {
			t.Errorf("pause %s, want %s", l.pause, want)
		}
	}
	l.pause, l.until = lastRest, time.Time{}
	_ = l.run(t.Context(), func(context.Context) error { return down })
	if l.pause != lastRest {
		t.Errorf("pause %s", l.pause)
	}
	l.until = time.Time{}
	_ = l.run(t.Context(), func(context.Context) error { return &Trouble{Reason: "550", Final: true} })
	if l.pause != 0 {
		t.Error("a mail that is refused makes the channel rest")
	}
	_ = l.run(t.Context(), func(context.Context) error { return &Trouble{Channel: true, RetryAfter: time.Hour} })
	if rest := time.Until(l.until); rest < 59*time.Minute {
		t.Errorf("rests for %s, was asked for an hour", rest)
	}
}

// Who would wait too long comes back later, and has not failed.
func TestPatienceEnds(t *testing.T) {
	l, end := newTestLine(t)
	l.patience = time.Millisecond
	l.pause, l.until = time.Hour, time.Now().Add(time.Hour)
	never := func(context.Context) error { t.Error("attempted while resting"); return nil }
	var wait interface{ Later() time.Duration }
	if err := l.run(t.Context(), never); !errors.As(err, &wait) || wait.Later() < 59*time.Minute {
		t.Errorf("%v", err)
	}
	l.patience = time.Hour
	end()
	if err := l.run(t.Context(), never); !errors.As(err, &wait) {
		t.Errorf("at closing: %v", err)
	}
}

// What we break off ourselves says nothing about the channel.
func TestClosingBreaksOff(t *testing.T) {
	l, end := newTestLine(t)
	begun := make(chan struct{})
	done := make(chan error)
	go func() {
		done <- l.run(t.Context(), func(ctx context.Context) error {
			close(begun)
			<-ctx.Done()
			return down
		})
	}()
	<-begun
	end()
	select {
	case err := <-done:
		if err == nil || l.pause != 0 {
			t.Errorf("%v, pause %s", err, l.pause)
		}
	case <-time.After(patience):
		t.Fatal("not broken off")
	}
}
