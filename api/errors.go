package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"ticketblue/api/auth"
	"ticketblue/ticketing"
)

// Codes of the api itself; the machine's stand in ticketing/result.go.
const (
	codeMalformedRequest   ticketing.Code = "malformed_request"
	codeMalformedJSON      ticketing.Code = "malformed_json"
	codeKeyRequired        ticketing.Code = "idempotency_key_required"
	codeUnauthenticated    ticketing.Code = "unauthenticated"
	codeCredentialsInvalid ticketing.Code = "credentials_invalid"
	codeForbidden          ticketing.Code = "forbidden"
	codeMethodNotAllowed   ticketing.Code = "method_not_allowed"
	codeRequestTimeout     ticketing.Code = "request_timeout"
	codeEmailTaken         ticketing.Code = "email_taken"
	codeBodyTooLarge       ticketing.Code = "body_too_large"
	codeMediaType          ticketing.Code = "unsupported_media_type"
	codeInvalidInput       ticketing.Code = "invalid_input"
	codeRateLimited        ticketing.Code = "rate_limited"
	codeHeadersTooLarge    ticketing.Code = "headers_too_large"
	codeSessionEnded       ticketing.Code = "session_ended"
	codeCrossOrigin        ticketing.Code = "cross_origin"
	codeReauthenticate     ticketing.Code = "reauthentication_required"
	codeLiveTickets        ticketing.Code = "live_tickets"
	codeAdminAccount       ticketing.Code = "admin_account"
	codeOwnAccount         ticketing.Code = "own_account"
	codePasswordNotSet     ticketing.Code = "password_not_set"
	codeResetInvalid       ticketing.Code = "reset_invalid"
	codeJobRunning         ticketing.Code = "job_running"
)

// rule is how a code looks on the wire.
type rule struct {
	status    int
	title     string
	retryable bool
}

