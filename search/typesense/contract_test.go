package typesense

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	_ "github.com/typesense/typesense-go/v4/typesense/api" // for the document beside it

	"ticketblue/search"
	"ticketblue/search/conformance"
	"ticketblue/search/typesense/fake"
)

// carriers are modules that have Typesense's own OpenAPI document in them, by the version of Typesense it describes. It
// is read where Go keeps modules, for it says of itself that it is under the GPL.
var carriers = map[string]string{
	"28.0": "github.com/typesense/typesense-go/v3",
	"30.0": "github.com/typesense/typesense-go/v4",
}

func init() {
	whole := func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
		text, err := io.ReadAll(body)
		return string(text), err
	}
	openapi3filter.RegisterBodyDecoder("application/octet-stream", whole)
	openapi3filter.RegisterBodyDecoder("text/plain", whole)
}

// contract is Typesense's document of a version.
func contract(t testing.TB, version string) routers.Router {
	t.Helper()
	where, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", carriers[version]).Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(where)), "typesense", "api", "generator", "openapi.yml"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	if doc.Info.Version != version {
		t.Fatalf("the document is of version %s, want %s", doc.Info.Version, version)
	}
	doc.Servers = nil // ours is elsewhere
	// It says that every value in a document is an object, which no real document's are.
	doc.Components.Schemas["SearchResultHit"].Value.Properties["document"].Value.AdditionalProperties = openapi3.AdditionalProperties{}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

// checked stands in front of a server and complains of every request and every answer that the document does not allow.
type checked struct {
	next     http.Handler
	router   routers.Router
	complain func(string)
	seen     map[string]int // by method and route
	mu       sync.Mutex
}

func (c *checked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // what is missing is found by the document
	r.Body = io.NopCloser(bytes.NewReader(body))
	name := r.Method + " " + r.URL.Path
	route, params, err := c.router.FindRoute(r)
	if err != nil {
		c.complain(fmt.Sprintf("%s: %v", name, err))
		c.next.ServeHTTP(w, r)
		return
	}
	c.mu.Lock()
	c.seen[route.Method+" "+route.Path]++
	c.mu.Unlock()
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}
	input := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: options}
	if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil {
		c.complain(fmt.Sprintf("%s is asked wrongly: %v", name, err))
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	c.next.ServeHTTP(answer, r)
	given := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: answer.Code, Header: answer.Header(), Options: options,
		Body: io.NopCloser(bytes.NewReader(answer.Body.Bytes())),
	}
	if err := openapi3filter.ValidateResponse(r.Context(), given); err != nil {
		c.complain(fmt.Sprintf("%s is answered wrongly with %d: %v", name, answer.Code, err))
	}
	for key, values := range answer.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // who has left misses it
}

// openChecked is an engine whose every word with its server is compared with the document.
func openChecked(t testing.TB, version string) (*Engine, *checked) {
	t.Helper()
	c := &checked{next: fake.New(testKey), router: contract(t, version), seen: map[string]int{}, complain: func(text string) { t.Error(text) }}
	listener := httptest.NewServer(c)
	t.Cleanup(listener.Close)
	return New(Options{URL: listener.URL, APIKey: testKey}), c
}

// Everything that the engine asks and the fake answers is as Typesense's own document has it.
func TestContract(t *testing.T) {
	for version := range carriers {
		t.Run(version, func(t *testing.T) {
			seen := map[string]int{}
			var mu sync.Mutex
			conformance.Run(t, func(t *testing.T) search.Engine {
				e, c := openChecked(t, version)
				if err := e.Ready(t.Context()); err != nil {
					t.Error(err)
				}
				t.Cleanup(func() {
					mu.Lock()
					defer mu.Unlock()
					for name, n := range c.seen {
						seen[name] += n
					}
				})
				return e
			})
			for _, needed := range []string{
				"GET /health", "GET /collections", "POST /collections", "GET /collections/{collectionName}", "DELETE /collections/{collectionName}", "PUT /aliases/{aliasName}", "GET /aliases/{aliasName}",
				"POST /collections/{collectionName}/documents/import", "GET /collections/{collectionName}/documents/export",
				"DELETE /collections/{collectionName}/documents", "POST /multi_search",
			} {
				if seen[needed] == 0 {
					t.Errorf("%s was never compared", needed)
				}
			}
		})
	}
}

// The comparison finds what is wrong.
func TestContractCanFail(t *testing.T) {
	for version := range carriers {
		var complaints []string
		c := &checked{router: contract(t, version), seen: map[string]int{}, complain: func(text string) { complaints = append(complaints, text) }}
		for name, wrong := range map[string]struct{ method, path, body, answer string }{
			"an unknown path":         {"GET", "/nope", "", "{}"},
			"a collection of nothing": {"POST", "/collections", `{"fields":[]}`, `{}`},
			"a search for a number":   {"POST", "/multi_search", `{"searches":[{"q":5}]}`, `{"results":[]}`},
			"a count in letters":      {"POST", "/multi_search", `{"searches":[{"q":"*"}]}`, `{"results":[{"found":"many"}]}`},
		} {
			complaints = nil
			c.next = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, wrong.answer)
			})
			r := httptest.NewRequest(wrong.method, wrong.path, strings.NewReader(wrong.body))
			r.Header.Set("Content-Type", "application/json")
			c.ServeHTTP(httptest.NewRecorder(), r)
			if len(complaints) == 0 {
				t.Errorf("%s: %s went unnoticed", version, name)
			}
		}
	}
}
