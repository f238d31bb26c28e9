// Package client is Ticket Blue's HTTP interface for Go programs: one function for each operation, generated from the
// OpenAPI document. A request that the document does not know does not compile.
//
//	tickets, err := client.NewClientWithResponses("http://127.0.0.1:8080", client.WithToken(token))
//	made, err := tickets.CreateHallWithResponse(ctx, client.CreateHallInputBody{Name: "Arena", Seats: new(int64(100))})
//	if err := client.Expect(http.StatusCreated, made, err); err != nil { ... }
//	use(made.JSON201.Id)
package client

import (
	"context"
	"fmt"
	"net/http"
)

// The document comes from the program, so regenerate after every change of a handler's types. TestGenerated of
// cmd/ticketblue fails until then.
//go:generate sh -c "go run ../../cmd/ticketblue openapi > openapi.json"
//go:generate go tool -modfile=../../tools/go.mod oapi-codegen -config config.yaml -o client.gen.go openapi.json
//go:generate rm openapi.json
//go:generate sh -c "go run ../../cmd/ticketblue openapi --http > ../../docs/ticketblue.http"

// WithToken signs every request with an access token; an empty one signs none.
func WithToken(token string) ClientOption {
	return WithRequestEditorFn(func(_ context.Context, req *http.Request) error {
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		return nil
	})
}

// Answer is what the answers of all operations have in common.
type Answer interface {
	StatusCode() int
	GetBody() []byte
	GetApplicationproblemJSONDefault() *Problem // nil unless the answer is a refusal
}

// Refused says that an answer had another status than the one expected.
type Refused struct {
	Status int
	Code   string // of the problem document; empty when the answer was none
	Body   []byte
}

// Error makes a Refused an error.
func (r *Refused) Error() string {
	return fmt.Sprintf("answered %d %s: %.300s", r.Status, r.Code, r.Body)
}

// Expect is nil if there was an answer with this status, and a *Refused if it had another one.
func Expect(status int, a Answer, err error) error {
	if err != nil {
		return err
	}
	if a.StatusCode() == status {
		return nil
	}
	refused := &Refused{Status: a.StatusCode(), Body: a.GetBody()}
	if p := a.GetApplicationproblemJSONDefault(); p != nil {
		refused.Code = string(p.Code)
	}
	return refused
}
