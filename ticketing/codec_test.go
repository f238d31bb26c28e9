package ticketing

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The journal is for ever: what stands in testdata/codec was written once and must be read by every later program.

const (
	maxMillis = Millis(math.MaxInt64)
	maxKRW    = KRW(math.MaxInt64)
	maxNumber = uint32(math.MaxUint32)
)

func filled[T ~[16]byte | ~[32]byte](b byte) T {
	var out T
	v := reflect.ValueOf(&out).Elem()
	for i := range v.Len() {
		v.Index(i).SetUint(uint64(b))
	}
	return out
}

var extremeTerms = Terms{
	Prices: []KRW{0, maxKRW}, OpensAt: maxMillis, ClosesAt: maxMillis, StartsAt: maxMillis, HoldMillis: maxMillis,
	PayMillis: maxMillis, MaxPerUser: math.MaxUint32, CancelUntil: maxMillis, CancelFee: math.MaxUint32,
}

// samples are facts of every kind: an ordinary one, and the extremes of each field.
var samples = []Fact{
	Activated{1}, Activated{0}, Activated{math.MaxUint64},
	RoundPlanned{filled[Hash](0xab), Terms{
		Prices: []KRW{150_000, 99_000}, OpensAt: openAt, ClosesAt: openAt + 7_200_000, StartsAt: openAt + dayMillis,
		HoldMillis: 300_000, PayMillis: 600_000, MaxPerUser: 4, CancelUntil: openAt + 1, CancelFee: 10,
	}},
	RoundPlanned{Terms: Terms{Prices: []KRW{}}}, RoundPlanned{filled[Hash](0xff), extremeTerms},
	SaleOpened{}, SalePaused{}, SaleClosed{}, RoundCanceled{}, CatalogueSaved{}, CatalogueDeleted{},
	RoundRescheduled{openAt, openAt + 1000, openAt + 2000, openAt + 500}, RoundRescheduled{}, RoundRescheduled{maxMillis, maxMillis, maxMillis, maxMillis},
	PricesChanged{[]KRW{1, 2, 3}}, PricesChanged{[]KRW{}}, PricesChanged{[]KRW{0, maxKRW}},
	SeatsBlocked{[]SeatIndex{3, 4, 300}}, SeatsBlocked{[]SeatIndex{}}, SeatsBlocked{[]SeatIndex{0, MaxPlanSeats - 1}},
	SeatsFreed{[]SeatIndex{3, 4, 300}}, SeatsFreed{[]SeatIndex{}}, SeatsFreed{[]SeatIndex{0, MaxPlanSeats - 1}},
	SeatsHeld{7, 1234567, []SeatIndex{1000, 1001}, openAt, filled[Digest](0x11), filled[Digest](0x22)},
	SeatsHeld{Seats: []SeatIndex{}},
	SeatsHeld{maxNumber, math.MaxInt64, []SeatIndex{MaxPlanSeats - 1}, maxMillis, filled[Digest](0xff), filled[Digest](0xff)},
	HoldReleased{7}, HoldReleased{0}, HoldReleased{maxNumber},
	HoldLapsed{7}, HoldLapsed{0}, HoldLapsed{maxNumber},
	PaymentStarted{7, 1, openAt, "42-1001"}, PaymentStarted{}, PaymentStarted{maxNumber, maxNumber, maxMillis, strings.Repeat("c", 300)},
	PaymentPriced{7, 1, 198_000}, PaymentPriced{}, PaymentPriced{maxNumber, maxNumber, maxKRW},
	PaymentConfirming{7, 1, "tgen_20261122"}, PaymentConfirming{}, PaymentConfirming{maxNumber, maxNumber, "한\x00\xff" + strings.Repeat("k", 196)},
	PaymentDeclined{7, 1}, PaymentDeclined{}, PaymentDeclined{maxNumber, maxNumber},
	ReservationConfirmed{7, 1}, ReservationConfirmed{}, ReservationConfirmed{maxNumber, maxNumber},
	ReservationCanceled{7, 89_100}, ReservationCanceled{}, ReservationCanceled{maxNumber, maxKRW},
	RefundDue{7, 1, 198_000}, RefundDue{}, RefundDue{maxNumber, maxNumber, maxKRW},
	Refunded{7, 1}, Refunded{}, Refunded{maxNumber, maxNumber},

	CampaignPlanned{CampaignTerms{5_000, true, Discount{RateOff, 10, 30_000, 50_000}, openAt, openAt + dayMillis, 0, 30 * dayMillis}},
	CampaignPlanned{},
	CampaignPlanned{CampaignTerms{math.MaxUint32, true, Discount{AmountOff, math.MaxInt64, maxKRW, maxKRW}, maxMillis, maxMillis, maxMillis, maxMillis}},
	CampaignOpened{}, CampaignPaused{}, CampaignClosed{},
	CouponClaimed{4812, 1234567, openAt, filled[Digest](0x11), filled[Digest](0x22)}, CouponClaimed{},
	CouponClaimed{maxNumber, math.MaxInt64, maxMillis, filled[Digest](0xff), filled[Digest](0xff)},
	CouponGiven{4812, 1234567, openAt}, CouponGiven{}, CouponGiven{maxNumber, math.MaxInt64, maxMillis},
	CouponReserved{4812, sampleOrder, openAt, 198_000, 19_800}, CouponReserved{}, CouponReserved{maxNumber, extremeOrder, maxMillis, maxKRW, maxKRW},
	CouponRedeemed{4812, sampleOrder}, CouponRedeemed{}, CouponRedeemed{maxNumber, extremeOrder},
	CouponReturned{4812, sampleOrder}, CouponReturned{}, CouponReturned{maxNumber, extremeOrder},
	CouponsExpired{4812}, CouponsExpired{}, CouponsExpired{maxNumber},
}

