package api

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"ticketblue/ticketing"
)

// ReservationSearch finds anybody's reservations, as far as they are projected.
type ReservationSearch interface {
	// SearchReservations lists at most limit of those that the filter lets through, in order, those after the given
	// place.
	SearchReservations(ctx context.Context, f ticketing.ReservationFilter, o ticketing.ReservationOrder,
		after ticketing.ReservationPlace, limit int) ([]ticketing.FoundReservation, error)
	// CountReservations counts them all, and stops at most.
	CountReservations(ctx context.Context, f ticketing.ReservationFilter, most int) (int, error)
}

// maxCounted is how many found reservations are counted: beyond it nobody wants to know exactly.
const maxCounted = 10_000

// ReservationFilters are what a search and an export of reservations take. It is exported because huma documents no
// other embedded fields.
type ReservationFilters struct {
	User      string `query:"user" maxLength:"100" doc:"A part of the customer's name, or the whole of his e-mail" example:"길동"`
	Title     string `query:"title" maxLength:"200" doc:"A part of the performance's title" example:"TWENTY"`
	From      string `query:"from" format:"date" doc:"Held on this day in Seoul or later" example:"2027-03-01"`
	To        string `query:"to" format:"date" doc:"Held on this day in Seoul or earlier" example:"2027-03-31"`
	Status    string `query:"status" enum:"held,paying,confirmed,released,expired,canceled"`
	MinAmount int64  `query:"min_amount" minimum:"1" maximum:"100000000000" doc:"KRW" example:"100000"`
	MaxAmount int64  `query:"max_amount" minimum:"1" maximum:"100000000000" doc:"KRW" example:"500000"`
}

type searchReservationsInput struct {
	ReservationFilters
	Sort  string `query:"sort" enum:"newest,oldest,highest,lowest" default:"newest" doc:"By the moment of the hold, or by the amount"`
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
	After string `query:"after" maxLength:"80" doc:"The next of the page before, which had the same filters and sort"`
	// The index's word is a little older, so what has just happened may be missing in it.
	Engine string `query:"engine" enum:"sql,index" default:"sql" doc:"index asks the search server first, where one keeps reservations (--search-reservations)"`
}

type foundCustomer struct {
	ID    int64  `json:"id" example:"7"`
	Name  string `json:"name,omitempty" doc:"Absent when the account was closed" example:"홍길동"`
	Email string `json:"email,omitempty" doc:"Absent when the account was closed" example:"hong@example.com"`
}

type foundMoney struct {
	Paid      int64  `json:"paid" doc:"KRW: taken for all of its orders, whatever has gone back since" example:"244200"`
	Discount  int64  `json:"discount" doc:"KRW: off the seats' price, by the order that was paid" example:"19800"`
	CouponID  string `json:"coupon_id,omitempty" doc:"By this coupon" example:"3-4812"`
	RefundDue int64  `json:"refund_due" doc:"KRW: on its way back" example:"0"`
	Refunded  int64  `json:"refunded" doc:"KRW: gone back" example:"0"`
}

type foundReservationBody struct {
	Reservation myReservationBody `json:"reservation"`
	Customer    foundCustomer     `json:"customer"`
	Money       foundMoney        `json:"money"`
}

type searchReservationsOutput struct {
	Body struct {
		Items   []foundReservationBody `json:"items" nullable:"false"`
		Next    string                 `json:"next,omitempty" doc:"Send it as after for the next page; absent on the last"`
		Total   int                    `json:"total" doc:"How many there are on all pages" example:"1"`
		AtLeast bool                   `json:"total_at_least" doc:"true: there are more than that, which are not counted"`
	}
}

func (s *Server) reservationSearchRoutes() {
	register(s, operation{
		id: "search-reservations", method: http.MethodGet, path: "/v1/admin/reservations", tag: "admin", access: Admin,
		status: http.StatusOK, errors: []int{http.StatusUnprocessableEntity},
		summary: "Find customers' reservations",
		about: "What all the given filters let through. Names, titles and e-mails are the same in capitals; an account that was " +
			"closed has neither name nor e-mail. The list is a little behind the sale. On 503 `unavailable` narrow it and ask again.",
	}, s.searchReservations)
}

