package search

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"ticketblue/ticketing"
)

// Difference is how the index of a kind differs from its source.
type Difference struct {
	Kind      ticketing.SearchKind `json:"kind"`
	Documents int                  `json:"documents"` // that there are
	Indexed   int                  `json:"indexed"`   // that the index has
	Missing   int                  `json:"missing"`   // of those there are, in the index
	Outdated  int                  `json:"outdated"`  // the index says something else of them
	Extra     int                  `json:"extra"`     // in the index only
	Some      []string             `json:"some"`      // ids of a few that differ
	CatchesUp bool                 `json:"catches_up"`
}

// Differs counts the documents on which index and source do not agree.
func (d Difference) Differs() int { return d.Missing + d.Outdated + d.Extra }

const (
	compareEvery = 500 * time.Millisecond
	someOf       = 5 // ids that are named
)

// comparison is one kind's.
type comparison struct {
	engine Engine
	source Source
	kind   ticketing.SearchKind
	only   map[string]bool // documents that still count; nil: all
}

// Compare compares every document of a kind, content and all. The index follows its source a little later, so what
// differs is looked at again until it does not, for as long as patience lasts: only what differed every time is told.
// CatchesUp says that it became fewer meanwhile.
func Compare(ctx context.Context, engine Engine, source Source, kind ticketing.SearchKind, patience time.Duration) (Difference, error) {
	c := &comparison{engine: engine, source: source, kind: kind}
	limit := time.Now().Add(patience)
	first, err := c.pass(ctx)
	last := first
	for err == nil && last.Differs() > 0 && time.Now().Before(limit) {
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-time.After(compareEvery):
		}
		last, err = c.pass(ctx)
	}
	if err != nil {
		return last, fmt.Errorf("comparing the index of %ss: %w", kind, err)
	}
	last.CatchesUp = last.Differs() < first.Differs()
	return last, nil
}

// pass looks at all documents once, and keeps in mind which differed.
func (c *comparison) pass(ctx context.Context) (Difference, error) {
	d := Difference{Kind: c.kind, Some: []string{}}
	truth, err := c.fingerprints(ctx)
	if err != nil {
		return d, err
	}
	d.Documents = len(truth)
	differ := map[string]bool{}
	note := func(id string, count *int) {
		if c.only == nil || c.only[id] {
			*count++
			differ[id] = true
		}
	}
	var failed error
	err = c.engine.Each(ctx, c.kind, func(doc ticketing.SearchDocument) bool {
		d.Indexed++
		want, there := truth[doc.ID]
		var is [sha256.Size]byte
		if is, failed = fingerprint(doc); failed != nil {
			return false
		}
		switch {
		case !there:
			note(doc.ID, &d.Extra)
		case is != want:
			note(doc.ID, &d.Outdated)
		}
		delete(truth, doc.ID)
		return true
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return d, err
	}
	for id := range truth {
		note(id, &d.Missing)
	}
	c.only = differ
	for id := range differ {
		d.Some = append(d.Some, id)
	}
	slices.Sort(d.Some)
	d.Some = d.Some[:min(len(d.Some), someOf)]
	return d, nil
}

// fingerprints are those of the source's documents, by id.
func (c *comparison) fingerprints(ctx context.Context) (map[string][sha256.Size]byte, error) {
	all := map[string][sha256.Size]byte{}
	for after := ""; ; {
		docs, err := c.source.SearchDocumentsAfter(ctx, c.kind, after, Batch)
		if err != nil || len(docs) == 0 {
			return all, err
		}
		for _, d := range docs {
			if all[d.ID], err = fingerprint(d); err != nil {
				return nil, err
			}
			after = d.ID
		}
	}
}

func fingerprint(d ticketing.SearchDocument) ([sha256.Size]byte, error) {
	text, err := json.Marshal(d)
	return sha256.Sum256(text), err
}
