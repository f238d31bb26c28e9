package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"regexp"
	"strings"
	"testing"
)

func TestPageNamesItsAssets(t *testing.T) {
	page, found := Find(Page)
	if !found || page.Immutable || !strings.HasPrefix(page.ContentType, "text/html") {
		t.Fatalf("the page: found %v, immutable %v, type %q", found, page.Immutable, page.ContentType)
	}
	names := regexp.MustCompile(`(?:src|href)="/(assets/[^"]+)"`).FindAllSubmatch(page.Body, -1)
	if len(names) != 2 {
		t.Fatalf("the page names %d assets, want a script and a style sheet", len(names))
	}
	for _, name := range names {
		asset, found := Find(string(name[1]))
		if !found || !asset.Immutable || asset.ETag == page.ETag {
			t.Errorf("%s: found %v, immutable %v, tag %s", name[1], found, asset.Immutable, asset.ETag)
		}
	}
}

// The policy forbids what is inline: a page that needs it would be blank.
func TestPageHasNothingInline(t *testing.T) {
	page, _ := Find(Page)
	if inline := regexp.MustCompile(`(?is)<script[^>]*>\s*[^<\s]|<style|\sstyle=|\son[a-z]+=`).Find(page.Body); inline != nil {
		t.Errorf("inline: %q", inline)
	}
}

func TestCompressedIsTheSame(t *testing.T) {
	const maxGzip = 64 << 10 // what a slow phone may have to load before it can ask for the map; the console for admins is in it
	total := 0
	for name, f := range files() {
		r, err := gzip.NewReader(bytes.NewReader(f.Gzip))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(body, f.Body) {
			t.Errorf("%s: compressed it is something else (%v)", name, err)
		}
		total += len(f.Gzip)
	}
	if total > maxGzip {
		t.Errorf("everything together has %d bytes compressed, at most %d", total, maxGzip)
	}
}
