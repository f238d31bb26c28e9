package api

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/swaggest/swgui/v5emb"
)

const docsPath = "/docs"

// OpenAPI is the document of every operation, as JSON.
func OpenAPI() ([]byte, error) {
	s := New(Config{Clock: time.Now})
	document, err := s.huma.OpenAPI().MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encoding the OpenAPI document: %w", err)
	}
	return document, nil
}

// documentRoutes serves Swagger UI from this program: it loads nothing from the net. (huma serves the document.)
func (s *Server) documentRoutes() {
	ui := v5emb.New("Ticket Blue", "/openapi.json", docsPath)
	policy := docsPolicy(ui)
	serve := adaptor.HTTPHandler(ui)
	for _, path := range []string{docsPath, docsPath + "/*"} {
		s.router.declare(http.MethodGet, path, route{id: "docs", access: Public, deadline: requestDeadline})
		s.router.Add(http.MethodGet, path, func(c *fiber.Ctx) error {
			if err := serve(c); err != nil {
				return err
			}
			if status := c.Response().StatusCode(); status >= http.StatusBadRequest {
				return fiber.NewError(status)
			}
			c.Set(fiber.HeaderContentSecurityPolicy, policy)
			return nil
		})
	}
}

var inlineScript = regexp.MustCompile(`(?s)<script>(.*?)</script>`)

// docsPolicy allows what the page itself holds, by its hashes, and nothing else that is inline except styles,
// which the UI makes as it runs.
func docsPolicy(page http.Handler) string {
	shown := httptest.NewRecorder()
	page.ServeHTTP(shown, httptest.NewRequest(http.MethodGet, docsPath, http.NoBody))
	scripts := []string{"'self'"}
	for _, script := range inlineScript.FindAllSubmatch(shown.Body.Bytes(), -1) {
		sum := sha256.Sum256(script[1])
		scripts = append(scripts, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	return "default-src 'none'; script-src " + strings.Join(scripts, " ") +
		"; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'" +
		"; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
}
