package ticketing

// Command asks a machine for something. Commands are plain data: one day they will cross the network.
type Command interface{ command() }

// Commands of customers. User is the caller, proven by the api; the machine checks whose reservation it is.
type (
	// ReserveSeats claims all of these seats, or none. Key and Body make a repeat harmless: the same key with
	// the same body gets the reservation it made, with another body a refusal.
	ReserveSeats struct {
		User  UserID
		Seats []string // labels, 1 to MaxSeatsPerRequest, unique (the api has checked both)
		Key   Digest   // of user, operation and the caller's idempotency key
		Body  Digest   // of the request's canonical fields
	}
	// ReserveBest claims the best block of free seats there is: so many next to each other, of the grade and section
	// asked for. Key and Body are as with ReserveSeats.
	ReserveBest struct {
		User    UserID
		Count   int    // 1 to MaxSeatsPerRequest
		Grade   string // name of a grade of the plan; "" for any, and then a block may mix them
		Section string // "" for any
		Key     Digest
		Body    Digest
	}
	// ReleaseReservation gives an unpaid reservation back.
	ReleaseReservation struct {
		User   UserID
		Number uint32
	}
	// StartPayment opens an order for a reservation; a coupon's discount arrives later by PricePayment.
	StartPayment struct {
		User   UserID
		Number uint32
		Coupon string // id of the coupon to use; "" for none
	}
	// ConfirmPayment records the provider's payment key before the provider is asked to take the money.
	ConfirmPayment struct {
		User       UserID
		Number     uint32
		Attempt    uint32
		Amount     KRW // what the customer was shown; must be what he owes
		PaymentKey string
	}
	// CancelReservation gives a confirmed reservation back for a refund by the round's policy.
	CancelReservation struct {
		User   UserID
		Number uint32
	}
)

// Commands of the payment saga.
type (
	// PricePayment fixes what an order costs once its coupon is reserved.
	PricePayment struct {
		Number  uint32
		Attempt uint32
		Amount  KRW
	}
	// ApprovePayment: the provider took the money.
	ApprovePayment struct {
		Number  uint32
		Attempt uint32
	}
	// DeclinePayment: the provider's final no.
	DeclinePayment struct {
		Number  uint32
		Attempt uint32
	}
	// SettleRefund: the provider gave the money back.
	SettleRefund struct {
		Number  uint32
		Attempt uint32
	}
)

// Commands of admins.
type (
	// OpenSale starts the sale before its time, or resumes a paused one.
	OpenSale struct{}
	// PauseSale stops new reservations; those that exist may still be paid.
	PauseSale struct{}
	// CloseSale ends the sale for good.
	CloseSale struct{}
	// CancelRound gives every seat back and every won.
	CancelRound struct{}
	// DropRound cancels a round of which nobody ever had a seat.
	DropRound struct{}
	// RescheduleRound sets other times before the sale has begun.
	RescheduleRound struct {
		OpensAt     Millis
		ClosesAt    Millis
		StartsAt    Millis
		CancelUntil Millis // 0: customers may not cancel
	}
	// ChangePrices sets the price of each grade for later holds.
	ChangePrices struct{ Prices []KRW }
	// BlockSeats takes free seats off sale.
	BlockSeats struct{ Seats []string }
	// UnblockSeats puts blocked seats back on sale.
	UnblockSeats struct{ Seats []string }
)

// Questions. They change nothing, yet go through the mailbox: an answer is as durable as any other.
type (
	// ReadReservation shows one reservation to its customer.
	ReadReservation struct {
		User   UserID
		Number uint32
	}
	// ReadOrder shows one order to the payment saga.
	ReadOrder struct {
		Number  uint32
		Attempt uint32
	}
	// ReadStatus shows the sale's status and counters.
	ReadStatus struct{}
	// ReadSeats shows the state of every seat.
	ReadSeats struct{}
	// ReadView shows the state of every seat and which reservation has it: for our own followers (see View), not
	// for the public.
	ReadView struct{}
	// ReadHash shows the hash of the state, to compare with a replay.
	ReadHash struct{}
)

func (ReserveSeats) command()       {}
func (ReserveBest) command()        {}
func (ReleaseReservation) command() {}
func (StartPayment) command()       {}
func (ConfirmPayment) command()     {}
func (CancelReservation) command()  {}
func (PricePayment) command()       {}
func (ApprovePayment) command()     {}
func (DeclinePayment) command()     {}
func (SettleRefund) command()       {}
func (OpenSale) command()           {}
func (PauseSale) command()          {}
func (CloseSale) command()          {}
func (CancelRound) command()        {}
func (DropRound) command()          {}
func (RescheduleRound) command()    {}
func (ChangePrices) command()       {}
func (BlockSeats) command()         {}
func (UnblockSeats) command()       {}
func (ReadReservation) command()    {}
func (ReadOrder) command()          {}
func (ReadStatus) command()         {}
func (ReadSeats) command()          {}
func (ReadView) command()           {}
func (ReadHash) command()           {}
