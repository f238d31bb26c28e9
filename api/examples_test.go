package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"ticketblue/ticketing"
)

// everyOperation visits what the document shows, in order.
func (h *house) everyOperation(visit func(path, method string, op *huma.Operation)) {
	paths := h.server.huma.OpenAPI().Paths
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		methods := methodsOf(paths[path])
		for _, method := range slices.Sorted(maps.Keys(methods)) {
			visit(path, method, methods[method])
		}
	}
}

// checkExample fails a test whose example is not what its schema says, or says nothing.
func (h *house) checkExample(name string, content *huma.MediaType, mode huma.ValidateMode) {
	h.t.Helper()
	text, err := json.Marshal(content.Example)
	if err != nil {
		h.t.Fatal(err)
	}
	var example any
	if err := json.Unmarshal(text, &example); err != nil || example == nil {
		h.t.Errorf("%s has no example: %v", name, err)
		return
	}
	if strings.Contains(string(text), `""`) {
		h.t.Errorf("%s: a field has no example: %s", name, text)
	}
	schema := content.Schema
	if schema.Ref != "" {
		whole := *h.server.huma.OpenAPI().Components.Schemas.SchemaFromRef(schema.Ref)
		whole.OneOf = nil // which fields go together: huma does not look at what is required there
		schema = &whole
	}
	var res huma.ValidateResult
	huma.Validate(h.server.huma.OpenAPI().Components.Schemas, schema, huma.NewPathBuffer(nil, 0), mode, example, &res)
	for _, err := range res.Errors {
		h.t.Errorf("%s: the example %s: %v", name, text, err)
	}
}

func TestEveryBodyHasAnExample(t *testing.T) {
	h := open(t, nil)
	h.everyOperation(func(_, _ string, op *huma.Operation) {
		if op.RequestBody != nil {
			for kind, content := range op.RequestBody.Content {
				if kind != "multipart/form-data" { // a file
					h.checkExample("what is sent to "+op.OperationID, content, huma.ModeWriteToServer)
				}
			}
		}
		for status, response := range op.Responses {
			for kind, content := range response.Content {
				switch {
				case kind == mimeProblem:
					h.checkProblems(op.OperationID, status, content)
				case content.Schema != nil: // none: a picture
					h.checkExample(op.OperationID+" answered "+status, content, huma.ModeReadFromServer)
				}
			}
		}
	})
}

// checkProblems wants an example for each code an operation has with a status.
func (h *house) checkProblems(id, status string, content *huma.MediaType) {
	h.t.Helper()
	if len(content.Examples) == 0 {
		h.t.Errorf("%s: no code of %s is documented: name it in the operation's text", id, status)
	}
	for code, example := range content.Examples {
		shown := h.server.huma.OpenAPI().Components.Examples[strings.TrimPrefix(example.Ref, "#/components/examples/")]
		p, isProblem := shown.Value.(*Problem)
		if !isProblem || p.Code != code || strconv.Itoa(p.Status) != status {
			h.t.Errorf("%s: the example of %s with %s is %+v", id, code, status, shown.Value)
		}
		h.checkExample("the problem "+code, &huma.MediaType{Schema: content.Schema, Example: shown.Value}, huma.ModeReadFromServer)
	}
}

// TestExamplesAreTaken sends every example of a body to where it is for, those first that others rest on: the document
// must not show what is refused as malformed or wrong.
func TestExamplesAreTaken(t *testing.T) {
	h, _ := withPosters(t)
	paths := map[string]string{}
	for id, row := range accessMatrix(h) {
		paths[id] = row.path
	}
	h = open(t, nil)
	bodies, methods := map[string]string{}, map[string]string{}
	h.everyOperation(func(_, method string, op *huma.Operation) {
		if op.RequestBody == nil || op.RequestBody.Content["application/json"] == nil {
			return
		}
		body, err := json.Marshal(op.RequestBody.Content["application/json"].Example)
		if err != nil {
			t.Fatal(err)
		}
		bodies[op.OperationID], methods[op.OperationID] = string(body), method
	})
	send := func(id string) answer {
		who, role := customer, ticketing.Customer
		if strings.Contains(paths[id], "/admin/") {
			who, role = admin, ticketing.Admin
		}
		return h.do(call{methods[id], paths[id], h.token(who, role), bodies[id], map[string]string{headerIdempotencyKey: "k"}})
	}
	for _, first := range []string{"create-hall", "create-performer", "create-performance", "plan-round"} {
		send(first).wantStatus(http.StatusCreated)
	}
	for _, id := range slices.Sorted(maps.Keys(bodies)) {
		if a := send(id); a.status == http.StatusBadRequest || a.status == http.StatusUnprocessableEntity {
			t.Errorf("%s refused its example %s: %s", id, bodies[id], a.body)
		}
	}
}

func TestEveryOperationHasARequest(t *testing.T) {
	h := open(t, nil)
	text := Requests()
	h.everyOperation(func(path, method string, op *huma.Operation) {
		_, request, found := strings.Cut(text, "\n# @name "+strings.ReplaceAll(op.OperationID, "-", "_")+"\n")
		request, _, _ = strings.Cut(request, "\n###")
		line, _, _ := strings.Cut(request, "\n")
		gotMethod, url, _ := strings.Cut(line, " ")
		if id, _ := readDocument().find(gotMethod, strings.TrimPrefix(url, "{{host}}")); !found || id != op.OperationID || gotMethod != method {
			t.Errorf("%s %s is asked for by %q, which goes to %q", method, path, line, id)
		}
		if strings.Contains(request, "Authorization") != (len(op.Security) > 0) || strings.Contains(request, "\nContent-Type") != (op.RequestBody != nil) {
			t.Errorf("%s: %s", op.OperationID, request)
		}
	})
}
