package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	module   = "ticketblue"
	repoRoot = "../.." // tests run in their own directory
)

// The one rule: a room imports ticketing and its own sub-packages, nothing else of ours; only cmd/ticketblue wires
// rooms together. The table is that rule, package by package. A package without a line fails, so that nobody adds a
// room without saying what it is for and whom it may know.
var importTable = []line{
	{pkg: "ticketing", std: pureStd,
		why: "the rules are pure: the same code decides in production, in the simulation and in a replay of the journal, which it can only do without clock, chance, files, network and locks"},
	{pkg: "actors", ours: []string{"ticketing"},
		why: "the shell sees journal and clock through small interfaces of its own, so that the simulation can play both"},
	{pkg: "persistence", ours: []string{"ticketing"},
		why: "Postgres keeps what others decided; it knows neither who decides nor who asks"},
	{pkg: "persistence/embedded",
		why: "the private Postgres knows processes and directories, nothing of tickets"},
	{pkg: "persistence/embedded/pgtest", ours: []string{"persistence/embedded"},
		why: "a database for tests of any room, so it may know no room"},
	{pkg: "persistence/blobs", ours: []string{"ticketing"},
		why: "blobs are files under names; whose poster one is stands in a table"},
	{pkg: "api/pictures", ours: []string{"ticketing"},
		why: "making pictures safe needs no request and no store"},
	{pkg: "jobs", ours: []string{"ticketing"},
		why: "jobs runs work and knows nothing of it: each room owns its own, cmd registers it"},
	{pkg: "eventlog", ours: []string{"ticketing"},
		why: "the event log is given facts and refusals by whoever has them: it follows nobody itself"},
	{pkg: "broadcast", ours: []string{"ticketing"},
		why: "what is carried to followers comes from the journal, and who follows is no concern of the carrier; both are asked through interfaces of its own"},
	{pkg: "api", ours: []string{"ticketing", "api/auth", "api/auth/fakekakao", "api/pictures", "api/web"},
		why: "HTTP asks through interfaces of its own: handlers can be read, and tested, without actors or Postgres"},
	{pkg: "api/auth", ours: []string{"ticketing"},
		why: "tokens and passwords are no business of the handlers that use them"},
	{pkg: "api/auth/fakekakao", ours: []string{"api/auth"},
		why: "the fake speaks Kakao's protocol and knows nothing of accounts: what it could do that Kakao cannot would hide mistakes"},
	{pkg: "api/client",
		why: "the client is for programs of others: it knows the document it was generated from, and nothing of ours"},
	{pkg: "api/web",
		why: "embedded pages are files, not code"},
	{pkg: "api/web/bundle",
		why: "the bundler makes the pages from their sources and is no part of the program"},
	{pkg: "bench", ours: []string{"api/client", "bench/client", "bench/judge", "bench/load", "bench/report", "bench/split"},
		why: "bench is a black box beside the service: it shares no code with what it measures, or it would share the mistakes"},
	{pkg: "bench/client", ours: []string{"api/client"},
		why: "the client is what a customer has: the HTTP contract and nothing of ours"},
	{pkg: "bench/judge",
		why: "the judge compares answers and the program's own verdict; it must not compute either with our code"},
	{pkg: "bench/load",
		why: "arrivals and clocks know nothing of what is sold"},
	{pkg: "bench/report", ours: []string{"bench/judge", "bench/load"},
		why: "a report shows what was measured and judged"},
	{pkg: "bench/split",
		why: "which part of a server pays is told by names of functions in a profile; the code itself is not needed"},
	{pkg: "search", ours: []string{"ticketing"},
		why: "what is found follows the catalogue and the journal, and knows neither: both are asked through interfaces of its own"},
	{pkg: "search/conformance", ours: []string{"ticketing", "search"},
		why: "what every engine must do is said once, without knowing any engine"},
	{pkg: "payments", ours: []string{"ticketing", "payments/faketoss"},
		why: "money is asked for as the round's facts say, and the provider's answers become commands: neither tables nor pages are in between; the fake is for its tests"},
	{pkg: "search/postgres", ours: []string{"ticketing", "search", "search/conformance"},
		why: "an engine keeps documents and answers queries; where documents come from is no concern of it"},
	{pkg: "search/typesense", ours: []string{"ticketing", "search", "search/conformance", "search/typesense/fake"},
		why: "an engine keeps documents and answers queries; the fake is for its tests"},
	{pkg: "search/typesense/fake",
		why: "the fake speaks Typesense's protocol and knows nothing of tickets: what it could do that Typesense cannot would hide mistakes"},
	{pkg: "notify", ours: []string{"ticketing"},
		why: "who is told what follows from facts; tables, the queue of jobs and pages are others' and asked through interfaces"},
	{pkg: "payments/faketoss",
		why: "the fake speaks Toss' protocol and knows nothing of ours: what it could do that Toss cannot would hide mistakes"},
	{pkg: "sim", ours: []string{"ticketing", "actors", "payments"},
		why: "the simulation runs the very shell that serves customers, against a clock, a journal and clients of its own: anything real in it could not be repeated by its seed"},
	{pkg: "cmd/ticketblue", ours: []string{anyRoom},
		why: "the one place that knows every room"},
}

