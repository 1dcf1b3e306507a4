package repotest

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// layers lists which packages of this module a package may import outside its
// tests. A row also covers the packages below it that have no row of their own;
// "dir/..." in mayImport covers dir and all packages below it. A row may be
// there before its package is.
var layers = []struct {
	dir       string
	mayImport []string
}{
	{"internal/hostcall", nil},
	{"internal/strictjson", nil},
	{"internal/wiretap", nil},
	{"internal/gatehttptest", []string{"access/...", "reservation"}},
	{"internal/openapi", []string{"access/gate/gatehttp", "internal/gatehttptest"}},

	{"saltoks", []string{"saltoks/internal/...", "internal/hostcall"}},
	{"saltoks/internal", []string{"saltoks/internal/...", "internal/hostcall"}},
	{"saltoks/internal/storedsecret", []string{"saltoks"}},
	{"saltoks/internal/userindex", []string{"saltoks", "saltoks/saltostate"}},
	{"saltoks/internal/faulttest", nil},
	{"saltoks/saltostate", []string{"saltoks", "saltoks/internal/...", "internal/hostcall"}},
	{"saltoks/saltostate/statetest", []string{"saltoks", "saltoks/saltostate"}},
	{"saltoks/saltoauth", []string{"saltoks", "saltoks/saltostate", "saltoks/internal/...", "internal/hostcall"}},
	{"saltoks/saltoremote", []string{"saltoks", "saltoks/saltostate", "saltoks/internal/...", "internal/hostcall"}},
	{"saltoks/saltokstest", []string{"saltoks/saltokstest/..."}}, // the simulator shares no code with the client

	{"reservation", nil},
	{"access", []string{"reservation", "internal/strictjson"}},
	{"access/gate/storage", []string{"access", "reservation"}},
	{"access/gate/storage/storagetest", []string{"access", "access/gate/storage", "reservation"}},
	{"access/gate/memstore", []string{"access", "access/gate/storage", "reservation"}},
	{"access/gate/sqlstore", []string{"access", "access/gate/storage", "access/gate/sqlstore/...", "reservation"}},
	{"access/gate", []string{"access", "access/gate/storage", "reservation", "internal/hostcall"}},
	{"access/gate/gatehttp", []string{
		"access", "access/gate", "access/gate/storage", "reservation", "internal/hostcall", "internal/strictjson",
	}},
	{"access/gate/gateotel", []string{"access", "access/gate", "saltoks", "saltoks/saltoauth"}},
	{"access/gate/saltolocks", []string{
		"access", "access/gate", "access/gate/storage", "reservation", "internal/hostcall",
		"saltoks", "saltoks/saltoauth", "saltoks/saltoremote", "saltoks/saltostate",
	}},

	{"internal/mutate", []string{"internal/dbtest/pgserver"}},
	{"internal/packagemap", nil},
	{"internal/repotest", nil},
	{"internal/dbtest", []string{"access/...", "reservation", "saltoks/...", "internal/..."}},
	{"internal/peers", []string{"access/...", "reservation", "internal/..."}},
	{"examples", []string{"access/...", "reservation", "saltoks/...", "examples/internal/..."}},
	{"examples/fleet", []string{"access/...", "reservation", "saltoks/...", "examples/internal/...", "internal/dbtest/pgserver"}},
}

// impure are the packages that access and reservation must not import.
var impure = []string{"database/sql", "log", "log/slog", "net/http", "os"}

func TestImports(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue // a test may look at both sides
		}
		for _, path := range s.imports() {
			if reason := forbidden(s.dir, path); reason != "" {
				t.Errorf("%s imports %q: %s", s.path, path, reason)
			}
		}
	}
}

