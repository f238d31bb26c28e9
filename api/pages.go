package api

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"ticketblue/api/web"
)

// pagePaths are the addresses of pages. They all get the same HTML, which looks at the address itself.
var pagePaths = []string{
	"/", "/performances/:id", "/rounds/:id", "/login", "/signup", "/reset-password", "/search", "/me", "/reservations", "/coupons", "/inbox",
	"/checkout/:id", "/checkout/:id/success", "/checkout/:id/fail",
	"/admin", "/admin/performances/:id", "/admin/rounds/:id", "/admin/halls", "/admin/halls/:id", "/admin/reservations", "/admin/jobs", "/admin/audit",
	"/admin/performers", "/admin/campaigns", "/admin/admins",
}

// pageRoutes serves the pages for customers from this program.
func (s *Server) pageRoutes() {
	for _, path := range pagePaths {
		s.page(path, func(*fiber.Ctx) string { return web.Page })
	}
	s.page("/assets/*", func(c *fiber.Ctx) string { return "assets/" + c.Params("*") })
}

func (s *Server) page(path string, name func(*fiber.Ctx) string) {
	policy := web.Policy
	if s.Checkout.Provider == ProviderToss && strings.HasPrefix(path, "/checkout/") { // these are always loaded as pages of their own
		policy = web.TossPolicy
	}
	s.router.declare(http.MethodGet, path, route{id: "pages", access: Public, deadline: requestDeadline})
	s.router.Add(http.MethodGet, path, func(c *fiber.Ctx) error { return sendFile(c, name(c), policy) })
}

// strayed shows a browser at an address that nobody has a page that says so. Whoever wants no page gets the problem.
func strayed(c *fiber.Ctx, err error) bool {
	var unknown *fiber.Error
	if !errors.As(err, &unknown) || unknown.Code != http.StatusNotFound || c.Method() != http.MethodGet ||
		!strings.Contains(c.Get(fiber.HeaderAccept), fiber.MIMETextHTML) || strings.HasPrefix(c.Path(), "/v1/") {
		return false
	}
	file, found := web.Find(web.Page)
	if !found {
		return false
	}
	c.Set(fiber.HeaderContentSecurityPolicy, web.Policy)
	c.Set(fiber.HeaderContentType, file.ContentType)
	return c.Status(http.StatusNotFound).Send(file.Body) == nil
}

func sendFile(c *fiber.Ctx, name, policy string) error {
	file, found := web.Find(name)
	if !found {
		return fiber.ErrNotFound
	}
	c.Set(fiber.HeaderContentSecurityPolicy, policy)
	c.Set(fiber.HeaderETag, file.ETag)
	c.Set(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
	c.Set(fiber.HeaderCacheControl, "no-cache") // may be kept, must be asked about: it names the assets of today
	if file.Immutable {
		c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	}
	if matches(c.Get(fiber.HeaderIfNoneMatch), file.ETag) {
		return c.SendStatus(http.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, file.ContentType)
	if c.Get(fiber.HeaderAcceptEncoding) != "" && c.AcceptsEncodings("gzip") == "gzip" { // without the header Fiber takes the first
		c.Set(fiber.HeaderContentEncoding, "gzip")
		return c.Send(file.Gzip)
	}
	return c.Send(file.Body)
}
