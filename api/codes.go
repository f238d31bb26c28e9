package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ticketblue/ticketing"
)

// anywhere is what a request may be answered whatever it asks for, some of it before an operation has been found.
var anywhere = []ticketing.Code{
	codeMalformedRequest, ticketing.CodeNotFound, codeMethodNotAllowed, codeRequestTimeout, codeBodyTooLarge, codeMediaType,
	codeHeadersTooLarge, codeCrossOrigin, ticketing.CodeInternal, ticketing.CodeUnavailable,
}

// documentedCodes are all codes, by status and name.
func documentedCodes() []ticketing.Code {
	return slices.SortedFunc(maps.Keys(rules), func(a, b ticketing.Code) int {
		if byStatus := rules[a].status - rules[b].status; byStatus != 0 {
			return byStatus
		}
		return strings.Compare(string(a), string(b))
	})
}

// aboutProblems is the part of the document's introduction that is the same for all operations.
func aboutProblems() string {
	var b strings.Builder
	b.WriteString("\n\n## Problems\n\nWherever a request goes, it may be answered ")
	for i, code := range anywhere {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d `%s`", rules[code].status, code)
	}
	b.WriteString(". What may succeed later says so by `retryable`; where that is a 429 or a 503, `Retry-After` says when.\n\n" +
		"| Status | Code | Retryable | Meaning |\n|---|---|---|---|\n")
	for _, code := range documentedCodes() {
		r := rules[code]
		retryable := "no"
		if r.retryable {
			retryable = "yes"
		}
		fmt.Fprintf(&b, "| %d %s | `%s` | %s | %s |\n", r.status, http.StatusText(r.status), code, retryable, r.title)
	}
	return b.String()
}

// TransformSchema documents every code there is.
func (*Problem) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	code := s.Properties["code"]
	code.Description += ":\n\n"
	for _, c := range documentedCodes() {
		code.Enum = append(code.Enum, string(c))
		code.Description += fmt.Sprintf("* `%s` (%d): %s\n", c, rules[c].status, rules[c].title)
	}
	return s
}
