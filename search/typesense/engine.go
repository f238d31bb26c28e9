// Package typesense is the search engine on a Typesense server. The server keeps what the program makes of documents
// (see schema.go) and answers by filters over it, which are made of typed values; so Korean is found in the middle of a
// word and in spite of typing errors in the same way as by every other engine, whichever version the server has.
//
// Each kind has an alias, tb_performance for one, which names the collection that is searched. A rebuild fills another
// collection and lets the alias name it.
package typesense

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	client "github.com/typesense/typesense-go/v3/typesense"
	"github.com/typesense/typesense-go/v3/typesense/api"
	"github.com/typesense/typesense-go/v3/typesense/api/pointer"

	"ticketblue/search"
	"ticketblue/ticketing"
)

const (
	answerLimit = 4 * time.Second // of one request; who asked has a deadline of his own, mostly a shorter one
	restLimit   = time.Second     // between two tries while the server answers nothing
	maxDocument = 1 << 20         // bytes of one document in an export
)

// Options say where the server is.
type Options struct {
	URL    string // "http://typesense:8108"
	APIKey string // one that may do everything with collections, documents and aliases whose names begin with Prefix
	// Reservations has it keep those too, with the names of their customers.
	Reservations bool
	Prefix       string // of all names on the server, which others may use as well; default DefaultPrefix
}

// DefaultPrefix is what the names of aliases and collections begin with.
const DefaultPrefix = "tb_"

// Engine is the engine over one server, or a cluster behind one address.
type Engine struct {
	server *client.Client
	prefix string
	kinds  []ticketing.SearchKind

	searchLimit time.Duration
	patience    patience
}

var _ search.Engine = (*Engine)(nil)

// New makes the engine. Nothing is asked of the server yet.
func New(o Options) *Engine {
	kinds := slices.Clone(ticketing.PublicKinds)
	if o.Reservations {
		kinds = append(kinds, ticketing.FindReservations)
	}
	return &Engine{kinds: kinds, prefix: cmp.Or(o.Prefix, DefaultPrefix), searchLimit: searchLimit, server: client.NewClient(
		client.WithServer(strings.TrimSuffix(o.URL, "/")), client.WithAPIKey(o.APIKey),
		client.WithConnectionTimeout(answerLimit), client.WithCircuitBreakerTimeout(restLimit),
	)}
}

// Kinds are the public ones, and reservations when it was asked to keep them.
func (e *Engine) Kinds() []ticketing.SearchKind { return e.kinds }

// Ready asks the server for its health.
func (e *Engine) Ready(ctx context.Context) error {
	healthy, err := e.server.Health(ctx, answerLimit)
	if err != nil {
		return failed("asking Typesense for its health", err)
	}
	if !healthy {
		return errors.New("the Typesense server says that it is not well")
	}
	return nil
}

// failed says what did not work.
func failed(what string, err error) error {
	var answered *client.HTTPError
	if errors.As(err, &answered) {
		return fmt.Errorf("%s: Typesense answered with status %d", what, answered.Status) // its words may quote what was sent
	}
	return fmt.Errorf("%s: %w", what, err)
}

func isStatus(err error, status int) bool {
	var answered *client.HTTPError
	return errors.As(err, &answered) && answered.Status == status
}

func (e *Engine) aliasOf(kind ticketing.SearchKind) string { return e.prefix + string(kind) }

// collectionOf names a collection by the version of what is in it.
func (e *Engine) collectionOf(kind ticketing.SearchKind, number string) string {
	return fmt.Sprintf("%s_v%d_%s", e.aliasOf(kind), search.Version, number)
}

// Current asks for the collection that the alias names, and looks for it.
func (e *Engine) Current(ctx context.Context, kind ticketing.SearchKind) (string, error) {
	name, err := e.current(ctx, e.aliasOf(kind))
	if err != nil || !strings.HasPrefix(name, e.collectionOf(kind, "")) {
		return "", err
	}
	_, err = e.server.Collection(name).Retrieve(ctx)
	switch {
	case isStatus(err, http.StatusNotFound):
		return "", nil
	case err != nil:
		return "", failed("asking for the collection of "+string(kind)+"s", err)
	}
	return name, nil
}

// current is the collection that an alias names, though it may not be there; "" when there is no alias.
func (e *Engine) current(ctx context.Context, alias string) (string, error) {
	found, err := e.server.Alias(alias).Retrieve(ctx)
	switch {
	case isStatus(err, http.StatusNotFound):
		return "", nil
	case err != nil:
		return "", failed("asking for the alias "+alias, err)
	}
	return found.CollectionName, nil
}

