package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"ticketblue/ticketing"
)

const (
	confirmDeadline = 15 * time.Second
	confirmPatience = 8 * time.Second // for the provider's answer; after it the caller asks again and a job goes on
)

// Payments takes the steps of the payment saga.
type Payments interface {
	// Check is what Price would say of an order that nobody has started, for a held reservation with a coupon, or "" for
	// none. It changes nothing.
	Check(ctx context.Context, v ticketing.Reservation, coupon string) (ticketing.Code, error)
	// Price brings an order that was just started to its price; until is when its time is over. The code says why it
	// has none.
	Price(ctx context.Context, id ticketing.OrderID, until ticketing.Millis) (ticketing.Order, ticketing.Code, error)
	// Settle takes an order that is being confirmed since a moment as far as it goes within patience. The code is the
	// provider's, when it said no. The error says that there is more to do later, or that the round did not answer.
	Settle(ctx context.Context, id ticketing.OrderID, since ticketing.Millis, patience time.Duration) (ticketing.Order, string, error)
	// Released gives the coupon of an order back whose seats were given back. What fails is done when the order's time is over.
	Released(ctx context.Context, id ticketing.OrderID) error
	// Hinted takes in what a message, perhaps a forged one, says about a payment.
	Hinted(ctx context.Context, h ticketing.PaymentHint) error
	// OrderName is what the provider knows an order by.
	OrderName(id ticketing.OrderID) string
}

// PaymentBooks keep what has been said about payments, and know the orders that their rounds have forgotten.
type PaymentBooks interface {
	// PaymentOf is the newest order of a user's reservation; ticketing.ErrNotFound when there is none.
	PaymentOf(ctx context.Context, user ticketing.UserID, id ticketing.ReservationID) (ticketing.PaymentView, error)
	// DeclinedFor is the code of the provider's last no to an order; "" when there is none.
	DeclinedFor(ctx context.Context, id ticketing.OrderID) (string, error)
	// KeepReason keeps why a customer has canceled; the first reason stays.
	KeepReason(ctx context.Context, user ticketing.UserID, id ticketing.ReservationID, reason string) error
}

type startPaymentInput struct {
	ID   string `path:"id" pattern:"^[1-9][0-9]*-[1-9][0-9]*$" example:"42-1"`
	Body struct {
		CouponID string `json:"coupon_id,omitempty" pattern:"^[1-9][0-9]*-[1-9][0-9]*$" maxLength:"40" doc:"A coupon of yours to use; none without it" example:"3-4812"`
	}
}

type confirmPaymentInput struct {
	Body struct {
		PaymentKey string `json:"payment_key,omitempty" pattern:"^[A-Za-z0-9_=-]+$" maxLength:"200" doc:"The provider's, from its redirect; left out when the amount is 0" example:"tgen_20270302110500abc"`
		OrderID    string `json:"order_id" pattern:"^[1-9][0-9]*-[1-9][0-9]*-[1-9][0-9]*$" maxLength:"60" example:"42-1-1"`
		Amount     int64  `json:"amount" minimum:"0" maximum:"100000000000" doc:"KRW; what you were shown" example:"244200"`
	}
}

