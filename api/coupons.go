package api

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"ticketblue/ticketing"
)

type claimInput struct {
	ID  int64  `path:"id" minimum:"1" example:"3"`
	Key string `header:"Idempotency-Key" required:"true" minLength:"1" maxLength:"255" pattern:"^[ -~]+$" doc:"Your own name for this request; send the same one when you repeat it" example:"4f9c1d2e"`
}

// CouponFacts is what an answer to a claim and a list have in common. It is exported because huma documents no other
// embedded fields.
type CouponFacts struct {
	ID            string       `json:"id" example:"3-4812"`
	Campaign      int64        `json:"campaign" example:"3"`
	Number        uint32       `json:"number" doc:"You were the number-th" example:"4812"`
	Of            int          `json:"of,omitempty" doc:"of so many; absent when there is no limit" example:"5000"`
	Status        string       `json:"status" enum:"issued,reserved,redeemed,expired"`
	Discount      discountBody `json:"discount"`
	MinimumAmount int64        `json:"minimum_amount" doc:"KRW: orders below this get nothing off" example:"50000"`
	IssuedAt      time.Time    `json:"issued_at" example:"2027-03-02T11:00:07Z"`
	ExpiresAt     time.Time    `json:"expires_at" example:"2027-06-01T15:00:00Z"`
}

type couponBody struct {
	CouponFacts
	Seq uint64 `json:"seq" doc:"The campaign's last event this answer rests on" example:"1234"`
}

type claimOutput struct {
	Position string `header:"TB-Position" example:"campaign:3@1234"`
	Replayed string `header:"Idempotency-Replayed" doc:"true: this request had been granted before"`
	Body     couponBody
}

type myCouponsInput struct {
	AfterPosition
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
	After  string `query:"after" maxLength:"80" doc:"The next of the page before"`
	Usable choice `query:"usable" doc:"true: only those that could be used now; false: only those that could not. Both when left out"`
	Amount int64  `query:"amount" minimum:"1" maximum:"100000000000" doc:"With usable: by an order of so many won"`
}

type myCouponBody struct {
	CouponFacts
	Name          string     `json:"name" doc:"The campaign's" example:"가을맞이 10%"`
	Off           *int64     `json:"off,omitempty" doc:"With usable=true and amount: the won it would take off that order" example:"19800"`
	Order         string     `json:"order,omitempty" doc:"That it is reserved for, or was redeemed by" example:"42-1-1"`
	Taken         int64      `json:"taken,omitempty" doc:"The won it takes, or took, off that order" example:"19800"`
	ReservedUntil *time.Time `json:"reserved_until,omitempty" doc:"When that order can no longer be paid"`
}

type myCouponsOutput struct{ Body page[myCouponBody] }

func (s *Server) couponRoutes() {
	hot[claimInput, claimOutput](s, operation{
		id: "claim-coupon", method: http.MethodPost, path: "/v1/campaigns/{id}/coupons", tag: "coupons",
		access: Customer, noBody: true, limit: s.reserveShare, status: http.StatusCreated,
		errors:  []int{http.StatusConflict, http.StatusUnprocessableEntity},
		summary: "Claim a coupon",
		about: "First come, first served, one to a customer. No body. 409 with the first that applies of `not_claimable`, " +
			"`campaign_not_open` (`retry_at`: when it opens), `campaign_paused`, `campaign_closed`, `idempotency_mismatch`, " +
			"`coupon_already_issued`, `coupons_gone`. 400 is `idempotency_key_required`, 422 `invalid_input`, 429 " +
			"`rate_limited`. 503 is `busy`, `unavailable` or `stream_frozen`: on the first two, and whenever no answer comes, " +
			"repeat with the same key.",
	}, s.claim)
	register(s, operation{
		id: "list-coupons", method: http.MethodGet, path: "/v1/coupons", tag: "coupons", access: Customer,
		status: http.StatusOK, errors: []int{http.StatusUnprocessableEntity}, summary: "See your coupons",
		about: "Newest first, those that are used up too, or with `usable=true` only those that can be used. A list is a little " +
			"behind what you have just done: send the TB-Position of that answer to wait for it. On 503 `unavailable` ask again.",
	}, s.listCoupons)
}

func (s *Server) claim(c *fiber.Ctx) error {
	campaign, err := parseClaim(c)
	if err != nil {
		return err
	}
	user := callerOf(c.Context()).User
	result := s.Sales.Do(c.UserContext(), ticketing.CampaignStream(campaign), ticketing.ClaimCoupon{
		User: user, Key: claimKey(user, campaign, c.Request().Header.Peek(headerIdempotencyKey)), Body: claimBody,
	})
	if err := s.refusal(result); err != nil {
		return err
	}
	if result.Replayed {
		c.Set(headerReplayed, "true")
	}
	return answerCoupon(c, result)
}

// claimBody: all claims ask for the same.
var claimBody = ticketing.DigestOf("claim")

// claimKey names the request for ever.
func claimKey(user ticketing.UserID, campaign ticketing.CampaignID, key []byte) ticketing.Digest {
	var u, r [20]byte // digits of an int64, and its sign
	return ticketing.DigestOf(string(strconv.AppendInt(u[:0], int64(user), 10)), "claim",
		string(strconv.AppendInt(r[:0], int64(campaign), 10)), string(key))
}

