package saltoks_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// declarations are those of saltoks and of the packages beside it that a host
// imports, tests aside.
func declarations(t *testing.T) (all []ast.Decl) {
	t.Helper()
	for _, dir := range []string{".", "saltostate", "saltoauth", "saltoremote", "../internal/hostcall"} {
		all = append(all, packageDecls(t, dir)...)
	}
	return all
}

func packageDecls(t *testing.T, dir string) (all []ast.Decl) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files in %s, %v", len(files), dir, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f.Decls...)
	}
	return all
}