type cancelInput struct {
	ID   string `path:"id" pattern:"^[1-9][0-9]*-[1-9][0-9]*$" example:"42-1"`
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"200" doc:"For the house only; more than blanks" example:"일정이 바뀌었습니다"`
	}
}

type paymentBody struct {
	OrderID         string     `json:"order_id" example:"42-1-1"`
	ProviderOrderID string     `json:"provider_order_id" doc:"What the provider knows the order by" example:"tb-order-42-1-1"`
	Reservation     string     `json:"reservation" example:"42-1"`
	Status          string     `json:"status" enum:"open,confirming,declined,paid,refund_due,refunded" doc:"open: waits for you; confirming: the provider is being asked; refund_due: money is on its way back"`
	Seats           string     `json:"reservation_status" enum:"held,paying,confirmed,released,expired,canceled" example:"paying"`
	CouponID        string     `json:"coupon_id,omitempty" example:"3-4812"`
	Price           int64      `json:"price" doc:"KRW, before the coupon" example:"264000"`
	Amount          *int64     `json:"amount,omitempty" doc:"KRW to pay, or paid; absent while the coupon is not settled" example:"244200"`
	Refund          int64      `json:"refund,omitempty" doc:"KRW owed to you, or given back, by status"`
	PayBy           *time.Time `json:"pay_by,omitempty" doc:"When the seats go back unless it is confirmed" example:"2027-03-02T11:10:07Z"`
	Reason          string     `json:"reason,omitempty" doc:"Of a declined one: the provider's code"`
	Seq             uint64     `json:"seq" doc:"The round's last event this answer rests on; 0 for what ended days ago" example:"1234"`
}

type paymentOutput struct {
	Position string `header:"TB-Position" example:"round:42@1234"`
	Body     paymentBody
}

func (s *Server) paymentRoutes() {
	register(s, operation{
		id: "start-payment", method: http.MethodPost, path: "/v1/reservations/{id}/payment", tag: "payments",
		access: Customer, limit: s.reserveShare, status: http.StatusOK, errors: []int{http.StatusConflict, http.StatusUnprocessableEntity},
		summary: "Start to pay",
		about: "Opens an order and says what it costs; asked again, with the same coupon, it is the same order. The seats stay yours " +
			"until `pay_by`. The coupon is looked at first: a request that is refused leaves everything as it was, and the seats no longer " +
			"yours than before. A coupon never leaves less than 100 won to pay unless it leaves nothing: it takes less off. 409 is " +
			"`payment_in_progress` (an order with another coupon is open), `already_confirmed`, `hold_expired`, `reservation_ended`, " +
			"`not_chargeable` (the price is 1 to 99 won, and the coupon does not take it all), `too_many_attempts` (" + strconv.Itoa(ticketing.MaxAttempts) + " orders of this " +
			"reservation were declined); about the coupon `coupon_unknown`, `coupon_in_use`, `coupon_redeemed`, `coupon_expired`, " +
			"`coupon_returned`, `amount_too_small`. Should somebody else take the coupon at that very moment, the order has been started " +
			"and is over: you may start another. On 503 `unavailable` or `busy` ask again.",
	}, s.startPayment)
	register(s, operation{
		id: "get-payment", method: http.MethodGet, path: "/v1/reservations/{id}/payment", tag: "payments", access: Customer,
		status: http.StatusOK, summary: "See how the payment of a reservation stands",
		about: "Its newest order, also after it has ended, until the money that is owed has gone back and beyond." + aboutOwner,
	}, s.getPayment)
	hot[confirmPaymentInput, paymentOutput](s, operation{
		id: "confirm-payment", method: http.MethodPost, path: "/v1/payments/confirm", tag: "payments", access: Customer,
		limit: s.reserveShare, status: http.StatusOK, errors: []int{http.StatusConflict, http.StatusUnprocessableEntity},
		deadline: confirmDeadline, responses: s.confirmAnswers(),
		summary: "Pay, after the provider's window",
		about: "What the provider's redirect to the success page carries. 200: the seats are yours. 202: the provider has not said yes or " +
			"no yet; nothing is lost, ask for the payment again in a second. The same again is answered by how it stands. An amount of 0 " +
			"needs no provider. 409 is `payment_declined` (`detail`: the provider's code; the seats stay held, try again), " +
			"`virtual_account`, `payment_late` (the seats had gone, the money goes back), `amount_mismatch` (of a paid order, too), `not_priced`, " +
			"`payment_in_progress` (another payment for the same order is under way), `hold_expired`, `reservation_ended`, " +
			"`already_confirmed`, `not_payable`. 404 is `not_found`: no such order, or somebody else's. 422 is `invalid_input`. 503 is `busy`, `unavailable` or `stream_frozen`: on the first " +
			"two, and whenever no answer comes, send the same again.",
	}, s.confirmPayment)
	register(s, operation{
		id: "cancel-reservation", method: http.MethodPost, path: "/v1/reservations/{id}/cancel", tag: "payments",
		access: Customer, limit: s.reserveShare, status: http.StatusOK, errors: []int{http.StatusConflict, http.StatusUnprocessableEntity},
		summary: "Cancel a paid reservation",
		about: "The seats are free at once. What was paid, less the round's fee (`cancel_fee_percent`, cut down to whole won), is owed to " +
			"you from now on and shown as `refund_due` until it has gone back; the coupon is yours again. Canceled already is fine. 409 is " +
			"`not_cancelable`: it is not paid (give the seats back instead), or the round's `cancel_until` is past." + aboutOwner,
	}, s.cancelReservation)
	hot[webhookInput, webhookOutput](s, operation{
		id: "toss-webhook", method: http.MethodPost, path: "/v1/webhooks/toss", tag: "payments", access: Public,
		limit: s.sessionShare, status: http.StatusOK, summary: "Tell of a payment's news",
		foreign: true, // its address is what somebody has typed in at the provider's
		about: "For the provider. Nobody can tell who sent it, so nothing in it is believed: about a payment of ours it makes us ask the " +
			"provider, once for each status. All else is answered the same and forgotten. 400 is `malformed_json`, 429 `rate_limited`.",
	}, s.tossWebhook)
}

func (s *Server) startPayment(ctx context.Context, in *startPaymentInput) (*paymentOutput, error) {
	id, ok := ticketing.ParseReservationID(in.ID)
	if !ok {
		return nil, ticketing.ErrNotFound
	}
	if _, ok := ticketing.ParseCouponID(in.Body.CouponID); in.Body.CouponID != "" && !ok {
		return nil, problem(ticketing.CodeCouponUnknown, "")
	}
	user, stream := callerOf(ctx).User, ticketing.RoundStream(id.Round)
	held := s.Sales.Do(ctx, stream, ticketing.ReadReservation{User: user, Number: id.Number})
	if err := s.refusal(held); err != nil {
		return nil, err
	}
	if held.Reservation.Status == ticketing.Held {
		// An order that is refused would keep the seats longer all the same. Of others the round knows what to say.
		if code, err := s.Payments.Check(ctx, held.Reservation, in.Body.CouponID); code != ticketing.OK {
			return nil, because(code, err)
		}
	}
	result := s.Sales.Do(ctx, stream, ticketing.StartPayment{User: user, Number: id.Number, Coupon: in.Body.CouponID})
	if err := s.refusal(result); err != nil {
		return nil, err
	}
	order, code, err := s.Payments.Price(ctx, ticketing.OrderID{Reservation: id, Attempt: result.Reservation.Attempt}, result.Reservation.ExpiresAt)
	if code != ticketing.OK {
		return nil, because(code, err)
	}
	return s.answerPayment(ctx, s.asOfNow(ctx, user, id, result), order), nil
}

// because is a problem with what only the log is told.
func because(code ticketing.Code, cause error) *Problem {
	p := problem(code, "")
	p.cause = cause
	return p
}

func (s *Server) getPayment(ctx context.Context, in *reservationInput) (*paymentOutput, error) {
	id, ok := ticketing.ParseReservationID(in.ID)
	if !ok {
		return nil, ticketing.ErrNotFound
	}
	user := callerOf(ctx).User
	result, order, err := s.orderOf(ctx, user, id, 0)
	if errors.Is(err, ticketing.ErrNotFound) {
		view, err := s.PaymentBooks.PaymentOf(ctx, user, id)
		if err != nil {
			return nil, err
		}
		return &paymentOutput{Body: s.paymentOnWire(view, s.declinedFor(ctx, view.ID, view.State))}, nil
	}
	if err != nil {
		return nil, err
	}
	return s.answerPayment(ctx, result, order), nil
}

// orderOf asks the owner for an order of the caller's; attempt 0 is the newest. It returns ticketing.ErrNotFound for
// what is not his, and for what the round has forgotten.
func (s *Server) orderOf(ctx context.Context, user ticketing.UserID, id ticketing.ReservationID, attempt uint32) (ticketing.Result, ticketing.Order, error) {
	stream := ticketing.RoundStream(id.Round)
	result := s.Sales.Do(ctx, stream, ticketing.ReadReservation{User: user, Number: id.Number})
	if result.Code == ticketing.OK {
		if attempt == 0 {
			attempt = result.Reservation.Attempt
		}
		answer := s.Sales.Do(ctx, stream, ticketing.ReadOrder{Number: id.Number, Attempt: attempt})
		if answer.Code == ticketing.OK && answer.Order != nil {
			return result, *answer.Order, nil
		}
		result.Code = answer.Code
	}
	if result.Code == ticketing.CodeNotFound {
		return result, ticketing.Order{}, ticketing.ErrNotFound
	}
	return result, ticketing.Order{}, s.refusal(result)
}

func (s *Server) answerPayment(ctx context.Context, result ticketing.Result, o ticketing.Order) *paymentOutput {
	body := s.paymentOnWire(viewOf(o, result.Reservation.ExpiresAt), s.declinedFor(ctx, o.ID, o.State))
	body.Seq = result.Seq
	return &paymentOutput{Position: positionOf(ticketing.RoundStream(o.ID.Reservation.Round), result.Seq), Body: body}
}

func viewOf(o ticketing.Order, until ticketing.Millis) ticketing.PaymentView {
	return ticketing.PaymentView{
		ID: o.ID, State: o.State, Reservation: o.Reservation, Coupon: o.Coupon, Price: o.Price, Amount: o.Amount, Priced: o.Priced,
		Refund: o.Refund, Until: until,
	}
}

// declinedFor is why an order was declined. It is a courtesy: an answer does not fail for want of it.
func (s *Server) declinedFor(ctx context.Context, id ticketing.OrderID, state ticketing.OrderState) string {
	if state != ticketing.OrderDeclined {
		return ""
	}
	code, err := s.PaymentBooks.DeclinedFor(ctx, id)
	if err != nil {
		s.Log.Warn("why a payment was declined is not known", "order", id.String(), "err", err)
	}
	return code
}

func (s *Server) paymentOnWire(v ticketing.PaymentView, reason string) paymentBody {
	body := paymentBody{
		OrderID: v.ID.String(), ProviderOrderID: s.Payments.OrderName(v.ID), Reservation: v.ID.Reservation.String(),
		Status: v.State.String(), Seats: v.Reservation.String(), CouponID: v.Coupon, Price: int64(v.Price), Refund: int64(v.Refund), Reason: reason,
	}
	if v.Priced {
		amount := int64(v.Amount)
		body.Amount = &amount
	}
	if v.State == ticketing.OrderOpen && v.Reservation == ticketing.Paying {
		body.PayBy = moment(v.Until)
	}
	return body
}

func (s *Server) cancelReservation(ctx context.Context, in *cancelInput) (*reservationOutput, error) {
	id, ok := ticketing.ParseReservationID(in.ID)
	if !ok {
		return nil, ticketing.ErrNotFound
	}
	reason := strings.TrimSpace(in.Body.Reason)
	if reason == "" {
		return nil, invalid("reason", "1 to 200 characters, and more than blanks")
	}
	user := callerOf(ctx).User
	result := s.Sales.Do(ctx, ticketing.RoundStream(id.Round), ticketing.CancelReservation{User: user, Number: id.Number})
	if err := s.refusal(result); err != nil {
		return nil, err
	}
	if err := s.PaymentBooks.KeepReason(ctx, user, id, reason); err != nil {
		return nil, err // asked again, the reservation is canceled already, and the reason is kept
	}
	return &reservationOutput{positionOf(ticketing.RoundStream(id.Round), result.Seq), reservationOnWire(result.Reservation, result.Seq)}, nil
}

func reservationOnWire(r ticketing.Reservation, seq uint64) reservationBody {
	return reservationBody{
		ID: r.ID.String(), Round: int64(r.ID.Round), Status: r.Status.String(), Seats: r.Seats, Amount: int64(r.Amount),
		HeldAt: r.HeldAt.Time(), ExpiresAt: moment(r.ExpiresAt), RefundDue: int64(r.RefundDue), Seq: seq,
	}
}
