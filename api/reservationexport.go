package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"

	"ticketblue/ticketing"
)

const (
	maxExported = 100_000 // reservations in one file; more are refused, so that no file lacks some silently
	maxExports  = 2       // files being written at once: each reads the whole while customers want the database too
	exportPage  = 200     // reservations read at once
	mimeCSV     = "text/csv; charset=utf-8"
	byteOrder   = "\uFEFF" // without it Excel takes UTF-8 for something else
)

var exportColumns = []string{
	"reservation", "status", "customer", "name", "email", "performance", "title", "hall", "round", "starts_at", "seats", "amount",
	"discount", "coupon", "paid", "refund_due", "refunded", "held_at", "ended_at",
}

type exportReservationsInput struct{ ReservationFilters }

func (s *Server) reservationExportRoutes() {
	document := huma.Response{Description: "A line for each, after a line of names", Content: map[string]*huma.MediaType{mimeCSV: {}}}
	register(s, operation{
		id: "export-reservations", method: http.MethodGet, path: "/v1/admin/reservations.csv", tag: "admin", access: Admin,
		status: http.StatusOK, errors: []int{http.StatusUnprocessableEntity},
		summary: "Take customers' reservations home as CSV",
		about: fmt.Sprintf("What a search with these filters finds, newest first, in UTF-8 for spreadsheets: a text that would be taken "+
			"for a formula has a ' before it. Times are Seoul's. More than %d are refused with 422: narrow the search. When reading "+
			"fails on the way the connection breaks, so that half a file is not taken for a whole. 503 is `busy` while %d others are being written.", maxExported, maxExports),
		responses: map[string]*huma.Response{"200": &document},
	}, s.exportReservations)
}

func (s *Server) exportReservations(ctx context.Context, in *exportReservationsInput) (*huma.StreamResponse, error) {
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	if s.exports.Add(1) > maxExports {
		s.exports.Add(-1)
		return nil, problem(ticketing.CodeBusy, "Others are taking reservations home just now.")
	}
	e := &export{search: s.Found, filter: filter, leave: sync.OnceFunc(func() { s.exports.Add(-1) })}
	if err := e.begin(ctx); err != nil {
		_ = e.Close()
		return nil, err
	}
	name := "reservations-" + string(s.today()) + ".csv"
	return &huma.StreamResponse{Body: func(answer huma.Context) {
		c := humafiber.UnwrapV2(answer)
		e.conn = c.Context().Conn()
		c.Set(fiber.HeaderContentType, mimeCSV)
		c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+name+`"`)
		const unknownSize = -1
		c.Context().SetBodyStream(e, unknownSize)
	}}, nil
}

// exportCount is how many files are being written.
type exportCount = atomic.Int32

// export is a file that is made while it is read: a page of reservations is in memory at a time, and no transaction
// waits for a slow reader. It is closed by whoever sends it.
type export struct {
	search ReservationSearch
	filter ticketing.ReservationFilter
	after  ticketing.ReservationPlace
	lines  bytes.Buffer
	last   bool // nothing comes after lines
	conn   net.Conn
	leave  func()
}

// begin finds out whether the file can be made at all.
func (e *export) begin(ctx context.Context) error {
	n, err := e.search.CountReservations(ctx, e.filter, maxExported+1)
	if err != nil {
		return err
	}
	if n > maxExported {
		return invalid("from", fmt.Sprintf("later, or another filter narrower: there are more than %d", maxExported))
	}
	e.lines.WriteString(byteOrder)
	w := newCSV(&e.lines)
	if err := w.Write(exportColumns); err != nil {
		return err
	}
	w.Flush()
	return e.read(ctx)
}

// Read implements io.Reader. The reader has as long for each piece as others have for a whole answer.
func (e *export) Read(p []byte) (int, error) {
	if e.lines.Len() == 0 && !e.last {
		ctx, cancel := context.WithTimeout(context.Background(), requestDeadline)
		defer cancel()
		if err := e.read(ctx); err != nil {
			return 0, err
		}
	}
	if e.lines.Len() == 0 {
		return 0, io.EOF
	}
	if err := e.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return e.lines.Read(p)
}

// Close implements io.Closer.
func (e *export) Close() error {
	e.leave()
	return nil
}

// read adds a page of lines.
func (e *export) read(ctx context.Context) error {
	const order = ticketing.NewestFirst // its key never changes: each reservation is met once
	found, err := e.search.SearchReservations(ctx, e.filter, order, e.after, exportPage)
	if err != nil {
		return err
	}
	w := newCSV(&e.lines)
	for _, r := range found {
		if err := w.Write(exportLine(r)); err != nil {
			return err
		}
		e.after = r.Place(order)
	}
	w.Flush()
	e.last = len(found) < exportPage
	return w.Error()
}

func newCSV(to io.Writer) *csv.Writer {
	w := csv.NewWriter(to)
	w.UseCRLF = true
	return w
}

func exportLine(r ticketing.FoundReservation) []string {
	return []string{
		r.ID.String(), r.Status.String(), strconv.FormatInt(int64(r.User), 10), harmless(r.Name), harmless(r.Email),
		strconv.FormatInt(r.PerformanceID, 10), harmless(r.Title), harmless(r.HallName), strconv.FormatInt(int64(r.ID.Round), 10),
		seoulTime(r.StartsAt), harmless(strings.Join(r.Seats, " ")), won(r.Amount),
		won(r.Money.Discount), r.Money.Coupon, won(r.Money.Paid), won(r.Money.Owed), won(r.Money.Refunded), seoulTime(r.HeldAt), seoulTime(r.EndedAt),
	}
}

func won(amount ticketing.KRW) string { return strconv.FormatInt(int64(amount), 10) }

// harmless keeps a spreadsheet from running what a customer has called himself. It begins a formula with any of these,
// the wide ones too, and looks past what it does not show.
func harmless(text string) string {
	seen := strings.TrimLeft(text, " \u00A0\u3000\u200B\uFEFF")
	if strings.IndexAny(seen, "=+-@＝＋－＠\t\r\n") == 0 {
		return "'" + text
	}
	return text
}

func seoulTime(m ticketing.Millis) string {
	if m == 0 {
		return ""
	}
	return m.Time().In(seoul).Format(time.DateTime)
}

var seoul = time.FixedZone("Asia/Seoul", 9*60*60)
