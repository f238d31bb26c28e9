// Package fake is as much of a Typesense server as the program uses, in memory, for tests. It refuses what it does not
// know, so that a request which only a lenient server takes is found. What it answers, and is asked, is compared with
// Typesense's own OpenAPI document by the tests of search/typesense; that it behaves like the real server in all else
// nobody has shown.
package fake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"
)

// Server answers like Typesense. Its methods may be called from many goroutines.
type Server struct {
	key string
	mux *http.ServeMux

	mu          sync.Mutex
	collections map[string]*collection
	aliases     map[string]string
	down        bool
	silent      chan struct{} // closed when it speaks again; nil: it does
	asked       []string      // method and path
}

type collection struct {
	name    string
	fields  map[string]fieldSchema
	order   []string // names of fields
	created int64
	docs    map[string]*document
	next    int // number of the next document
}

type fieldSchema struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Facet    bool   `json:"facet"`
	Index    *bool  `json:"index,omitempty"`
	Optional bool   `json:"optional"`
	Sort     bool   `json:"sort"`
	Locale   string `json:"locale,omitempty"`
	Infix    bool   `json:"infix,omitempty"`
}

type document struct {
	number int
	values map[string]any
}

// New makes an empty server that wants an API key.
func New(key string) *Server {
	s := &Server{key: key, mux: http.NewServeMux(), collections: map[string]*collection{}, aliases: map[string]string{}}
	for pattern, handle := range map[string]func(*http.Request) (int, any){
		"GET /health":                          s.health,
		"GET /collections":                     s.list,
		"POST /collections":                    s.create,
		"GET /collections/{name}":              s.show,
		"DELETE /collections/{name}":           s.drop,
		"GET /aliases/{name}":                  s.alias,
		"PUT /aliases/{name}":                  s.point,
		"DELETE /aliases/{name}":               s.unpoint,
		"DELETE /collections/{name}/documents": s.deleteDocuments,
		"POST /multi_search":                   s.multiSearch,
	} {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			status, body := handle(r)
			answer(w, status, body)
		})
	}
	s.mux.HandleFunc("POST /collections/{name}/documents/import", s.importDocuments)
	s.mux.HandleFunc("GET /collections/{name}/documents/export", s.export)
	return s
}

// SetDown makes it answer 503 to everything, or answer again. What it has it keeps.
func (s *Server) SetDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// SetSilent makes it take requests and answer none, or speak again: those that still wait then are broken off.
func (s *Server) SetSilent(silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent != nil {
		close(s.silent)
		s.silent = nil
	}
	if silent {
		s.silent = make(chan struct{})
	}
}

// heard takes a request in, and tells whether it is answered.
func (s *Server) heard(r *http.Request) bool {
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+r.URL.Path)
	silent := s.silent
	s.mu.Unlock()
	if silent == nil {
		return true
	}
	_, _ = io.Copy(io.Discard, r.Body) // else nobody notices that the other side has left
	select {
	case <-silent:
		return false
	case <-r.Context().Done():
		return false
	}
}

// Asked are the requests since it was last called: "POST /multi_search".
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

// Collections are the names of those there are, sorted.
func (s *Server) Collections() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := []string{}
	for name := range s.collections {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.heard(r) {
		panic(http.ErrAbortHandler)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.down:
		answer(w, http.StatusServiceUnavailable, message("Not Ready or Lagging"))
	case r.Header.Get("X-TYPESENSE-API-KEY") != s.key && r.URL.Path != "/health":
		answer(w, http.StatusUnauthorized, message("Forbidden - a valid `x-typesense-api-key` header must be sent."))
	default:
		s.mux.ServeHTTP(w, r)
	}
}

type object = map[string]any

func message(text string) object { return object{"message": text} }

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who has left misses it
}

func (s *Server) health(*http.Request) (int, any) { return http.StatusOK, object{"ok": true} }

func (c *collection) describe() object {
	fields := []any{}
	for _, name := range c.order {
		fields = append(fields, c.fields[name])
	}
	return object{"name": c.name, "fields": fields, "num_documents": len(c.docs), "created_at": c.created}
}

func (s *Server) list(*http.Request) (int, any) {
	all := []any{}
	for _, c := range s.collections {
		all = append(all, c.describe())
	}
	return http.StatusOK, all
}

func (s *Server) create(r *http.Request) (int, any) {
	var schema struct {
		Name   string        `json:"name"`
		Fields []fieldSchema `json:"fields"`
	}
	if err := json.NewDecoder(r.Body).Decode(&schema); err != nil || schema.Name == "" || len(schema.Fields) == 0 {
		return http.StatusBadRequest, message("Bad JSON.")
	}
	if s.collections[schema.Name] != nil {
		return http.StatusConflict, message("A collection with name `" + schema.Name + "` already exists.")
	}
	c := &collection{name: schema.Name, fields: map[string]fieldSchema{}, created: time.Now().Unix(), docs: map[string]*document{}}
	for _, f := range schema.Fields {
		if !knownTypes[f.Type] || strings.HasPrefix(f.Type, "string") && f.Sort && f.Type != "string" {
			return http.StatusBadRequest, message("Field `" + f.Name + "` has an invalid data type `" + f.Type + "`.")
		}
		c.fields[f.Name], c.order = f, append(c.order, f.Name)
	}
	s.collections[c.name] = c
	return http.StatusCreated, c.describe()
}

