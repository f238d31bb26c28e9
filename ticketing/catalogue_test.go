package ticketing

import (
	"cmp"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"
)

func TestCatalogueStreams(t *testing.T) {
	for _, noun := range []Noun{NounHall, NounPerformer, NounPerformance, NounRound, NounReview} {
		s := CatalogueStream(noun, 42)
		if want := Stream("catalogue:" + string(noun) + ":42"); s != want {
			t.Errorf("%s, want %s", s, want)
		}
		if n, id, ok := s.Catalogue(); n != noun || id != 42 || !ok {
			t.Errorf("%s is read as %s %d %t", s, n, id, ok)
		}
		if _, ok := s.Round(); ok {
			t.Errorf("%s is taken for a round", s)
		}
	}
	for _, s := range []Stream{"", "catalogue:", "catalogue:hall", "catalogue:hall:", "catalogue:hall:0", "catalogue:hall:01", "catalogue:hall:-1",
		"catalogue:hall:1:2", "catalogue:poster:1", "round:1", "catalogue:hall:x", "hall:1"} {
		if noun, id, ok := s.Catalogue(); ok {
			t.Errorf("%q is read as %s %d", s, noun, id)
		}
	}
}

func TestDays(t *testing.T) {
	at := MillisOf(time.Date(2026, 12, 24, 14, 59, 59, 0, time.UTC)) // a second before midnight in Seoul
	if DayOf(at) != "2026-12-24" || DayOf(at+1000) != "2026-12-25" {
		t.Errorf("days %s and %s", DayOf(at), DayOf(at+1000))
	}
	for text, want := range map[string]bool{"1900-01-01": true, "2999-12-31": true, "2028-02-29": true, "1899-12-31": false,
		"3000-01-01": false, "2027-02-29": false, "2026-1-1": false, "": false, "today": false, "2026-12-24T00:00:00Z": false} {
		if _, ok := ParseDay(text); ok != want {
			t.Errorf("%q: %t", text, ok)
		}
	}
	if got := Day("2028-02-29").AddYears(1); got != "2029-03-01" {
		t.Errorf("a year after a leap day: %s", got)
	}
	if got := Day("2999-02-01").AddYears(1); got != lastDay {
		t.Errorf("a year after the last: %s", got)
	}
}

func TestCatalogueRecords(t *testing.T) {
	plan, err := PlainPlan(3)
	if err != nil {
		t.Fatal(err)
	}
	good := Performance{Title: "TWENTY", Category: "concert", DurationMinutes: 120, From: "2026-12-01", To: "2026-12-24",
		Description: "two\nlines", Prices: map[string]KRW{"standard": MinCharge}}
	show := func(change func(*Performance)) error {
		p := good
		p.Prices = maps.Clone(p.Prices)
		change(&p)
		return cmp.Or(p.Validate(), p.CheckPrices(plan.Grades))
	}
	for price, fine := range map[KRW]bool{-1: false, 0: true, 1: false, MinCharge - 1: false, MinCharge: true, MaxPrice: true, MaxPrice + 1: false} {
		var wrong *Invalid
		err := show(func(p *Performance) { p.Prices["standard"] = price })
		if fine && err != nil || !fine && (!errors.As(err, &wrong) || wrong.Field != "prices.standard" || wrong.Want != "0, or 100 to 100000000") {
			t.Errorf("a price of %d: %v", price, err)
		}
	}
	var missing *Invalid
	if err := show(func(p *Performance) { p.Prices = map[string]KRW{"VIP": 0} }); !errors.As(err, &missing) || *missing != (Invalid{"prices.standard", "present"}) {
		t.Errorf("without a price: %v", err)
	}
	performer := func(birth Day) error { return Performer{Name: "A", Birth: birth}.Validate("2026-11-22") }
	for field, err := range map[string]error{
		"":                 errors.Join(show(func(*Performance) {}), performer(""), performer("1900-01-01"), performer("2026-11-22"), Hall{Name: "H"}.Validate(), Review{Rate: 5}.Validate(), Review{}.Validate()),
		"title":            show(func(p *Performance) { p.Title = " " }),
		"category":         show(func(p *Performance) { p.Category = "Concert" }),
		"duration_minutes": show(func(p *Performance) { p.DurationMinutes = MaxDuration + 1 }),
		"description":      show(func(p *Performance) { p.Description = strings.Repeat("가", MaxDescription+1) }),
		"from":             show(func(p *Performance) { p.From = "2026-02-30" }),
		"to":               show(func(p *Performance) { p.To = "2026-11-30" }),
		"prices":           show(func(p *Performance) { p.Prices["VIP"] = MinCharge }),
		"prices.standard":  show(func(p *Performance) { p.Prices["standard"] = MaxPrice + 1 }),
		"birth":            performer("2026-11-23"),
		"name":             Hall{Name: "a\nb"}.Validate(),
		"address":          Hall{Name: "H", Address: "\x00"}.Validate(),
		"nation":           Performer{Name: "A", Nation: strings.Repeat("x", MaxNation+1)}.Validate("2026-11-22"),
		"rate":             Review{Rate: 6}.Validate(),
		"text":             Review{Text: "\xff"}.Validate(),
	} {
		var wrong *Invalid
		if field == "" && err != nil || field != "" && (!errors.As(err, &wrong) || wrong.Field != field) {
			t.Errorf("%q: %v", field, err)
		}
	}
	if p := good.WithDays("2026-11-22"); p.From != good.From || p.To != good.To {
		t.Errorf("days replaced: %+v", p)
	}
	if p := (Performance{}).WithDays("2026-11-22"); p.From != "2026-11-22" || p.To != "2027-11-22" {
		t.Errorf("days %s to %s", p.From, p.To)
	}
}
