package repotest

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// shown lists the constructors and verbs of each package that an Example calls.
var shown = map[string][]string{
	"access":                 {"Compile", "Decide", "Evaluate", "Explain", "With"},
	"access/gate":            {"Doctor", "Ingest", "Keys", "Lock", "New", "NewDoors", "Recover", "StartOfficeMode", "Unlock", "Verify"},
	"access/gate/gatehttp":   {"New"},
	"access/gate/gateotel":   {"New", "Watch"},
	"access/gate/memstore":   {"New"},
	"access/gate/saltolocks": {"New"},
	"internal/dbtest":        {"Open", "Volatile"}, // of access/gate/sqlstore, whose examples need a driver
	"reservation":            {"Cancel", "End", "Extend", "Window"},
	"saltoks":                {"All", "Do", "Get", "NewClient", "NewLimiter", "NewRequest", "NewSecret"},
	"saltoks/saltoauth":      {"Begin", "Complete", "Disconnect", "Forget", "NewAuthorizer", "NewConsentHandlers", "Reconnect", "Reseal"},
	"saltoks/saltokstest":    {"New", "NewControlClient", "Serve"},
	"saltoks/saltoremote":    {"Begin", "Confirm", "Lock", "NewRemote", "RequestPIN", "StartOfficeMode", "Unlock"},
	"saltoks/saltostate":     {"New", "NewFileStore", "NewMemoryStore", "NewSealer"},
}

// TestExamples checks that the Examples of a package, those that run, call what
// is listed for it.
func TestExamples(t *testing.T) {
	called := map[string]map[string]bool{}
	for dir := range shown {
		called[dir] = map[string]bool{}
	}
	for _, s := range sources(t) {
		if !s.test || shown[s.dir] == nil {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(f.Name.Name, "Example") || !hasOutput(s.file, f) {
				continue
			}
			ast.Inspect(f.Body, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					called[s.dir][id.Name] = true
				}
				return true
			})
		}
	}
	for dir, names := range shown {
		for _, name := range names {
			if !called[dir][name] {
				t.Errorf("%s: no Example with an output calls %s", dir, name)
			}
		}
	}
}

// hasOutput reports whether f has an "Output:" comment, without which an Example
// is not run.
func hasOutput(file *ast.File, f *ast.FuncDecl) bool {
	return slices.ContainsFunc(file.Comments, func(c *ast.CommentGroup) bool {
		return c.Pos() > f.Body.Pos() && c.End() < f.Body.End() && strings.Contains(strings.ToLower(c.Text()), "output:")
	})
}