// forbidden returns why the package in dir may not import path, or "" if it may.
func forbidden(dir, path string) string {
	if (dir == "access" || under(dir, "reservation") || under(dir, "access/internal")) && slices.Contains(impure, path) {
		return "access and reservation are pure"
	}
	target, ours := strings.CutPrefix(path, module+"/")
	if !ours {
		return ""
	}
	row := -1
	for i, layer := range layers {
		if under(dir, layer.dir) && (row < 0 || len(layer.dir) > len(layers[row].dir)) {
			row = i
		}
	}
	if row < 0 {
		return "the importing package has no row in the table of layers"
	}
	for _, allowed := range layers[row].mayImport {
		if parent, tree := strings.CutSuffix(allowed, "/..."); target == allowed || tree && under(target, parent) {
			return ""
		}
	}
	return "the table of layers does not allow it"
}

func TestForbiddenImports(t *testing.T) {
	for _, c := range []struct{ dir, path string }{
		{"access", "net/http"},
		{"access", "os"},
		{"access", module + "/saltoks"},
		{"access", module + "/access/gate"},
		{"access", module + "/access/gate/storage"},
		{"reservation", "log/slog"},
		{"reservation", module + "/access"},
		{"saltoks", module + "/access"},
		{"saltoks", module + "/saltoks/saltostate"},
		{"saltoks/internal/oidc", module + "/saltoks"},
		{"saltoks/saltostate", module + "/saltoks/saltoauth"},
		{"saltoks/saltoauth", module + "/saltoks/saltoremote"},
		{"saltoks/saltoremote", module + "/saltoks/saltoauth"},
		{"saltoks/saltoremote", module + "/access/gate"},
		{"saltoks/saltokstest", module + "/saltoks"},
		{"saltoks/saltokstest", module + "/internal/hostcall"},
		{"access/gate", module + "/saltoks"},
		{"access/gate", module + "/access/gate/memstore"},
		{"access/gate", module + "/examples/quickstart"},
		{"access/gate/storage", module + "/access/gate"},
		{"access/gate/sqlstore", module + "/saltoks"},
		{"access/gate/gatehttp", module + "/saltoks"},
		{"access/gate/saltolocks", module + "/access/gate/gateotel"},
		{"examples/quickstart", module + "/internal/dbtest"},
		{"unknown", module + "/access"},
	} {
		if forbidden(c.dir, c.path) == "" {
			t.Errorf("%s may import %s", c.dir, c.path)
		}
	}
	for _, c := range []struct{ dir, path string }{
		{"access", "time"},
		{"access/gate", "log/slog"},
		{"access/gate/saltolocks", module + "/saltoks/saltoremote"},
		{"saltoks/saltoauth", module + "/saltoks/internal/oidc"},
		{"saltoks/saltokstest/world", module + "/saltoks/saltokstest"},
		{"examples/fleet", module + "/internal/dbtest/pgserver"},
	} {
		if reason := forbidden(c.dir, c.path); reason != "" {
			t.Errorf("%s may not import %s: %s", c.dir, c.path, reason)
		}
	}
}

// TestDependencies compares the requirements of the root module with the list
// that the project allows.
func TestDependencies(t *testing.T) {
	data, err := os.ReadFile(root + "/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var direct, indirect []string
	goLine := ""
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		switch {
		case len(f) == 2 && f[0] == "go":
			goLine = f[1]
		case len(f) < 2 || !strings.Contains(f[0], "."):
		case strings.Contains(line, "// indirect"):
			indirect = append(indirect, f[0])
		case f[0] != module:
			direct = append(direct, f[0])
		}
	}
	slices.Sort(direct)
	allowed := []string{
		"github.com/google/go-cmp", "github.com/hashicorp/go-retryablehttp", "github.com/jarcoal/httpmock",
		"golang.org/x/oauth2", "golang.org/x/time",
	}
	if !slices.Equal(direct, allowed) {
		t.Errorf("the root module requires %v, want %v", direct, allowed)
	}
	if !slices.Equal(indirect, []string{"github.com/hashicorp/go-cleanhttp"}) {
		t.Errorf("the indirect requirements are %v, want go-cleanhttp only (of go-retryablehttp)", indirect)
	}
	if goLine != "1.26.0" {
		t.Errorf("the go line is %q, want 1.26.0", goLine)
	}
}
