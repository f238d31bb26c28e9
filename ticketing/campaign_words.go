package ticketing

// What is said to a campaign, and what it answers.

// Commands of customers.
type (
	// ClaimCoupon takes the next coupon, one to a customer. Key and Body are as with ReserveSeats.
	ClaimCoupon struct {
		User UserID
		Key  Digest
		Body Digest
	}
)

// Commands of the house. GiveCoupon is an admin's or a new account's; the others are the payment saga's. All may be
// said again: what is so already is a yes that changes nothing.
type (
	// GiveCoupon gives the next coupon to a customer, whether he could claim one himself or not. A customer who has
	// one keeps it: the answer shows it, Replayed.
	GiveCoupon struct{ User UserID }
	// ReserveCoupon keeps a coupon for an order, of which nobody else can use it from then on. The answer's
	// Coupon.Taken is what comes off.
	ReserveCoupon struct {
		User   UserID // whose order it is; must be whose coupon it is
		Number uint32
		Order  OrderID
		Amount KRW    // of the order, before the coupon
		Until  Millis // when the order can no longer be paid
	}
	// RedeemCoupon: the order was paid.
	RedeemCoupon struct {
		Number uint32
		Order  OrderID
	}
	// ReturnCoupon: the order will not be paid, or was canceled; the coupon is the customer's to use again, until it
	// expires. That an order which does not have the coupon gives it back is a yes and changes nothing.
	ReturnCoupon struct {
		Number uint32
		Order  OrderID
	}
)

// Commands of admins.
type (
	// OpenCampaign starts it before its time, or resumes a paused one.
	OpenCampaign struct{}
	// PauseCampaign stops the giving away; coupons that were issued may still be used.
	PauseCampaign struct{}
	// CloseCampaign ends the giving away for good.
	CloseCampaign struct{}
	// DropCampaign closes a campaign of which nobody ever had a coupon.
	DropCampaign struct{}
)

// Questions.
type (
	// CheckCoupon asks what ReserveCoupon would be answered now, and changes nothing: a yes is no promise.
	CheckCoupon ReserveCoupon
	// ReadCoupon shows one coupon to its customer.
	ReadCoupon struct {
		User   UserID
		Number uint32
	}
	// ReadCampaign shows the campaign's status and counters.
	ReadCampaign struct{}
	// ReadWaiting lists reserved coupons whose order's time was over AskAfter before a moment, by number, at most
	// MaxWaiting: their rounds must be asked what became of the orders.
	ReadWaiting struct{ At Millis }
)

func (ClaimCoupon) command()   {}
func (GiveCoupon) command()    {}
func (ReserveCoupon) command() {}
func (RedeemCoupon) command()  {}
func (ReturnCoupon) command()  {}
func (OpenCampaign) command()  {}
func (PauseCampaign) command() {}
func (CloseCampaign) command() {}
func (DropCampaign) command()  {}
func (CheckCoupon) command()   {}
func (ReadCoupon) command()    {}
func (ReadCampaign) command()  {}
func (ReadWaiting) command()   {}

// CouponStatus is where a coupon is in its life.
type CouponStatus uint8

// issued ⇄ reserved ⇄ redeemed; an issued one ends as expired. What is given back is issued again.
const (
	IssuedCoupon CouponStatus = iota + 1
	ReservedCoupon
	RedeemedCoupon
	ExpiredCoupon
)

var couponNames = [...]string{IssuedCoupon: "issued", ReservedCoupon: "reserved", RedeemedCoupon: "redeemed", ExpiredCoupon: "expired"}

func (s CouponStatus) String() string { return couponNames[s] }

// Coupon is what its customer may know of it.
type Coupon struct {
	ID            CouponID
	User          UserID
	Status        CouponStatus
	Of            int // the campaign's stock; 0: without limit
	Discount      Discount
	IssuedAt      Millis
	ExpiresAt     Millis
	Order         OrderID // that it is reserved for, or was redeemed by; else zero
	ReservedUntil Millis  // when that order can no longer be paid; 0 unless reserved
	Taken         KRW     // what it takes off that order
}

// CampaignStatus is the public state of a campaign.
type CampaignStatus struct {
	Phase    Phase
	Terms    CampaignTerms
	Issued   int // so far, whatever became of them
	Left     int // to give away
	Reserved int // waiting for their order now
	Redeemed int
}
