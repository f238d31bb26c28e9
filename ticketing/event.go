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
	Prices      []KRW  // by grade of the plan
	OpensAt     Millis // the sale opens by itself
	ClosesAt    Millis // and closes
	StartsAt    Millis // the showing
	HoldMillis  Millis // how long seats wait for a payment to start
	PayMillis   Millis // how long a started payment may take
	MaxPerUser  int    // seats held, paying and confirmed of one customer
	CancelUntil Millis // last moment for a customer's cancellation; 0: never
	CancelFee   int    // percent of the price that is not given back, 0..100
}

// Facts of a stream of any kind.
type (
	// Activated is written first by every activation; it waits out any ghost of an earlier writer.
	Activated struct{ Number uint64 }
)

// Facts of a round.
type (
	RoundPlanned struct {
		Plan  Hash
		Terms Terms
	}
	SaleOpened    struct{}
	SalePaused    struct{}
	SaleClosed    struct{}
	PricesChanged struct{ Prices []KRW }
	SeatsBlocked  struct{ Seats []SeatIndex }
	SeatsFreed    struct{ Seats []SeatIndex } // blocked before

	// SeatsHeld makes reservation Number. Seats the user held before move over from his older holds.
	SeatsHeld struct {
		Number    uint32
		User      UserID
		Seats     []SeatIndex // ascending
		ExpiresAt Millis
		Key       Digest
		Body      Digest
	}
	HoldReleased   struct{ Number uint32 }
	HoldLapsed     struct{ Number uint32 }
	PaymentStarted struct {
		Number  uint32
		Attempt uint32
		PayBy   Millis
		Coupon  string // id of a coupon, "" for none
	}
	PaymentPriced struct {
		Number  uint32
		Attempt uint32
		Amount  KRW
	}
	PaymentConfirming struct {
		Number     uint32
		Attempt    uint32
		PaymentKey string // the provider's opaque key
	}
	PaymentDeclined struct {
		Number  uint32
		Attempt uint32
	}
	ReservationConfirmed struct {
		Number  uint32
		Attempt uint32
	}
	// ReservationCanceled ends a confirmed reservation; Refund is owed from now on.
	ReservationCanceled struct {
		Number uint32
		Refund KRW
	}
	// RefundDue: money came in for a reservation that is gone.
	RefundDue struct {
		Number  uint32
		Attempt uint32
		Amount  KRW
	}
	Refunded struct {
		Number  uint32
		Attempt uint32
	}
	// RoundCanceled ends every live reservation; what was paid is owed in full.
	RoundCanceled struct{}
)
