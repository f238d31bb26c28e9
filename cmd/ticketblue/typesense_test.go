package main

import (
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ticketblue/search/typesense/fake"
)

const typesenseKey = "key-of-tests"

// fakeTypesense is where a search server without anything in it is.
func fakeTypesense(t testing.TB) searchFlags {
	t.Helper()
	_, where := startTypesense(t)
	return where
}

func startTypesense(t testing.TB) (*fake.Server, searchFlags) {
	t.Helper()
	server := fake.New(typesenseKey)
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	t.Setenv("TB_TYPESENSE_API_KEY", typesenseKey)
	return server, searchFlags{TypesenseURL: listener.URL}
}

// TestSearchServerAway: while the search server does not answer, searching is refused and nothing else; what was edited
// meanwhile is found when it is back, with nobody having done anything.
func TestSearchServerAway(t *testing.T) {
	index, where := startTypesense(t)
	s := startServer(t, filepath.Join(t.TempDir(), "data"), "--demo", "--typesense-url", where.TypesenseURL)
	token := logIn(t, s)
	search := func(query string) answer {
		t.Helper()
		a, err := ask("GET", s.url+"/v1/search?"+query, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	found := func(words, what string) {
		t.Helper()
		again, limit := time.NewTicker(20*time.Millisecond), time.After(endLimit)
		defer again.Stop()
		for a := search("q=" + words); !strings.Contains(fmt.Sprint(a.body), what); a = search("q=" + words) {
			select {
			case <-again.C:
			case <-limit:
				t.Fatalf("%s is not found: %d %v", what, a.status, a.body)
			}
		}
	}
	found("제라", "레미제라블")

	index.SetDown(true)
	if a := search("q=제라"); a.status != 503 || a.body["code"] != "unavailable" {
		t.Errorf("without its server a search is answered %d %v", a.status, a.body)
	}
	mustAsk(t, 200, "GET", s.url+"/v1/search?q=제라&engine=sql", "", nil)
	mustAsk(t, 201, "POST", s.url+"/v1/rounds/1/reservations", token, `{"seats":["A-1-7"]}`, "Idempotency-Key", "k")
	mustAsk(t, 201, "POST", s.url+"/v1/admin/performers", token, `{"name":"한밤의 출연자"}`)
	mustAsk(t, 200, "GET", s.ops+"/readyz", "", nil)
	index.SetDown(false)
	found("한밤의", "한밤의 출연자")
}

// TestSearchServerSilent: when the search server takes requests and answers none, a few searches wait for it, and all others,
// the admins' among them, are refused at once, with when to come again.
func TestSearchServerSilent(t *testing.T) {
	index, where := startTypesense(t)
	s := startServer(t, filepath.Join(t.TempDir(), "data"), "--demo", "--typesense-url", where.TypesenseURL, "--search-reservations")
	admin := logIn(t, s)
	until := func(status int, path string) {
		t.Helper()
		again, limit := time.NewTicker(20*time.Millisecond), time.After(endLimit)
		defer again.Stop()
		for {
			a, err := ask("GET", s.url+path, admin, nil)
			if err == nil && a.status == status {
				return
			}
			select {
			case <-again.C:
			case <-limit:
				t.Fatalf("%s: %d %v, %v", path, a.status, a.body, err)
			}
		}
	}
	paths := []string{"/v1/search?q=a", "/v1/search/suggestions?q=a", "/v1/admin/reservations?engine=index"}
	for _, path := range paths {
		until(200, path)
	}
	index.SetSilent(true)
	for range 3 {
		until(503, paths[0])
	}
	index.Asked()
	for range 20 {
		for _, path := range paths {
			a := mustAsk(t, 503, "GET", s.url+path, admin, nil)
			if a.body["code"] != "unavailable" || a.header.Get("Retry-After") == "" || a.body["detail"] == nil { // without one it would be logged
				t.Errorf("%s: %v %v", path, a.header, a.body)
			}
		}
	}
	if asked := index.Asked(); slices.Contains(asked, "POST /multi_search") {
		t.Errorf("nobody is to wait, and %v was asked", asked)
	}
	mustAsk(t, 200, "GET", s.url+"/v1/search?q=a&engine=sql", "", nil)
	index.SetSilent(false)
	for _, path := range paths {
		until(200, path)
	}
}

func TestTypesenseSettings(t *testing.T) {
	t.Setenv("TB_TYPESENSE_API_KEY", "")
	for _, where := range []string{"typesense:8108", "http://", "ftp://x", "http://user:pass@x"} {
		if _, _, err := (searchFlags{TypesenseURL: where}).open(t.Context(), nil, nil); err == nil || !strings.Contains(err.Error(), "TB_TYPESENSE_URL") {
			t.Errorf("%s: %v", where, err)
		}
	}
	if _, _, err := (searchFlags{TypesenseURL: "http://x:8108"}).open(t.Context(), nil, nil); err == nil || !strings.Contains(err.Error(), "TB_TYPESENSE_API_KEY") {
		t.Errorf("without a key: %v", err)
	}
}
