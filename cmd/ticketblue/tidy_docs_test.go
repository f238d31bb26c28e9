package main

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Documents that are true today rot when code moves. What they name must exist.

var (
	makeTarget   = regexp.MustCompile("(?m)^([a-z][a-z0-9-]*):")
	makeCall     = regexp.MustCompile("(?m)(?:^|`|\\$ |&& |; )make ([a-z][a-z0-9-]*)")
	markdownLink = regexp.MustCompile(`\]\(([^)#:\s]+)(?:#[^)]*)?\)`)
	made         = []string{"bin", "data", "report"}
	namedTest    = regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9_]*)`")
	testFunc     = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z][A-Za-z0-9_]*)\(`)
	namedFile    = regexp.MustCompile("`((?:[a-z_-]+/)+[a-zA-Z0-9_.-]*)`")
)

func TestDocumentsAreTrue(t *testing.T) {
	files := readRepository(t)
	makefile := read(t, files, "Makefile")
	for _, f := range files {
		if path.Ext(f.path) != ".md" {
			continue
		}
		for _, target := range missingTargets(f.text, makefile) {
			t.Errorf("%s names `make %s`, which the Makefile does not have", f.path, target)
		}
		for _, name := range missingFiles(f, exists) {
			t.Errorf("%s names %s, which is not there", f.path, name)
		}
	}
	tests := testsOf(files)
	for _, f := range files {
		for _, name := range missingTests(f, tests) {
			t.Errorf("%s names the test %s, which is not there", f.path, name)
		}
	}
	readme := read(t, files, "README.md")
	for _, command := range []string{"make run", "make test"} {
		if !strings.Contains(readme, command) {
			t.Errorf("README.md does not name `%s`: two commands must be enough", command)
		}
	}
	if !hasUnreleased(read(t, files, "CHANGELOG.md")) {
		t.Error("CHANGELOG.md has no \"## Unreleased\" with a line below it: say there what users will notice")
	}
	if !runsMakeTest(read(t, files, ".ci/run")) {
		t.Error(".ci/run does not call `make test`: what runs there must be what the README tells people to run")
	}
}

func TestDocumentChecksBite(t *testing.T) {
	const makefile = "help:\nmake-believe: x\nT ?= 1\n\trecipe: no\n"
	if got := missingTargets("`make help`, `make make-believe`, `make rain`\n    make snow\n$ make hail\nTo make sense", makefile); !slices.Equal(got, []string{"rain", "hail"}) {
		t.Errorf("missing targets: %q", got)
	}
	have := func(name string) bool { return name == "docs/b.md" || name == "actors/step.go" || name == "actors" }
	doc := source{path: "docs/a.md", text: "[b](b.md) [c](c.md#x) [web](https://example.org) `actors/step.go` `actors/` `actors/gone.go` `a b/c`"}
	if got := missingFiles(doc, have); !slices.Equal(got, []string{"docs/c.md", "actors/gone.go"}) {
		t.Errorf("missing files: %q", got)
	}
	tests := testsOf([]source{{path: "a/a_test.go", text: "package a\n\nfunc TestA(t *testing.T) {}\n"}})
	if got := missingTests(source{path: "docs/a.md", text: "`TestA`, `TestGone`"}, tests); !slices.Equal(got, []string{"TestGone"}) {
		t.Errorf("missing tests: %q", got)
	}
	if hasUnreleased("# Changelog\n\n## 1.0\n- x\n") || hasUnreleased("## Unreleased\n\n## 1.0\n- x\n") || !hasUnreleased("## Unreleased\n\n### Added\n- x\n") {
		t.Error("the change log's check is wrong")
	}
	if runsMakeTest("# make test\n") || !runsMakeTest("set -e\nmake test\n") {
		t.Error("the check of .ci/run is wrong")
	}
}

// missingTargets are the make targets that a document tells to call and the Makefile lacks.
func missingTargets(document, makefile string) []string {
	var targets, missing []string
	for _, m := range makeTarget.FindAllStringSubmatch(makefile, -1) {
		targets = append(targets, m[1])
	}
	for _, m := range makeCall.FindAllStringSubmatch(document, -1) {
		if !slices.Contains(targets, m[1]) {
			missing = append(missing, m[1])
		}
	}
	return missing
}

// missingFiles are links to files, and files or rooms named in backticks, that are not there. What make builds or a
// server writes is not there yet.
func missingFiles(document source, exists func(string) bool) []string {
	var names, missing []string
	for _, m := range markdownLink.FindAllStringSubmatch(document.text, -1) {
		names = append(names, path.Join(path.Dir(document.path), m[1]))
	}
	for _, m := range namedFile.FindAllStringSubmatch(document.text, -1) {
		names = append(names, path.Clean(m[1]))
	}
	for _, name := range names {
		root, _, _ := strings.Cut(name, "/")
		if !slices.Contains(made, root) && !exists(name) {
			missing = append(missing, name)
		}
	}
	return missing
}

// missingTests are tests that a document gives as proof and nobody runs.
func missingTests(document source, tests []string) []string {
	if path.Ext(document.path) != ".md" {
		return nil
	}
	var missing []string
	for _, m := range namedTest.FindAllStringSubmatch(document.text, -1) {
		if !slices.Contains(tests, m[1]) {
			missing = append(missing, m[1])
		}
	}
	return missing
}

func testsOf(files []source) []string {
	var names []string
	for _, f := range files {
		if strings.HasSuffix(f.path, "_test.go") {
			for _, m := range testFunc.FindAllStringSubmatch(f.text, -1) {
				names = append(names, m[1])
			}
		}
	}
	return names
}

func exists(name string) bool {
	_, err := os.Stat(filepath.Join(repoRoot, filepath.FromSlash(name)))
	return err == nil
}

func hasUnreleased(changelog string) bool {
	_, after, found := strings.Cut(changelog, "## Unreleased\n")
	section, _, _ := strings.Cut(after, "\n## ")
	return found && strings.Contains(section, "\n- ")
}

func runsMakeTest(script string) bool {
	return slices.ContainsFunc(strings.Split(script, "\n"), func(l string) bool {
		return strings.HasPrefix(strings.TrimSpace(l), "make test")
	})
}
