package ticketing

// ReservationOrder is what a search of reservations begins with.
type ReservationOrder string

// The orders there are. Reservations that are alike in this are in the order of their ids.
const (
	NewestFirst  ReservationOrder = "newest"
	OldestFirst  ReservationOrder = "oldest"
	HighestFirst ReservationOrder = "highest" // by amount
	LowestFirst  ReservationOrder = "lowest"
)

// ByAmount tells whether amounts are compared; otherwise it is the moments of the holds.
func (o ReservationOrder) ByAmount() bool { return o == HighestFirst || o == LowestFirst }

// Descending tells whether the largest comes first.
func (o ReservationOrder) Descending() bool { return o == NewestFirst || o == HighestFirst }

// ReservationFilter says which reservations an admin looks for: those that all of its fields let through. Zero fields
// let everything through.
type ReservationFilter struct {
	User   string // a part of the customer's name, or the whole of his e-mail
	Title  string // a part of the performance's
	From   Day    // held on this day in Seoul or later
	To     Day    // held on this day in Seoul or earlier
	Status ReservationStatus
	Min    KRW // of the amount
	Max    KRW // of the amount; 0: no limit
}

// ReservationChoice means some reservations: these, all of a performance, all of some users, or of one round the whole, or
// those with these numbers and of these users.
type ReservationChoice struct {
	IDs         []ReservationID // they may be no more
	Performance int64
	Round       RoundID
	Whole       bool // of the round
	Numbers     []uint32
	Users       []UserID
}

// FoundReservation is a reservation as an admin sees it.
type FoundReservation struct {
	ReservationSummary
	Name  string // of the customer; "" when the account was closed
	Email string // the same
	Money ReservationMoney
}

// ReservationMoney is what was taken and given back for a reservation, over all of its orders. All is zero when nothing
// was ever paid for it, by money or by a coupon.
type ReservationMoney struct {
	Paid     KRW    // taken, whatever has gone back since
	Discount KRW    // what the order that was paid last took off the seats' price
	Coupon   string // by this coupon's id; "" for none
	Owed     KRW    // on its way back
	Refunded KRW    // gone back
}

// ReservationPlace is a place in a list of found reservations; the zero place is before the first.
type ReservationPlace struct {
	Key int64 // the amount, or the moment of the hold in milliseconds, by the order
	ID  ReservationID
}

// Place is the reservation's own place: a list goes on after it.
func (r FoundReservation) Place(o ReservationOrder) ReservationPlace {
	if o.ByAmount() {
		return ReservationPlace{int64(r.Amount), r.ID}
	}
	return ReservationPlace{int64(r.HeldAt), r.ID}
}

// ParseReservationStatus reads what String writes.
func ParseReservationStatus(text string) (ReservationStatus, bool) {
	for s := Held; s <= Canceled; s++ {
		if s.String() == text {
			return s, true
		}
	}
	return 0, false
}
