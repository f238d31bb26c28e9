package api

import (
	"cmp"
	"context"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
)

// hot adds an operation that is a plain Fiber handler. I and O only document it, in huma's way: the tags of I say
// which limits the handler checks by hand, and a test compares the two.
func hot[I, O any](s *Server, op operation, handle fiber.Handler) {
	path := fiberPath(op.path)
	deadline := cmp.Or(op.deadline, hotDeadline)
	if op.upload {
		deadline = uploadDeadline
	}
	s.router.declare(op.method, path, s.routeOf(op, reflect.TypeFor[I](), deadline))
	s.router.Add(op.method, path, handle)
	huma.Register(documentOnly{s.huma}, op.document(), func(context.Context, *I) (*O, error) { return nil, nil })
	s.exemplify(op)
}

// documentOnly is huma without routes: what is registered with it appears in the document and nowhere else.
type documentOnly struct{ huma.API }

func (documentOnly) Adapter() huma.Adapter { return noRoutes{} }

type noRoutes struct{ huma.Adapter }

func (noRoutes) Handle(*huma.Operation, func(huma.Context)) {}
