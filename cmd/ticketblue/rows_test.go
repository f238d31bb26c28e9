package main

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ticketblue/api"
)

var (
	rowOf      = regexp.MustCompile(`(?m)^\| (F\d+) \|[^|]*\|([^|]*)\|([^|]*)\|$`)
	inTicks    = regexp.MustCompile("`([^`]+)`")
	operation  = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	pageSource = regexp.MustCompile(`"(/[^"]*)"`)

	// rowsOfAccountsAndCatalogue are those of the service that this one replaces.
	rowsOfAccountsAndCatalogue = strings.Fields("F1 F2 F3 F5 F6 F7 F8 F9 F10 F25 F31 F38 F47 F48 F56 F60 F63")
)

// TestRowsAreThere: docs/rows.md has every row, each with a test, and names operations and pages that there are.
func TestRowsAreThere(t *testing.T) {
	files := readRepository(t)
	document, err := api.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var paths struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	if err := json.Unmarshal(document, &paths); err != nil {
		t.Fatal(err)
	}
	known := []string{"/docs", "/openapi.json"}
	for _, methods := range paths.Paths {
		for _, op := range methods {
			known = append(known, op.OperationID)
		}
	}
	for _, page := range pageSource.FindAllStringSubmatch(read(t, files, "api/pages.go"), -1) {
		known = append(known, strings.ReplaceAll(page[1], ":id", "1"))
	}
	for _, missing := range missingOfRows(read(t, files, "docs/rows.md"), known) {
		t.Error("docs/rows.md: " + missing)
	}
}

// missingOfRows are rows that are not there or prove nothing, and what rows name without its being known.
func missingOfRows(table string, known []string) (missing []string) {
	var rows []string
	for _, row := range rowOf.FindAllStringSubmatch(table, -1) {
		rows = append(rows, row[1])
		if !namedTest.MatchString(row[3]) {
			missing = append(missing, row[1]+" has no test")
		}
		for _, name := range inTicks.FindAllStringSubmatch(row[2], -1) {
			if (operation.MatchString(name[1]) || strings.HasPrefix(name[1], "/")) && !slices.Contains(known, name[1]) {
				missing = append(missing, row[1]+" names "+name[1]+", which is not there")
			}
		}
	}
	for _, row := range rowsOfAccountsAndCatalogue {
		if !slices.Contains(rows, row) {
			missing = append(missing, row+" is missing")
		}
	}
	return missing
}

func TestMissingRowsAreSeen(t *testing.T) {
	rowsOf := func(cells string) string {
		var b strings.Builder
		for _, row := range rowsOfAccountsAndCatalogue[1:] {
			b.WriteString("| " + row + " | x | `log-in` | `TestX` |\n")
		}
		return b.String() + cells
	}
	want := []string{"F1 has no test", "F1 names gone, which is not there", "F1 names /gone, which is not there"}
	if got := missingOfRows(rowsOf("| F1 | x | `gone`, `/gone`, `bin/seed` | none |\n"), []string{"log-in"}); !slices.Equal(got, want) {
		t.Errorf("missing: %q", got)
	}
	if got := missingOfRows(rowsOf(""), []string{"log-in"}); !slices.Equal(got, []string{"F1 is missing"}) {
		t.Errorf("missing: %q", got)
	}
}
