package typesense

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/typesense/typesense-go/v3/typesense/api"

	"ticketblue/search"
	"ticketblue/ticketing"
)

var _ search.ReservationIndex = (*Engine)(nil)

// reservationOnServer is a reservation as its collection keeps it. Parts of titles and names are compared with their blanks
// and signs, as SQL does it, so they are coded: a server would drop those.
func reservationOnServer(d ticketing.SearchDocument, body string) (map[string]any, error) {
	id, ok := ticketing.ParseReservationID(d.ID)
	if !ok || d.Held == nil {
		return nil, fmt.Errorf("the document %s is of no reservation", d.ID)
	}
	return map[string]any{
		string(fieldID): d.ID, string(fieldDocument): body,
		string(fieldTitleGrams): codedGrams(d.Name), string(fieldUserGrams): codedGrams(d.Held.UserName),
		string(fieldUser): int64(d.Held.User), string(fieldRound): int64(id.Round), string(fieldNumber): int64(id.Number),
		string(fieldStatus): int(d.Held.Status), string(fieldHeldAt): int64(d.Held.HeldAt), string(fieldAmount): int64(d.Held.Amount),
	}, nil
}

// codedGrams are all pieces of up to maxGram characters of a text, each once, coded.
func codedGrams(text string) []string {
	all, whole := []string{}, []rune(strings.ToLower(text))
	for i := range whole {
		for n := 1; n <= maxGram && i+n <= len(whole); n++ {
			all = append(all, coded(string(whole[i:i+n])))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// hasPart is fulfilled where a text has the part somewhere, and where it has but all pieces of a long one.
func hasPart(f field, part string) condition {
	whole := []rune(strings.ToLower(part))
	if len(whole) <= maxGram {
		return is(f, coded(string(whole)))
	}
	last := len(whole) - maxGram // where the last piece begins
	terms := min(maxTerms, last+1)
	all := make([]condition, terms)
	for i := range all {
		at := i * last / max(1, terms-1)
		all[i] = is(f, coded(string(whole[at:at+maxGram])))
	}
	return and(all...)
}

// FindReservations asks for a page; it may hold some that only have the pieces of a long name or title.
func (e *Engine) FindReservations(ctx context.Context, q search.ReservationQuery) ([]ticketing.ReservationPlace, error) {
	found, err := e.reservations(ctx, q, min(q.Limit, nearPage))
	if err != nil {
		return nil, err
	}
	docs, err := documentsOf(found)
	if err != nil {
		return nil, err
	}
	places := make([]ticketing.ReservationPlace, len(docs))
	for i, d := range docs {
		id, ok := ticketing.ParseReservationID(d.ID)
		if !ok || d.Held == nil {
			return nil, fmt.Errorf("the index of reservations has %q", d.ID)
		}
		r := ticketing.FoundReservation{}
		r.ID, r.Amount, r.HeldAt = id, d.Held.Amount, d.Held.HeldAt
		places[i] = r.Place(q.Order)
	}
	return places, nil
}

// CountReservations is how many a search without a place would find.
func (e *Engine) CountReservations(ctx context.Context, q search.ReservationQuery) (int, error) {
	q.After = ticketing.ReservationPlace{}
	found, err := e.reservations(ctx, q, 0)
	return count(found), err
}

func (e *Engine) reservations(ctx context.Context, q search.ReservationQuery, limit int) (found api.MultiSearchResultItem, err error) {
	key, direct := fieldHeldAt, ascending
	if q.Order.ByAmount() {
		key = fieldAmount
	}
	if q.Order.Descending() {
		direct = descending
	}
	order := strings.Join([]string{direct(key), direct(fieldRound), direct(fieldNumber)}, ",")
	conditions := ofReservation(q)
	if q.After != (ticketing.ReservationPlace{}) {
		conditions = append(conditions, beyond(key, q.Order, q.After))
	}
	results, err := e.send(ctx, []api.MultiSearchCollectionParameters{e.searchBy(ticketing.FindReservations, conditions, order, 0, limit)})
	if err != nil {
		return found, err
	}
	return results[0], nil
}

// beyond is fulfilled by what comes after a place.
func beyond(key field, o ticketing.ReservationOrder, after ticketing.ReservationPlace) condition {
	operator := ">"
	if o.Descending() {
		operator = "<"
	}
	round, number := int64(after.ID.Round), int64(after.ID.Number)
	return or(compare(key, operator, after.Key),
		and(compare(key, "=", after.Key), or(compare(fieldRound, operator, round), and(compare(fieldRound, "=", round), compare(fieldNumber, operator, number)))))
}

func ofReservation(q search.ReservationQuery) (all []condition) {
	f := q.Filter
	if f.User != "" {
		named := hasPart(fieldUserGrams, f.User)
		if q.User != 0 {
			named = or(named, compare(fieldUser, "=", int64(q.User)))
		}
		all = append(all, named)
	}
	if f.Title != "" {
		all = append(all, hasPart(fieldTitleGrams, f.Title))
	}
	if f.From != "" {
		all = append(all, compare(fieldHeldAt, ">=", int64(f.From.Start())))
	}
	if f.To != "" {
		const day = 24 * 60 * 60 * 1000 // milliseconds
		all = append(all, compare(fieldHeldAt, "<", int64(f.To.Start())+day))
	}
	if f.Status != 0 {
		all = append(all, compare(fieldStatus, "=", int64(f.Status)))
	}
	if f.Min > 0 {
		all = append(all, compare(fieldAmount, ">=", int64(f.Min)))
	}
	if f.Max > 0 {
		all = append(all, compare(fieldAmount, "<=", int64(f.Max)))
	}
	return all
}

// Forget deletes what was kept of reservations: who switches that off does not want names lying about. A call that failed
// half-way, or a draft that was never swapped in, leaves collections that no alias names; the next call deletes them too.
func (e *Engine) Forget(ctx context.Context) error {
	const kind = ticketing.FindReservations
	_, err := e.server.Alias(e.aliasOf(kind)).Delete(ctx)
	switch {
	case isStatus(err, http.StatusNotFound):
		err = nil
	case err != nil:
		err = failed("deleting the alias of "+string(kind)+"s", err)
	}
	return errors.Join(err, e.drop(ctx, kind, ""))
}
