package faketoss

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// payment is what the fake knows of one. It is written whole with every change.
type payment struct {
	Key          string        `json:"key"`
	Order        string        `json:"order"`
	Name         string        `json:"name,omitempty"`
	Status       string        `json:"status"`
	Method       string        `json:"method"`
	Total        int64         `json:"total"`
	Balance      int64         `json:"balance"`
	Requested    time.Time     `json:"requested"`
	Approved     time.Time     `json:"approved,omitzero"`
	Secret       string        `json:"secret"`
	Outcome      Outcome       `json:"outcome"`
	Lost         bool          `json:"lost,omitempty"`    // what the outcome loses was lost
	Failure      string        `json:"failure,omitempty"` // code
	Transactions []transaction `json:"transactions,omitempty"`
}

// transaction is one movement of money.
type transaction struct {
	Key    string    `json:"key"`
	Status string    `json:"status"`
	Amount int64     `json:"amount"` // taken, or below 0 given back
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

func (p *payment) last() string {
	if n := len(p.Transactions); n > 0 {
		return p.Transactions[n-1].Key
	}
	return ""
}

// answered is an answer that is given again to whoever repeats the key.
type answered struct {
	Key    string          `json:"key"`
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
	At     time.Time       `json:"at"`
}

// line is one line of the file: what changed together.
type line struct {
	Payment  *payment  `json:"payment,omitempty"`
	Answered *answered `json:"answered,omitempty"`
}

// books are all payments, in memory and, line by line, in a file that is synced before anybody is answered.
type books struct {
	file     *os.File // nil: in memory only
	payments map[string]*payment
	order    []*payment            // oldest first
	answers  map[string]*answered  // by idempotency key, method and path
	byOrder  map[string][]*payment // oldest first
	broken   error                 // writing failed: nothing is taken down any more
}

// openBooks reads the file, without what a kill cut short or time has made void, and writes it anew.
func openBooks(path string, now time.Time) (*books, error) {
	b := &books{payments: map[string]*payment{}, answers: map[string]*answered{}, byOrder: map[string][]*payment{}}
	if path == "" {
		return b, nil
	}
	old, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the fake Toss' books: %w", err)
	}
	defer old.Close()
	if err := b.read(old); err != nil {
		return nil, fmt.Errorf("reading the fake Toss' books: %w", err)
	}
	if err := b.rewrite(path, now); err != nil {
		return nil, fmt.Errorf("writing the fake Toss' books: %w", err)
	}
	return b, nil
}

func (b *books) read(file io.Reader) error {
	lines := bufio.NewReader(file)
	for number := 1; ; number++ {
		text, err := lines.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF):
			return nil // what has no end of line was never answered
		case err != nil:
			return err
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		b.put(l)
	}
}

func (b *books) put(l line) {
	if l.Answered != nil {
		b.answers[l.Answered.Key] = l.Answered
	}
	p := l.Payment
	if p == nil {
		return
	}
	if known := b.payments[p.Key]; known != nil {
		*known = *p
		return
	}
	b.payments[p.Key] = p
	b.order = append(b.order, p)
	b.byOrder[p.Order] = append(b.byOrder[p.Order], p)
}

// rewrite puts what is still of use into a new file in place of the old, so that it does not grow for ever.
func (b *books) rewrite(path string, now time.Time) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	w := bufio.NewWriter(file)
	out := json.NewEncoder(w)
	for _, p := range b.order {
		err = errors.Join(err, out.Encode(line{Payment: p}))
	}
	for key, a := range b.answers {
		if now.Sub(a.At) >= keyLife {
			delete(b.answers, key)
			continue
		}
		err = errors.Join(err, out.Encode(line{Answered: a}))
	}
	err = errors.Join(err, w.Flush(), file.Sync(), os.Rename(file.Name(), path), syncDir(filepath.Dir(path)))
	if err != nil {
		return errors.Join(err, file.Close(), remove(file.Name()))
	}
	b.file = file
	return nil
}

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	err = dir.Sync()
	if errors.Is(err, syscall.EINVAL) { // a file system that cannot
		err = nil
	}
	return errors.Join(err, dir.Close())
}

// keep makes a change durable, then known. After an error nobody knows what is in the file, so nothing is kept until
// it is opened again.
func (b *books) keep(l line) error {
	if b.broken != nil {
		return b.broken
	}
	if b.file != nil {
		text, err := json.Marshal(l)
		if err == nil {
			_, err = b.file.Write(append(text, '\n'))
		}
		if err == nil {
			err = b.file.Sync()
		}
		if err != nil {
			b.broken = fmt.Errorf("writing the fake Toss' books: %w", err)
			return b.broken
		}
	}
	b.put(l)
	return nil
}

func (b *books) close() error {
	if b.file == nil {
		return nil
	}
	b.broken = errClosed
	return b.file.Close()
}
