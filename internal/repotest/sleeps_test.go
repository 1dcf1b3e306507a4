package repotest

import (
	"go/ast"
	"slices"
	"testing"
)

// TestNoTestSleeps reports time.Sleep in test files that do not use
// testing/synctest. Inside a synctest bubble a sleep takes no time; elsewhere a
// test that sleeps is slow and still depends on timing.
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
					t.Errorf("%s: time.Sleep in a test", s.at(call))
				}
			}
			return true
		})
	}
}
