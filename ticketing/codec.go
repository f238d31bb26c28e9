package ticketing

import (
	"errors"
	"fmt"
	"slices"
)

// The journal's bytes. A chunk payload is
//
//	version, count, then per event: kind, time, fields
//
// all as unsigned varints; hashes and digests raw; lists and strings with their length before them. A kind's number
// is for ever: it is never reused, and its fields never change. A new field is a new kind.

const chunkVersion = 1

// MaxChunkEvents bounds what one chunk may claim to hold.
const MaxChunkEvents = 1 << 20

type kind uint64

const (
	kindActivated kind = iota + 1
	kindRoundPlanned
	kindSaleOpened
	kindSalePaused
	kindSaleClosed
	kindPricesChanged
	kindSeatsBlocked
	kindSeatsFreed
	kindSeatsHeld
	kindHoldReleased
	kindHoldLapsed
	kindPaymentStarted
	kindPaymentPriced
	kindPaymentConfirming
	kindPaymentDeclined
	kindReservationConfirmed
	kindReservationCanceled
	kindRefundDue
	kindRefunded
	kindRoundCanceled
	kindCatalogueSaved
	kindCatalogueDeleted
	kindRoundRescheduled
)

// kinds is the one table from numbers to names and to the way fields are read.
var kinds = map[kind]struct {
	name string
	read func(*reader) Fact
}{
	kindActivated:            {"activated", func(r *reader) Fact { return Activated{r.number()} }},
	kindRoundPlanned:         {"round_planned", func(r *reader) Fact { return RoundPlanned{r.hash(), r.terms()} }},
	kindSaleOpened:           {"sale_opened", func(*reader) Fact { return SaleOpened{} }},
	kindSalePaused:           {"sale_paused", func(*reader) Fact { return SalePaused{} }},
	kindSaleClosed:           {"sale_closed", func(*reader) Fact { return SaleClosed{} }},
	kindPricesChanged:        {"prices_changed", func(r *reader) Fact { return PricesChanged{r.prices()} }},
	kindSeatsBlocked:         {"seats_blocked", func(r *reader) Fact { return SeatsBlocked{r.seats()} }},
	kindSeatsFreed:           {"seats_freed", func(r *reader) Fact { return SeatsFreed{r.seats()} }},
	kindSeatsHeld:            {"seats_held", readSeatsHeld},
	kindHoldReleased:         {"hold_released", func(r *reader) Fact { return HoldReleased{r.uint32()} }},
	kindHoldLapsed:           {"hold_lapsed", func(r *reader) Fact { return HoldLapsed{r.uint32()} }},
	kindPaymentStarted:       {"payment_started", readPaymentStarted},
	kindPaymentPriced:        {"payment_priced", func(r *reader) Fact { return PaymentPriced{r.uint32(), r.uint32(), r.krw()} }},
	kindPaymentConfirming:    {"payment_confirming", func(r *reader) Fact { return PaymentConfirming{r.uint32(), r.uint32(), r.text()} }},
	kindPaymentDeclined:      {"payment_declined", func(r *reader) Fact { return PaymentDeclined{r.uint32(), r.uint32()} }},
	kindReservationConfirmed: {"reservation_confirmed", func(r *reader) Fact { return ReservationConfirmed{r.uint32(), r.uint32()} }},
	kindReservationCanceled:  {"reservation_canceled", func(r *reader) Fact { return ReservationCanceled{r.uint32(), r.krw()} }},
	kindRefundDue:            {"refund_due", func(r *reader) Fact { return RefundDue{r.uint32(), r.uint32(), r.krw()} }},
	kindRefunded:             {"refunded", func(r *reader) Fact { return Refunded{r.uint32(), r.uint32()} }},
	kindRoundCanceled:        {"round_canceled", func(*reader) Fact { return RoundCanceled{} }},
	kindCatalogueSaved:       {"catalogue_saved", func(*reader) Fact { return CatalogueSaved{} }},
	kindCatalogueDeleted:     {"catalogue_deleted", func(*reader) Fact { return CatalogueDeleted{} }},
	kindRoundRescheduled:     {"round_rescheduled", func(r *reader) Fact { return RoundRescheduled{r.time(), r.time(), r.time(), r.time()} }},

	kindCampaignPlanned: {"campaign_planned", func(r *reader) Fact { return CampaignPlanned{r.campaignTerms()} }},
	kindCampaignOpened:  {"campaign_opened", func(*reader) Fact { return CampaignOpened{} }},
	kindCampaignPaused:  {"campaign_paused", func(*reader) Fact { return CampaignPaused{} }},
	kindCampaignClosed:  {"campaign_closed", func(*reader) Fact { return CampaignClosed{} }},
	kindCouponClaimed:   {"coupon_claimed", readCouponClaimed},
	kindCouponGiven:     {"coupon_given", func(r *reader) Fact { return CouponGiven{r.uint32(), UserID(r.int63()), r.time()} }},
	kindCouponReserved:  {"coupon_reserved", readCouponReserved},
	kindCouponRedeemed:  {"coupon_redeemed", func(r *reader) Fact { return CouponRedeemed{r.uint32(), r.order()} }},
	kindCouponReturned:  {"coupon_returned", func(r *reader) Fact { return CouponReturned{r.uint32(), r.order()} }},
	kindCouponsExpired:  {"coupons_expired", func(r *reader) Fact { return CouponsExpired{r.uint32()} }},
}