// parseClaim is shared with the bench's no-op, which must do the same work.
func parseClaim(c *fiber.Ctx) (ticketing.CampaignID, error) {
	campaign, ok := ticketing.ParseCampaignID(c.Params("id"))
	if !ok {
		return 0, ticketing.ErrNotFound
	}
	if body := bytes.TrimSpace(c.Request().Body()); len(body) > 0 && string(body) != "{}" {
		return 0, invalid("body", "empty, or {}")
	}
	return campaign, checkKey(c.Request().Header.Peek(headerIdempotencyKey))
}

func answerCoupon(c *fiber.Ctx, result ticketing.Result) error {
	setPosition(c, ticketing.CampaignStream(result.Coupon.ID.Campaign), result.Seq)
	response := c.Response()
	response.SetStatusCode(http.StatusCreated)
	response.Header.SetContentType(fiber.MIMEApplicationJSON)
	var space [answerSize]byte
	response.SetBody(appendCoupon(space[:0], result.Coupon, result.Seq))
	return nil
}

// appendCoupon writes a couponBody as encoding/json would.
func appendCoupon(dst []byte, k *ticketing.Coupon, seq uint64) []byte {
	number := func(name string, n int64) {
		dst = append(append(dst, name...), ':')
		dst = strconv.AppendInt(dst, n, 10)
	}
	dst = append(dst, `{"id":"`...)
	dst = strconv.AppendInt(dst, int64(k.ID.Campaign), 10)
	dst = append(dst, '-')
	dst = strconv.AppendUint(dst, uint64(k.ID.Number), 10)
	number(`","campaign"`, int64(k.ID.Campaign))
	number(`,"number"`, int64(k.ID.Number))
	if k.Of != 0 {
		number(`,"of"`, int64(k.Of))
	}
	dst = append(dst, `,"status":"`...)
	dst = append(dst, k.Status.String()...)
	dst = append(dst, `","discount":{"kind":"`...)
	dst = append(dst, k.Discount.Kind.String()...)
	number(`","value"`, k.Discount.Value)
	if k.Discount.Cap != 0 {
		number(`,"cap"`, int64(k.Discount.Cap))
	}
	number(`},"minimum_amount"`, int64(k.Discount.Minimum))
	dst = append(dst, `,"issued_at":"`...)
	dst = k.IssuedAt.Time().AppendFormat(dst, time.RFC3339Nano)
	dst = append(dst, `","expires_at":"`...)
	dst = k.ExpiresAt.Time().AppendFormat(dst, time.RFC3339Nano)
	dst = append(dst, `","seq":`...)
	dst = strconv.AppendUint(dst, seq, 10)
	return append(dst, '}')
}

func (s *Server) listCoupons(ctx context.Context, in *myCouponsInput) (*myCouponsOutput, error) {
	l := listOf("list-coupons", in.Usable.Of, in.Amount)
	after, err := parseCouponCursor(l, in.After)
	if err != nil {
		return nil, err
	}
	var filter ticketing.CouponFilter
	if in.Usable.Of != ticketing.Either {
		filter = ticketing.CouponFilter{UsableAt: ticketing.MillisOf(s.Clock()), Amount: ticketing.KRW(in.Amount), Unusable: in.Usable.Of == ticketing.No}
	} else if in.Amount != 0 {
		return nil, invalid("amount", "left out without usable")
	}
	if err := s.await(ctx, in.AfterPosition); err != nil {
		return nil, err
	}
	found, err := s.Campaigns.CouponsOf(ctx, callerOf(ctx).User, filter, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	var amount ticketing.KRW // of the order that these could be used by
	if !filter.Unusable {
		amount = filter.Amount
	}
	onWire := func(k ticketing.CouponSummary) myCouponBody { return myCouponOnWire(k, amount) }
	place := func(k ticketing.CouponSummary) string { return l.cursor(int64(k.IssuedAt), k.ID.String()) }
	return &myCouponsOutput{pageOf(found, in.Limit, onWire, place)}, nil
}

func myCouponOnWire(k ticketing.CouponSummary, amount ticketing.KRW) myCouponBody {
	body := myCouponBody{CouponFacts: factsOnWire(&k.Coupon), Name: k.Name, Taken: int64(k.Taken), ReservedUntil: moment(k.ReservedUntil)}
	if k.Order != (ticketing.OrderID{}) {
		body.Order = k.Order.String()
	}
	if amount > 0 {
		off := int64(k.Discount.Of(amount))
		body.Off = &off
	}
	return body
}

func factsOnWire(k *ticketing.Coupon) CouponFacts {
	return CouponFacts{
		ID: k.ID.String(), Campaign: int64(k.ID.Campaign), Number: k.ID.Number, Of: k.Of, Status: k.Status.String(),
		Discount: discountOnWire(k.Discount), MinimumAmount: int64(k.Discount.Minimum),
		IssuedAt: k.IssuedAt.Time(), ExpiresAt: k.ExpiresAt.Time(),
	}
}

// parseCouponCursor reads a place in a customer's list; "" is the beginning.
func parseCouponCursor(l list, cursor string) (c ticketing.CouponCursor, err error) {
	issuedAt, id, err := l.place(cursor)
	if cursor == "" || err != nil {
		return c, err
	}
	var ok bool
	if c.ID, ok = ticketing.ParseCouponID(id); !ok || issuedAt > maxMillis {
		return c, errNotNext
	}
	c.IssuedAt = ticketing.Millis(issuedAt)
	return c, nil
}
