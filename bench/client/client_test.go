package client

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestARequestArrivesWholeAndTheAnswerComesBack(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got := r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization") + " " +
			r.Header.Get("Idempotency-Key") + " " + r.Header.Get("Content-Type") + " " + string(body)
		if want := `POST /v1/x Bearer t k application/json {"a":1}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		w.Header().Set("Retry-After", "2")
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, `{"code":"busy"}`)
	}))
	defer server.Close()
	c, err := New(server.URL, 1, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.Do(Request{Method: "POST", Path: "/v1/x", Token: "t", Key: "k", Body: []byte(`{"a":1}`)})
	if err != nil || a.Status != 503 || a.RetryAfter != 2*time.Second || !a.Again() || a.Code() != "busy" {
		t.Errorf("%+v %v", a, err)
	}
	if err := c.Call(Request{Method: "POST", Path: "/v1/x", Token: "t", Key: "k"}, map[string]int{"a": 1}, 200, nil); err == nil {
		t.Error("another status than wanted is no error")
	}
}

func TestARequestIsSentOnceOnly(t *testing.T) {
	calls := make(chan struct{}, 10)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		calls <- struct{}{}
		panic(http.ErrAbortHandler) // cuts the connection without an answer
	}))
	defer server.Close()
	c, err := New(server.URL, 1, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"POST", "GET"} {
		if _, err := c.Do(Request{Method: method, Path: "/"}); err == nil {
			t.Error("no error")
		}
	}
	if len(calls) != 2 {
		t.Errorf("2 requests were sent %d times", len(calls))
	}
}

func TestCodes(t *testing.T) {
	for body, want := range map[string]string{
		`{"type":"x","code":"seat_taken","seats":[]}`: "seat_taken",
		`{ "code" : "spaced" }`:                       "spaced",
		`{"title":"none"}`:                            "http_409",
		`<html>`:                                      "http_409",
		``:                                            "http_409",
	} {
		a := Answer{Status: 409, Body: []byte(body)}
		if a.Code() != want || a.QuickCode() != want {
			t.Errorf("%s: %s and %s, want %s", body, a.Code(), a.QuickCode(), want)
		}
	}
}

func TestOnlyPlainHTTPAddresses(t *testing.T) {
	for _, base := range []string{"", "127.0.0.1:80", "https://127.0.0.1", "http://", "::"} {
		if _, err := New(base, 1, time.Second); err == nil {
			t.Errorf("%q was taken", base)
		}
	}
}

func TestUserOf(t *testing.T) {
	token := func(claims string) string { return "h." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".s" }
	for _, good := range []string{`{"sub":"12"}`, `{"sub":12,"role":"customer"}`} {
		if id, err := UserOf(token(good)); err != nil || id != 12 {
			t.Errorf("%s: %d %v", good, id, err)
		}
	}
	for _, bad := range []string{"", "a.b", "h.!.s", token(`{}`), token(`{"sub":"x"}`), token(`[`)} {
		if _, err := UserOf(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
