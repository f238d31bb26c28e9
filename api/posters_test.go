package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"ticketblue/api/pictures"
	"ticketblue/ticketing"
)

// fakePosters is both the table and the store, and writes down what happens.
type fakePosters struct {
	files   map[string][]byte
	log     []string
	current map[int64]ticketing.Poster
	putErr  error
}

func newFakePosters() *fakePosters {
	return &fakePosters{files: map[string][]byte{}, current: map[int64]ticketing.Poster{}}
}

func (f *fakePosters) BeginPoster(_ context.Context, performance int64, p ticketing.Poster, _ time.Time) error {
	if performance != 1 {
		return ticketing.ErrNotFound
	}
	f.log = append(f.log, "begin "+p.Name)
	return nil
}

func (f *fakePosters) SetPoster(_ context.Context, performance int64, p ticketing.Poster) error {
	f.log = append(f.log, "set "+p.Name)
	f.current[performance] = p
	return nil
}

func (f *fakePosters) DropPoster(_ context.Context, performance int64) error {
	if _, found := f.current[performance]; !found {
		return ticketing.ErrNotFound
	}
	delete(f.current, performance)
	return nil
}

func (f *fakePosters) Put(_ context.Context, name, _ string, body []byte) error {
	f.log = append(f.log, "put")
	f.files[name] = body
	return f.putErr
}

func (f *fakePosters) Get(_ context.Context, name string) ([]byte, error) {
	body, found := f.files[name]
	if !found {
		return nil, ticketing.ErrNotFound
	}
	return body, nil
}

func withPosters(t *testing.T) (*house, *fakePosters) {
	f := newFakePosters()
	return withRound(t, func(c *Config) { c.Posters, c.Blobs = f, f }), f
}

