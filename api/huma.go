package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"

	"ticketblue/api/auth"
)

func init() {
	// huma keeps these in package variables. Its own errors echo the offending value back, for an unknown field
	// the whole body with its password.
	huma.NewErrorWithContext = func(_ huma.Context, status int, msg string, errs ...error) huma.StatusError {
		return humaProblem(status, errs)
	}
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return humaProblem(status, errs)
	}
	huma.ValidateStrictCasing = true // "Email" is not "email"
}

// operation is one entry of the document and one route.
type operation struct {
	id       string
	method   string
	path     string
	summary  string
	about    string
	tag      string
	access   Access
	status   int   // of a success
	errors   []int // beyond those that follow from the rest
	limit    func(c *fiber.Ctx, caller auth.Caller) error
	noBody   bool          // a POST without one
	maxBody  int           // bytes, when it is more than MaxBodyBytes; see largeBody
	deadline time.Duration // when it is not as with others of its kind
	upload   bool          // the body is a form with a file
	endless  bool          // its answer is a stream
	gains    bool          // its caller may have seats afterwards: who withdraws waits for it
	foreign  bool          // called by what others have written, who may add query parameters of their own
	sample   string        // of the body, as JSON, where its fields exclude each other and the tags cannot tell

	responses map[string]*huma.Response // by status, where they do not follow from the type of the output
}

func (s *Server) newHuma() huma.API {
	config := huma.DefaultConfig("Ticket Blue", "1.0.0")
	config.Info.Description = "Sells the seats of performances, round by round. Errors are problem documents " +
		"(RFC 9457) whose `code` is stable. A repeat with the same Idempotency-Key is answered like the first." + aboutProblems()
	config.CreateHooks = nil // it would put a $schema link into every body
	config.DocsPath = ""     // it would load its page from the net; ours is in documents.go
	config.SchemasPath = ""
	strict := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshalStrict}
	config.Formats = map[string]huma.Format{"application/json": strict, "json": strict} // json: of problem+json
	config.Transformers = []huma.Transformer{s.report}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT"},
	}
	for _, kind := range []string{".json", ".yaml", "-3.0.json", "-3.0.yaml"} {
		s.router.declare(http.MethodGet, config.OpenAPIPath+kind,
			route{id: "openapi", access: Public, deadline: requestDeadline})
	}
	made := humafiber.NewV2WithGroup(s.app, s.router, config)
	made.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) { next(linewise{ctx}) })
	return made
}

type humaContext = huma.Context // embedded by another name than that of its method

// linewise gives each value of a header its own line. Fiber would put them into one with commas between, of which a
// browser takes the first cookie only.
type linewise struct{ humaContext }

func (l linewise) Unwrap() huma.Context { return l.humaContext }

func (l linewise) AppendHeader(name, value string) {
	humafiber.UnwrapV2(l.humaContext).Response().Header.Add(name, value)
}

// register adds an operation whose input huma parses and checks by the tags of I.
func register[I, O any](s *Server, op operation, handle func(context.Context, *I) (*O, error)) {
	s.router.declare(op.method, fiberPath(op.path), s.routeOf(op, reflect.TypeFor[I](), cmp.Or(op.deadline, requestDeadline)))
	huma.Register(s.huma, op.document(), func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problemOf(err)
		}
		return out, nil
	})
	s.exemplify(op)
}

func (s *Server) routeOf(op operation, input reflect.Type, deadline time.Duration) route {
	rt := route{
		id: op.id, access: op.access, deadline: deadline, limit: op.limit, tells: op.tells(),
		body: hasBody[op.method] && !op.noBody && !op.upload, endless: op.endless, gains: op.gains,
	}
	if !op.foreign {
		rt.query = parametersOf(input)
	}
	_, rt.expects = input.FieldByName("IfMatch")
	return rt
}

func fiberPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// document is the operation as the OpenAPI document shows it.
func (op operation) document() huma.Operation {
	errs := slices.Clone(op.errors)
	for _, code := range op.codes() {
		errs = append(errs, rules[code].status)
	}
	var security []map[string][]string
	if op.access != Public {
		security = []map[string][]string{{"bearer": {}}}
	}
	about := op.about
	if op.maxBody > 0 {
		about += fmt.Sprintf(" The body has at most %d bytes: 413 is `%s`.", op.maxBody, codeBodyTooLarge)
	}
	return huma.Operation{
		OperationID: op.id, Method: op.method, Path: op.path, Summary: op.summary, Description: strings.TrimSpace(about),
		Tags: []string{op.tag}, DefaultStatus: op.status, Errors: errs, Security: security, Responses: op.responses,
		MaxBodyBytes:    int64(max(op.maxBody, MaxBodyBytes) + 1), // Fiber has counted already
		BodyReadTimeout: -1,                                       // and read it whole
	}
}

