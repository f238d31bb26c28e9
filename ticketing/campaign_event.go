package ticketing

// Facts of a campaign.
type (
	CampaignPlanned struct {
		Terms CampaignTerms `json:"terms"`
	}
	CampaignOpened struct{}
	CampaignPaused struct{}
	CampaignClosed struct{}

	// CouponClaimed issues coupon Number to the customer who asked for it.
	CouponClaimed struct {
		Number    uint32 `json:"number"`
		User      UserID `json:"user"`
		ExpiresAt Millis `json:"expires_at"`
		Key       Digest `json:"key"`
		Body      Digest `json:"body"`
	}
	// CouponGiven issues coupon Number to a customer who did not ask.
	CouponGiven struct {
		Number    uint32 `json:"number"`
		User      UserID `json:"user"`
		ExpiresAt Millis `json:"expires_at"`
	}
	CouponReserved struct {
		Number   uint32  `json:"number"`
		Order    OrderID `json:"order"`
		Until    Millis  `json:"until"`
		Amount   KRW     `json:"amount"`   // of the order, before the coupon
		Discount KRW     `json:"discount"` // what comes off
	}
	CouponRedeemed struct {
		Number uint32  `json:"number"`
		Order  OrderID `json:"order"`
	}
	CouponReturned struct {
		Number uint32  `json:"number"`
		Order  OrderID `json:"order"`
	}
	// CouponsExpired: the life of all coupons up to Through is over. Those that are reserved stay so until their
	// round has decided, and expire when they are given back.
	CouponsExpired struct {
		Through uint32 `json:"through"`
	}
)
