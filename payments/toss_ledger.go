package payments

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"ticketblue/ticketing"
)

const (
	// MaxEntries is how many entries Ledger returns at most.
	MaxEntries = 1000
	maxLedger  = 4 << 20 // bytes of that many
	tossTime   = "2006-01-02T15:04:05"
)

// seoul is the time of Toss' books. Korea has had no summer time since 1988.
var seoul = time.FixedZone("KST", 9*60*60)

// Entry is one movement of money in the provider's books.
type Entry struct {
	Transaction string
	Key         string            // of the payment
	Order       ticketing.OrderID // zero: not an order of ours
	Status      Status            // of the payment, by this movement
	Amount      ticketing.KRW     // the provider's number; what is left of a payment, Payment says
	At          time.Time         // whole seconds
}

// Ledger reads the provider's books from the second of from to that of to, oldest first: at most MaxEntries entries,
// those after the transaction named, or from the first on for "". The provider may be slow in writing its books: what
// is younger than some minutes may be missing.
func (t *Toss) Ledger(ctx context.Context, from, to time.Time, after string) ([]Entry, error) {
	query := url.Values{
		"startDate": {from.In(seoul).Format(tossTime)}, "endDate": {to.In(seoul).Format(tossTime)}, "limit": {strconv.Itoa(MaxEntries)},
	}
	if after != "" {
		query.Set("startingAfter", after)
	}
	data, code := t.send(ctx, http.MethodGet, "/v1/transactions?"+query.Encode(), "", nil, maxLedger)
	if code != "" {
		return nil, fmt.Errorf("payments: reading Toss' books: %s", code)
	}
	var list []struct {
		TransactionKey string      `json:"transactionKey"`
		PaymentKey     string      `json:"paymentKey"`
		OrderID        string      `json:"orderId"`
		Status         string      `json:"status"`
		Amount         json.Number `json:"amount"`
		TransactionAt  time.Time   `json:"transactionAt"`
	}
	if err := json.Unmarshal(data, &list); err != nil || len(list) > MaxEntries {
		return nil, fmt.Errorf("payments: reading Toss' books: %s", CodeUnreadable)
	}
	entries := make([]Entry, 0, len(list))
	for _, e := range list {
		order, _ := t.names.Order(e.OrderID)
		amount, _ := e.Amount.Int64() // dollars have cents; the payment itself tells
		entries = append(entries, Entry{e.TransactionKey, e.PaymentKey, order, statuses[e.Status], ticketing.KRW(amount), e.TransactionAt})
	}
	return entries, nil
}
