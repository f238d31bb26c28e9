package ticketing

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// What rooms hand each other about finding things: documents go into an index, queries come out of it as hits.

// SearchKind is a kind of thing that can be found.
type SearchKind string

// Kinds of things that can be found. Reservations are for admins only.
const (
	FindPerformances SearchKind = "performance"
	FindHalls        SearchKind = "hall"
	FindPerformers   SearchKind = "performer"
	FindReservations SearchKind = "reservation"
)

// PublicKinds are those that everybody may find.
var PublicKinds = []SearchKind{FindPerformances, FindHalls, FindPerformers}

// SearchDocument is a thing as it is found: what it is found by, and what a list of hits shows of it. Fields that its
// kind does not have are zero.
type SearchDocument struct {
	Kind SearchKind `json:"kind"`
	ID   string     `json:"id"` // in its kind: "17"; of a reservation "42-7"
	// Name is a performance's title, a hall's or performer's name, or the title of a reservation's performance.
	Name       string             `json:"name"`
	Hall       SearchRef          `json:"hall,omitzero"`        // of a performance
	Address    string             `json:"address,omitempty"`    // of a hall
	Nation     string             `json:"nation,omitempty"`     // of a performer
	Performers []SearchRef        `json:"performers,omitempty"` // of a performance, ascending by id
	Category   string             `json:"category,omitempty"`   // of a performance
	From       Day                `json:"from,omitempty"`       // first day of a performance, in Seoul
	To         Day                `json:"to,omitempty"`         // its last day
	MinPrice   KRW                `json:"min_price"`            // of a performance: of its cheapest grade
	MaxPrice   KRW                `json:"max_price"`            // of its dearest
	OnSale     bool               `json:"on_sale"`              // the sale of one of its rounds is open
	Poster     *Poster            `json:"poster,omitempty"`     // of a performance; nil: none
	Held       *SearchReservation `json:"reservation,omitempty"`
}

// SearchRef is another thing in the catalogue that a document names, and may be found by.
type SearchRef struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// SearchReservation is what only the document of a reservation has: what admins filter and sort by, and nothing else of
// its customer than his name.
type SearchReservation struct {
	User     UserID            `json:"user"`
	UserName string            `json:"user_name"` // "" of a closed account
	Status   ReservationStatus `json:"status"`
	Amount   KRW               `json:"amount"`
	HeldAt   Millis            `json:"held_at"`
}

// SearchSort is an order of hits.
type SearchSort string

// Orders of hits. What is equal by them is in an order of the engine's own that stays the same from page to page.
const (
	SortRelevance SearchSort = ""         // the best first; performances that are equally good: on sale first, then what ends first
	SortName      SearchSort = "name"     // by name
	SortStarting  SearchSort = "starting" // performances: what starts first
	SortEnding    SearchSort = "ending"   // performances: what ends first
	SortCheapest  SearchSort = "cheapest" // performances: by the cheapest grade
	SortDearest   SearchSort = "dearest"  // performances: by the dearest grade, the highest first
)

// SearchSorts are the orders that hits of a public kind can have; the first is meant when none is named. Reservations are
// found by a ReservationFilter.
var SearchSorts = map[SearchKind][]SearchSort{
	FindPerformances: {SortRelevance, SortName, SortStarting, SortEnding, SortCheapest, SortDearest},
	FindHalls:        {SortRelevance, SortName},
	FindPerformers:   {SortRelevance, SortName},
}

// SearchFilter says which documents are hits at all. Zero fields leave nothing out; any other leaves out all that are no
// performances.
type SearchFilter struct {
	Category  string
	Performer int64
	Hall      int64
	From      Day // shown on this day or later
	To        Day // shown on this day or earlier
	MinPrice  KRW // a grade costs this or more
	MaxPrice  KRW // a grade costs this or less
	OnSale    Choice
}

// SearchQuery asks for documents of one kind.
type SearchQuery struct {
	Kind   SearchKind
	Text   string // words, each of which must be found; nothing but blanks finds all, nothing but signs finds nothing
	Filter SearchFilter
	Sort   SearchSort
	After  string // SearchResult.Next of the page before; "" begins
	Limit  int    // hits on a page, from 1 to MaxSearchPage
	Facets bool   // performances: count by category too
}

// Limits of queries.
const (
	MaxSearchText  = 100  // characters
	MaxSearchPage  = 100  // hits
	MaxSearchAfter = 2000 // bytes: it may hold a title
	MaxSuggestions = 10
)

// Validate checks what was asked; an *Invalid names the field.
func (q SearchQuery) Validate() error {
	switch {
	case !utf8.ValidString(q.Text) || strings.ContainsRune(q.Text, 0):
		return invalid("q", "text in UTF-8, without the character 0")
	case utf8.RuneCountInString(q.Text) > MaxSearchText:
		return invalid("q", "at most %d characters", MaxSearchText)
	case SearchSorts[q.Kind] == nil:
		return invalid("kind", "performance, hall or performer")
	case !slices.Contains(SearchSorts[q.Kind], q.Sort) && q.Sort != SortRelevance:
		return invalid("sort", "one of %s", sortNames(q.Kind))
	case q.Limit < 1 || q.Limit > MaxSearchPage:
		return invalid("limit", "from 1 to %d", MaxSearchPage)
	case len(q.After) > MaxSearchAfter:
		return invalid("after", "the next of the page before")
	}
	return q.Filter.validate()
}

func sortNames(kind SearchKind) string {
	var names []string
	for _, s := range SearchSorts[kind] {
		names = append(names, cmp.Or(string(s), "nothing"))
	}
	return strings.Join(names, ", ")
}

func (f SearchFilter) validate() error {
	if f.Category != "" && !slices.Contains(Categories, f.Category) {
		return invalid("category", "one of %s", strings.Join(Categories, ", "))
	}
	for _, day := range []struct {
		field string
		Day
	}{{"from", f.From}, {"to", f.To}} {
		if _, ok := ParseDay(string(day.Day)); day.Day != "" && !ok {
			return invalid(day.field, "a day such as 2026-12-24")
		}
	}
	return nil
}

// SearchResult is a page of hits.
type SearchResult struct {
	Hits  []SearchHit
	Count int    // of all that match, whichever page this is
	Near  bool   // nothing has the words as they were typed; the hits have something close to them
	Next  string // goes into SearchQuery.After for the next page; "" on the last
	// Categories counts the matching performances by category, when asked.
	Categories map[string]int
}

// SearchHit is a document that was found, with what it was found by.
type SearchHit struct {
	SearchDocument
	Marks map[string][]SearchMark // by field: "name", "hall", "address", "performers"; only fields that have one that matches
}

// SearchMark is a piece of a text that was found in, or of the text around. The pieces of a field make up its text.
type SearchMark struct {
	Text  string `json:"text"`
	Match bool   `json:"match"`
}

// SuggestQuery asks what may be meant by what was typed so far.
type SuggestQuery struct {
	Kinds []SearchKind
	Typed string
	From  Day // performances that end before are left out; "": none is
	Limit int
}

// Suggestion is something that begins like what was typed so far, or has it in it.
type Suggestion struct {
	Kind SearchKind
	ID   string
	Name string
}