// Libraries that belong to a room. Whoever else needs one needs that room's work, and asks for it by an interface.
var libraryTable = []library{
	{prefix: "github.com/asynkron/protoactor-go", rooms: []string{"actors"},
		why: "the actor library is a detail of the driver; the shell and everyone else do without"},
	{prefix: "github.com/nats-io/", rooms: []string{"broadcast", "bench"},
		why: "JetStream is a carrier, never truth: everyone else may know events, not how they travel; bench has a server to take away"},
	{prefix: "github.com/gofiber/", rooms: []string{"api", "bench"},
		why: "HTTP is spoken in api; bench has a bare Fiber endpoint of its own to compare with"},
	{prefix: "github.com/danielgtaylor/huma", rooms: []string{"api"},
		why: "the OpenAPI document is made from api's types"},
	{prefix: "github.com/jackc/pgx", rooms: []string{"persistence", "jobs", "search", "bench"},
		why: "SQL is written where the tables are; jobs hands its library a transaction, one search engine is Postgres, and bench changes a table of its own in several ways"},
	{prefix: "github.com/riverqueue/river", rooms: []string{"jobs"},
		why: "River moves fast: whoever has work registers it with jobs and enqueues plain data"},
	{prefix: "riverqueue.com/riverui", rooms: []string{"jobs"},
		why: "River's pages are River's: whoever shows them gets a plain handler"},
	{prefix: "gopkg.in/natefinch/lumberjack", rooms: []string{"eventlog"},
		why: "only the event log keeps files that change every day; the service's own log goes to stderr"},
	{prefix: "github.com/minio/minio-go", rooms: []string{"persistence"},
		why: "a bucket is one of two places for blobs"},
	{prefix: "github.com/typesense/typesense-go", rooms: []string{"search"},
		why: "a server is one of two places for the index"},
	{prefix: "github.com/getkin/kin-openapi", rooms: []string{"search"},
		why: "what is said to a search server is compared with the server's own document; ours is made and checked by huma"},
	{prefix: "golang.org/x/image", rooms: []string{"api"},
		why: "pictures are made where they come in"},
	{prefix: "github.com/pressly/goose", rooms: []string{"persistence"},
		why: "migrations live with the tables"},
	{prefix: "github.com/evanw/esbuild", rooms: []string{"api"},
		why: "the pages are bundled before they are embedded; api/web/bundle alone does it"},
	{prefix: "github.com/wneessen/go-mail", rooms: []string{"notify"},
		why: "mail is written and sent in one place"},
	{prefix: "codeberg.org/go-pdf/", rooms: []string{"notify"},
		why: "tickets are printed where they are sent"},
	{prefix: "github.com/alecthomas/kong", rooms: []string{"cmd", "bench"},
		why: "command lines are read by commands; rooms get values"},
}

// pureStd is all that the rules need of the standard library.
var pureStd = []string{
	"bytes", "cmp", "container/heap", "crypto/sha256", "encoding/binary", "encoding/hex", "encoding/json", "errors", "fmt", "iter", "maps",
	"math", "math/bits", "regexp", "slices", "strconv", "strings", "time", "unicode", "unicode/utf8",
}

const (
	anyRoom    = "*"
	pgtestRoom = "persistence/embedded/pgtest"
)

// line says what a package may import.
type line struct {
	pkg  string
	ours []string // packages of ours; anyRoom for all
	std  []string // when set, the only imports besides ours: no other library at all
	why  string   // printed when the line is broken
}

// library says who may import a library outside tests. A room's sub-packages count as the room.
type library struct {
	prefix string
	rooms  []string
	why    string
}

// goPackage is what we read of `go list -json`.
type goPackage struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func TestImports(t *testing.T) {
	for _, broken := range checkImports(listPackages(t), importTable, libraryTable) {
		t.Error(broken)
	}
}

// checkImports compares the import graph with the tables and returns one sentence for each thing that is wrong.
func checkImports(pkgs []goPackage, table []line, libraries []library) []string {
	var broken []string
	for _, p := range pkgs {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		i := slices.IndexFunc(table, func(l line) bool { return l.pkg == name })
		if i < 0 {
			broken = append(broken, fmt.Sprintf("%s has no line in importTable: say what it may import, and why", name))
			continue
		}
		for _, imp := range p.Imports {
			broken = append(broken, checkImport(table[i], imp, libraries)...)
		}
		for _, imp := range slices.Concat(p.TestImports, p.XTestImports) {
			broken = append(broken, checkTestImport(table[i], imp)...)
		}
	}
	return broken
}

