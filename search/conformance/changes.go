package conformance

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ticketblue/search"
	"ticketblue/ticketing"
)

// hostile are texts that have broken engines, ours or others'.
var hostile = []string{
	"'", `"`, `\`, "''", "';--", "' OR 1=1 --", "레미' OR '1'='1", "a' | !b", "레미 & !", "레미:*", "<->", "!!", "(", ")", "레미)", ":A", "%", "_", "레%",
	"* OR category:=sports", "`", "] || kind:performance", "&& on_sale:true", "category:[sports]", "$1", "{{1}}", "<script>alert(1)</script>", "..\\..",
	"\u200b", "\u202e레미", "\ufeff", "e\u0301", "ᄅ", "ㄹㅔㅁㅣ", "👩‍👩‍👧‍👦", "\ufffd", strings.Repeat("레", ticketing.MaxSearchText), strings.Repeat("레 미", 33),
	strings.Repeat("a b c d e f ", 8), strings.Repeat("'", ticketing.MaxSearchText), "레미\n제라블", "\t", "ﷺﷺﷺﷺﷺ",
}

func testHostile(t *testing.T, e search.Engine) {
	Fill(t, e)
	for _, text := range hostile {
		Hostile(t, e, text)
	}
	for _, text := range []string{strings.Repeat("레", 10_000), strings.Repeat("x ", 5_000), "\xff\xfe", "a\x00b"} {
		_, err := search.NewFinder(e).Search(t.Context(), []ticketing.SearchQuery{ask(text)})
		var invalid *ticketing.Invalid
		if !errors.As(err, &invalid) || invalid.Field != "q" {
			t.Errorf("%.20q...: %v, want a refusal of q", text, err)
		}
	}
	for _, after := range []string{"x", "0", "레", "bm90IGEgcGxhY2U", strings.Repeat("A", 400), "'", "-1"} {
		q := ask("레미")
		q.After = after
		_, err := search.NewFinder(e).Search(t.Context(), []ticketing.SearchQuery{q})
		var invalid *ticketing.Invalid
		if !errors.As(err, &invalid) || invalid.Field != "after" {
			t.Errorf("after %.20q: %v, want a refusal of after", after, err)
		}
	}
}

// Hostile asks an engine that was filled by Fill for a text that may hold anything: it must answer, refuse it as a
// *ticketing.Invalid, and give nothing that a filter leaves out.
func Hostile(t *testing.T, e search.Engine, text string) {
	t.Helper()
	finder := search.NewFinder(e)
	q := ask(text)
	q.Filter = ticketing.SearchFilter{Category: "sports", OnSale: ticketing.Yes}
	results, err := finder.Search(t.Context(), []ticketing.SearchQuery{q})
	var invalid *ticketing.Invalid
	if err != nil && !errors.As(err, &invalid) {
		t.Errorf("%q: %v", text, err)
	}
	for _, r := range results {
		for _, h := range r.Hits {
			if h.Kind != ticketing.FindPerformances || h.Category != "sports" || !h.OnSale {
				t.Errorf("%q got past the filter: %+v", text, h.SearchDocument)
			}
			marked := ""
			for _, m := range h.Marks["name"] {
				marked += m.Text
			}
			if marked != "" && marked != h.Name {
				t.Errorf("%q: marks %q of %q", text, marked, h.Name)
			}
		}
	}
	if _, err := suggest(t, e, text); err != nil && !errors.As(err, &invalid) {
		t.Errorf("suggestions for %q: %v", text, err)
	}
}

func testChanges(t *testing.T, e search.Engine) {
	Fill(t, e)
	changed := Documents()[0]
	changed.Name, changed.OnSale = "장발장", false
	if err := e.Put(t.Context(), []ticketing.SearchDocument{changed}); err != nil {
		t.Fatal(err)
	}
	if got := ids(find(t, e, ask("제라"))); got != "" {
		t.Errorf("by the old title: %s", got)
	}
	if got := find(t, e, ask("장발장")); ids(got) != "1" || got.Hits[0].OnSale {
		t.Errorf("by the new title: %+v", got)
	}
	for range 2 { // again does no harm
		if err := e.Delete(t.Context(), ticketing.FindPerformances, []string{"1", "99"}); err != nil {
			t.Fatal(err)
		}
	}
	if got := ids(find(t, e, ask("장발장"))); got != "" {
		t.Errorf("after it was deleted: %s", got)
	}
	if n := len(All(t, e, ticketing.FindPerformances)); n != 6 {
		t.Errorf("%d performances are kept", n)
	}
	if n := len(All(t, e, ticketing.FindHalls)); n != 3 {
		t.Errorf("%d halls are kept", n)
	}
}

// All are the documents of a kind by their ids.
func All(t *testing.T, e search.Engine, kind ticketing.SearchKind) map[string]ticketing.SearchDocument {
	t.Helper()
	all := map[string]ticketing.SearchDocument{}
	err := e.Each(t.Context(), kind, func(d ticketing.SearchDocument) bool {
		if _, twice := all[d.ID]; twice {
			t.Errorf("%s %s is there twice", kind, d.ID)
		}
		all[d.ID] = d
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// While an index is made anew the old one is searched and changed; then all of the new one takes its place.
func testRebuild(t *testing.T, e search.Engine) {
	begin := func() search.Draft {
		t.Helper()
		d, err := e.Rebuild(t.Context(), ticketing.FindPerformances)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	abandoned := begin()
	do(abandoned.Put(t.Context(), []ticketing.SearchDocument{{Kind: ticketing.FindPerformances, ID: "77", Name: "잊힌 공연"}}))
	if searched, err := e.Current(t.Context(), ticketing.FindPerformances); searched != "" || err != nil {
		t.Errorf("%q is searched before it was swapped in, %v", searched, err)
	}
	Fill(t, e)
	for round := range 2 { // there and back again
		d := begin()
		var batch []ticketing.SearchDocument
		for i := range search.Batch {
			batch = append(batch, ticketing.SearchDocument{Kind: ticketing.FindPerformances, ID: fmt.Sprint(i + 1), Name: fmt.Sprintf("새 공연 %d-%d", round, i)})
		}
		do(d.Put(t.Context(), batch))
		do(d.Put(t.Context(), batch[:1]))
		do(d.Delete(t.Context(), ticketing.FindPerformances, []string{"500"}))
		before := find(t, e, ask("공연"))
		if want := []int{0, search.Batch - 1}[round]; before.Count != want {
			t.Errorf("before the swap %d are found, want %d", before.Count, want)
		}
		do(d.Swap(t.Context()))
		do(d.Discard(t.Context()))
		if searched, err := e.Current(t.Context(), ticketing.FindPerformances); searched != d.Name() || err != nil {
			t.Errorf("%q is searched, want %q, %v", searched, d.Name(), err)
		}
		if got := find(t, e, ask(fmt.Sprintf("새공연 %d", round))); got.Count != search.Batch-1 {
			t.Errorf("after the swap %d are found", got.Count)
		}
		if n := len(All(t, e, ticketing.FindPerformances)); n != search.Batch-1 {
			t.Errorf("%d performances are kept", n)
		}
	}
	if got := ids(find(t, e, ask("레미"))); got != "" {
		t.Errorf("old ones are left: %s", got)
	}
	q := ask("레미")
	q.Kind = ticketing.FindHalls
	if got := ids(find(t, e, q)); got != "3" {
		t.Errorf("halls: %s", got)
	}
	d := begin()
	do(d.Discard(t.Context()))
	if got := find(t, e, ask("새공연")); got.Count != search.Batch-1 {
		t.Errorf("after a draft was discarded %d are found", got.Count)
	}
}
