package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/maypok86/otter/v2"
	"github.com/valyala/fasthttp"

	"ticketblue/api/pictures"
	"ticketblue/ticketing"
)

// Posters keeps which poster is whose.
type Posters interface {
	// BeginPoster comes before the first file: whatever becomes of the upload, no file is left behind.
	BeginPoster(ctx context.Context, performance int64, p ticketing.Poster, now time.Time) error
	SetPoster(ctx context.Context, performance int64, p ticketing.Poster) error
	// DropPoster returns ticketing.ErrNotFound when there is none.
	DropPoster(ctx context.Context, performance int64) error
}

// Blobs keeps files under names, each written once.
type Blobs interface {
	Put(ctx context.Context, name, contentType string, body []byte) error
	// Get returns ticketing.ErrNotFound when there is no such file.
	Get(ctx context.Context, name string) ([]byte, error)
}

const (
	postersPath    = "/posters/"
	uploadDeadline = 60 * time.Second
	maxUpload      = pictures.MaxBytes + 64<<10 // with what multipart puts around it
	posterNonce    = 4                          // bytes: two uploads of one picture are two posters
	posterMemory   = 64 << 20                   // bytes of posters kept in memory, those asked for most
	posterFor      = time.Minute                // that a poster is kept there: one that was taken away is gone then
	posterHash     = 16                         // bytes of the SHA-256 of what was uploaded
)

type posterBody struct {
	Widths map[string]string `json:"widths" doc:"Address of the picture by its width in pixels" example:"{\"320\":\"/posters/5f2c-320.jpg\"}"`
}

type posterOutput struct{ Body posterBody }

type performancePosterInput struct {
	ID int64 `path:"id" minimum:"1" example:"1"`
}

type posterInput struct {
	ID      int64 `path:"id" minimum:"1" example:"1"`
	RawBody huma.MultipartFormFiles[struct {
		File huma.FormFile `form:"file" contentType:"image/jpeg,image/png,image/webp" required:"true" doc:"A JPEG, PNG or WebP picture, at most 10 MB and 24 million pixels, at least 100 pixels wide and high"`
	}]
}

type posterFileInput struct {
	File        string `path:"file" example:"5f2c-320.jpg"`
	IfNoneMatch string `header:"If-None-Match" doc:"The ETag you have; 304 when nothing has changed since"`
}

func newPosterCache() *otter.Cache[string, []byte] {
	return otter.Must(&otter.Options[string, []byte]{
		MaximumWeight: posterMemory, Weigher: func(_ string, body []byte) uint32 { return uint32(len(body)) },
		ExpiryCalculator: otter.ExpiryCreating[string, []byte](posterFor),
	})
}

func (s *Server) posterRoutes() {
	hot[posterInput, posterOutput](s, operation{
		id: "set-poster", method: http.MethodPut, path: "/v1/admin/performances/{id}/poster", tag: "admin", access: Admin,
		status: http.StatusOK, errors: []int{http.StatusUnprocessableEntity}, upload: true, maxBody: maxUpload,
		summary: "Give a performance a poster", about: aboutPosters(),
	}, s.setPoster)
	register(s, operation{
		id: "drop-poster", method: http.MethodDelete, path: "/v1/admin/performances/{id}/poster", tag: "admin", access: Admin,
		status: http.StatusNoContent, summary: "Take a performance's poster away",
	}, s.dropPoster)
	hot[posterFileInput, struct{}](s, operation{
		id: "get-poster", method: http.MethodGet, path: postersPath + "{file}", tag: "performances", access: Public,
		status: http.StatusOK, errors: []int{http.StatusNotModified}, summary: "See a poster", about: "It may be kept for ever: another poster has another address.",
		responses: map[string]*huma.Response{"200": {Description: "The picture", Content: map[string]*huma.MediaType{
			"image/jpeg": {}, "image/png": {},
		}}},
	}, s.getPoster)
}

func aboutPosters() string {
	return fmt.Sprintf("A JPEG, PNG or WebP as `multipart/form-data` in the field `file`, of at most %d MB and %d million pixels, and at "+
		"least %d pixels wide and high. It is decoded and written anew in the widths %v that it has, as a JPEG, or as a PNG where it "+
		"is transparent: what else is in the file is left behind, so turn the picture upright first. The poster before is deleted.",
		pictures.MaxBytes>>20, pictures.MaxPixels/1_000_000, pictures.MinWidth, pictures.Widths)
}

// bodyLimits lets an admin's upload be larger than any other body. Whoever else sends as much is cut off before.
func (s *Server) bodyLimits(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	size := largeBody(string(h.Method()), string(h.RequestURI()))
	if size == 0 || !s.saysAdmin(h) {
		return fasthttp.RequestConfig{}
	}
	return fasthttp.RequestConfig{MaxRequestBodySize: size, ReadTimeout: uploadDeadline}
}

// saysAdmin tells whether a request has the token of an admin, who need not be one any more.
func (s *Server) saysAdmin(h *fasthttp.RequestHeader) bool {
	token, _ := tokenOf(h)
	caller, err := s.Tokens.Verify(string(token))
	return err == nil && caller.Role == ticketing.Admin
}

