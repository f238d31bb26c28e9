package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

const requestsHead = `# Ticket Blue: one request for each operation, for editors that send .http files.
# Made by "go generate ./api/client" from the OpenAPI document; do not edit. Ids are the examples of the document.
# token and admin are what "login" answers as access_token, for a customer and for an admin.

@host = http://127.0.0.1:8080
@token =
@admin =
`

// Requests are the operations of the document, with their examples, as an .http file.
func Requests() string {
	var b strings.Builder
	b.WriteString(requestsHead)
	paths := New(Config{Clock: time.Now}).huma.OpenAPI().Paths
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		methods := methodsOf(paths[path])
		for _, method := range slices.Sorted(maps.Keys(methods)) {
			writeRequest(&b, path, method, methods[method])
		}
	}
	return b.String()
}

// writeRequest writes a request with all that it needs, and nothing that may be left out.
func writeRequest(b *strings.Builder, path, method string, op *huma.Operation) {
	var headers strings.Builder
	for _, p := range op.Parameters {
		if !p.Required {
			continue
		}
		value := fmt.Sprint(p.Schema.Examples[0])
		switch p.In {
		case "path":
			path = strings.Replace(path, "{"+p.Name+"}", value, 1)
		case "header":
			fmt.Fprintf(&headers, "%s: %s\n", p.Name, value)
		}
	}
	if len(op.Security) > 0 {
		who := "token"
		if strings.HasPrefix(path, "/v1/admin/") {
			who = "admin"
		}
		fmt.Fprintf(&headers, "Authorization: Bearer {{%s}}\n", who)
	}
	fmt.Fprintf(b, "\n### %s\n# @name %s\n%s {{host}}%s\n", op.Summary, strings.ReplaceAll(op.OperationID, "-", "_"), method, path)
	b.WriteString(headers.String())
	if op.RequestBody == nil {
		return
	}
	for kind, content := range op.RequestBody.Content {
		if content.Example == nil { // a form with a file
			b.WriteString("Content-Type: " + kind + "; boundary=tb\n\n--tb\nContent-Disposition: form-data; name=\"file\"; filename=\"poster.jpg\"\n\n< ./poster.jpg\n--tb--\n")
			continue
		}
		body, _ := json.MarshalIndent(content.Example, "", "  ") // examples are made of what JSON has
		b.WriteString("Content-Type: " + kind + "\n\n" + string(body) + "\n")
	}
}