func (s *Server) searchReservations(ctx context.Context, in *searchReservationsInput) (*searchReservationsOutput, error) {
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	order := ticketing.ReservationOrder(in.Sort)
	l := listOf("search-reservations", in.ReservationFilters, in.Sort)
	after, err := parseReservationPlace(l, in.After, order)
	if err != nil {
		return nil, err
	}
	by := s.Found
	if in.Engine == "index" {
		by = s.FoundByIndex
	}
	if by == nil {
		return nil, invalid("engine", "sql: no search server keeps reservations here")
	}
	found, err := by.SearchReservations(ctx, filter, order, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	total, err := by.CountReservations(ctx, filter, maxCounted+1)
	if err != nil {
		return nil, err
	}
	out := &searchReservationsOutput{}
	list := pageOf(found, in.Limit, foundOnWire, func(r ticketing.FoundReservation) string {
		p := r.Place(order)
		return l.cursor(p.Key, p.ID.String())
	})
	out.Body.Items, out.Body.Next = list.Items, list.Next
	out.Body.Total, out.Body.AtLeast = min(total, maxCounted), total > maxCounted
	return out, nil
}

// filter checks what the tags cannot.
func (f ReservationFilters) filter() (ticketing.ReservationFilter, error) {
	filter := ticketing.ReservationFilter{User: composed(f.User), Title: composed(f.Title), Min: ticketing.KRW(f.MinAmount), Max: ticketing.KRW(f.MaxAmount)}
	filter.Status, _ = ticketing.ParseReservationStatus(f.Status)
	var err error
	if f.From != "" {
		if filter.From, err = dayOf("from", f.From); err != nil {
			return filter, err
		}
	}
	if f.To != "" {
		if filter.To, err = dayOf("to", f.To); err != nil {
			return filter, err
		}
	}
	if err := inOrder(filter.From, filter.To); err != nil {
		return filter, err
	}
	if f.MaxAmount > 0 && f.MaxAmount < f.MinAmount {
		return filter, invalid("max_amount", "min_amount or more")
	}
	return filter, cmp.Or(checkFilter("user", f.User), checkFilter("title", f.Title))
}

// checkWords wants what Postgres can compare with.
func checkWords(field, text string) error {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return invalid(field, "text in UTF-8")
	}
	return nil
}

// checkFilter does not take blanks for no filter: too many would be found.
func checkFilter(field, text string) error {
	if text != "" && composed(text) == "" {
		return invalid(field, "text that is not all blank")
	}
	return checkWords(field, text)
}

// composed is what is looked for with its syllables as one character each, as names are kept, for a Mac sends the letters of
// some; and without blanks around it, which come along when it is pasted.
func composed(text string) string { return strings.TrimSpace(norm.NFC.String(text)) }

func foundOnWire(r ticketing.FoundReservation) foundReservationBody {
	m := r.Money
	return foundReservationBody{
		myReservationOnWire(r.ReservationSummary), foundCustomer{int64(r.User), r.Name, r.Email},
		foundMoney{int64(m.Paid), int64(m.Discount), m.Coupon, int64(m.Owed), int64(m.Refunded)},
	}
}

// parseReservationPlace reads a cursor of a list in this order; "" is the beginning.
func parseReservationPlace(l list, cursor string, order ticketing.ReservationOrder) (ticketing.ReservationPlace, error) {
	key, name, err := l.place(cursor)
	if cursor == "" || err != nil {
		return ticketing.ReservationPlace{}, err
	}
	id, ok := ticketing.ParseReservationID(name)
	if !ok || !order.ByAmount() && key > maxMillis {
		return ticketing.ReservationPlace{}, errNotNext
	}
	return ticketing.ReservationPlace{Key: key, ID: id}, nil
}
