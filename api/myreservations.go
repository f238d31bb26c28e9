package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
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

type myReservationsOutput struct {
	Status       int
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Body         page[myReservationBody]
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
	l := listOf("list-reservations")
	after, err := parseReservationCursor(l, in.After)
	if err != nil {
		return nil, err
	}
	if err := s.await(ctx, in.AfterPosition); err != nil {
		return nil, err
	}
	found, err := s.Reservations.ReservationsOf(ctx, callerOf(ctx).User, after, in.Limit+1) // one more tells whether there is a next page
	if err != nil {
		return nil, err
	}
	body := pageOf(found, in.Limit, myReservationOnWire, func(r ticketing.ReservationSummary) string {
		return l.cursor(int64(r.HeldAt), r.ID.String())
	})
	return notModified(body, in.IfNoneMatch)
}

// notModified answers without a body when the caller has this one.
func notModified(body page[myReservationBody], known string) (*myReservationsOutput, error) {
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

// parseReservationCursor reads a place in a customer's list; "" is the beginning.
func parseReservationCursor(l list, cursor string) (c ticketing.ReservationCursor, err error) {
	heldAt, id, err := l.place(cursor)
	if cursor == "" || err != nil {
		return c, err
	}
	var ok bool
	if c.ID, ok = ticketing.ParseReservationID(id); !ok || heldAt > maxMillis {
		return c, errNotNext
	}
	c.HeldAt = ticketing.Millis(heldAt)
	return c, nil
}

// maxMillis is the last moment of the year 9999: nothing is later, and databases can write it down.
const maxMillis = 253_402_300_799_999
