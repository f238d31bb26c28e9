package api

import (
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"ticketblue/ticketing"
)

// parameters are the names that an operation knows in its query; nil: it takes whatever comes.
type parameters []string

// parametersOf are those that the tags of an input name, from which the document is made too.
func parametersOf(input reflect.Type) parameters {
	known := parameters{}
	for _, field := range reflect.VisibleFields(input) {
		if name, found := field.Tag.Lookup("query"); found {
			known = append(known, name)
		}
	}
	return known
}

// check refuses a name that the operation does not know, and one that comes twice. A filter that is misspelled would be
// none: the answer would look as asked for, and hold what nobody wanted to have.
func (known parameters) check(c *fiber.Ctx) error {
	if known == nil || len(c.Request().URI().QueryString()) == 0 {
		return nil
	}
	seen := make([]string, 0, len(known))
	for name := range c.Request().URI().QueryArgs().All() {
		switch name := string(name); {
		case !slices.Contains(known, name):
			return invalid(shownName(name), known.want())
		case slices.Contains(seen, name):
			return invalid(name, "given once")
		default:
			seen = append(seen, name)
		}
	}
	return nil
}

// want says which names there are.
func (known parameters) want() string {
	if len(known) == 0 {
		return "absent: there are no query parameters here"
	}
	return "absent: the query parameters are " + strings.Join(known, ", ")
}

// shownName is a name that the caller has chosen, as far as it is shown.
func shownName(name string) string {
	if len(name) > maxFieldName {
		name = name[:maxFieldName] + "..."
	}
	return strings.ToValidUTF8(name, "?")
}

// choice is a query parameter that is true, false or left out, which are three different questions: huma has no pointers
// among parameters.
type choice struct {
	Value bool // what huma has read
	Of    ticketing.Choice
}

// Receiver is where huma puts the value.
func (c *choice) Receiver() reflect.Value { return reflect.ValueOf(&c.Value).Elem() }

// Schema is what the document says of it.
func (*choice) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: huma.TypeBoolean} }

// OnParamSet is told by huma whether there is a value.
func (c *choice) OnParamSet(given bool, _ any) {
	if given {
		c.Of = ticketing.ChoiceOf(c.Value)
	}
}
