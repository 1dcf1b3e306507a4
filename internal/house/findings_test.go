package house

import (
	"go/ast"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestFindingsAreListed: docs/operating.md lists every code of the doctor once,
// for hosts that translate by them, and no other.
func TestFindingsAreListed(t *testing.T) {
	data, err := os.ReadFile(root + "/docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(data), "\n## The doctor's codes\n")
	text, _, _ = strings.Cut(text, "\n## ")
	listed := map[string]int{}
	for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(text, -1) {
		listed[m[1]]++
	}
	known := map[string]bool{}
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if code, err := strconv.Unquote(lit.Value); err == nil {
				known[code] = true
			}
		}
	}
	isCode := func(e ast.Expr) bool {
		switch e := e.(type) {
		case *ast.Ident:
			return e.Name == "Code"
		case *ast.SelectorExpr:
			return e.Sel.Name == "Code"
		}
		return false
	}
	for _, s := range sources(t) {
		doctor := strings.Contains(s.path, "/doctor") && strings.HasPrefix(s.dir, "access/gate")
		if s.test || !doctor && s.path != "saltoks/diagnosis.go" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if doctor && isCode(n.Key) {
					add(n.Value)
				}
			case *ast.AssignStmt:
				for i, to := range n.Lhs {
					if doctor && isCode(to) && len(n.Rhs) == len(n.Lhs) {
						add(n.Rhs[i])
					}
				}
			case *ast.ValueSpec: // Finding... = "code"
				if len(n.Names) == 1 && len(n.Values) == 1 && strings.HasPrefix(n.Names[0].Name, "Finding") {
					add(n.Values[0])
				}
			}
			return true
		})
	}
	delete(known, "healthy")        // no finding of the doctor
	delete(known, "no_fault_known") // nor this
	if len(known) < 30 {
		t.Fatalf("only %d codes were found in the source", len(known))
	}
	for code := range known {
		if listed[code] != 1 {
			t.Errorf("%s stands %d times", code, listed[code])
		}
	}
	for code := range listed {
		if !known[code] {
			t.Errorf("%s is no code", code)
		}
	}
}
