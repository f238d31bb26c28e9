package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"ticketblue/ticketing"
)

// freeKey stands for the provider's key where nothing is charged.
const freeKey = "free"

// confirmAnswers documents that an answer may come before the provider's.
func (s *Server) confirmAnswers() map[string]*huma.Response {
	schema := s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[paymentBody](), true, "")
	return map[string]*huma.Response{"202": {
		Description: "The provider has not answered yet",
		Content:     map[string]*huma.MediaType{fiber.MIMEApplicationJSON: {Schema: schema}},
	}}
}

type confirmation struct {
	id     ticketing.OrderID
	key    string
	amount ticketing.KRW
}

// confirmPayment has the provider's key written down before anybody asks the provider, and then takes the saga's steps
// as a job would after a crash.
func (s *Server) confirmPayment(c *fiber.Ctx) error {
	asked, err := readConfirmation(c.Request().Body())
	if err != nil {
		return err
	}
	if nobody := s.Checkout.Provider == "" || s.Checkout.Provider == ProviderNone; nobody && asked.amount > 0 {
		return problem(ticketing.CodeNotPayable, "Nobody takes money here.") // once written down, only a provider's answer would free the seats
	}
	ctx, user := c.UserContext(), callerOf(c.Context()).User
	reservation := asked.id.Reservation
	result := s.Sales.Do(ctx, ticketing.RoundStream(reservation.Round), ticketing.ConfirmPayment{
		User: user, Number: reservation.Number, Attempt: asked.id.Attempt, Amount: asked.amount, PaymentKey: asked.key,
	})
	if err := s.refusal(result); err != nil {
		return s.confirmedBefore(c, user, asked, result, err)
	}
	order, code, err := s.Payments.Settle(ctx, asked.id, ticketing.MillisOf(s.Clock()), confirmPatience)
	if order.ID != asked.id { // not even the round has answered
		p := problem(ticketing.CodeUnavailable, "It is not known yet what became of the payment.")
		p.cause = err
		return p
	}
	if code == "" { // a job or a webhook came first, and has kept why
		code = s.declinedFor(ctx, order.ID, order.State)
	}
	return s.answerConfirmation(c, s.asOfNow(ctx, user, reservation, result), order, code)
}

// asOfNow is a command's result with the position that its round has come to since: what the saga has done after the
// command is told with it.
func (s *Server) asOfNow(ctx context.Context, user ticketing.UserID, id ticketing.ReservationID, result ticketing.Result) ticketing.Result {
	now := s.Sales.Do(ctx, ticketing.RoundStream(id.Round), ticketing.ReadReservation{User: user, Number: id.Number})
	if now.Code == ticketing.OK {
		result.Seq = now.Seq
	}
	return result
}

// confirmedBefore answers for a payment that has been decided: the page was loaded again, or the first answer was lost.
func (s *Server) confirmedBefore(c *fiber.Ctx, user ticketing.UserID, asked confirmation, refused ticketing.Result, refusal error) error {
	switch refused.Code {
	case ticketing.CodeNotPayable, ticketing.CodeHoldExpired, ticketing.CodeReservationEnded, ticketing.CodeAlreadyConfirmed:
	default:
		return refusal
	}
	result, order, err := s.orderOf(c.UserContext(), user, asked.id.Reservation, asked.id.Attempt)
	if err != nil || order.PaymentKey == "" || order.PaymentKey != asked.key || order.Amount != asked.amount {
		return refusal
	}
	return s.answerConfirmation(c, result, order, s.declinedFor(c.UserContext(), order.ID, order.State))
}

// answerConfirmation is a yes only where the seats are the customer's.
func (s *Server) answerConfirmation(c *fiber.Ctx, result ticketing.Result, o ticketing.Order, code string) error {
	status := http.StatusOK
	switch o.State {
	case ticketing.OrderConfirming:
		status = http.StatusAccepted
	case ticketing.OrderDeclined:
		if code == string(ticketing.CodeVirtualAccount) {
			return problem(ticketing.CodeVirtualAccount, "")
		}
		return problem(ticketing.CodePaymentDeclined, code)
	case ticketing.OrderRefundDue, ticketing.OrderRefunded:
		if o.Reservation == ticketing.Canceled {
			return problem(ticketing.CodeReservationEnded, "What was paid goes back.")
		}
		return problem(ticketing.CodePaymentLate, "")
	}
	body := s.paymentOnWire(viewOf(o, 0), "")
	body.Seq = result.Seq
	setPosition(c, ticketing.RoundStream(o.ID.Reservation.Round), result.Seq)
	return c.Status(status).JSON(body)
}

