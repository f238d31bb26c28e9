package ticketing

// Code says why not. The empty code is yes. Codes are stable: clients match on them.
type Code string

// OK: done as asked.
const OK Code = ""

// Refusals of a round, in the order in which they are checked: a request that deserves several gets the first.
// A repeat of a request that was granted is answered before any of them, for a yes never changes.
const (
	CodeNotFound            Code = "not_found"            // no such reservation or order, or not yours
	CodeSaleNotOpen         Code = "sale_not_open"        // Result.RetryAt: when it opens
	CodeSalePaused          Code = "sale_paused"          //
	CodeSaleClosed          Code = "sale_closed"          //
	CodeIdempotencyMismatch Code = "idempotency_mismatch" // the key was used with another body
	CodeSeatUnknown         Code = "seat_unknown"         // Result.Seats: which are not in the plan
	CodeGradeUnknown        Code = "grade_unknown"        // no such grade in the plan
	CodeSectionUnknown      Code = "section_unknown"      // no such section in the plan, or no seat of the grade in it
	CodeSeatsInvalid        Code = "seats_invalid"        // none, too many, or one twice
	CodeLimitExceeded       Code = "limit_exceeded"       // more seats than one customer may have in this round
	CodeTooManyKeys         Code = "too_many_keys"        // MaxKeysPerUser keys are in use on live reservations
	CodeSeatBlocked         Code = "seat_blocked"         // Result.Seats: not on sale
	CodeSeatTaken           Code = "seat_taken"           // Result.Seats: somebody has them
	CodeNoBlock             Code = "no_block"             // seats are free in what was asked for, but not so many together
	CodeAllHeld             Code = "all_held"             // none is free there and some are held; Result.RetryAt: the round's next expiry
	CodeSoldOut             Code = "sold_out"             // none is free or held there
	CodePaymentInProgress   Code = "payment_in_progress"  // Result.Seats, for a seat: your own, being paid
	CodeHoldExpired         Code = "hold_expired"         // too late
	CodeReservationEnded    Code = "reservation_ended"    // released, expired or canceled before
	CodeNotPayable          Code = "not_payable"          // the reservation is not waiting for a payment
	CodeTooManyAttempts     Code = "too_many_attempts"    // MaxAttempts orders were declined: no more for this reservation
	CodeNotPriced           Code = "not_priced"           // the order's coupon is not settled yet
	CodeAmountMismatch      Code = "amount_mismatch"      // not what is owed
	CodeNotCancelable       Code = "not_cancelable"       // not confirmed, or past the deadline
	CodeAlreadyConfirmed    Code = "already_confirmed"    // paid: cancel it instead
	CodeSaleBegun           Code = "sale_begun"           // too late for other times
	CodeTimesInvalid        Code = "times_invalid"        // opens before it closes and starts
	CodePricesInvalid       Code = "prices_invalid"       // one price from 0 per grade
	CodeCommandUnknown      Code = "command_unknown"      // this machine has no such rule
)

// Refusals of a campaign. Of a claim, in the order in which they are checked: not_claimable, the campaign's phase,
// idempotency_mismatch, coupon_already_issued, coupons_gone; a repeat of a granted claim is answered before any. Of a
// coupon's use: not_found, then what became of the coupon, then hold_expired for an order that can no longer be paid,
// then amount_too_small.
const (
	CodeNotClaimable        Code = "not_claimable"         // the house gives these coupons; nobody can ask for one
	CodeCampaignNotOpen     Code = "campaign_not_open"     // Result.RetryAt: when it opens
	CodeCampaignPaused      Code = "campaign_paused"       //
	CodeCampaignClosed      Code = "campaign_closed"       //
	CodeCouponAlreadyIssued Code = "coupon_already_issued" // one to a customer, and he has it
	CodeCouponsGone         Code = "coupons_gone"          // the stock is given away
	CodeCouponInUse         Code = "coupon_in_use"         // reserved for another order
	CodeCouponRedeemed      Code = "coupon_redeemed"       // by another order
	CodeCouponExpired       Code = "coupon_expired"        //
	CodeCouponReturned      Code = "coupon_returned"       // this order has given it back before
	CodeCouponNotReserved   Code = "coupon_not_reserved"   // the order never had it
	CodeAmountTooSmall      Code = "amount_too_small"      // below the coupon's minimum, or nothing to pay
	CodeHasCoupons          Code = "has_coupons"           // customers have coupons of it, or had
)

// Refusals of the payment saga.
const (
	CodeNotChargeable   Code = "not_chargeable"   // an order over so little can be paid by nothing
	CodeCouponUnknown   Code = "coupon_unknown"   // no such coupon, or not yours
	CodePaymentDeclined Code = "payment_declined" // the provider's final no
	CodePaymentLate     Code = "payment_late"     // the money came after the seats had gone: it goes back
	CodeVirtualAccount  Code = "virtual_account"  // money that comes some day is no payment here
)

// Answers of the shell around a machine; none says anything about the request itself.
const (
	CodeUnavailable Code = "unavailable"    // outcome unknown or owner away: ask again with the same key
	CodeBusy        Code = "busy"           // the gate is full
	CodeFrozen      Code = "stream_frozen"  // the stream cannot be trusted until a person has looked
	CodeInternal    Code = "internal_error" // this command made the machine fail; its state is untouched
)

