package typesense

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"

	"ticketblue/search"
	"ticketblue/ticketing"
)

// draft is a collection that no alias names yet.
type draft struct {
	e     *Engine
	kind  ticketing.SearchKind
	name  string
	ended bool // swapped in, perhaps: a lost answer says nothing of it; or thrown away
}

// Rebuild creates a collection under a name of its own, and deletes what others left behind.
func (e *Engine) Rebuild(ctx context.Context, kind ticketing.SearchKind) (search.Draft, error) {
	if err := e.Tidy(ctx, kind); err != nil {
		return nil, err
	}
	var number [8]byte
	_, _ = rand.Read(number[:]) // never fails, says its documentation
	d := &draft{e: e, kind: kind, name: e.collectionOf(kind, hex.EncodeToString(number[:]))}
	if err := e.create(ctx, kind, d.name); err != nil {
		return nil, failed("creating a collection of "+string(kind)+"s", err)
	}
	return d, nil
}

// Tidy deletes all collections of a kind but the one that its alias names.
func (e *Engine) Tidy(ctx context.Context, kind ticketing.SearchKind) error {
	live, err := e.current(ctx, e.aliasOf(kind))
	if err != nil {
		return err
	}
	return e.drop(ctx, kind, live)
}

// drop deletes all collections of a kind but one.
func (e *Engine) drop(ctx context.Context, kind ticketing.SearchKind, but string) error {
	all, err := e.server.Collections().Retrieve(ctx)
	if err != nil {
		return failed("asking for the collections", err)
	}
	for _, c := range all {
		if !strings.HasPrefix(c.Name, e.aliasOf(kind)+"_v") || c.Name == but {
			continue
		}
		if _, err := e.server.Collection(c.Name).Delete(ctx); err != nil && !isStatus(err, http.StatusNotFound) {
			return failed("deleting a collection of "+string(kind)+"s", err)
		}
	}
	return nil
}

// Put sends documents to the draft.
func (d *draft) Put(ctx context.Context, docs []ticketing.SearchDocument) error {
	if err := d.e.put(ctx, d.name, docs); err != nil {
		return failed("putting "+string(d.kind)+"s into a new index", err)
	}
	return nil
}

// Delete takes documents out of the draft.
func (d *draft) Delete(ctx context.Context, _ ticketing.SearchKind, ids []string) error {
	if err := d.e.delete(ctx, d.name, ids); err != nil {
		return failed("deleting "+string(d.kind)+"s from a new index", err)
	}
	return nil
}

// Name is one that no other collection ever had.
func (d *draft) Name() string { return d.name }

// Swap lets the alias name the draft, in one step.
func (d *draft) Swap(ctx context.Context) error {
	d.ended = true
	return d.e.point(ctx, d.kind, d.name)
}

// Discard deletes the draft, unless the alias may name it: then it is Tidy's, which asks.
func (d *draft) Discard(ctx context.Context) error {
	if d.ended {
		return nil
	}
	d.ended = true
	if _, err := d.e.server.Collection(d.name).Delete(ctx); err != nil && !isStatus(err, http.StatusNotFound) {
		return failed("deleting a new index of "+string(d.kind)+"s", err)
	}
	return nil
}
