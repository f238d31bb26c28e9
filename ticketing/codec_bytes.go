package ticketing

import (
	"encoding/binary"
	"errors"
	"math"
)

// writer and reader are the few shapes that journal and snapshots are made of.

type writer struct{ buf []byte }

func (w *writer) number(n uint64) { w.buf = binary.AppendUvarint(w.buf, n) }
func (w *writer) uint32(n uint32) { w.number(uint64(n)) }
func (w *writer) time(m Millis)   { w.number(uint64(m)) }
func (w *writer) krw(k KRW)       { w.number(uint64(k)) }
func (w *writer) hash(h Hash)     { w.buf = append(w.buf, h[:]...) }

func (w *writer) flag(b bool) {
	if b {
		w.number(1)
		return
	}
	w.number(0)
}

func (w *writer) text(s string) {
	w.number(uint64(len(s)))
	w.buf = append(w.buf, s...)
}

func (w *writer) prices(prices []KRW) {
	w.number(uint64(len(prices)))
	for _, p := range prices {
		w.krw(p)
	}
}

// seats are ascending, so each is written as its distance from the one before.
func (w *writer) seats(seats []SeatIndex) {
	w.number(uint64(len(seats)))
	var before SeatIndex
	for _, s := range seats {
		w.number(uint64(s - before))
		before = s
	}
}

var errMalformed = errors.New("malformed bytes")

// reader keeps the first error and returns zeros after it, so callers check once.
type reader struct {
	buf []byte
	err error
}

func (r *reader) fail() { r.buf, r.err = nil, errMalformed }

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.buf)
	// The shortest form only: equal facts have equal bytes.
	if size <= 0 || size > 1 && r.buf[size-1] == 0 {
		r.fail()
		return 0
	}
	r.buf = r.buf[size:]
	return n
}

func (r *reader) upTo(limit uint64) uint64 {
	n := r.number()
	if n > limit {
		r.fail()
		return 0
	}
	return n
}

func (r *reader) int63() int64   { return int64(r.upTo(math.MaxInt64)) }
func (r *reader) time() Millis   { return Millis(r.int63()) }
func (r *reader) krw() KRW       { return KRW(r.int63()) }
func (r *reader) uint32() uint32 { return uint32(r.upTo(math.MaxUint32)) }
func (r *reader) flag() bool     { return r.upTo(1) == 1 }

// count is the length of a list whose items take at least one byte each: no claim of more is believed.
func (r *reader) count() int { return int(r.upTo(uint64(len(r.buf)))) }

func (r *reader) raw(n int) []byte {
	if len(r.buf) < n {
		r.fail()
		return make([]byte, n)
	}
	out := r.buf[:n]
	r.buf = r.buf[n:]
	return out
}

func (r *reader) digest() Digest { return Digest(r.raw(len(Digest{}))) }
func (r *reader) hash() Hash     { return Hash(r.raw(len(Hash{}))) }
func (r *reader) text() string   { return string(r.raw(r.count())) }

func (r *reader) prices() []KRW {
	out := make([]KRW, r.count())
	for i := range out {
		out[i] = r.krw()
	}
	return out
}

func (r *reader) seats() []SeatIndex {
	out := make([]SeatIndex, r.count())
	var before uint64
	for i := range out {
		step := r.upTo(MaxPlanSeats)
		if i > 0 && step == 0 || before+step >= MaxPlanSeats {
			r.fail()
			return nil
		}
		before += step
		out[i] = SeatIndex(before)
	}
	return out
}

func (r *reader) finish() error {
	if r.err == nil && len(r.buf) > 0 {
		r.fail()
	}
	return r.err
}
