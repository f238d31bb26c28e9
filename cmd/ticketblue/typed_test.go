package main

import (
	"testing"

	tb "ticketblue/api/client"
)

// as is the generated client with a token; nobody's with an empty one. What is wrong on purpose goes by ask.
func as(t testing.TB, url, token string) *tb.ClientWithResponses {
	t.Helper()
	c, err := tb.NewClientWithResponses(url, tb.WithHTTPClient(patient{}), tb.WithToken(token))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// reply is what came of a call of the generated client.
type reply[A tb.Answer] struct {
	answer A
	err    error
}

func answered[A tb.Answer](a A, err error) reply[A] { return reply[A]{a, err} }

// want fails the test unless there is an answer with this status.
func (r reply[A]) want(t testing.TB, status int) A {
	t.Helper()
	if err := tb.Expect(status, r.answer, r.err); err != nil {
		t.Fatalf("want %d: %v", status, err)
	}
	return r.answer
}
