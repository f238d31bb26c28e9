package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"ticketblue/ticketing"
)

type myReservationsInput struct {
	AfterPosition
	Limit       int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
	After       string `query:"after" maxLength:"80" doc:"The next of the page before"`
	IfNoneMatch string `header:"If-None-Match" doc:"The ETag you have; 304 when nothing has changed since"`
}

type performanceRef struct {
	ID    int64  `json:"id" example:"1"`
	Title string `json:"title" example:"TWENTY"`
}

type myReservationBody struct {
	ID          string         `json:"id" example:"42-1"`
	Round       int64          `json:"round" example:"42"`
	Performance performanceRef `json:"performance"`
	StartsAt    time.Time      `json:"starts_at" example:"2027-05-01T10:30:00Z"`
	Hall        string         `json:"hall" example:"베이스볼 드림파크"`
	Status      string         `json:"status" enum:"held,paying,confirmed,released,expired,canceled"`
	Seats       []string       `json:"seats" nullable:"false" doc:"Of an ended one: those it had at the end" example:"[\"A-1-1\",\"A-1-2\"]"`
	Amount      int64          `json:"amount" doc:"KRW" example:"264000"`
	HeldAt      time.Time      `json:"held_at" example:"2027-03-02T11:00:07Z"`
	ExpiresAt   *time.Time     `json:"expires_at,omitempty" doc:"When the seats go back unless paid" example:"2027-03-02T11:05:07Z"`
	EndedAt     *time.Time     `json:"ended_at,omitempty" doc:"When it was released or canceled, or expired"`
}

type myReservationsBody struct {
	Items []myReservationBody `json:"items" nullable:"false"`
	Next  string              `json:"next,omitempty" doc:"Send it as after for the next page; absent on the last"`
}

type myReservationsOutput struct {
	Status       int
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Body         myReservationsBody
}

func (s *Server) myReservationRoutes() {
	register(s, operation{
		id: "list-reservations", method: http.MethodGet, path: "/v1/reservations", tag: "reservations", access: Customer,
		status: http.StatusOK, errors: []int{http.StatusNotModified, http.StatusUnprocessableEntity},
		summary: "See your reservations",
		about: "Newest first, those that have ended too. A list is a little behind what you have just done: send the " +
			"TB-Position of that answer to wait for it. On 503 `unavailable` ask again.",
	}, s.listReservations)
}

func (s *Server) listReservations(ctx context.Context, in *myReservationsInput) (*myReservationsOutput, error) {
	after, ok := parseCursor(in.After)
	if !ok {
		return nil, invalid("after", "the next of the page before")
	}
	if err := s.await(ctx, in.AfterPosition); err != nil {
		return nil, err
	}
	found, err := s.Reservations.ReservationsOf(ctx, callerOf(ctx).User, after, in.Limit+1) // one more tells whether there is a next page
	if err != nil {
		return nil, err
	}
	body := myReservationsBody{Items: []myReservationBody{}}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		body.Next = formatCursor(found[in.Limit-1].Cursor())
	}
	for _, r := range found {
		body.Items = append(body.Items, myReservationOnWire(r))
	}
	return notModified(body, in.IfNoneMatch)
}

// notModified answers without a body when the caller has this one.
func notModified(body myReservationsBody, known string) (*myReservationsOutput, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encoding a list of reservations: %w", err)
	}
	sum := sha256.Sum256(text)
	out := &myReservationsOutput{
		Status: http.StatusOK, ETag: `"` + hex.EncodeToString(sum[:16]) + `"`,
		CacheControl: "private, no-cache", // may be kept by his browser, must be asked about
		Body:         body,
	}
	if matches(known, out.ETag) {
		out.Status = http.StatusNotModified
	}
	return out, nil
}

func myReservationOnWire(r ticketing.ReservationSummary) myReservationBody {
	seats := r.Seats
	if seats == nil {
		seats = []string{}
	}
	return myReservationBody{
		ID: r.ID.String(), Round: int64(r.ID.Round), Performance: performanceRef{r.PerformanceID, r.Title},
		StartsAt: r.StartsAt.Time(), Hall: r.HallName, Status: r.Status.String(), Seats: seats, Amount: int64(r.Amount),
		HeldAt: r.HeldAt.Time(), ExpiresAt: moment(r.ExpiresAt), EndedAt: moment(r.EndedAt),
	}
}

// A cursor is opaque to callers: what it holds may change.
func formatCursor(c ticketing.ReservationCursor) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(int64(c.HeldAt), 10) + "@" + c.ID.String()))
}

// parseCursor reads a cursor; "" is the beginning.
func parseCursor(text string) (c ticketing.ReservationCursor, ok bool) {
	if text == "" {
		return c, true
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return c, false
	}
	heldAt, id, _ := strings.Cut(string(raw), "@")
	at, err := strconv.ParseInt(heldAt, 10, 64)
	if err != nil || at < 0 || at > maxMillis {
		return c, false
	}
	c.HeldAt = ticketing.Millis(at)
	c.ID, ok = ticketing.ParseReservationID(id)
	return c, ok
}

// maxMillis is the last moment of the year 9999: nothing is later, and databases can write it down.
const maxMillis = 253_402_300_799_999
