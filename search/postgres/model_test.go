package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ticketblue/search"
	"ticketblue/search/conformance"
	"ticketblue/ticketing"
)

// The tables find what a plain look at every document finds, no more and no less, typing errors included.
func TestFindsWhatIsThere(t *testing.T) {
	e := open(t)
	text := rapid.StringOfN(rapid.SampledFrom([]rune("레미제라블 A1b 가나")), 1, 12, -1)
	rapid.Check(t, func(t *rapid.T) {
		draft, err := e.Rebuild(t.Context(), ticketing.FindPerformances)
		if err != nil {
			t.Fatal(err)
		}
		var docs []ticketing.SearchDocument
		for i := range rapid.IntRange(1, 40).Draw(t, "documents") {
			d := ticketing.SearchDocument{Kind: ticketing.FindPerformances, ID: fmt.Sprint(i), Name: text.Draw(t, "name"), Hall: ticketing.SearchRef{ID: 1, Name: text.Draw(t, "hall")}}
			for j, name := range rapid.SliceOfN(text, 0, 2).Draw(t, "performers") {
				d.Performers = append(d.Performers, ticketing.SearchRef{ID: int64(j + 1), Name: name})
			}
			docs = append(docs, d)
		}
		if err := draft.Put(t.Context(), docs); err != nil {
			t.Fatal(err)
		}
		if err := draft.Swap(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			compare(t, e, docs, text.Draw(t, "text"))
		}
	})
}

func compare(t *rapid.T, e *Engine, docs []ticketing.SearchDocument, text string) {
	results, err := e.Search(t.Context(), []ticketing.SearchQuery{{Kind: ticketing.FindPerformances, Text: text, Limit: 100}})
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	var got []string
	for _, h := range results[0].Hits {
		got = append(got, h.ID)
	}
	words := search.Words(text)
	want, near := matching(docs, words, false), false
	if want == nil {
		want = matching(docs, words, true)
		near = want != nil
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || results[0].Near != near {
		t.Fatalf("%q: found %s (near %t), there are %s (near %t)", text, strings.Join(got, " "), results[0].Near, strings.Join(want, " "), near)
	}
}

func matching(docs []ticketing.SearchDocument, words []string, near bool) (ids []string) {
	for _, d := range docs {
		if search.Matches(d, words, near) {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

func FuzzSearch(f *testing.F) {
	e := open(f)
	conformance.Fill(f, e)
	for _, text := range []string{"레미", "' | !a:*", "\x00", "레미제라불", "ㄹㅁ", "\u200d", "<->", "a:A"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { conformance.Hostile(t, e, text) })
}
