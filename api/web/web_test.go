package web

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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
	if len(names) != 3 {
		t.Fatalf("the page names %d assets, want a script, what it shares with the console, and a style sheet", len(names))
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
	for name, f := range files() {
		r, err := gzip.NewReader(bytes.NewReader(f.Gzip))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(body, f.Body) {
			t.Errorf("%s: compressed it is something else (%v)", name, err)
		}
	}
}

// What a slow phone has to load before it can ask for the map, and what an admin has to load besides.
func TestBudgets(t *testing.T) {
	const maxPage, maxConsole = 60 << 10, 16 << 10 // bytes, compressed
	page, _ := Find(Page)
	total, console := len(page.Gzip), 0
	for name, f := range files() {
		switch {
		case bytes.Contains(page.Body, []byte(name)):
			total += len(f.Gzip)
		case name != Page:
			console += len(f.Gzip)
		}
	}
	t.Logf("the page has %d bytes, at most %d; the console %d, at most %d", total, maxPage, console, maxConsole)
	if total > maxPage || console > maxConsole || console == 0 {
		t.Errorf("the page has %d bytes, at most %d; the console %d, at most %d", total, maxPage, console, maxConsole)
	}
}

// Both languages say the same things, and everything that a page says is there.
func TestWords(t *testing.T) {
	known, admins := words(t, "ko.json", "en.json"), words(t, "admin.ko.json", "admin.en.json")
	said := regexp.MustCompile(`\bt\("([^"]+)"`)
	err := filepath.WalkDir("src", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasPrefix(filepath.Ext(path), ".ts") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, word := range said.FindAllSubmatch(source, -1) {
			key := string(word[1])
			if !known[key] && !(admins[key] && strings.Contains(path, "admin/")) {
				t.Errorf("%s says %q, which is not among the words loaded there", path, key)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for key := range admins {
		if known[key] {
			t.Errorf("%q is with the words of all pages and with the console's", key)
		}
	}
}

// words are those of a language, which the other must have too; only English has forms for one.
func words(t *testing.T, korean, english string) map[string]bool {
	t.Helper()
	read := func(name string) (all map[string]string) {
		body, err := os.ReadFile(filepath.Join("src", "words", name))
		if err == nil {
			err = json.Unmarshal(body, &all)
		}
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	ko, en, known := read(korean), read(english), map[string]bool{}
	for key := range ko {
		if known[key] = true; en[key] == "" && !strings.HasPrefix(key, "want.") { // the server speaks English
			t.Errorf("%s does not say %q", english, key)
		}
	}
	for key := range en {
		if ko[key] == "" && !strings.HasSuffix(key, ".one") {
			t.Errorf("%s does not say %q", korean, key)
		}
	}
	return known
}
