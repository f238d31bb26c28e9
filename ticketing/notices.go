package ticketing

// NoticeKind says what somebody is told.
type NoticeKind string

// Kinds of notices. Held, expired and claimed ones are no messages: the inbox shows them from the read tables.
const (
	NoticeHeld          NoticeKind = "held"
	NoticeExpired       NoticeKind = "expired"
	NoticeConfirmed     NoticeKind = "confirmed"
	NoticeCanceled      NoticeKind = "canceled"       // by the customer; Amount comes back
	NoticeRoundCanceled NoticeKind = "round_canceled" // by the house; Amount comes back
	NoticeRefunded      NoticeKind = "refunded"       // Amount has been given back
	NoticeCoupon        NoticeKind = "coupon"         // given by the house
	NoticeReminder      NoticeKind = "reminder"       // the show of Reservation is tomorrow
	NoticeReview        NoticeKind = "review"         // the show of Reservation is over: how was it?
	NoticeDormancy      NoticeKind = "dormancy"       // the account closes at Until unless its owner logs in
)

// Notice is something to tell, once for each Fact. It holds ids and numbers only: who is told, and in which words, is
// looked up when it is.
type Notice struct {
	Fact        string        `json:"fact"` // names it, once and for ever: "round:42@17"
	Kind        NoticeKind    `json:"kind"`
	User        UserID        `json:"user,omitempty"`       // 0: the customer of Reservation or of Coupon; nobody where there is neither
	Reservation ReservationID `json:"reservation,omitzero"` // Number 0: the round as a whole
	Coupon      CouponID      `json:"coupon,omitzero"`      //
	Attempt     uint32        `json:"attempt,omitempty"`    // of the order; 0: whichever it is
	Amount      KRW           `json:"amount,omitempty"`     //
	Until       Millis        `json:"until,omitempty"`      //
	At          Millis        `json:"at"`                   // when it came about
}

// Channel is a way to tell people.
type Channel string

// Channels that lead out of the house. The inbox is not among them: it is a table that a notice is written to at once.
const (
	Mail  Channel = "mail"
	Slack Channel = "slack"
)

// Delivery is a notice on its way by one channel.
type Delivery struct {
	Notice
	Channel   Channel
	State     DeliveryState
	Attempts  int // at sending, since it was made or retried by hand
	LastError string
	Tries     int    // how often it was taken up: 1 and one more for each retry by hand
	CreatedAt Millis // or retried by hand
}

// DeliveryState is what became of a delivery.
type DeliveryState string

// States of a delivery.
const (
	DeliveryWaiting DeliveryState = "waiting"
	DeliverySent    DeliveryState = "sent"
	DeliveryDead    DeliveryState = "dead"    // given up: a person must look, and may have it retried
	DeliveryDropped DeliveryState = "dropped" // nobody is left to be told
)

// Showing is what a ticket says of a round.
type Showing struct {
	Round           RoundID
	Title           string
	Hall            string
	Address         string // of the hall
	StartsAt        Millis
	DurationMinutes int
}

// InboxItem is something a customer was told, or would want to be.
type InboxItem struct {
	Place       InboxPlace
	Kind        NoticeKind
	Reservation ReservationID // zero: none
	Coupon      CouponID      // zero: none
	Performance int64         // 0: none
	Title       string        // of the performance; "" where there is none
	StartsAt    Millis        // of the round; 0: there is none
	Amount      KRW
	Until       Millis // 0: no limit
}

// InboxPlace is where an item is in its customer's inbox, which is ordered by time; the zero place is before all.
type InboxPlace struct {
	At   Millis
	Fact string
}
