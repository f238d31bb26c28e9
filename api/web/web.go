// Package web holds the pages for customers: what go generate makes of src, embedded into the program. Every page is
// the same HTML; the script in it looks at the address and asks the API for the rest.
package web

//go:generate go run ./bundle

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"path"
	"strings"
	"sync"
)

// Page is the name of the HTML that all page addresses get.
const Page = "index.html"

// Policy is the Content-Security-Policy of the page: nothing inline, nothing evaluated, nothing from elsewhere.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// TossPolicy is Policy where the page shows the window of Toss Payments: its script, what that asks and frames, and the
// pictures and styles it brings. Where it may reach stands in none of its documents that we have found.
const TossPolicy = "default-src 'none'; script-src 'self' https://js.tosspayments.com; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data: https://*.toss.im https://*.tosspayments.com; connect-src 'self' https://*.tosspayments.com; " +
	"frame-src https://*.tosspayments.com; base-uri 'none'; form-action https://*.tosspayments.com; frame-ancestors 'none'"

//go:embed dist
var dist embed.FS

// File is one file of the bundle, ready to be sent.
type File struct {
	Body        []byte
	Gzip        []byte // the same, compressed
	ContentType string
	ETag        string // quoted
	Immutable   bool   // its name changes with its content
}

var files = sync.OnceValue(load)

// Find returns a file by its name: Page, or "assets/..." as the page names it.
func Find(name string) (File, bool) {
	f, found := files()[name]
	return f, found
}

// load reads what is embedded. It panics when that cannot be: the program was then built from a broken tree.
func load() map[string]File {
	all := map[string]File{}
	err := fs.WalkDir(dist, "dist", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := dist.ReadFile(name)
		if err != nil {
			return err
		}
		name = strings.TrimPrefix(name, "dist/")
		sum := sha256.Sum256(body)
		all[name] = File{
			Body: body, Gzip: compressed(body), ContentType: contentType(name),
			ETag: `"` + hex.EncodeToString(sum[:8]) + `"`, Immutable: strings.HasPrefix(name, "assets/"),
		}
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("reading the embedded pages: %v", err))
	}
	return all
}

// contentType does not depend on the machine's own tables.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	}
	return mime.TypeByExtension(path.Ext(name))
}

func compressed(body []byte) []byte {
	var buffer bytes.Buffer
	w, err := gzip.NewWriterLevel(&buffer, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	_, _ = w.Write(body) // a bytes.Buffer does not fail
	_ = w.Close()
	return buffer.Bytes()
}