func photo(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 700, 400)), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// form is a body with one file, and the headers for it.
func form(t *testing.T, field string, file []byte) (string, map[string]string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile(field, "../../poster.php")
	if err == nil {
		_, err = part.Write(file)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String(), map[string]string{"Content-Type": w.FormDataContentType()}
}

// TestPerformancesShowPosters: null where there is none, wherever a performance is shown.
func TestPerformancesShowPosters(t *testing.T) {
	h, _ := withPosters(t)
	const none, some = `"poster":null`, `"poster":{"widths":{"320":"/posters/p-320.jpg","640":"/posters/p-640.jpg"}}`
	for _, path := range []string{"/v1/performances", "/v1/performances/1"} {
		h.catalogue.performances[0].Poster = nil
		h.server.Forget("catalogue:performance:1")
		before := h.do(call{method: "GET", path: path}).wantStatus(http.StatusOK)
		h.catalogue.performances[0].Poster = &ticketing.Poster{Name: "p", Extension: "jpg", Widths: []int{320, 640}}
		h.server.Forget("catalogue:performance:1")
		after := h.do(call{"GET", path, "", "", map[string]string{"If-None-Match": before.header.Get("ETag")}}).wantStatus(http.StatusOK)
		if !strings.Contains(string(before.body), none) || !strings.Contains(string(after.body), some) {
			t.Errorf("%s: %s, then %s", path, before.body, after.body)
		}
	}
}

const posterPath = "/v1/admin/performances/1/poster"

func TestPoster(t *testing.T) {
	h, f := withPosters(t)
	token := h.token(admin, ticketing.Admin)
	body, header := form(t, "file", photo(t))
	var set posterBody
	h.do(call{"PUT", posterPath, token, body, header}).wantStatus(http.StatusOK).decode(&set)
	if len(set.Widths) != 2 || set.Widths["320"] == "" || set.Widths["640"] == "" {
		t.Fatalf("%v", set.Widths)
	}
	name := f.current[1].Name
	if want := []string{"begin " + name, "put", "put", "set " + name}; !slices.Equal(f.log, want) {
		t.Errorf("happened: %v, want %v", f.log, want)
	}
	for width, path := range set.Widths {
		a := h.do(call{method: "GET", path: path}).wantStatus(http.StatusOK)
		picture, _, err := image.Decode(bytes.NewReader(a.body))
		if err != nil || fmt.Sprint(picture.Bounds().Dx()) != width {
			t.Errorf("%s: %v", path, err)
		}
		if a.header.Get("Content-Type") != "image/jpeg" || !strings.Contains(a.header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %v", path, a.header)
		}
		h.do(call{"GET", path, "", "", map[string]string{"If-None-Match": a.header.Get("ETag")}}).wantStatus(http.StatusNotModified)
	}
	before := name
	h.do(call{"PUT", posterPath, token, body, header}).wantStatus(http.StatusOK)
	if f.current[1].Name == before {
		t.Error("two uploads of one picture have one name: deleting the first would take the second")
	}
	h.do(call{method: "DELETE", path: posterPath, token: token}).wantStatus(http.StatusNoContent)
	h.do(call{method: "DELETE", path: posterPath, token: token}).wantStatus(http.StatusNotFound)
	for _, none := range []string{"/posters/none.jpg", "/posters/..%2f..%2fetc%2fpasswd", "/posters/" + strings.Repeat("a", 500)} {
		h.do(call{method: "GET", path: none}).wantStatus(http.StatusNotFound)
	}
}

func TestPosterRefused(t *testing.T) {
	h, f := withPosters(t)
	token := h.token(admin, ticketing.Admin)
	large, largeHeader := form(t, "file", make([]byte, pictures.MaxBytes-1000))
	text, textHeader := form(t, "file", []byte("<svg onload=alert(1)>"))
	other, otherHeader := form(t, "poster", photo(t))
	right, rightHeader := form(t, "file", photo(t))
	boundary, _, _ := strings.Cut(right, "\r\n")
	for name, c := range map[string]struct {
		path, token, body string
		header            map[string]string
		status            int
		holds             string
	}{
		"no picture":       {posterPath, token, text, textHeader, 422, `"field":"file","want":"a JPEG, PNG or WebP picture"`},
		"large no picture": {posterPath, token, large, largeHeader, 422, `"field":"file"`},
		"other field":      {posterPath, token, other, otherHeader, 422, `"field":"file"`},
		"two files":        {posterPath, token, strings.TrimSuffix(right, boundary+"--\r\n") + right, rightHeader, 422, `"field":"file","want":"given once"`},
		"no end":           {posterPath, token, strings.TrimSuffix(right, "--\r\n"), rightHeader, 422, `"field":"file"`},
		"JSON":             {posterPath, token, `{"file":"x"}`, nil, 415, `"title":"The body is of a type or coding that is not taken here","status":415,"detail":"Send multipart/form-data`},
		"no form":          {posterPath, token, right, map[string]string{"Content-Type": "image/jpeg"}, 415, ""},
		"no boundary":      {posterPath, token, right, map[string]string{"Content-Type": "multipart/form-data"}, 422, ""},
		"cut":              {posterPath, token, right[:len(right)/2], rightHeader, 422, ""},
		"no performance":   {"/v1/admin/performances/2/poster", token, right, rightHeader, 404, ""},
		"no number":        {"/v1/admin/performances/x/poster", token, right, rightHeader, 404, ""},
		"nobody":           {posterPath, "", right, rightHeader, 401, ""},
		"customer":         {posterPath, h.token(customer, ticketing.Customer), right, rightHeader, 403, ""},
		"large of nobody":  {posterPath, "", large, largeHeader, 413, ""},
		"large customer":   {posterPath, h.token(customer, ticketing.Customer), large, largeHeader, 413, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := h.do(call{"PUT", c.path, c.token, c.body, c.header})
			if a.wantStatus(c.status); !strings.Contains(string(a.body), c.holds) {
				t.Errorf("%s", a.body)
			}
		})
	}
	if len(f.files) != 0 || len(f.current) != 0 {
		t.Error("something was kept")
	}
	f.putErr = errors.New("disk full")
	h.do(call{"PUT", posterPath, token, right, rightHeader}).wantStatus(http.StatusInternalServerError)
	if len(f.current) != 0 {
		t.Error("a poster without its files was set")
	}
}
