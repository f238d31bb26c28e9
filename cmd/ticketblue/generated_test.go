package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"ticketblue/api"
)

// TestGenerated makes the client and the request collection again, as go generate does, and compares.
func TestGenerated(t *testing.T) {
	document, err := api.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	spec, made := filepath.Join(dir, "openapi.json"), filepath.Join(dir, "client.gen.go")
	if err := os.WriteFile(spec, document, 0o600); err != nil {
		t.Fatal(err)
	}
	generate := exec.CommandContext(t.Context(), "go", "tool", "-modfile=../../tools/go.mod", "oapi-codegen", "-config", "config.yaml", "-o", made, spec)
	generate.Dir = filepath.Join(repoRoot, "api", "client")
	if out, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	client, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]byte{"api/client/client.gen.go": client, "docs/ticketblue.http": []byte(api.Requests())} {
		if kept, err := os.ReadFile(filepath.Join(repoRoot, path)); err != nil || !bytes.Equal(kept, want) {
			t.Errorf("%s is not what the document makes (%v): run go generate ./api/client", path, err)
		}
	}
}
