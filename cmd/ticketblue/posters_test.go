package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPosters: what is replaced goes from the disk, what is shown stays, also over a restart.
func TestPosters(t *testing.T) {
	th := openTheatre(t)
	show := fmt.Sprintf("%s/v1/performances/%d", th.url, th.show)
	before := mustAsk(t, http.StatusOK, "GET", show, "", nil)
	if before.body["poster"] != nil {
		t.Errorf("a poster before there is one: %v", before.body)
	}
	blobs := filepath.Join(th.data, "blobs")
	first := th.upload(t, 10)
	if n := files(t, blobs); n != 2 {
		t.Errorf("%d files of the first poster", n)
	}
	second := th.upload(t, 200)
	poll(t, "the end of the first poster", func() bool { return files(t, blobs) == 2 })
	after := mustAsk(t, http.StatusOK, "GET", show, "", nil)
	if poster, _ := after.body["poster"].(map[string]any); poster == nil || poster["widths"].(map[string]any)["320"] != second {
		t.Errorf("the performance shows %v, want %s", after.body["poster"], second)
	}
	mustAsk(t, http.StatusPreconditionFailed, "DELETE", strings.Replace(show, "/v1/", "/v1/admin/", 1), th.admin, nil, "If-Match", before.header.Get("ETag"))
	if report := th.verify(); !report.OK {
		t.Errorf("%v", report.Problems)
	}
	th.stop()
	again := startServer(t, th.data)
	for path, want := range map[string]int{first: http.StatusNotFound, second: http.StatusOK} {
		resp, err := http.Get(again.url + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s answers %d, want %d", path, resp.StatusCode, want)
		}
	}
}

// upload gives the show a poster and returns the address of its narrowest picture.
func (th *theatre) upload(t *testing.T, shade uint8) string {
	t.Helper()
	picture := image.NewGray(image.Rect(0, 0, 700, 700))
	picture.Set(350, 350, color.Gray{shade})
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "poster.png")
	if err == nil {
		err = png.Encode(part, picture)
	}
	if err != nil || form.Close() != nil {
		t.Fatal(err)
	}
	a := mustAsk(t, http.StatusOK, "PUT", fmt.Sprintf("%s/v1/admin/performances/%d/poster", th.url, th.show), th.admin,
		body.String(), "Content-Type", form.FormDataContentType())
	widths, _ := a.body["widths"].(map[string]any)
	path, _ := widths["320"].(string)
	if path == "" {
		t.Fatalf("%v", a.body)
	}
	return path
}

func files(t *testing.T, dir string) int {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}
