package api

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// changes tells whether a method may change something.
func changes(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// sameOrigin refuses what a page of somebody else makes a browser send: with it come our cookies. Every browser says
// where such a request comes from, by Sec-Fetch-Site or by Origin; who says neither is no browser and has no cookies
// that he does not mean to send.
func (s *Server) sameOrigin(c *fiber.Ctx) bool {
	h := &c.Request().Header
	switch string(h.Peek("Sec-Fetch-Site")) {
	case "same-origin", "none":
		return true
	case "":
	default:
		return false
	}
	origin := h.Peek(fiber.HeaderOrigin)
	if len(origin) == 0 || s.PublicURL != "" && string(origin) == strings.TrimSuffix(s.PublicURL, "/") {
		return true
	}
	_, host, found := bytes.Cut(origin, []byte("://"))
	return found && bytes.Equal(host, h.Host())
}