var (
	sampleOrder  = OrderID{ReservationID{42, 1001}, 2}
	extremeOrder = OrderID{ReservationID{math.MaxInt64, maxNumber}, maxNumber}
)

// sampleEvents are the samples of one kind, at an ordinary time, at none and at the end of time.
func sampleEvents(k kind) []Event {
	var out []Event
	for _, f := range samples {
		if f.kind() == k {
			out = append(out, Event{[]Millis{openAt, 0, maxMillis}[len(out)%3], f})
		}
	}
	return out
}

func TestCodecGolden(t *testing.T) {
	for k, row := range kinds {
		var text strings.Builder
		for _, e := range sampleEvents(k) {
			fmt.Fprintf(&text, "%s\n", hex.EncodeToString(EncodeEvents(nil, []Event{e})))
		}
		if text.Len() == 0 {
			t.Errorf("%s has no sample", row.name)
			continue
		}
		forEver(t, filepath.Join("testdata", "codec", row.name+".golden"), text.String())
	}
	files, err := filepath.Glob("testdata/codec/*.golden")
	if err != nil || len(files) != len(kinds)+2 {
		t.Errorf("%d files for %d kinds and their two tables: %v", len(files), len(kinds), err)
	}
}

// forEver compares with a golden file that may grow at its end and never change: -update cannot help it.
func forEver(t *testing.T, file, got string) {
	t.Helper()
	was, err := os.ReadFile(file)
	if err != nil && !(*update && os.IsNotExist(err)) {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got, string(was)) {
		t.Fatalf("%s: what was written once has changed: journals could not be read any more\nwas %s\nnow %s", file, was, got)
	}
	golden(t, file, got)
}

// What is in the golden files is read back as the samples, without help from today's writer.
func TestCodecReadsGoldenFiles(t *testing.T) {
	for k, row := range kinds {
		text, err := os.ReadFile(filepath.Join("testdata", "codec", row.name+".golden"))
		if err != nil {
			t.Fatal(err)
		}
		want := sampleEvents(k)
		for i, line := range strings.Fields(string(text)) {
			record, err := hex.DecodeString(line)
			if err != nil {
				t.Fatal(err)
			}
			got, err := DecodeChunk(ChunkPayload(1, record))
			if err != nil || !reflect.DeepEqual(got, want[i:i+1]) {
				t.Errorf("%s, line %d: got %+v (%v), want %+v", row.name, i+1, got, err, want[i])
			}
		}
	}
}

// Numbers and names are given once.
func TestKindNumbersNeverChange(t *testing.T) {
	var round, campaign strings.Builder // apart, so that both can grow at their ends
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		list := &round
		if k >= kindCampaignPlanned {
			list = &campaign
		}
		fmt.Fprintf(list, "%d %s\n", k, kinds[k].name)
	}
	forEver(t, "testdata/codec/kinds.golden", round.String())
	forEver(t, "testdata/codec/kinds_campaign.golden", campaign.String())
}

// Every fact type of event.go and campaign_event.go is in the table, with a number and a name of its own that says what it is.
func TestKindsTableIsComplete(t *testing.T) {
	var names []string
	for _, source := range []string{"event.go", "campaign_event.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok && !slices.Contains([]string{"Event", "Fact", "Terms"}, spec.Name.Name) {
				names = append(names, snake(spec.Name.Name))
			}
			return true
		})
	}
	var known []string
	for k, row := range kinds {
		known = append(known, row.name)
		for _, e := range sampleEvents(k) {
			if got := snake(reflect.TypeOf(e.Fact).Name()); got != row.name || e.Name() != row.name {
				t.Errorf("%s is called %s", got, row.name)
			}
		}
	}
	slices.Sort(names)
	slices.Sort(known)
	if !slices.Equal(names, known) {
		t.Errorf("the files have %v\nthe table %v", names, known)
	}
}

// snake turns SeatsHeld into seats_held.
func snake(s string) string {
	var out strings.Builder
	for i, r := range s {
		if r >= 'A' && r <= 'Z' && i > 0 {
			out.WriteByte('_')
		}
		out.WriteString(strings.ToLower(string(r)))
	}
	return out.String()
}

