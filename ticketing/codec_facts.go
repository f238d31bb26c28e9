package ticketing

// One kind and one way of writing per fact; codec.go has the table that reads them.

func (Activated) kind() kind            { return kindActivated }
func (RoundPlanned) kind() kind         { return kindRoundPlanned }
func (SaleOpened) kind() kind           { return kindSaleOpened }
func (SalePaused) kind() kind           { return kindSalePaused }
func (SaleClosed) kind() kind           { return kindSaleClosed }
func (PricesChanged) kind() kind        { return kindPricesChanged }
func (SeatsBlocked) kind() kind         { return kindSeatsBlocked }
func (SeatsFreed) kind() kind           { return kindSeatsFreed }
func (SeatsHeld) kind() kind            { return kindSeatsHeld }
func (HoldReleased) kind() kind         { return kindHoldReleased }
func (HoldLapsed) kind() kind           { return kindHoldLapsed }
func (PaymentStarted) kind() kind       { return kindPaymentStarted }
func (PaymentPriced) kind() kind        { return kindPaymentPriced }
func (PaymentConfirming) kind() kind    { return kindPaymentConfirming }
func (PaymentDeclined) kind() kind      { return kindPaymentDeclined }
func (ReservationConfirmed) kind() kind { return kindReservationConfirmed }
func (ReservationCanceled) kind() kind  { return kindReservationCanceled }
func (RefundDue) kind() kind            { return kindRefundDue }
func (Refunded) kind() kind             { return kindRefunded }
func (RoundCanceled) kind() kind        { return kindRoundCanceled }
func (CatalogueSaved) kind() kind       { return kindCatalogueSaved }
func (CatalogueDeleted) kind() kind     { return kindCatalogueDeleted }
func (RoundRescheduled) kind() kind     { return kindRoundRescheduled }

func (f Activated) write(w *writer)            { w.number(f.Number) }
func (f RoundPlanned) write(w *writer)         { w.hash(f.Plan); w.terms(f.Terms) }
func (SaleOpened) write(*writer)               {}
func (SalePaused) write(*writer)               {}
func (SaleClosed) write(*writer)               {}
func (CatalogueSaved) write(*writer)           {}
func (CatalogueDeleted) write(*writer)         {}
func (RoundCanceled) write(*writer)            {}
func (f PricesChanged) write(w *writer)        { w.prices(f.Prices) }
func (f SeatsBlocked) write(w *writer)         { w.seats(f.Seats) }
func (f SeatsFreed) write(w *writer)           { w.seats(f.Seats) }
func (f HoldReleased) write(w *writer)         { w.uint32(f.Number) }
func (f HoldLapsed) write(w *writer)           { w.uint32(f.Number) }
func (f PaymentDeclined) write(w *writer)      { w.uint32(f.Number); w.uint32(f.Attempt) }
func (f ReservationConfirmed) write(w *writer) { w.uint32(f.Number); w.uint32(f.Attempt) }
func (f ReservationCanceled) write(w *writer)  { w.uint32(f.Number); w.krw(f.Refund) }
func (f Refunded) write(w *writer)             { w.uint32(f.Number); w.uint32(f.Attempt) }

func (f SeatsHeld) write(w *writer) {
	w.uint32(f.Number)
	w.number(uint64(f.User))
	w.seats(f.Seats)
	w.time(f.ExpiresAt)
	w.buf = append(w.buf, f.Key[:]...)
	w.buf = append(w.buf, f.Body[:]...)
}

func readSeatsHeld(r *reader) Fact {
	return SeatsHeld{r.uint32(), UserID(r.int63()), r.seats(), r.time(), r.digest(), r.digest()}
}

func (f PaymentStarted) write(w *writer) {
	w.uint32(f.Number)
	w.uint32(f.Attempt)
	w.time(f.PayBy)
	w.text(f.Coupon)
}

func readPaymentStarted(r *reader) Fact {
	return PaymentStarted{r.uint32(), r.uint32(), r.time(), r.text()}
}

func (f PaymentPriced) write(w *writer) {
	w.uint32(f.Number)
	w.uint32(f.Attempt)
	w.krw(f.Amount)
}

func (f PaymentConfirming) write(w *writer) {
	w.uint32(f.Number)
	w.uint32(f.Attempt)
	w.text(f.PaymentKey)
}

func (f RefundDue) write(w *writer) {
	w.uint32(f.Number)
	w.uint32(f.Attempt)
	w.krw(f.Amount)
}

func (f RoundRescheduled) write(w *writer) {
	w.time(f.OpensAt)
	w.time(f.ClosesAt)
	w.time(f.StartsAt)
	w.time(f.CancelUntil)
}

func (w *writer) terms(t Terms) {
	w.prices(t.Prices)
	w.time(t.OpensAt)
	w.time(t.ClosesAt)
	w.time(t.StartsAt)
	w.time(t.HoldMillis)
	w.time(t.PayMillis)
	w.number(uint64(t.MaxPerUser))
	w.time(t.CancelUntil)
	w.number(uint64(t.CancelFee))
}

func (r *reader) terms() Terms {
	return Terms{
		Prices: r.prices(), OpensAt: r.time(), ClosesAt: r.time(), StartsAt: r.time(),
		HoldMillis: r.time(), PayMillis: r.time(), MaxPerUser: int(r.uint32()),
		CancelUntil: r.time(), CancelFee: int(r.uint32()),
	}
}
