package ticketing

// Event is a stored fact. Facts hold opaque ids and numbers only: no name, mail, free text or raw key, for the
// journal is for ever and people can be forgotten.
type Event struct {
	At   Millis // never before the stream's previous event
	Fact Fact
}

// Fact is what happened.
type Fact interface {
	kind() kind
	write(*writer)
}

// Terms are the rules of one round, fixed when it is planned.
type Terms struct {
	Prices      []KRW  `json:"prices"`       // by grade of the plan
	OpensAt     Millis `json:"opens_at"`     // the sale opens by itself
	ClosesAt    Millis `json:"closes_at"`    // and closes
	StartsAt    Millis `json:"starts_at"`    // the showing
	HoldMillis  Millis `json:"hold_millis"`  // how long seats wait for a payment to start
	PayMillis   Millis `json:"pay_millis"`   // how long a started payment may take
	MaxPerUser  int    `json:"max_per_user"` // seats held, paying and confirmed of one customer
	CancelUntil Millis `json:"cancel_until"` // last moment for a customer's cancellation; 0: never
	CancelFee   int    `json:"cancel_fee"`   // percent of the price that is not given back, 0..100
}

// Facts of a stream of any kind.
type (
	// Activated is written first by every activation; it waits out any ghost of an earlier writer.
	Activated struct {
		Number uint64 `json:"number"`
	}
)

// Facts of a thing in the catalogue. The stream's name says which it is, and its row what it is like now.
type (
	CatalogueSaved   struct{}
	CatalogueDeleted struct{}
)

// Facts of a round.
type (
	RoundPlanned struct {
		Plan  Hash  `json:"plan"`
		Terms Terms `json:"terms"`
	}
	SaleOpened    struct{}
	SalePaused    struct{}
	SaleClosed    struct{}
	PricesChanged struct {
		Prices []KRW `json:"prices"`
	}
	SeatsBlocked struct {
		Seats []SeatIndex `json:"seats"`
	}
	SeatsFreed struct {
		Seats []SeatIndex `json:"seats"`
	} // blocked before

	// SeatsHeld makes reservation Number. Seats the user held before move over from his older holds.
	SeatsHeld struct {
		Number    uint32      `json:"number"`
		User      UserID      `json:"user"`
		Seats     []SeatIndex `json:"seats"` // ascending
		ExpiresAt Millis      `json:"expires_at"`
		Key       Digest      `json:"key"`
		Body      Digest      `json:"body"`
	}
	HoldReleased struct {
		Number uint32 `json:"number"`
	}
	HoldLapsed struct {
		Number uint32 `json:"number"`
	}
	PaymentStarted struct {
		Number  uint32 `json:"number"`
		Attempt uint32 `json:"attempt"`
		PayBy   Millis `json:"pay_by"`
		Coupon  string `json:"coupon"` // id of a coupon, "" for none
	}
	PaymentPriced struct {
		Number  uint32 `json:"number"`
		Attempt uint32 `json:"attempt"`
		Amount  KRW    `json:"amount"`
	}
	PaymentConfirming struct {
		Number     uint32 `json:"number"`
		Attempt    uint32 `json:"attempt"`
		PaymentKey string `json:"payment_key"` // the provider's opaque key
	}
	PaymentDeclined struct {
		Number  uint32 `json:"number"`
		Attempt uint32 `json:"attempt"`
	}
	ReservationConfirmed struct {
		Number  uint32 `json:"number"`
		Attempt uint32 `json:"attempt"`
	}
	// ReservationCanceled ends a confirmed reservation; Refund is owed from now on.
	ReservationCanceled struct {
		Number uint32 `json:"number"`
		Refund KRW    `json:"refund"`
	}
	// RefundDue: money came in for a reservation that is gone.
	RefundDue struct {
		Number  uint32 `json:"number"`
		Attempt uint32 `json:"attempt"`
		Amount  KRW    `json:"amount"`
	}
	Refunded struct {
		Number  uint32 `json:"number"`
		Attempt uint32 `json:"attempt"`
	}
	// RoundRescheduled replaces the times of the terms; nobody has reserved yet.
	RoundRescheduled struct {
		OpensAt     Millis `json:"opens_at"`
		ClosesAt    Millis `json:"closes_at"`
		StartsAt    Millis `json:"starts_at"`
		CancelUntil Millis `json:"cancel_until"`
	}
	// RoundCanceled ends every live reservation; what was paid is owed in full.
	RoundCanceled struct{}
)