func (e *Engine) create(ctx context.Context, kind ticketing.SearchKind, name string) error {
	_, err := e.server.Collections().Create(ctx, &api.CollectionSchema{Name: name, Fields: fields(kind)})
	return err
}

func (e *Engine) point(ctx context.Context, kind ticketing.SearchKind, name string) error {
	if _, err := e.server.Aliases().Upsert(ctx, e.aliasOf(kind), &api.CollectionAliasSchema{CollectionName: name}); err != nil {
		return failed("pointing the alias of "+string(kind)+"s", err)
	}
	return nil
}

// Put adds or replaces documents in the collections that are searched. One that is not there is not begun: with a few
// documents it would look whole.
func (e *Engine) Put(ctx context.Context, docs []ticketing.SearchDocument) error {
	byKind := map[ticketing.SearchKind][]ticketing.SearchDocument{}
	for _, d := range docs {
		byKind[d.Kind] = append(byKind[d.Kind], d)
	}
	for kind, docs := range byKind {
		err := e.put(ctx, e.aliasOf(kind), docs)
		if isStatus(err, http.StatusNotFound) {
			err = search.ErrNotBuilt
		}
		if err != nil {
			return failed(fmt.Sprintf("putting %d %ss into the index", len(docs), kind), err)
		}
	}
	return nil
}

// put sends documents to a collection, or an alias of one. The server answers for each.
func (e *Engine) put(ctx context.Context, collection string, docs []ticketing.SearchDocument) error {
	lines := make([]any, len(docs))
	for i, d := range docs {
		doc, err := onServer(d)
		if err != nil {
			return err
		}
		lines[i] = doc
	}
	if len(lines) == 0 {
		return nil
	}
	upsert := api.Upsert
	answers, err := e.server.Collection(collection).Documents().Import(ctx, lines, &api.ImportDocumentsParams{Action: &upsert, BatchSize: pointer.Int(search.Batch)})
	if err != nil {
		return err
	}
	if len(answers) != len(docs) {
		return fmt.Errorf("%d answers for %d documents", len(answers), len(docs))
	}
	for i, a := range answers {
		if !a.Success {
			return fmt.Errorf("%s %s was not taken: %s", docs[i].Kind, docs[i].ID, a.Error)
		}
	}
	return nil
}

// Delete takes documents out of the collection that is searched.
func (e *Engine) Delete(ctx context.Context, kind ticketing.SearchKind, ids []string) error {
	if err := e.delete(ctx, e.aliasOf(kind), ids); err != nil && !isStatus(err, http.StatusNotFound) {
		return failed("deleting "+string(kind)+"s from the index", err)
	}
	return nil
}

// aDocument is what ids look like: "17", or "42-7" of a reservation.
var aDocument = regexp.MustCompile(`^[0-9]+(-[0-9]+)?$`)

func (e *Engine) delete(ctx context.Context, collection string, ids []string) error {
	for _, id := range ids {
		if !aDocument.MatchString(id) {
			return fmt.Errorf("%q is no id of a document", id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := e.server.Collection(collection).Documents().Delete(ctx, &api.DeleteDocumentsParams{
		FilterBy: pointer.String(string(oneOf(fieldID, ids))), BatchSize: pointer.Int(search.Batch),
	})
	return err
}

// Each reads an export of the collection that is searched.
func (e *Engine) Each(ctx context.Context, kind ticketing.SearchKind, yield func(ticketing.SearchDocument) bool) error {
	lines, err := e.server.Collection(e.aliasOf(kind)).Documents().Export(ctx, &api.ExportDocumentsParams{IncludeFields: pointer.String(string(fieldDocument))})
	if isStatus(err, http.StatusNotFound) {
		return nil
	}
	if err != nil {
		return failed("reading the index of "+string(kind)+"s", err)
	}
	defer lines.Close()
	scanner := bufio.NewScanner(lines)
	scanner.Buffer(nil, maxDocument)
	for scanner.Scan() {
		var line map[string]any
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			return failed("reading the index of "+string(kind)+"s", err)
		}
		d, err := fromServer(line)
		if err != nil {
			return err
		}
		if !yield(d) {
			return nil
		}
	}
	if err := scanner.Err(); err != nil {
		return failed("reading the index of "+string(kind)+"s", err)
	}
	return nil
}

// fromServer is the document that onServer was given.
func fromServer(line map[string]any) (d ticketing.SearchDocument, err error) {
	body, _ := line[string(fieldDocument)].(string)
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		return d, failed("reading a document of the index", err)
	}
	return d, nil
}