// Result is the answer to a command. Fields that the command does not speak of stay zero. Each shell keeps a few, and
// copies one per command: small fields stand together, so that it has no holes.
type Result struct {
	Code        Code
	Seats       []string        // labels of the seats that failed
	RetryAt     Millis          // when asking again may help; 0 when unknown
	Reservation Reservation     // of commands about one reservation
	Status      Status          // of ReadStatus, ReadSeats, ReadView and the admin's commands
	SeatStates  []byte          // of ReadSeats and ReadView: one SeatState per seat in plan order
	Owners      []uint32        // of ReadView: per seat the number of the live reservation that has it, 0 for none
	Coupon      *Coupon         // of commands about one coupon; shared by nobody
	Campaign    *CampaignStatus // of ReadCampaign and the admin's commands to a campaign
	Coupons     []Coupon        // of ReadWaiting
	Order       *Order          // of ReadOrder; shared by nobody
	Hash        Hash            // of ReadHash
	Seq         uint64          // the last event the answer rests on
	Replayed    bool            // the request had been granted before

	show   showing // what Complete fills in
	number uint32  // of the reservation or coupon to show
}

type showing uint8

const (
	showNothing showing = iota
	showReservation
	showStatus
	showSeats
	showView
	showCoupon
	showCampaign
)

func refuse(code Code, seats ...string) Result { return Result{Code: code, Seats: seats} }

// SeatState is what the public may know of a seat.
type SeatState byte

// Seat states, as the API writes them.
const (
	SeatFree  SeatState = '.'
	SeatHeld  SeatState = 'h'
	SeatSold  SeatState = 's'
	SeatOff   SeatState = 'b' // blocked
	seatCount           = 4
)

// ReservationStatus is where a reservation is in its life.
type ReservationStatus uint8

// held → paying → confirmed; ends as released, expired or canceled.
const (
	Held ReservationStatus = iota + 1
	Paying
	Confirmed
	Released
	Expired
	Canceled
)

var statusNames = [...]string{Held: "held", Paying: "paying", Confirmed: "confirmed", Released: "released", Expired: "expired", Canceled: "canceled"}

func (s ReservationStatus) String() string { return statusNames[s] }

// Live reservations have their seats.
func (s ReservationStatus) Live() bool { return s == Held || s == Paying || s == Confirmed }

// Reservation is what its customer may know of it.
type Reservation struct {
	ID         ReservationID
	User       UserID
	Seats      []string // of an ended one: those it had at the end
	Amount     KRW      // sum of the seats' prices at the time of the hold
	HeldAt     Millis
	ExpiresAt  Millis // when the seats go back unless paid; 0 when nothing is running
	EndedAt    Millis
	Due        KRW    // what the newest order costs, after its coupon; valid when Priced
	RefundDue  KRW    // owed to the customer and not yet given back
	Attempt    uint32 // of the newest order; 0 before the first
	Status     ReservationStatus
	Priced     bool
	Confirming bool // the provider is being asked: nothing but its answer moves the seats
}

// OrderState is where an order is in its life.
type OrderState uint8

// open → confirming → paid or declined; money that is owed back makes it refund_due, then refunded. An order whose
// time ran out unconfirmed stays open: its reservation has ended.
const (
	OrderOpen OrderState = iota + 1
	OrderConfirming
	OrderDeclined
	OrderPaid
	OrderRefundDue
	OrderRefunded
)

var orderNames = [...]string{
	OrderOpen: "open", OrderConfirming: "confirming", OrderDeclined: "declined", OrderPaid: "paid", OrderRefundDue: "refund_due",
	OrderRefunded: "refunded",
}

func (s OrderState) String() string { return orderNames[s] }

// Order is one attempt to pay, as the payment saga must know it. It is no customer's to see: it holds the payment key.
type Order struct {
	ID          OrderID
	User        UserID
	Reservation ReservationStatus // of the reservation it pays for, as it is now
	State       OrderState
	Coupon      string // id of a coupon; "" for none
	Price       KRW    // of the reservation's seats as it has them now, before any coupon
	Amount      KRW    // what is charged; valid when Priced
	Priced      bool
	Refund      KRW    // owed or given back, by State
	PaymentKey  string // the provider's; "" before the order was confirmed
}

// Phase is the stored status of a sale.
type Phase uint8

// scheduled → open ⇄ paused → closed.
const (
	Scheduled Phase = iota + 1
	Open
	Paused
	Closed
)

var phaseNames = [...]string{Scheduled: "scheduled", Open: "open", Paused: "paused", Closed: "closed"}

func (p Phase) String() string { return phaseNames[p] }

// Count is how many seats are in each state.
type Count struct{ Free, Held, Sold, Blocked int }

// Status is the public state of a round's sale.
type Status struct {
	Phase      Phase
	SoldOut    bool // no seat free, none held
	AllHeld    bool // no seat free, some held: NextExpiry may free one
	Canceled   bool
	NextExpiry Millis
	PlanHash   Hash
	Grades     []string
	Counts     []Count // by grade
	Prices     []KRW   // by grade, for the next hold
	OpensAt    Millis
	ClosesAt   Millis
	StartsAt   Millis
}

// Total sums the counters over all grades.
func (s Status) Total() Count {
	var t Count
	for _, c := range s.Counts {
		t.Free += c.Free
		t.Held += c.Held
		t.Sold += c.Sold
		t.Blocked += c.Blocked
	}
	return t
}
