package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ticketblue/ticketing"
)

// aboutOwner belongs to operations that ask the owner of a round or a campaign.
const aboutOwner = " 503 is `busy`, `unavailable` or, for what an operator must look at, `stream_frozen`."

// named finds the codes in an operation's text. Naming one there is what documents it, and gives it its example.
var named = regexp.MustCompile("`([a-z_]+)`")

// codes are what the operation may refuse with: what follows from the rest of it, and what its text names.
func (op operation) codes() []ticketing.Code {
	all := []ticketing.Code{
		codeMalformedRequest, codeBodyTooLarge, codeMediaType, // a compressed body is refused anywhere, and so is a large one
		ticketing.CodeInternal, ticketing.CodeUnavailable,
	}
	for code, may := range map[ticketing.Code]bool{
		codeUnauthenticated:    op.access != Public,
		codeForbidden:          op.access == Admin,
		codeCrossOrigin:        changes(op.method),
		codeInvalidInput:       !op.foreign, // a query parameter that it does not know
		codeMalformedJSON:      hasBody[op.method] && !op.noBody && !op.upload,
		codeRateLimited:        op.limit != nil,
		ticketing.CodeNotFound: strings.Contains(op.path, "{"),
	} {
		if may {
			all = append(all, code)
		}
	}
	for _, found := range named.FindAllStringSubmatch(op.about, -1) {
		if code := ticketing.Code(found[1]); rules[code].status != 0 {
			all = append(all, code)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// exemplify gives an operation that is in the document an example of each body: of what is sent and answered by the
// tags of the types, of refusals one for each code.
func (s *Server) exemplify(op operation) {
	document := s.huma.OpenAPI()
	shown := methodsOf(document.Paths[op.path])[op.method]
	if body := shown.RequestBody; body != nil && !op.upload {
		for _, content := range body.Content {
			content.Example = exemplar{document.Components.Schemas, true}.of(content.Schema)
			if op.sample != "" {
				content.Example = json.RawMessage(op.sample)
			}
		}
	}
	for status, response := range shown.Responses {
		if status == strconv.Itoa(http.StatusNotModified) {
			response.Content = nil
		}
		for kind, content := range response.Content {
			switch {
			case kind == mimeProblem:
				content.Examples = s.problemExamples(op, status)
			case content.Schema != nil:
				content.Example = exemplar{document.Components.Schemas, false}.of(content.Schema)
			}
		}
	}
}

// methodsOf are the operations of a path by method.
func methodsOf(path *huma.PathItem) map[string]*huma.Operation {
	all := map[string]*huma.Operation{
		http.MethodGet: path.Get, http.MethodPost: path.Post, http.MethodPut: path.Put, http.MethodPatch: path.Patch, http.MethodDelete: path.Delete,
	}
	maps.DeleteFunc(all, func(_ string, op *huma.Operation) bool { return op == nil })
	return all
}

// problemExamples are references to one example for each code that the operation has with a status. They stand in the
// document once.
func (s *Server) problemExamples(op operation, status string) map[string]*huma.Example {
	codes := append(op.codes(), ticketing.CodeNotFound, codeInvalidInput) // of these two the status says it all
	components, found := s.huma.OpenAPI().Components, map[string]*huma.Example{}
	if components.Examples == nil {
		components.Examples = map[string]*huma.Example{}
	}
	for _, code := range codes {
		if strconv.Itoa(rules[code].status) == status {
			components.Examples[string(code)] = &huma.Example{Summary: rules[code].title, Value: exampleProblem(code)}
			found[string(code)] = &huma.Example{Ref: "#/components/examples/" + string(code)}
		}
	}
	return found
}

var exampleMoment = time.Date(2027, 3, 2, 11, 0, 0, 0, time.UTC)

// exampleProblem is what a refusal looks like.
func exampleProblem(code ticketing.Code) *Problem {
	p := problem(code, "")
	switch code {
	case codeInvalidInput:
		p = invalid("seats[0]", "a seat label such as A-1-1")
	case ticketing.CodeSeatUnknown, ticketing.CodeSeatBlocked, ticketing.CodeSeatTaken:
		p.Seats = []string{"A-1-2"}
	case ticketing.CodeSaleNotOpen, ticketing.CodeAllHeld:
		p.RetryAt = &exampleMoment
	}
	p.RequestID = "3581936a-d6d7-4f93-8f4d-a57c387e1fb6"
	return p
}

// exemplar makes whole bodies of the examples that types have for their fields.
type exemplar struct {
	schemas huma.Registry
	sent    bool // by the caller, rather than answered
}

// of is an example of a schema. Fields that may be absent, and for which the type has none, are absent.
func (e exemplar) of(s *huma.Schema) any {
	if s.Ref != "" {
		s = e.schemas.SchemaFromRef(s.Ref)
	}
	switch {
	case len(s.Examples) > 0:
		return s.Examples[0]
	case s.Default != nil:
		return s.Default
	case len(s.Enum) > 0:
		return s.Enum[0]
	case len(s.OneOf) > 0 && s.Type == "":
		return e.of(s.OneOf[0])
	}
	switch s.Type {
	case huma.TypeObject:
		return e.object(s)
	case huma.TypeArray:
		return []any{e.of(s.Items)}
	case huma.TypeBoolean:
		return false
	case huma.TypeInteger, huma.TypeNumber:
		return 0
	}
	return ""
}

func (e exemplar) object(s *huma.Schema) map[string]any {
	whole := map[string]any{}
	for name, field := range s.Properties {
		needed := slices.Contains(s.Required, name)
		if field.WriteOnly && !e.sent || field.ReadOnly && e.sent || !needed && !e.has(field) || excluded(s, name) {
			continue
		}
		whole[name] = e.of(field)
	}
	return whole
}

// has tells whether there is anything to say of a schema.
func (e exemplar) has(s *huma.Schema) bool {
	if s.Ref != "" {
		s = e.schemas.SchemaFromRef(s.Ref)
	}
	return len(s.Examples) > 0 || len(s.Enum) > 0 || s.Type == huma.TypeObject || s.Type == huma.TypeArray && e.has(s.Items)
}

// excluded tells whether a field belongs to another way of saying it than the first.
func excluded(s *huma.Schema, name string) bool {
	for i, way := range s.OneOf {
		if slices.Contains(way.Required, name) {
			return i > 0
		}
	}
	return false
}