func allSamples() []Event {
	var out []Event
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		out = append(out, sampleEvents(k)...)
	}
	return out
}

func TestCodecRoundTrip(t *testing.T) {
	events := allSamples()
	half := len(events) / 2
	joined := append(EncodeEvents(nil, events[:half]), EncodeEvents(nil, events[half:])...)
	got, err := DecodeChunk(ChunkPayload(len(events), joined))
	if err != nil || !reflect.DeepEqual(got, events) {
		t.Fatalf("got %+v (%v)\nwant %+v", got, err, events)
	}
	if none, err := DecodeChunk(ChunkPayload(0, nil)); err != nil || len(none) != 0 {
		t.Errorf("an empty chunk: %v %v", none, err)
	}
}

// A chunk that was cut, lengthened or claims something else refuses to load.
func TestCodecRefuses(t *testing.T) {
	events := allSamples()
	records := EncodeEvents(nil, events)
	payload := ChunkPayload(len(events), records)
	for n := range payload {
		if _, err := DecodeChunk(payload[:n]); err == nil {
			t.Fatalf("%d of %d bytes load", n, len(payload))
		}
	}
	one := EncodeEvents(nil, events[:1])
	for name, bad := range map[string][]byte{
		"nothing":           nil,
		"a trailing byte":   append(slices.Clone(payload), 0),
		"a count too low":   ChunkPayload(len(events)-1, records),
		"a count too high":  ChunkPayload(len(events)+1, records),
		"an absurd count":   append([]byte{chunkVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, one...),
		"version 0":         append([]byte{0, 1}, one...),
		"version 2":         append([]byte{2, 1}, one...),
		"kind 0":            {chunkVersion, 1, 0, 0},
		"an unknown kind":   {chunkVersion, 1, 0x7f, 0},
		"a negative time":   {chunkVersion, 1, byte(kindSaleOpened), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
		"a longer varint":   {chunkVersion, 1, byte(kindSaleOpened), 0x80, 0},
		"an endless varint": {chunkVersion, 1, byte(kindSaleOpened), 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80},
		"a number over 32 bits": {chunkVersion, 1, byte(kindHoldLapsed), 0,
			0xff, 0xff, 0xff, 0xff, 0x1f},
		"a seat twice":         {chunkVersion, 1, byte(kindSeatsBlocked), 0, 2, 5, 0},
		"a seat out of range":  {chunkVersion, 1, byte(kindSeatsBlocked), 0, 1, 0xa0, 0x8d, 0x06},
		"more seats than told": {chunkVersion, 1, byte(kindSeatsBlocked), 0, 9, 5, 1},
		"a text too short":     {chunkVersion, 1, byte(kindPaymentConfirming), 0, 1, 1, 200, 1, 'k'},
	} {
		if got, err := DecodeChunk(bad); err == nil {
			t.Errorf("%s loads as %+v", name, got)
		}
	}
}

// A lie about a length must not make the reader allocate for it.
func TestCodecAllocatesWhatItReads(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x07} // 2^31-1
	for name, start := range map[string][]byte{
		"events":         append([]byte{chunkVersion}, huge...),
		"allowed events": {chunkVersion, 0x80, 0x80, 0x40}, // MaxChunkEvents
		"prices":         append([]byte{chunkVersion, 1, byte(kindPricesChanged), 0}, huge...),
		"seats":          append([]byte{chunkVersion, 1, byte(kindSeatsFreed), 0}, huge...),
		"text":           append([]byte{chunkVersion, 1, byte(kindPaymentConfirming), 0, 1, 1}, huge...),
	} {
		payload := append(start, make([]byte, 64)...)
		const runs = 100
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			if _, err := DecodeChunk(payload); err == nil {
				t.Fatalf("%s: it loads", name)
			}
		}
		runtime.ReadMemStats(&after)
		if got := (after.TotalAlloc - before.TotalAlloc) / runs; got > 16<<10 {
			t.Errorf("%s: %d bytes allocated for a payload of %d", name, got, len(payload))
		}
	}
}

// FuzzDecodeChunk: whatever the bytes, no panic; and what loads is written back as the same bytes, for there is one
// way to write a fact.
func FuzzDecodeChunk(f *testing.F) {
	for _, e := range allSamples() {
		f.Add(ChunkPayload(1, EncodeEvents(nil, []Event{e})))
	}
	f.Add(ChunkPayload(len(samples), EncodeEvents(nil, allSamples())))
	f.Fuzz(func(t *testing.T, payload []byte) {
		events, err := DecodeChunk(payload)
		if err != nil {
			return
		}
		if again := ChunkPayload(len(events), EncodeEvents(nil, events)); !bytes.Equal(again, payload) {
			t.Fatalf("%x is written back as %x", payload, again)
		}
	})
}