// Name is the fact's name in the table: "seats_held".
func (e Event) Name() string { return kinds[e.Fact.kind()].name }

// EncodeEvents appends the events' records to dst; several results may be joined into one chunk.
func EncodeEvents(dst []byte, events []Event) []byte {
	w := writer{dst}
	for _, e := range events {
		w.number(uint64(e.Fact.kind()))
		w.time(e.At)
		e.Fact.write(&w)
	}
	return w.buf
}

// ChunkPayload is a journal row's payload of count records.
func ChunkPayload(count int, records []byte) []byte {
	w := writer{make([]byte, 0, len(records)+8)}
	w.number(chunkVersion)
	w.number(uint64(count))
	return append(w.buf, records...)
}

// DecodeChunk reads a payload back. An unknown version or kind, a wrong count, a trailing byte: all refuse to load.
func DecodeChunk(payload []byte) ([]Event, error) { return appendChunk(nil, payload) }

// appendChunk is DecodeChunk into memory that is used again.
func appendChunk(events []Event, payload []byte) ([]Event, error) {
	r := &reader{buf: payload}
	if v := r.number(); r.err == nil && v != chunkVersion {
		return nil, fmt.Errorf("chunk has version %d, this program reads %d", v, chunkVersion)
	}
	count := r.number()
	if r.err == nil && count > min(MaxChunkEvents, uint64(len(r.buf))) {
		return nil, fmt.Errorf("chunk of %d bytes claims %d events", len(payload), count)
	}
	events = slices.Grow(events, int(count))
	for i := range count {
		e, err := r.event()
		if err != nil {
			return nil, fmt.Errorf("event %d of chunk: %w", i+1, err)
		}
		events = append(events, e)
	}
	if err := r.finish(); err != nil {
		return nil, fmt.Errorf("chunk: %w", err)
	}
	return events, nil
}

func (r *reader) event() (Event, error) {
	k := kind(r.number())
	at := r.time()
	if r.err != nil {
		return Event{}, r.err
	}
	row, known := kinds[k]
	if !known {
		return Event{}, fmt.Errorf("unknown kind %d", k)
	}
	return Event{At: at, Fact: row.read(r)}, r.err
}

// Restore brings a machine back from its history: the snapshot if there is one, then the tail.
func Restore(s Stream, h History) (m Machine, err error) {
	// A fact that contradicts the state panics in Apply; while loading that is a damaged history, not a crash.
	defer func() {
		if p := recover(); p != nil {
			m, err = nil, fmt.Errorf("restoring %s: %v", s, p)
		}
	}()
	if m, err = restoreStart(s, h); err != nil {
		return nil, fmt.Errorf("restoring %s: %w", s, err)
	}
	if err := replay(m, h.Tail); err != nil {
		return nil, fmt.Errorf("restoring %s: %w", s, err)
	}
	return m, nil
}

// restoreStart is the machine of a stream's kind, as its snapshot has it, or of which nothing has happened yet.
func restoreStart(s Stream, h History) (Machine, error) {
	if id, ok := s.Campaign(); ok {
		if h.Snapshot == nil {
			return NewCampaign(id), nil
		}
		return fromSnapshot(restoreCampaign(id, h.Snapshot))
	}
	id, ok := s.Round()
	switch {
	case !ok:
		return nil, errors.New("no such kind of stream")
	case h.Plan == nil:
		return nil, errors.New("plan is missing")
	case h.Snapshot == nil:
		return NewRound(id, h.Plan), nil
	}
	return fromSnapshot(restoreRound(id, h.Plan, h.Snapshot))
}

func fromSnapshot(m Machine, err error) (Machine, error) {
	if err != nil {
		return nil, fmt.Errorf("from its snapshot: %w", err)
	}
	return m, nil
}

func replay(m Machine, tail []Chunk) error {
	var events []Event
	for _, c := range tail {
		if c.From != m.Seq()+1 {
			return fmt.Errorf("chunk %d-%d follows event %d", c.From, c.To, m.Seq())
		}
		var err error
		if events, err = appendChunk(events[:0], c.Payload); err != nil {
			return fmt.Errorf("at %d: %w", c.From, err)
		}
		if uint64(len(events)) != c.To-c.From+1 {
			return fmt.Errorf("chunk %d-%d holds %d events", c.From, c.To, len(events))
		}
		for _, e := range events {
			m.Apply(e)
		}
	}
	if m.Seq() == 0 {
		return errors.New("no events")
	}
	return nil
}