// rules maps every code there is to its status, in one place.
var rules = map[ticketing.Code]rule{
	codeMalformedRequest:   {http.StatusBadRequest, "The request is not proper HTTP", false},
	codeMalformedJSON:      {http.StatusBadRequest, "The body is not proper JSON", false},
	codeKeyRequired:        {http.StatusBadRequest, "The Idempotency-Key header is missing", false},
	codeUnauthenticated:    {http.StatusUnauthorized, "Log in first", false},
	codeCredentialsInvalid: {http.StatusUnauthorized, "E-mail or password is wrong", false},
	codeForbidden:          {http.StatusForbidden, "Not for this account", false},
	codeMethodNotAllowed:   {http.StatusMethodNotAllowed, "This path does not know the method", false},
	codeRequestTimeout:     {http.StatusRequestTimeout, "The request took too long to arrive", true},
	codeBodyTooLarge:       {http.StatusRequestEntityTooLarge, "The body is too large", false},
	codeMediaType:          {http.StatusUnsupportedMediaType, "The body is of a type or coding that is not taken here", false},
	codeInvalidInput:       {http.StatusUnprocessableEntity, "Some fields are not right", false},
	codeRateLimited:        {http.StatusTooManyRequests, "Too many requests of yours", true},
	codeHeadersTooLarge:    {http.StatusRequestHeaderFieldsTooLarge, "The headers are too large", false},
	codeEmailTaken:         {http.StatusConflict, "An account with this e-mail exists, or did", false},
	codeSessionEnded:       {http.StatusUnauthorized, "The session has ended; log in again", false},
	codeCrossOrigin:        {http.StatusForbidden, "A page of another site may not do this", false},
	codeReauthenticate:     {http.StatusForbidden, "Log in again first", false},
	codeLiveTickets:        {http.StatusConflict, "There are tickets or held seats", false},
	codeAdminAccount:       {http.StatusConflict, "An admin's account; another admin must make it a customer's first", false},
	codeOwnAccount:         {http.StatusConflict, "Not with one's own account", false},
	codePasswordNotSet:     {http.StatusConflict, "The account has no password", false},
	codeResetInvalid:       {http.StatusConflict, "The link was used, or replaced, or is too old", false},
	codeJobRunning:         {http.StatusConflict, "A run of the job is not done", true},

	ticketing.CodeNotFound:            {http.StatusNotFound, "There is no such thing, or it is not yours", false},
	ticketing.CodeSaleNotOpen:         {http.StatusConflict, "The sale has not opened", false},
	ticketing.CodeSalePaused:          {http.StatusConflict, "The sale is paused", false},
	ticketing.CodeSaleClosed:          {http.StatusConflict, "The sale is closed", false},
	ticketing.CodeIdempotencyMismatch: {http.StatusConflict, "The Idempotency-Key was used for another request", false},
	ticketing.CodeSeatUnknown:         {http.StatusConflict, "The hall has no such seat", false},
	ticketing.CodeGradeUnknown:        {http.StatusConflict, "The hall has no such grade", false},
	ticketing.CodeSectionUnknown:      {http.StatusConflict, "The hall has no such section, or not with that grade", false},
	ticketing.CodeSeatsInvalid:        {http.StatusConflict, "The list of seats is not right", false},
	ticketing.CodeLimitExceeded:       {http.StatusConflict, "More seats than one customer may have in this round", false},
	ticketing.CodeTooManyKeys:         {http.StatusTooManyRequests, "Too many requests are remembered for you", false},
	ticketing.CodeSeatBlocked:         {http.StatusConflict, "A seat is not on sale", false},
	ticketing.CodeSeatTaken:           {http.StatusConflict, "A seat is taken", false},
	ticketing.CodeNoBlock:             {http.StatusConflict, "There are not so many free seats next to each other", false},
	ticketing.CodeAllHeld:             {http.StatusConflict, "Every seat is held; some may come back", false},
	ticketing.CodeSoldOut:             {http.StatusConflict, "Sold out", false},
	ticketing.CodePaymentInProgress:   {http.StatusConflict, "A payment is in progress", false},
	ticketing.CodeHoldExpired:         {http.StatusConflict, "The hold has expired", false},
	ticketing.CodeReservationEnded:    {http.StatusConflict, "The reservation has ended", false},
	ticketing.CodeNotPayable:          {http.StatusConflict, "The reservation is not waiting for a payment", false},
	ticketing.CodeTooManyAttempts:     {http.StatusConflict, "Too many payments of this reservation were declined", false},
	ticketing.CodeNotPriced:           {http.StatusConflict, "The coupon is not settled yet", true},
	ticketing.CodeAmountMismatch:      {http.StatusConflict, "That is not the amount owed", false},
	ticketing.CodeNotCancelable:       {http.StatusConflict, "The reservation cannot be canceled", false},
	ticketing.CodeAlreadyConfirmed:    {http.StatusConflict, "The reservation is paid", false},
	ticketing.CodeNotClaimable:        {http.StatusConflict, "These coupons are given, not claimed", false},
	ticketing.CodeCampaignNotOpen:     {http.StatusConflict, "The campaign has not opened", false},
	ticketing.CodeCampaignPaused:      {http.StatusConflict, "The campaign is paused", false},
	ticketing.CodeCampaignClosed:      {http.StatusConflict, "The campaign is closed", false},
	ticketing.CodeCouponAlreadyIssued: {http.StatusConflict, "You have a coupon of this campaign", false},
	ticketing.CodeCouponsGone:         {http.StatusConflict, "All coupons are gone", false},
	ticketing.CodeCouponInUse:         {http.StatusConflict, "The coupon is in use for another order", false},
	ticketing.CodeCouponRedeemed:      {http.StatusConflict, "The coupon has been used", false},
	ticketing.CodeCouponExpired:       {http.StatusConflict, "The coupon has expired", false},
	ticketing.CodeCouponReturned:      {http.StatusConflict, "This order has given the coupon back", false},
	ticketing.CodeCouponNotReserved:   {http.StatusConflict, "The coupon is not reserved for this order", false},
	ticketing.CodeAmountTooSmall:      {http.StatusConflict, "The order is too small for this coupon", false},
	ticketing.CodeHasCoupons:          {http.StatusConflict, "Customers have coupons of it, or had", false},
	ticketing.CodeNotChargeable:       {http.StatusConflict, "Less than 100 won cannot be charged", false},
	ticketing.CodeCouponUnknown:       {http.StatusConflict, "You have no such coupon", false},
	ticketing.CodePaymentDeclined:     {http.StatusConflict, "The payment was declined", false},
	ticketing.CodePaymentLate:         {http.StatusConflict, "The seats had gone; the money goes back", false},
	ticketing.CodeVirtualAccount:      {http.StatusConflict, "Virtual accounts are not taken: pay by card or at once", false},
	ticketing.CodePricesInvalid:       {http.StatusConflict, "There must be one price per grade", false},
	ticketing.CodeCommandUnknown:      {http.StatusConflict, "That cannot be done with this", false},
	ticketing.CodeSaleBegun:           {http.StatusConflict, "The sale has begun", false},
	ticketing.CodeTimesInvalid:        {http.StatusConflict, "The sale must open before it closes and before the showing", false},
	ticketing.CodeInUse:               {http.StatusConflict, "Other things rest on it", false},
	ticketing.CodeHasSales:            {http.StatusConflict, "Customers have seats, or had", false},
	ticketing.CodeRoundClash:          {http.StatusConflict, "The hall is taken then", false},
	ticketing.CodeAlreadyLinked:       {http.StatusConflict, "The performer is in it already", false},
	ticketing.CodeTicketRequired:      {http.StatusForbidden, "For those who have a ticket", false},
	ticketing.CodeShowNotOver:         {http.StatusConflict, "The show is not over", false},
	ticketing.CodeAlreadyReviewed:     {http.StatusConflict, "You have reviewed it already", false},
	ticketing.CodeChangedMeanwhile:    {http.StatusPreconditionFailed, "Somebody has changed it meanwhile", false},
	ticketing.CodeUnavailable:         {http.StatusServiceUnavailable, "Not available just now", true},
	ticketing.CodeBusy:                {http.StatusServiceUnavailable, "Too busy just now", true},
	ticketing.CodeFrozen:              {http.StatusServiceUnavailable, "Stopped until somebody has looked at it", false},
	ticketing.CodeInternal:            {http.StatusInternalServerError, "Something went wrong here", false},
}