// report completes a problem on its way out of huma.
func (s *Server) report(ctx huma.Context, _ string, body any) (any, error) {
	if p, isProblem := body.(*Problem); isProblem {
		s.tellRanges(ctx.Operation(), p.Errors)
		return s.reported(humafiber.UnwrapV2(ctx), p), nil
	}
	return body, nil
}

// tellRanges says of whole numbers from where to where they go, where the document does.
func (s *Server) tellRanges(op *huma.Operation, errs []FieldError) {
	for i, e := range errs {
		if e.Want != wantInteger {
			continue
		}
		if of := s.schemaOf(op, e.Field); of != nil && of.Minimum != nil && of.Maximum != nil {
			errs[i].Want = fmt.Sprintf("a whole number from %.0f to %.0f, without point and exponent", *of.Minimum, *of.Maximum)
		}
	}
}

// schemaOf is that of a parameter, or of a field of the body such as sections[0].rows[2].seats; nil where the document has none.
func (s *Server) schemaOf(op *huma.Operation, field string) *huma.Schema {
	for _, p := range op.Parameters {
		if p.Name == field {
			return p.Schema
		}
	}
	if op.RequestBody == nil || op.RequestBody.Content[fiber.MIMEApplicationJSON] == nil {
		return nil
	}
	schema := op.RequestBody.Content[fiber.MIMEApplicationJSON].Schema
	for field != "" && schema != nil {
		if schema.Ref != "" {
			schema = s.huma.OpenAPI().Components.Schemas.SchemaFromRef(schema.Ref)
		}
		if item, found := strings.CutPrefix(field, "["); found {
			_, field, _ = strings.Cut(item, "]")
			schema = schema.Items
			continue
		}
		field = strings.TrimPrefix(field, ".")
		end := strings.IndexAny(field+".", ".[")
		schema, field = schema.Properties[field[:end]], field[end:]
	}
	return schema
}

// humaProblem turns what huma found into ours, without the values. A path that cannot be an id is an unknown id.
func humaProblem(status int, errs []error) *Problem {
	if status == http.StatusBadRequest {
		return problem(codeMalformedJSON, "")
	}
	var fields []FieldError
	onlyPath := len(errs) > 0
	for _, err := range errs {
		detail, ok := err.(huma.ErrorDetailer)
		if !ok {
			continue
		}
		d := detail.ErrorDetail()
		onlyPath = onlyPath && strings.HasPrefix(d.Location, "path.")
		fields = append(fields, fieldError(d.Location, d.Message))
	}
	if onlyPath {
		status, fields = http.StatusNotFound, nil
	}
	p := problemOfStatus(status)
	p.Errors = fields
	return p
}

const wantInteger = "a whole number such as 20: at most 18 digits, without point and exponent"

const maxFieldName = 100 // of an unknown field the caller has chosen the name

func fieldError(location, message string) FieldError {
	_, field, nested := strings.Cut(location, ".")
	if !nested {
		field = location
	}
	want := strings.TrimPrefix(message, "expected ")
	if name, found := strings.CutPrefix(want, "required property "); found {
		missing, _, _ := strings.Cut(name, " ")
		field, want = strings.TrimPrefix(strings.TrimPrefix(location+"."+missing, "body"), "."), "present"
	}
	if of, found := strings.CutPrefix(message, wrongTypeOf); found {
		field, want = of, wantInteger
	}
	switch {
	case want == "integer", want == "invalid integer":
		want = wantInteger
	case want == "boolean", want == "invalid boolean":
		want = "true or false"
	case want == "number", strings.HasPrefix(want, "invalid float"):
		want = "a number such as 2.5"
	case want == "string to be RFC 3339 date":
		want = "a day such as 2026-12-24"
	case want == "string to be RFC 3339 date-time":
		want = "a moment such as 2026-12-24T19:30:00+09:00"
	case want == "unexpected property":
		want = "absent: there is no such field"
	case strings.HasPrefix(want, "json:"), strings.HasPrefix(want, "parsing "):
		want = "of the documented type" // what the decoder says repeats the value
	}
	return FieldError{Field: shownName(field), Want: want}
}
