package repotest

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// constructor matches the names of functions that make what a host works with.
var constructor = regexp.MustCompile(`^(New|Open|Serve)([A-Z]|$)`)

// verbs are the other functions and methods of a package that an Example calls.
var verbs = map[string][]string{
	"access":              {"Compile", "Decide", "Evaluate", "Explain", "With"},
	"access/gate":         {"Doctor", "Ingest", "Keys", "Lock", "Recover", "StartOfficeMode", "Unlock", "Verify"},
	"reservation":         {"Cancel", "End", "Extend", "Window"},
	"saltoks":             {"All", "Do", "Get", "NewRequest"},
	"saltoks/saltoauth":   {"Begin", "Complete", "Disconnect", "Forget", "Reconnect", "Reseal"},
	"saltoks/saltoremote": {"Begin", "Confirm", "Lock", "RequestPIN", "StartOfficeMode", "Unlock"},
}

// exampleDirs names the folder of a package's examples, if it is another one.
var exampleDirs = map[string]string{
	"access/gate/sqlstore": "internal/dbtest", // they need a driver
}

// TestExamples checks that a runnable Example calls each constructor and each of
// the verbs.
func TestExamples(t *testing.T) {
	called, required := map[string]map[string]bool{}, map[string][]string{}
	for dir, names := range verbs {
		required[dir] = slices.Clone(names)
	}
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			switch {
			case !ok:
			case s.test && strings.HasPrefix(f.Name.Name, "Example") && hasOutput(s.file, f):
				if called[s.dir] == nil {
					called[s.dir] = map[string]bool{}
				}
				ast.Inspect(f.Body, func(n ast.Node) bool {
					if id, ok := n.(*ast.Ident); ok {
						called[s.dir][id.Name] = true
					}
					return true
				})
			case s.library() && !under(s.dir, "saltoks/internal") && f.Recv == nil && constructor.MatchString(f.Name.Name):
				if !strings.HasSuffix(f.Name.Name, "Error") {
					required[s.dir] = append(required[s.dir], f.Name.Name)
				}
			}
		}
	}
	if len(required) < 10 {
		t.Fatalf("only %d packages with constructors found", len(required))
	}
	for dir, names := range required {
		examples := dir
		if other := exampleDirs[dir]; other != "" {
			examples = other
		}
		for _, name := range names {
			if !called[examples][name] {
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