// FieldError is one thing that is wrong with the input.
type FieldError struct {
	Field string `json:"field" doc:"Where: a field of the body, a parameter or a header" example:"seats[0]"`
	Want  string `json:"want" doc:"What would be right" example:"a seat label such as A-1-1"`
}

// Problem is every error's answer (RFC 9457).
type Problem struct {
	Type      string       `json:"type" example:"urn:ticketblue:problem:seat_taken"`
	Title     string       `json:"title" example:"A seat is taken"`
	Status    int          `json:"status" example:"409"`
	Detail    string       `json:"detail,omitempty"`
	Code      string       `json:"code" doc:"Stable; clients match on it" example:"seat_taken"`
	Retryable bool         `json:"retryable" doc:"The same request may succeed later"`
	Seats     []string     `json:"seats,omitempty" nullable:"false" doc:"The seats that failed"`
	RetryAt   *time.Time   `json:"retry_at,omitempty" doc:"When asking again may help"`
	Errors    []FieldError `json:"errors,omitempty" nullable:"false"`
	RequestID string       `json:"request_id,omitempty"`

	retryAfter time.Duration
	cause      error  // for the log only
	head       string // its JSON up to retryable, when there is no detail
}

// Error makes a Problem an error that handlers can return.
func (p *Problem) Error() string { return p.Code + ": " + p.Title }

// GetStatus tells huma the status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType tells huma what to call it.
func (p *Problem) ContentType(string) string { return mimeProblem }

// GetHeaders tells huma the headers that go with it.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if seconds, tell := p.retryAfterSeconds(); tell {
		h.Set(fiber.HeaderRetryAfter, strconv.FormatInt(seconds, 10))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set(fiber.HeaderWWWAuthenticate, challenge)
	}
	return h
}

func (p *Problem) retryAfterSeconds() (seconds int64, tell bool) {
	tell = p.Retryable && (p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests)
	return int64((max(p.retryAfter, unavailableDelay) + time.Second - 1) / time.Second), tell
}

const (
	mimeProblem = "application/problem+json"
	challenge   = "Bearer" // of a 401
)

// blanks are the problems of all codes with nothing filled in, made once.
var blanks = func() map[ticketing.Code]*Problem {
	all := make(map[ticketing.Code]*Problem, len(rules))
	for code, r := range rules {
		p := &Problem{
			Type: "urn:ticketblue:problem:" + string(code), Title: r.title, Status: r.status, Code: string(code), Retryable: r.retryable,
		}
		p.head = string(appendProblemHead(nil, p))
		all[code] = p
	}
	return all
}()

func problem(code ticketing.Code, detail string) *Problem {
	p := blank(code)
	p.Detail = detail
	return &p
}

func blank(code ticketing.Code) Problem {
	p, known := blanks[code]
	if !known {
		p = blanks[ticketing.CodeInternal]
	}
	return *p
}

func invalid(field, want string) *Problem {
	p := problem(codeInvalidInput, field+" must be "+want)
	p.Errors = []FieldError{{field, want}}
	return p
}

func rateLimited(after time.Duration) *Problem {
	p := problem(codeRateLimited, "")
	p.retryAfter = after
	return p
}

// refusal is what a machine's no looks like; nil for a yes.
func (s *Server) refusal(r ticketing.Result) error {
	if r.Code == ticketing.OK {
		return nil
	}
	p := s.refused(blank(r.Code), &r)
	return &p
}

