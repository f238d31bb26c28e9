// Command bundle makes dist from src and vendor: the script that all pages load, that of the console for admins and what
// both need, one style sheet, one page. It is run by go generate in
// api/web, not by those who build or run Ticket Blue; its test fails when dist is not what it makes.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

const (
	distDir   = "dist"
	assetsDir = "assets" // names in it hold a hash of the content, so they may be cached for ever
	pageName  = "index.html"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

// run replaces dist below the directory of api/web.
func run(web string) error {
	files, err := build(web)
	if err != nil {
		return err
	}
	dist := filepath.Join(web, distDir)
	if err := os.RemoveAll(filepath.Join(dist, assetsDir)); err != nil {
		return err
	}
	for name, body := range files {
		path := filepath.Join(dist, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, body, 0o644)); err != nil {
			return err
		}
	}
	return nil
}

// build returns the files of dist by their names with slashes.
func build(web string) (map[string][]byte, error) {
	root, err := filepath.Abs(web)
	if err != nil {
		return nil, err
	}
	result := api.Build(api.BuildOptions{
		AbsWorkingDir: root,
		EntryPoints:   []string{"src/main.tsx", "src/style.css"},
		Outdir:        distDir,
		EntryNames:    assetsDir + "/[name]-[hash]",
		ChunkNames:    assetsDir + "/[name]-[hash]",
		Splitting:     true, // the console is loaded by those who need it
		NodePaths:     []string{filepath.Join(root, "vendor")},
		Conditions:    []string{"import"},
		Bundle:        true,
		Format:        api.FormatESModule,
		Platform:      api.PlatformNeutral,
		MainFields:    []string{"module", "main"},
		Target:        api.ES2022,
		JSX:           api.JSXAutomatic, JSXImportSource: "preact",
		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true,
		Charset:       api.CharsetUTF8,
		LegalComments: api.LegalCommentsNone, // the licences stand beside the libraries in vendor
		TsconfigRaw:   "{}",                  // nothing outside this program decides what comes out
	})
	if err := problems(result.Errors, result.Warnings); err != nil {
		return nil, err
	}
	page, err := os.ReadFile(filepath.Join(root, "src", pageName))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, out := range result.OutputFiles {
		name := assetsDir + "/" + filepath.Base(out.Path)
		files[name] = out.Contents
		entry := "{" + strings.SplitN(filepath.Base(out.Path), "-", 2)[0] + filepath.Ext(out.Path) + "}"
		page = bytes.ReplaceAll(page, []byte(entry), []byte("/"+name))
	}
	if left := regexp.MustCompile(`\{\w+\.\w+\}`).Find(page); left != nil {
		return nil, fmt.Errorf("%s names %s, which is not made", pageName, left)
	}
	files[pageName] = page
	return files, nil
}

// problems makes one error of what esbuild has to say; a warning is one too.
func problems(messages ...[]api.Message) error {
	var all []error
	for _, list := range messages {
		for _, m := range list {
			where := ""
			if m.Location != nil {
				where = fmt.Sprintf("%s:%d: ", m.Location.File, m.Location.Line)
			}
			all = append(all, errors.New(where+m.Text))
		}
	}
	return errors.Join(all...)
}
