package house

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestImportDirection holds the arrows of the house:
// examples -> access/gate/saltolocks -> {access/gate, saltoks}, access/gate -> access -> reservation.
func TestImportDirection(t *testing.T) {
	for _, s := range sources(t) {
		for _, path := range s.imports() {
			if why := forbidden(s, path); why != "" {
				t.Errorf("%s imports %q: %s", s.path, path, why)
			}
		}
	}
}

// forbidden says why file s may not import path; "" when it may.
func forbidden(s source, path string) string {
	inner, ours := strings.CutPrefix(path, module+"/")
	pure := s.dir == "access" || s.dir == "reservation"
	if ours && under(inner, "examples") && !under(s.dir, "examples") {
		return "examples are read, not imported"
	}
	if s.test {
		return "" // tests may look at both sides
	}
	if pure && slices.Contains([]string{"net/http", "database/sql", "log", "log/slog", "os"}, path) {
		return "access and reservation are pure"
	}
	if path == "time/tzdata" && !under(s.dir, "examples") && !under(s.dir, "internal") {
		return "only a program decides to embed the time zones"
	}
	if slices.Contains([]string{"github.com/google/go-cmp/cmp", "github.com/jarcoal/httpmock"}, path) {
		return "a library for tests"
	}
	if path == "testing" && !slices.Contains([]string{"saltoks/saltokstest", "saltoks/statetest", "access/gate/gatetest"}, s.dir) && !under(s.dir, "internal") {
		return "testing belongs in tests and in the test packages"
	}
	if strings.HasPrefix(path, "golang.org/x/exp") {
		return "not one of the dependencies"
	}
	if !ours {
		return ""
	}
	switch {
	case s.dir == "reservation":
		return "reservation stands at the bottom"
	case s.dir == "access" && !under(inner, "reservation") && !under(inner, "internal"):
		return "access knows reservation only"
	case s.dir == "saltoks/saltokstest" && !under(inner, "internal"):
		return "client and simulator share no code"
	case under(s.dir, "saltoks") && (under(inner, "access") || under(inner, "reservation")):
		return "the client knows nothing of the engine"
	case under(s.dir, "access") && s.dir != "access/gate/saltolocks" && under(inner, "saltoks"):
		return "only saltolocks knows both sides"
	}
	return ""
}

// TestForbiddenSees proves that the check can fail.
func TestForbiddenSees(t *testing.T) {
	for _, c := range []struct{ dir, path string }{
		{"access", "net/http"},
		{"access", "os"},
		{"access", module + "/saltoks"},
		{"access", module + "/access/gate"},
		{"reservation", module + "/access"},
		{"saltoks", module + "/access"},
		{"saltoks/saltokstest", module + "/saltoks"},
		{"access/gate", module + "/saltoks"},
		{"access/gate/sqlstore", module + "/saltoks"},
		{"access/gate", module + "/examples/quickstart"},
		{"saltoks", "github.com/google/go-cmp/cmp"},
		{"saltoks", "testing"},
		{"access", "time/tzdata"},
	} {
		if forbidden(source{dir: c.dir, path: c.dir + "/x.go"}, c.path) == "" {
			t.Errorf("%s may import %s, and should not", c.dir, c.path)
		}
	}
	if why := forbidden(source{dir: "access/gate/saltolocks"}, module+"/saltoks"); why != "" {
		t.Errorf("saltolocks may not import saltoks: %s", why)
	}
}

// TestDependencyBudget holds the root module to its five dependencies.
func TestDependencyBudget(t *testing.T) {
	data, err := os.ReadFile(root + "/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"github.com/google/go-cmp", "github.com/hashicorp/go-retryablehttp", "github.com/jarcoal/httpmock",
		"golang.org/x/oauth2", "golang.org/x/time",
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
	if !slices.Equal(direct, want) {
		t.Errorf("root module requires %v, the budget is %v", direct, want)
	}
	if !slices.Equal(indirect, []string{"github.com/hashicorp/go-cleanhttp"}) {
		t.Errorf("indirect requirements are %v, expected only go-cleanhttp (by retryablehttp)", indirect)
	}
	if goLine != "1.26.0" {
		t.Errorf("the go line is %q, the policy says 1.26.0", goLine)
	}
}
