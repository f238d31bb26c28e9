package ticketing

// Kinds of a campaign's facts; the numbers before 40 are other machines'.
const (
	kindCampaignPlanned kind = 40 + iota
	kindCampaignOpened
	kindCampaignPaused
	kindCampaignClosed
	kindCouponClaimed
	kindCouponGiven
	kindCouponReserved
	kindCouponRedeemed
	kindCouponReturned
	kindCouponsExpired
)

func (CampaignPlanned) kind() kind { return kindCampaignPlanned }
func (CampaignOpened) kind() kind  { return kindCampaignOpened }
func (CampaignPaused) kind() kind  { return kindCampaignPaused }
func (CampaignClosed) kind() kind  { return kindCampaignClosed }
func (CouponClaimed) kind() kind   { return kindCouponClaimed }
func (CouponGiven) kind() kind     { return kindCouponGiven }
func (CouponReserved) kind() kind  { return kindCouponReserved }
func (CouponRedeemed) kind() kind  { return kindCouponRedeemed }
func (CouponReturned) kind() kind  { return kindCouponReturned }
func (CouponsExpired) kind() kind  { return kindCouponsExpired }

func (f CampaignPlanned) write(w *writer) { w.campaignTerms(f.Terms) }
func (CampaignOpened) write(*writer)      {}
func (CampaignPaused) write(*writer)      {}
func (CampaignClosed) write(*writer)      {}
func (f CouponRedeemed) write(w *writer)  { w.uint32(f.Number); w.order(f.Order) }
func (f CouponReturned) write(w *writer)  { w.uint32(f.Number); w.order(f.Order) }
func (f CouponsExpired) write(w *writer)  { w.uint32(f.Through) }

func (f CouponClaimed) write(w *writer) {
	w.uint32(f.Number)
	w.number(uint64(f.User))
	w.time(f.ExpiresAt)
	w.buf = append(w.buf, f.Key[:]...)
	w.buf = append(w.buf, f.Body[:]...)
}

func readCouponClaimed(r *reader) Fact {
	return CouponClaimed{r.uint32(), UserID(r.int63()), r.time(), r.digest(), r.digest()}
}

func (f CouponGiven) write(w *writer) {
	w.uint32(f.Number)
	w.number(uint64(f.User))
	w.time(f.ExpiresAt)
}

func (f CouponReserved) write(w *writer) {
	w.uint32(f.Number)
	w.order(f.Order)
	w.time(f.Until)
	w.krw(f.Amount)
	w.krw(f.Discount)
}

func readCouponReserved(r *reader) Fact {
	return CouponReserved{r.uint32(), r.order(), r.time(), r.krw(), r.krw()}
}

func (w *writer) order(o OrderID) {
	w.number(uint64(o.Reservation.Round))
	w.uint32(o.Reservation.Number)
	w.uint32(o.Attempt)
}

func (r *reader) order() OrderID {
	return OrderID{Reservation: ReservationID{Round: RoundID(r.int63()), Number: r.uint32()}, Attempt: r.uint32()}
}

func (w *writer) campaignTerms(t CampaignTerms) {
	w.number(uint64(t.Stock))
	w.flag(t.Claimable)
	w.number(uint64(t.Discount.Kind))
	w.number(uint64(t.Discount.Value))
	w.krw(t.Discount.Cap)
	w.krw(t.Discount.Minimum)
	w.time(t.OpensAt)
	w.time(t.ClosesAt)
	w.time(t.ExpiresAt)
	w.time(t.LifeMillis)
}

func (r *reader) campaignTerms() CampaignTerms {
	return CampaignTerms{
		Stock: int(r.uint32()), Claimable: r.flag(),
		Discount: Discount{Kind: DiscountKind(r.upTo(uint64(RateOff))), Value: r.int63(), Cap: r.krw(), Minimum: r.krw()},
		OpensAt:  r.time(), ClosesAt: r.time(), ExpiresAt: r.time(), LifeMillis: r.time(),
	}
}