var knownTypes = map[string]bool{"string": true, "string[]": true, "int32": true, "int64": true, "int64[]": true}

// find follows an alias.
func (s *Server) find(name string) *collection {
	if target, aliased := s.aliases[name]; aliased {
		name = target
	}
	return s.collections[name]
}

var errNotFound = message("Not Found")

func (s *Server) show(r *http.Request) (int, any) {
	c := s.find(r.PathValue("name"))
	if c == nil {
		return http.StatusNotFound, errNotFound
	}
	return http.StatusOK, c.describe()
}

func (s *Server) drop(r *http.Request) (int, any) {
	c := s.collections[r.PathValue("name")]
	if c == nil {
		return http.StatusNotFound, errNotFound
	}
	delete(s.collections, c.name)
	return http.StatusOK, c.describe()
}

func (s *Server) alias(r *http.Request) (int, any) {
	name := r.PathValue("name")
	target, found := s.aliases[name]
	if !found {
		return http.StatusNotFound, errNotFound
	}
	return http.StatusOK, object{"name": name, "collection_name": target}
}

func (s *Server) point(r *http.Request) (int, any) {
	var body struct {
		Target string `json:"collection_name"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Target == "" {
		return http.StatusBadRequest, message("Bad JSON.")
	}
	name := r.PathValue("name")
	s.aliases[name] = body.Target
	return http.StatusOK, object{"name": name, "collection_name": body.Target}
}

func (s *Server) unpoint(r *http.Request) (int, any) {
	name := r.PathValue("name")
	target, found := s.aliases[name]
	if !found {
		return http.StatusNotFound, errNotFound
	}
	delete(s.aliases, name)
	return http.StatusOK, object{"name": name, "collection_name": target}
}

func (s *Server) importDocuments(w http.ResponseWriter, r *http.Request) {
	c := s.find(r.PathValue("name"))
	if c == nil {
		answer(w, http.StatusNotFound, errNotFound)
		return
	}
	if action := r.URL.Query().Get("action"); action != "upsert" {
		answer(w, http.StatusBadRequest, message("Only upsert is known here, not "+action+"."))
		return
	}
	whole, err := io.ReadAll(r.Body) // what is not read when the answer begins cannot be read any more
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	out := json.NewEncoder(w)
	in := json.NewDecoder(bytes.NewReader(whole))
	in.UseNumber()
	for in.More() {
		var values map[string]any
		result := object{"success": true}
		if err := in.Decode(&values); err != nil {
			result = object{"success": false, "error": "Bad JSON.", "code": http.StatusBadRequest}
			_ = out.Encode(result)
			return
		}
		if wrong := c.put(values); wrong != "" {
			result = object{"success": false, "error": wrong, "code": http.StatusBadRequest}
		}
		_ = out.Encode(result)
	}
}

// put says what is wrong with a document; "" when it was taken.
func (c *collection) put(values map[string]any) string {
	id, ok := values["id"].(string)
	if !ok || id == "" {
		return "Document's `id` field must be a string."
	}
	for _, f := range c.fields {
		value, given := values[f.Name]
		if !given && !f.Optional {
			return "Field `" + f.Name + "` has been declared in the schema, but is not found in the document."
		}
		if given && !fits(f.Type, value) {
			return "Field `" + f.Name + "` must be a " + f.Type + "."
		}
	}
	number := c.next
	if before := c.docs[id]; before != nil {
		number = before.number
	} else {
		c.next++
	}
	c.docs[id] = &document{number, values}
	return ""
}

func fits(kind string, value any) bool {
	if element, isList := strings.CutSuffix(kind, "[]"); isList {
		list, ok := value.([]any)
		for _, v := range list {
			ok = ok && fits(element, v)
		}
		return ok
	}
	switch v := value.(type) {
	case string:
		return kind == "string"
	case json.Number:
		n, err := v.Int64()
		return err == nil && (kind == "int64" || kind == "int32" && int64(int32(n)) == n)
	}
	return false
}

func (s *Server) deleteDocuments(r *http.Request) (int, any) {
	c := s.find(r.PathValue("name"))
	if c == nil {
		return http.StatusNotFound, errNotFound
	}
	match, err := c.parseFilter(r.URL.Query().Get("filter_by"))
	if err != nil {
		return http.StatusBadRequest, message(err.Error())
	}
	n := 0
	for id, d := range c.docs {
		if match(d) {
			delete(c.docs, id)
			n++
		}
	}
	return http.StatusOK, object{"num_deleted": n}
}

func (s *Server) export(w http.ResponseWriter, r *http.Request) {
	c := s.find(r.PathValue("name"))
	if c == nil {
		answer(w, http.StatusNotFound, errNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	include := r.URL.Query().Get("include_fields")
	for _, d := range c.sorted() {
		line, _ := json.Marshal(d.shown(include)) // it came as JSON
		fmt.Fprintf(w, "%s\n", line)
	}
}

// sorted are all documents in the order of their first coming.
func (c *collection) sorted() []*document {
	all := make([]*document, 0, len(c.docs))
	for _, d := range c.docs {
		all = append(all, d)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].number < all[j].number })
	return all
}

// shown is a document with only some fields.
func (d *document) shown(include string) map[string]any {
	if include == "" {
		return d.values
	}
	some := map[string]any{}
	for name := range strings.SplitSeq(include, ",") {
		if value, found := d.values[name]; found {
			some[name] = value
		}
	}
	return some
}
