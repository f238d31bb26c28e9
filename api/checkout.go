package api

import (
	"context"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
)

// Providers of payments, as pages are told of them.
const (
	ProviderToss = "toss"
	ProviderFake = "fake"
	ProviderNone = "none"
)

const fakeTossPath = "/fake/toss"

// Checkout says where customers pay.
type Checkout struct {
	Provider  string       // ProviderToss, ProviderFake or ProviderNone; "": none
	ClientKey string       // of ProviderToss: for browsers, no secret
	Fake      http.Handler // of ProviderFake: serves everything below /fake/toss; nil: nothing is there
}

type providerOutput struct {
	Body struct {
		Provider  string `json:"provider" enum:"toss,fake,none" doc:"none: only what costs nothing can be paid here" example:"toss"`
		ClientKey string `json:"client_key,omitempty" doc:"Of toss: for its script" example:"live_gck_..."`
		Page      string `json:"page,omitempty" doc:"Of fake: send the browser there with orderId, orderName, amount, successUrl and failUrl" example:"/fake/toss/pay"`
	}
}

func (s *Server) checkoutRoutes() {
	register(s, operation{
		id: "get-provider", method: http.MethodGet, path: "/v1/payments/provider", tag: "payments", access: Public,
		status: http.StatusOK, summary: "See who takes the money",
		about: "A browser begins a payment with what is said here, and the `provider_order_id` and `amount` of a payment that was started.",
	}, s.getProvider)
	if s.Checkout.Fake != nil {
		s.mountFake("fake-toss", fakeTossPath, s.Checkout.Fake)
	}
}

func (s *Server) getProvider(context.Context, *struct{}) (*providerOutput, error) {
	out := &providerOutput{}
	out.Body.Provider, out.Body.ClientKey = s.Checkout.Provider, s.Checkout.ClientKey
	switch s.Checkout.Provider {
	case ProviderFake:
		out.Body.Page = fakeTossPath + "/pay"
	case "":
		out.Body.Provider = ProviderNone
	}
	return out, nil
}

// mountFake serves a stand-in for somebody else's site below a path.
func (s *Server) mountFake(id, path string, stand http.Handler) {
	serve := adaptor.HTTPHandler(stand)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		s.router.declare(method, path+"/*", route{id: id, access: Public, deadline: requestDeadline})
		s.router.Add(method, path+"/*", func(c *fiber.Ctx) error {
			// A page with a policy of its own: the adaptor adds headers, and of two policies both hold.
			for _, name := range []string{fiber.HeaderContentSecurityPolicy, fiber.HeaderReferrerPolicy} {
				c.Response().Header.Del(name)
			}
			return serve(c)
		})
	}
}