// bodyTooLarge says how large the body might have been.
func (s *Server) bodyTooLarge(h *fasthttp.RequestHeader) *Problem {
	detail := fmt.Sprintf("At most %d bytes.", MaxBodyBytes)
	if size := largeBody(string(h.Method()), string(h.RequestURI())); size != 0 && s.saysAdmin(h) {
		detail = fmt.Sprintf("At most %d bytes.", size)
	} else if size != 0 {
		detail = fmt.Sprintf("At most %d bytes; of an admin at most %d.", MaxBodyBytes, size)
	}
	return problem(codeBodyTooLarge, detail)
}

// largeBody is how many bytes a request may have that may have more than others; 0 for others.
func largeBody(method, path string) int {
	switch {
	case method == http.MethodPut && strings.HasSuffix(path, "/poster"):
		return maxUpload
	case method == http.MethodPost && (path == "/v1/admin/halls" || path == "/v1/admin/plans/preview"),
		method == http.MethodPut && strings.HasPrefix(path, "/v1/admin/halls/"):
		return MaxLayoutBytes
	}
	return 0
}

func (s *Server) setPoster(c *fiber.Ctx) error {
	id, err := strconv.ParseInt(c.Params("id"), 10, 64)
	if err != nil {
		return ticketing.ErrNotFound
	}
	body, err := uploaded(c)
	if err != nil {
		return err
	}
	poster, err := Uploads{s.Posters, s.Blobs, s.pictures, s.Clock}.Set(c.UserContext(), id, body)
	if err != nil {
		return err
	}
	concerns(c.Context(), "poster", poster.Name)
	return c.JSON(posterOnWire(poster))
}

// Uploads gives performances their posters.
type Uploads struct {
	Posters Posters
	Blobs   Blobs
	Maker   *pictures.Maker
	Clock   func() time.Time
}

// Set makes a poster of an uploaded picture, keeps its files, and then gives it to the performance. It returns a
// *ticketing.Invalid for what is no picture, and ticketing.ErrNotFound when there is no such performance.
func (u Uploads) Set(ctx context.Context, performance int64, body []byte) (ticketing.Poster, error) {
	set, err := u.Maker.Make(ctx, body)
	if err != nil {
		return ticketing.Poster{}, err
	}
	poster := ticketing.Poster{Name: posterName(body), Extension: set.Extension}
	for _, p := range set.Pictures {
		poster.Widths = append(poster.Widths, p.Width)
	}
	if err := u.Posters.BeginPoster(ctx, performance, poster, u.Clock()); err != nil {
		return poster, err
	}
	for _, p := range set.Pictures {
		if err := u.Blobs.Put(ctx, poster.File(p.Width), set.ContentType, p.Body); err != nil {
			return poster, err
		}
	}
	return poster, u.Posters.SetPoster(ctx, performance, poster)
}

func posterName(body []byte) string {
	var nonce [posterNonce]byte
	_, _ = rand.Read(nonce[:]) // never fails, says its documentation
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:posterHash]) + "-" + hex.EncodeToString(nonce[:])
}

// uploaded is the file of a multipart form. It is read part by part: nothing is written to disk on the way.
func uploaded(c *fiber.Ctx) (file []byte, err error) {
	kind, params, err := mime.ParseMediaType(string(c.Request().Header.ContentType()))
	if err != nil || kind != fiber.MIMEMultipartForm {
		return nil, problem(codeMediaType, "Send multipart/form-data with the picture in the field file.")
	}
	parts := multipart.NewReader(bytes.NewReader(c.Body()), params["boundary"])
	for {
		part, err := parts.NextPart()
		switch {
		case err == io.EOF && file != nil: //nolint:errorlint // wrapped, it is an end without the last boundary
			return file, nil
		case err != nil:
			return nil, invalid(pictures.Field, "a file of the form")
		case part.FormName() != pictures.Field:
			continue
		case file != nil:
			return nil, invalid(pictures.Field, "given once")
		}
		if file, err = io.ReadAll(part); err != nil {
			return nil, invalid(pictures.Field, "a file of the form")
		}
	}
}

func (s *Server) dropPoster(ctx context.Context, in *performancePosterInput) (*struct{}, error) {
	return nil, s.Posters.DropPoster(ctx, in.ID)
}

func (s *Server) getPoster(c *fiber.Ctx) error {
	file := c.Params("file")
	etag := `"` + file + `"`
	forEver := func() {
		c.Set(fiber.HeaderETag, etag)
		c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	}
	if matches(c.Get(fiber.HeaderIfNoneMatch), etag) {
		forEver()
		return c.SendStatus(http.StatusNotModified)
	}
	body, err := s.posters.Get(c.UserContext(), file, otter.LoaderFunc[string, []byte](s.Blobs.Get))
	if err != nil {
		return err
	}
	forEver()
	c.Set(fiber.HeaderContentType, mime.TypeByExtension(path.Ext(file)))
	return c.Send(body)
}

func posterOnWire(p ticketing.Poster) posterBody {
	b := posterBody{Widths: map[string]string{}}
	for _, w := range p.Widths {
		b.Widths[fmt.Sprint(w)] = postersPath + p.File(w)
	}
	return b
}
