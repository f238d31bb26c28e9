// Package search finds performances, halls and performers, and for admins reservations.
//
// The catalogue and the journal are the truth; what is kept here follows them and may be thrown away and made again at
// any time. An engine keeps documents and answers queries: search/postgres needs nothing configured, search/typesense
// is the same behind a server. Every engine is run through search/conformance.
package search

import (
	"context"

	"ticketblue/ticketing"
)

// Engine keeps documents and finds them. Its methods may be called from many goroutines. Queries have been validated.
type Engine interface {
	Collection
	// Kinds are those that it keeps; the others are not its to find.
	Kinds() []ticketing.SearchKind
	// Search answers each query, in their order; marks are not its work. Words are those of [Words]. A document is a
	// hit when each word is somewhere in what it is found by ([Found]): at the beginning of a name, in the middle of a
	// word, over the blank between two. Only when there is none, the hits are documents that have each word but for one
	// character, if it is [Forgiving] (Near). A bad place in After is a *ticketing.Invalid.
	Search(ctx context.Context, queries []ticketing.SearchQuery) ([]ticketing.SearchResult, error)
	// Suggest lists things whose names begin with what was typed so far: see [Letters] for half a syllable, and
	// [Initials]. No name comes twice for a kind.
	Suggest(ctx context.Context, q ticketing.SuggestQuery) ([]ticketing.Suggestion, error)
	// Each hands over every document of a kind, in the order of its own choice, until yield says no.
	Each(ctx context.Context, kind ticketing.SearchKind, yield func(ticketing.SearchDocument) bool) error
	// Rebuild begins an empty collection of one kind beside the one that is searched. At most one for each kind: an
	// older one that was not swapped in, of a process that died perhaps, is thrown away.
	Rebuild(ctx context.Context, kind ticketing.SearchKind) (Draft, error)
	// Current names the collection of a kind that is searched: the [Draft.Name] of one that was swapped in, by a program that
	// compares texts as this one does ([Version]), and is still there. "": there is none, and it must be rebuilt.
	Current(ctx context.Context, kind ticketing.SearchKind) (name string, err error)
	// Tidy deletes what is neither searched nor in the making: what a draft has replaced, and drafts that nobody ended. Not
	// while there is a draft of the kind.
	Tidy(ctx context.Context, kind ticketing.SearchKind) error
	// Ready tells why it cannot answer now; nil when it can.
	Ready(ctx context.Context) error
}

// Collection takes documents. What it has taken is found as soon as it returns.
type Collection interface {
	// Put adds documents, or replaces those of the same kind and id. What was never swapped in, or is lost, may take none:
	// ErrNotBuilt.
	Put(ctx context.Context, docs []ticketing.SearchDocument) error
	// Delete takes documents out; those that are not there are no error.
	Delete(ctx context.Context, kind ticketing.SearchKind, ids []string) error
}

// Draft is a collection in the making, of one kind. Nobody finds what is in it before Swap. Put of a draft is for many
// documents: batches of [Batch].
type Draft interface {
	Collection
	// Name is one that the collection which is searched meanwhile does not have.
	Name() string
	// Swap puts it in the place of the one that is searched: every search finds all of the old or all of the new. The old
	// one is there until [Engine.Tidy]. After an error it may be so, or become so later.
	Swap(ctx context.Context) error
	// Discard throws it away. After Swap it does nothing; when that failed it leaves at least what is searched, and the
	// draft perhaps to [Engine.Tidy].
	Discard(ctx context.Context) error
}

// Version counts the ways in which documents were made and their texts compared; an index by another one is of no use.
const Version = 2

// Batch is how many documents are handed over together at most.
const Batch = 500
