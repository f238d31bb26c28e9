package main

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	composecli "github.com/compose-spec/compose-go/v2/cli"
)

// TestComposeFile loads docker-compose.yml as compose does, and compares what it tells the program with the settings
// there are.
func TestComposeFile(t *testing.T) {
	options, err := composecli.NewProjectOptions([]string{repoRoot + "/docker-compose.yml"}, composecli.WithName("ticketblue"), composecli.WithProfiles([]string{"typesense"}),
		composecli.WithEnv([]string{"POSTGRES_PASSWORD=p", "TB_TYPESENSE_URL=http://typesense:8108", "TB_TYPESENSE_API_KEY=k"}))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if names := slices.Sorted(maps.Keys(project.Services)); !slices.Equal(names, []string{"postgres", "ticketblue", "typesense"}) {
		t.Errorf("services %v", names)
	}
	known := settings(t)
	for name, value := range project.Services["ticketblue"].Environment {
		if strings.HasPrefix(name, "TB_") && !known[name] {
			t.Errorf("the program knows no %s", name)
		}
		if strings.HasPrefix(name, "TB_TYPESENSE_") && (value == nil || *value == "") {
			t.Errorf("%s is empty", name)
		}
	}
	if key := project.Services["typesense"].Environment["TYPESENSE_API_KEY"]; key == nil || *key != "k" {
		t.Error("the search server has another key than the program")
	}
}

// secret is one that is no flag: the help of a flag names it.
var secret = regexp.MustCompile(`TB_[A-Z0-9_]+`)

// settings are the environment variables that the program reads.
func settings(t *testing.T) map[string]bool {
	t.Helper()
	var c cli
	parser, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, command := range parser.Model.Children {
		for _, flag := range command.Flags {
			for _, name := range append(flag.Envs, secret.FindAllString(flag.Help, -1)...) {
				known[name] = true
			}
		}
	}
	return known
}