// refused fills a machine's no in.
func (s *Server) refused(p Problem, r *ticketing.Result) Problem {
	p.Seats = r.Seats
	if r.RetryAt != 0 {
		at := r.RetryAt.Time()
		p.RetryAt, p.retryAfter = &at, at.Sub(s.Clock())
	}
	return p
}

// refusedBy is what the catalogue's no looks like.
func refusedBy(no *ticketing.Refusal) *Problem {
	p := problem(no.Code, no.Detail)
	if no.RetryAt != 0 {
		at := no.RetryAt.Time()
		p.RetryAt = &at
	}
	return p
}

// problemOf maps any error. What must not be shown becomes the problem's cause, which goes to the log.
func problemOf(err error) *Problem {
	if p, is := errors.AsType[*Problem](err); is {
		return p // nearly always; what errors.As needs would be made in vain
	}
	var p *Problem
	var field *ticketing.Invalid
	var no *ticketing.Refusal
	var fromFiber *fiber.Error
	switch {
	case errors.As(err, &field):
		return invalid(field.Field, field.Want)
	case errors.As(err, &no):
		return refusedBy(no)
	case errors.Is(err, ticketing.ErrNotFound):
		return problem(ticketing.CodeNotFound, "")
	case errors.Is(err, ticketing.ErrEmailTaken):
		return problem(codeEmailTaken, "")
	case errors.Is(err, ticketing.ErrTaskRunning):
		return problem(codeJobRunning, "")
	case errors.Is(err, ticketing.ErrLiveTickets):
		return problem(codeLiveTickets, "")
	case errors.Is(err, auth.ErrUnauthenticated):
		return problem(codeUnauthenticated, "")
	case errors.Is(err, auth.ErrBusy):
		p = problem(ticketing.CodeBusy, "Too many people are logging in.")
		p.retryAfter = auth.HashWait
		return p
	case errors.As(err, &fromFiber):
		return problemOfStatus(fromFiber.Code)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		p = problem(ticketing.CodeUnavailable, "It took too long.")
	case errors.Is(err, ticketing.ErrUnavailable), databaseAway(err):
		p = problem(ticketing.CodeUnavailable, "")
	default:
		p = problem(ticketing.CodeInternal, "")
	}
	p.cause = err
	return p
}

// databaseAway tells whether the database could not be reached, went away, or had no time or room: asking later may help. The
// classes are those of PostgreSQL's appendix A.
func databaseAway(err error) bool {
	var connection *net.OpError
	var name *net.DNSError
	if errors.As(err, &connection) || errors.As(err, &name) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	var told interface{ SQLState() string }
	if !errors.As(err, &told) {
		return false
	}
	switch state := told.SQLState(); {
	case strings.HasPrefix(state, "08"), strings.HasPrefix(state, "53"), strings.HasPrefix(state, "57"): // connection, resources, operator
		return true
	default:
		return slices.Contains([]string{"40001", "40P01", "55P03"}, state) // waited for each other, or for too long
	}
}

// problemOf is the problem that err is.
func (s *Server) problemOf(err error) *Problem { return s.scattered(problemOf(err)) }

// scattered is p; where a crowd may have been refused at once it is asked to come back at different seconds.
func (s *Server) scattered(p *Problem) *Problem {
	if p.Code != string(ticketing.CodeBusy) && p.Code != string(ticketing.CodeUnavailable) {
		return p
	}
	spread := *p
	spread.retryAfter = max(p.retryAfter, unavailableDelay) + time.Duration(s.Random(retrySpread))*time.Second
	return &spread
}

// problemOfStatus names what Fiber or huma found wrong before any handler of ours ran.
func problemOfStatus(status int) *Problem {
	switch status {
	case http.StatusNotFound:
		return problem(ticketing.CodeNotFound, "")
	case http.StatusMethodNotAllowed:
		return problem(codeMethodNotAllowed, "")
	case http.StatusRequestTimeout:
		return problem(codeRequestTimeout, "")
	case http.StatusRequestEntityTooLarge:
		return problem(codeBodyTooLarge, "") // whose limit it was, bodyTooLarge knows
	case http.StatusUnsupportedMediaType:
		return problem(codeMediaType, "")
	case http.StatusRequestHeaderFieldsTooLarge:
		return problem(codeHeadersTooLarge, fmt.Sprintf("At most %d bytes.", MaxHeaderBytes))
	case http.StatusUnprocessableEntity:
		return problem(codeInvalidInput, "")
	case http.StatusInternalServerError:
		return problem(ticketing.CodeInternal, "")
	}
	if status >= http.StatusInternalServerError {
		return problem(ticketing.CodeUnavailable, "")
	}
	return problem(codeMalformedRequest, "")
}
