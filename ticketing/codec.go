package ticketing

import "errors"

type kind uint64

// SnapshotVersion is raised with every change of what Snapshot writes. An older snapshot is ignored.
const SnapshotVersion = 1

// EncodeEvents appends the events' records to dst.
func EncodeEvents(dst []byte, events []Event) []byte { panic("being written") }

// ChunkPayload is a journal row's payload: version, count, records.
func ChunkPayload(count int, records []byte) []byte { panic("being written") }

// DecodeChunk reads a payload back. Unknown kinds, trailing bytes and wrong counts are errors.
func DecodeChunk(payload []byte) ([]Event, error) { return nil, errors.New("being written") }

// Restore brings a machine back from its history: the snapshot if there is one, then the tail.
func Restore(s Stream, h History) (Machine, error) { return nil, errors.New("being written") }

// MaxSeatsPerRequest bounds one reservation.
const MaxSeatsPerRequest = 20
func (Activated) kind() kind { return 0 }
func (RoundPlanned) kind() kind { return 0 }
func (SaleOpened) kind() kind { return 0 }
func (SalePaused) kind() kind { return 0 }
func (SaleClosed) kind() kind { return 0 }
func (PricesChanged) kind() kind { return 0 }
func (SeatsBlocked) kind() kind { return 0 }
func (SeatsFreed) kind() kind { return 0 }
func (SeatsHeld) kind() kind { return 0 }
func (HoldReleased) kind() kind { return 0 }
func (HoldLapsed) kind() kind { return 0 }
func (PaymentStarted) kind() kind { return 0 }
func (PaymentPriced) kind() kind { return 0 }
func (PaymentConfirming) kind() kind { return 0 }
func (PaymentDeclined) kind() kind { return 0 }
func (ReservationConfirmed) kind() kind { return 0 }
func (ReservationCanceled) kind() kind { return 0 }
func (RefundDue) kind() kind { return 0 }
func (Refunded) kind() kind { return 0 }
func (RoundCanceled) kind() kind { return 0 }
