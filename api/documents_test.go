package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"ticketblue/ticketing"
)

// document is as much of OpenAPI as the tests look at.
type document struct {
	OpenAPI string
	Info    struct{ Description string }
	Paths   map[string]map[string]struct {
		OperationID string `json:"operationId"`
		Description string
		Responses   map[string]json.RawMessage
		Parameters  []struct {
			Name   string
			In     string
			Schema schema
		}
		RequestBody struct {
			Content map[string]struct{ Schema schema }
		}
	}
	Components struct{ Schemas map[string]schema }
}

type schema struct {
	Ref         string `json:"$ref"`
	Description string
	Enum        []string
	Properties  map[string]schema
	MaxItems    int
	MinItems    int
	MaxLength   int
	MinLength   int
	Maximum     int
	Unique      bool `json:"uniqueItems"`
}

var readDocument = sync.OnceValue(func() document {
	var d document
	raw, err := OpenAPI()
	if err == nil {
		err = json.Unmarshal(raw, &d)
	}
	if err != nil {
		panic(err)
	}
	return d
})

// find is the documented operation a request goes to.
func (d document) find(method, path string) (id string, responses map[string]json.RawMessage) {
	path, _, _ = strings.Cut(path, "?")
	parts := strings.Split(path, "/")
	for pattern, methods := range d.Paths {
		want := strings.Split(pattern, "/")
		same := len(want) == len(parts)
		for i := 0; same && i < len(want); i++ {
			same = want[i] == parts[i] || strings.HasPrefix(want[i], "{")
		}
		if op, found := methods[strings.ToLower(method)]; same && found {
			return op.OperationID, op.Responses
		}
	}
	return "", nil
}

// checkDocumented fails a test whose request got an answer that the document does not know: another status, header,
// type or shape of body.
func (h *house) checkDocumented(c call, a answer) {
	h.t.Helper()
	id, _ := readDocument().find(c.method, c.path)
	if id == "" {
		return
	}
	api := h.server.huma.OpenAPI()
	for _, item := range api.Paths {
		for _, op := range methodsOf(item) {
			if op.OperationID == id {
				h.checkResponse(api, op, a)
			}
		}
	}
}

func (h *house) checkResponse(api *huma.OpenAPI, op *huma.Operation, a answer) {
	h.t.Helper()
	response, found := op.Responses[strconv.Itoa(a.status)]
	if !found {
		h.t.Errorf("%s answered %d, which the document does not know: %s", op.OperationID, a.status, a.body)
		return
	}
	for name := range a.header {
		if _, documented := response.Headers[name]; !documented && strings.HasPrefix(strings.ToLower(name), "idempotency") {
			h.t.Errorf("%s answered with the header %s, which the document does not know", op.OperationID, name)
		}
	}
	if a.status == http.StatusNotModified || len(response.Content) == 0 && len(a.body) == 0 {
		return
	}
	content := response.Content[a.header.Get("Content-Type")]
	if content == nil {
		h.t.Errorf("%s answered %d in %q", op.OperationID, a.status, a.header.Get("Content-Type"))
		return
	}
	if content.Schema == nil { // a picture
		return
	}
	if a.status >= 400 {
		if code := a.problem().Code; content.Examples[code] == nil {
			h.t.Errorf("%s answered %d with %s, which the document does not know there", op.OperationID, a.status, code)
		}
	}
	var body any
	if a.header.Get("Content-Type") == mimeEvents {
		body = eventsOf(h.t, a.body)
	} else {
		a.decode(&body)
	}
	var res huma.ValidateResult
	huma.Validate(api.Components.Schemas, content.Schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, body, &res)
	for _, err := range res.Errors {
		h.t.Errorf("%s answered %d with what the document does not know: %v", op.OperationID, a.status, err)
	}
}

