package repotest

import (
	"go/ast"
	"testing"
)

// background lists the files of the library that may start a goroutine, with the
// reason.
var background = map[string]string{
	"saltoks/saltoauth/refresher.go": "a token refresh outlives the call that began it; Close waits for it",
}

// TestGoroutines reports a go statement in the library, apart from those listed:
// no goroutine outlives the call that started it.
func TestGoroutines(t *testing.T) {
	for _, s := range sources(t) {
		if !s.library() || s.testSupport() || background[s.path] != "" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s: a go statement outside the listed files", s.at(g))
			}
			return true
		})
	}
}
