package blobs

import (
	"bytes"
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"ticketblue/ticketing"
)

// store is what the suite asks of both.
type store interface {
	Put(ctx context.Context, name, contentType string, body []byte) error
	Get(ctx context.Context, name string) ([]byte, error)
	Delete(ctx context.Context, name string) error
}

// openS3 is a bucket in this process, or, where TB_TEST_S3_URL names one (make s3), in a real server.
func openS3(t *testing.T) *S3 {
	t.Helper()
	options := S3Options{
		URL: os.Getenv("TB_TEST_S3_URL"), Region: "us-east-1",
		Key: os.Getenv("TB_TEST_S3_KEY"), Secret: os.Getenv("TB_TEST_S3_SECRET"),
	}
	if options.URL == "" {
		backend := s3mem.New()
		if err := backend.CreateBucket("posters"); err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(gofakes3.New(backend).Server())
		t.Cleanup(server.Close)
		options.URL, options.Key, options.Secret = server.URL+"/posters/of/ticketblue", "key", "secret"
	}
	s, err := OpenS3(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStores(t *testing.T) {
	dir, err := OpenDir(t.TempDir() + "/new/blobs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	for name, s := range map[string]store{"directory": dir, "S3": openS3(t)} {
		t.Run(name, func(t *testing.T) { conform(t, s) })
	}
}

func conform(t *testing.T, s store) {
	ctx := t.Context()
	const name = "0123456789abcdef-1280.jpg"
	if _, err := s.Get(ctx, name); !errors.Is(err, ticketing.ErrNotFound) {
		t.Errorf("before: %v", err)
	}
	body := bytes.Repeat([]byte{0, 1, 2, 0xff}, 1<<20)
	for range 2 { // the second is a repeat of the first
		if err := s.Put(ctx, name, "image/jpeg", body); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Get(ctx, name); err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes of %d, %v", len(got), len(body), err)
	}
	if err := s.Put(ctx, "other.jpg", "image/jpeg", []byte{7}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Delete(ctx, name); err != nil {
			t.Errorf("deleting: %v", err)
		}
	}
	if _, err := s.Get(ctx, name); !errors.Is(err, ticketing.ErrNotFound) {
		t.Errorf("after: %v", err)
	}
	if got, err := s.Get(ctx, "other.jpg"); err != nil || !bytes.Equal(got, []byte{7}) {
		t.Errorf("the other one: %v, %v", got, err)
	}
	if err := s.Put(ctx, "large.jpg", "image/jpeg", make([]byte, MaxBytes+1)); err == nil {
		t.Error("too large a blob was kept")
	}
	for _, bad := range []string{"", "a.jpg/../b", "../../etc/passwd", ".hidden", "x", "UPPER.jpg", "a b.jpg", "nul\x00l.jpg", strings.Repeat("a", 200) + ".jpg"} {
		if _, err := s.Get(ctx, bad); !errors.Is(err, ticketing.ErrNotFound) {
			t.Errorf("getting %q: %v", bad, err)
		}
		if err := s.Put(ctx, bad, "", nil); !errors.Is(err, ErrName) {
			t.Errorf("putting %q: %v", bad, err)
		}
		if err := s.Delete(ctx, bad); !errors.Is(err, ErrName) {
			t.Errorf("deleting %q: %v", bad, err)
		}
	}
}

func TestOpenS3Fails(t *testing.T) {
	server := httptest.NewServer(gofakes3.New(s3mem.New()).Server())
	t.Cleanup(server.Close)
	for name, address := range map[string]string{
		"no bucket": server.URL + "/none-of-that-name", "no path": server.URL, "no address": "bucket", "other scheme": "ftp://127.0.0.1/bucket",
	} {
		if _, err := OpenS3(t.Context(), S3Options{URL: address, Region: "us-east-1", Key: "key", Secret: "secret"}); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	if real := os.Getenv("TB_TEST_S3_URL"); real != "" { // the one in this process believes everybody
		if _, err := OpenS3(t.Context(), S3Options{URL: real, Region: "us-east-1", Key: os.Getenv("TB_TEST_S3_KEY"), Secret: "wrong"}); err == nil {
			t.Error("wrong secret: opened")
		}
	}
}