func checkImport(l line, imp string, libraries []library) []string {
	if own, ours := strings.CutPrefix(imp, module+"/"); ours {
		if !mayImport(l, own) {
			return []string{fmt.Sprintf("%s may not import %s: %s", l.pkg, own, l.why)}
		}
		return nil
	}
	if l.std != nil && !slices.Contains(l.std, imp) {
		return []string{fmt.Sprintf("%s imports %q, which is not on its list: %s", l.pkg, imp, l.why)}
	}
	room, _, _ := strings.Cut(l.pkg, "/")
	for _, lib := range libraries {
		if strings.HasPrefix(imp, lib.prefix) && !slices.Contains(lib.rooms, room) {
			return []string{fmt.Sprintf("%s imports %s, which belongs to %s: %s", l.pkg, imp, strings.Join(lib.rooms, " and "), lib.why)}
		}
	}
	return nil
}

// Tests may use any library, the package they test, and a real Postgres.
func checkTestImport(l line, imp string) []string {
	own, ours := strings.CutPrefix(imp, module+"/")
	if !ours || own == l.pkg || own == pgtestRoom || mayImport(l, own) {
		return nil
	}
	return []string{fmt.Sprintf("a test of %s imports %s: %s (tests of several rooms together live in cmd/ticketblue)", l.pkg, own, l.why)}
}

func mayImport(l line, own string) bool {
	return slices.Contains(l.ours, own) || slices.Contains(l.ours, anyRoom)
}

func TestImportCheckBites(t *testing.T) {
	table := []line{
		{pkg: "rules", std: []string{"fmt"}, why: "rules are pure"},
		{pkg: "front", ours: []string{"rules", "front/sub"}, why: "front asks"},
		{pkg: "store", ours: []string{"rules"}, why: "store keeps"},
		{pkg: "cmd/all", ours: []string{anyRoom}, why: "wires"},
	}
	libraries := []library{{prefix: "example.org/sql", rooms: []string{"store"}, why: "SQL lives in store"}}
	for name, c := range map[string]struct {
		pkg  goPackage
		want string // part of the one complaint; "" for none
	}{
		"its own list":            {goPackage{ImportPath: "ticketblue/rules", Imports: []string{"fmt"}}, ""},
		"not on its list":         {goPackage{ImportPath: "ticketblue/rules", Imports: []string{"os"}}, "rules are pure"},
		"a library in pure code":  {goPackage{ImportPath: "ticketblue/rules", Imports: []string{"example.org/x"}}, "rules are pure"},
		"allowed":                 {goPackage{ImportPath: "ticketblue/front", Imports: []string{"ticketblue/rules", "ticketblue/front/sub", "os"}}, ""},
		"another room":            {goPackage{ImportPath: "ticketblue/front", Imports: []string{"ticketblue/store"}}, "front asks"},
		"another room, in a test": {goPackage{ImportPath: "ticketblue/front", TestImports: []string{"ticketblue/store"}}, "front asks"},
		"another room, x-test":    {goPackage{ImportPath: "ticketblue/front", XTestImports: []string{"ticketblue/store"}}, "front asks"},
		"itself and Postgres":     {goPackage{ImportPath: "ticketblue/front", XTestImports: []string{"ticketblue/front", "ticketblue/" + pgtestRoom}}, ""},
		"Postgres outside tests":  {goPackage{ImportPath: "ticketblue/front", Imports: []string{"ticketblue/" + pgtestRoom}}, "front asks"},
		"the owner of a library":  {goPackage{ImportPath: "ticketblue/store", Imports: []string{"example.org/sql/v5"}}, ""},
		"another's library":       {goPackage{ImportPath: "ticketblue/front", Imports: []string{"example.org/sql/v5"}}, "SQL lives in store"},
		"the wiring":              {goPackage{ImportPath: "ticketblue/cmd/all", Imports: []string{"ticketblue/store", "ticketblue/front"}}, ""},
		"a package without line":  {goPackage{ImportPath: "ticketblue/front/other"}, "has no line"},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(checkImports([]goPackage{c.pkg}, table, libraries), "\n")
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q in it", got, c.want)
			}
		})
	}
}

func TestImportTableIsSound(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range importTable {
		if seen[l.pkg] || l.why == "" {
			t.Errorf("%s: every package has exactly one line, with its reason", l.pkg)
		}
		seen[l.pkg] = true
	}
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = repoRoot
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderrOf(err))
	}
	var pkgs []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatalf("reading go list: %v", err)
		}
		pkgs = append(pkgs, p)
	}
}

func stderrOf(err error) []byte {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.Stderr
	}
	return nil
}