func TestDocumentShowsTheLimitsThatAreChecked(t *testing.T) {
	d := readDocument()
	if d.OpenAPI != "3.1.0" {
		t.Errorf("OpenAPI %q", d.OpenAPI)
	}
	op := d.Paths["/v1/rounds/{id}/reservations"]["post"]
	ref := op.RequestBody.Content["application/json"].Schema.Ref
	seats := d.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")].Properties["seats"]
	count := d.Components.Schemas["BestBody"].Properties["count"]
	if count.Maximum != ticketing.MaxSeatsPerRequest {
		t.Errorf("the number of best seats is documented as %+v", count)
	}
	if seats.MinItems != 1 || seats.MaxItems != ticketing.MaxSeatsPerRequest || !seats.Unique {
		t.Errorf("seats are documented as %+v", seats)
	}
	keyFound := false
	for _, p := range op.Parameters {
		if p.Name == headerIdempotencyKey && p.In == "header" {
			keyFound = true
			if p.Schema.MinLength != 1 || p.Schema.MaxLength != MaxKeyBytes {
				t.Errorf("the key is documented as %+v", p.Schema)
			}
		}
	}
	if !keyFound {
		t.Error("the Idempotency-Key is not documented")
	}
	for _, p := range d.Paths["/v1/performances"]["get"].Parameters {
		if p.Name == "limit" && p.Schema.Maximum != MaxPageSize {
			t.Errorf("limit is documented as %+v", p.Schema)
		}
	}
	round := d.Components.Schemas["PlanRoundInputBody"].Properties
	if round["max_per_user"].Maximum != ticketing.MaxSeatsPerRequest {
		t.Errorf("rounds are documented as %+v", round)
	}
	campaign := d.Components.Schemas["CreateCampaignInputBody"].Properties
	discount := d.Components.Schemas["DiscountBody"].Properties
	if campaign["stock"].Maximum != ticketing.MaxCoupons || campaign["life_days"].Maximum != ticketing.MaxCouponLife ||
		campaign["minimum_amount"].Maximum != int(ticketing.MaxDiscount) || discount["cap"].Maximum != int(ticketing.MaxDiscount) {
		t.Errorf("campaigns are documented as %+v, discounts as %+v", campaign, discount)
	}
	hall := d.Components.Schemas["CreateHallInputBody"].Properties
	if hall["seats"].Maximum != ticketing.MaxPlanSeats || hall["grades"].MaxItems != ticketing.MaxPlanGrades {
		t.Errorf("halls are documented as %+v", hall)
	}
}

func TestDocumentAndItsPageComeFromHereOnly(t *testing.T) {
	h := open(t, nil)
	h.do(call{method: "GET", path: "/openapi.json"}).wantStatus(http.StatusOK)
	h.do(call{method: "GET", path: "/openapi.yaml"}).wantStatus(http.StatusOK)
	page := h.do(call{method: "GET", path: "/docs"}).wantStatus(http.StatusOK)
	if text := string(page.body); strings.Contains(text, `src="http`) || strings.Contains(text, `href="http`) {
		t.Error("the page loads something from elsewhere")
	}
	policy := page.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "'sha256-") || strings.Contains(policy, "http") {
		t.Errorf("policy %q", policy)
	}
	for _, asset := range []string{"swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js"} {
		if len(h.do(call{method: "GET", path: "/docs/" + asset}).wantStatus(http.StatusOK).body) < 1000 {
			t.Errorf("%s is empty", asset)
		}
	}
}

func TestDocumentNamesEveryCode(t *testing.T) {
	d := readDocument()
	code := d.Components.Schemas["Problem"].Properties["code"]
	if len(code.Enum) != len(rules) {
		t.Errorf("%d codes are documented, there are %d", len(code.Enum), len(rules))
	}
	for c, r := range rules {
		if !slices.Contains(code.Enum, string(c)) || !strings.Contains(code.Description, fmt.Sprintf("`%s` (%d): %s", c, r.status, r.title)) {
			t.Errorf("%s is no documented code", c)
		}
		if !strings.Contains(d.Info.Description, "| `"+string(c)+"` |") {
			t.Errorf("%s is not in the introduction", c)
		}
	}
	for _, status := range []int{405, 408, 413, 415, 431} {
		if c := problemOfStatus(status).Code; !strings.Contains(d.Info.Description, fmt.Sprintf("%d `%s`", status, c)) {
			t.Errorf("%d is not in the introduction", status)
		}
	}
}

// TestOperationsNameTheirCodes: those that the round has for them, and those of the shell around it.
func TestOperationsNameTheirCodes(t *testing.T) {
	d := readDocument()
	const shell = " rate_limited busy unavailable stream_frozen"
	for path, want := range map[string]string{
		"post /v1/rounds/{id}/reservations": "sale_not_open sale_paused sale_closed idempotency_mismatch seat_unknown seats_invalid " +
			"limit_exceeded too_many_keys seat_blocked seat_taken payment_in_progress grade_unknown section_unknown no_block " +
			"all_held sold_out malformed_json idempotency_key_required invalid_input" + shell,
		"delete /v1/reservations/{id}": "not_found already_confirmed payment_in_progress hold_expired reservation_ended" + shell,
		"post /v1/campaigns/{id}/coupons": "not_claimable campaign_not_open campaign_paused campaign_closed idempotency_mismatch " +
			"coupon_already_issued coupons_gone idempotency_key_required invalid_input" + shell,
		"post /v1/admin/campaigns/{id}/open":  "campaign_closed",
		"post /v1/admin/campaigns/{id}/pause": "campaign_not_open campaign_closed",
		"post /v1/admin/rounds/{id}/open":     "sale_closed",
		"post /v1/admin/rounds/{id}/pause":    "sale_not_open sale_closed",
	} {
		method, path, _ := strings.Cut(path, " ")
		for code := range strings.FieldsSeq(want) {
			if text := d.Paths[path][method].Description; !strings.Contains(text, "`"+code+"`") {
				t.Errorf("%s %s does not name %s: %s", method, path, code, text)
			}
		}
	}
}