var paymentKeyForm = regexp.MustCompile(`^[A-Za-z0-9_=-]+$`)

// readConfirmation reads a confirmPaymentInput by hand.
func readConfirmation(raw []byte) (confirmation, error) {
	var asked confirmation
	if checkStrict(raw) != nil {
		return asked, problem(codeMalformedJSON, "")
	}
	fields, err := readObject("body", raw, "payment_key", "order_id", "amount")
	if err != nil {
		return asked, err
	}
	var text string
	ok := json.Unmarshal(fields["order_id"], &text) == nil
	if ok {
		asked.id, ok = ticketing.ParseOrderID(text)
	}
	if !ok {
		return asked, invalid("order_id", "the order_id of a payment that was started, such as 42-1-1")
	}
	const most = 100_000_000_000
	if amount := fields["amount"]; json.Unmarshal(amount, &asked.amount) != nil || string(amount) == "null" || asked.amount < 0 || asked.amount > most {
		return asked, invalid("amount", "the whole won that you were shown, from 0")
	}
	if asked.amount == 0 {
		asked.key = freeKey // no provider is asked, whatever was sent
		return asked, nil
	}
	const want = "the provider's payment key: 1 to 200 letters, digits, -, _ and ="
	if json.Unmarshal(fields["payment_key"], &asked.key) != nil || len(asked.key) > ticketing.MaxPaymentKeyBytes ||
		!paymentKeyForm.MatchString(asked.key) || asked.key == freeKey {
		return asked, invalid("payment_key", want)
	}
	return asked, nil
}

type webhookInput struct {
	Body webhookBody
}

type webhookBody struct {
	_         struct{} `additionalProperties:"true"`
	EventType string   `json:"eventType,omitempty" maxLength:"100" example:"PAYMENT_STATUS_CHANGED"`
	Data      struct {
		_           struct{} `additionalProperties:"true"`
		PaymentKey  string   `json:"paymentKey,omitempty" maxLength:"200" example:"tgen_20270302110500abc"`
		Status      string   `json:"status,omitempty" maxLength:"40" example:"DONE"`
		Transaction string   `json:"lastTransactionKey,omitempty" maxLength:"100" example:"9C62B18EEF0DE3EB7F4422EB6D14BC6E"`
	} `json:"data,omitempty"`
}

type webhookOutput struct {
	Body struct {
		Received bool `json:"received" example:"true"`
	}
}

// tossWebhook keeps what is about a payment of ours, and answers everything that is JSON the same.
func (s *Server) tossWebhook(c *fiber.Ctx) error {
	raw := c.Request().Body()
	if checkStrict(raw) != nil {
		return problem(codeMalformedJSON, "")
	}
	if h, ok := readWebhook(raw); ok {
		if err := s.Payments.Hinted(c.UserContext(), h); err != nil {
			return unavailable(err) // the provider sends it again
		}
	}
	return c.Status(http.StatusOK).JSON(fiber.Map{"received": true})
}

func readWebhook(raw []byte) (ticketing.PaymentHint, bool) {
	var body webhookBody
	if json.Unmarshal(raw, &body) != nil {
		return ticketing.PaymentHint{}, false
	}
	d := body.Data
	fits := len(d.PaymentKey) <= ticketing.MaxPaymentKeyBytes && paymentKeyForm.MatchString(d.PaymentKey) && d.PaymentKey != freeKey &&
		len(d.Status) <= 40 && len(d.Transaction) <= 100
	return ticketing.PaymentHint{Key: d.PaymentKey, Status: d.Status, Transaction: d.Transaction}, fits
}

func unavailable(cause error) *Problem { return because(ticketing.CodeUnavailable, cause) }
