package house

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// spawners are the files outside programs and tests that may start a goroutine,
// and why.
var spawners = map[string]string{
	"saltoks/tokens.go": "a token refresh outlives the caller who began it; Close waits for it",
}

// constants are package-level variables that a rule cannot see through, and why
// they are constant.
var constants = map[string]string{
	"access.neverOpen":               "the schedule of no hours: made once, never changed",
	"access.alwaysOpen":              "the schedule of all hours: made once, never changed",
	"saltoks/saltokstest.signingKey": "a key made once per process, because making one per simulator would cost a tenth of a second per test",
}

// TestNoGlobalsInitOrGoroutines holds the library's code (not its programs and
// test packages) to sentinels and tables at package level, no init, and the one
// goroutine that is named.
func TestNoGlobalsInitOrGoroutines(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || under(s.dir, "examples") || under(s.dir, "internal") {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					t.Errorf("%s: init", s.at(d))
				}
			case *ast.GenDecl:
				if d.Tok == token.VAR {
					for _, spec := range d.Specs {
						v := spec.(*ast.ValueSpec)
						if !constantLike(d, v) && constants[s.dir+"."+v.Names[0].Name] == "" {
							t.Errorf("%s: package-level variable %s is neither a sentinel nor a table", s.at(v), v.Names[0].Name)
						}
					}
				}
			}
		}
		if testPackage(s.dir) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok && spawners[s.path] == "" {
				t.Errorf("%s: a goroutine that no rule names", s.at(g))
			}
			return true
		})
	}
}

func testPackage(dir string) bool {
	return slices.Contains([]string{"saltoks/saltokstest", "saltoks/statetest", "access/gate/gatetest"}, dir)
}

// constantLike accepts interface assertions, errors.New and fmt.Errorf
// sentinels, embedded files, composite tables and what is parsed from constants.
func constantLike(d *ast.GenDecl, v *ast.ValueSpec) bool {
	if v.Names[0].Name == "_" {
		return true
	}
	if d.Doc != nil && strings.Contains(d.Doc.List[len(d.Doc.List)-1].Text, "//go:embed") {
		return true
	}
	if len(v.Values) == 0 {
		return false
	}
	for _, value := range v.Values {
		if u, ok := value.(*ast.UnaryExpr); ok {
			value = u.X
		}
		switch value := value.(type) {
		case *ast.CompositeLit:
		case *ast.SelectorExpr: // another package's table, such as base64.RawURLEncoding
		case *ast.CallExpr:
			f, ok := value.Fun.(*ast.SelectorExpr)
			if !ok {
				return false
			}
			pkg, ok := f.X.(*ast.Ident)
			if !ok || !slices.Contains([]string{"errors.New", "fmt.Errorf", "regexp.MustCompile", "strings.NewReplacer", "template.Must", "slices.Concat"}, pkg.Name+"."+f.Sel.Name) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// TestNoTestSleeps forbids time.Sleep in tests outside a synctest bubble, where
// it takes no time.
func TestNoTestSleeps(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test || slices.Contains(s.imports(), "testing/synctest") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if f, ok := call.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Sleep" {
				if pkg, ok := f.X.(*ast.Ident); ok && pkg.Name == "time" {
					t.Errorf("%s: a test that sleeps", s.at(call))
				}
			}
			return true
		})
	}
}

// TestNothingLeftForLater finds words that mean "not finished".
func TestNothingLeftForLater(t *testing.T) {
	words := []string{"TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK", "for " + "now", "simpli" + "fied", "not imple" + "mented"}
	for _, s := range sources(t) {
		for _, group := range s.file.Comments {
			for _, c := range group.List {
				for _, w := range words {
					if strings.Contains(c.Text, w) {
						t.Errorf("%s: %q", s.at(c), w)
					}
				}
			}
		}
	}
}
