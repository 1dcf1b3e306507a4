package repotest

import (
	"go/ast"
	"go/token"
	"testing"
)

// TestPackageVariablesAreConstant reports writes to package-level variables of
// the library, to their elements and fields too, and package-level locks and
// counters.
func TestPackageVariablesAreConstant(t *testing.T) {
	type variable struct{ dir, name string }
	variables := map[variable]bool{}
	all := sources(t)
	for _, s := range all {
		if !s.library() {
			continue
		}
		for _, d := range s.file.Decls {
			d, ok := d.(*ast.GenDecl)
			if !ok || d.Tok != token.VAR {
				continue
			}
			for _, spec := range d.Specs {
				v := spec.(*ast.ValueSpec)
				for _, n := range v.Names {
					variables[variable{s.dir, n.Name}] = n.Name != "_"
				}
				for _, value := range append(v.Values, v.Type) {
					if name := synchronization(value); name != "" {
						t.Errorf("%s: %s at package level", s.at(v), name)
					}
				}
			}
		}
	}
	if len(variables) < 20 {
		t.Fatalf("only %d package-level variables found", len(variables))
	}
	for _, s := range all {
		written := func(n ast.Node, x ast.Expr) {
			id := rootIdent(x)
			// The parser resolves the names that the file itself declares.
			if id != nil && variables[variable{s.dir, id.Name}] && (id.Obj == nil || s.file.Scope.Lookup(id.Name) == id.Obj) {
				t.Errorf("%s: a write to the package-level variable %s", s.at(n), id.Name)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, x := range n.Lhs {
						written(n, x)
					}
				}
			case *ast.IncDecStmt:
				written(n, n.X)
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 && (f.Name == "delete" || f.Name == "clear" || f.Name == "copy") {
					written(n, n.Args[0])
				}
			}
			return true
		})
	}
}

// synchronization returns the name of a type of sync or sync/atomic, "" for
// other expressions.
func synchronization(x ast.Expr) string {
	if c, ok := x.(*ast.CompositeLit); ok {
		x = c.Type
	}
	if f, ok := x.(*ast.SelectorExpr); ok {
		if pkg, ok := f.X.(*ast.Ident); ok && (pkg.Name == "sync" || pkg.Name == "atomic") {
			return pkg.Name + "." + f.Sel.Name
		}
	}
	return ""
}

// rootIdent returns a for a.b, a[i], *a, (a) and a[i:j]; nil for other
// expressions.
func rootIdent(x ast.Expr) *ast.Ident {
	for {
		switch e := x.(type) {
		case *ast.IndexExpr:
			x = e.X
		case *ast.SelectorExpr:
			x = e.X
		case *ast.StarExpr:
			x = e.X
		case *ast.ParenExpr:
			x = e.X
		case *ast.SliceExpr:
			x = e.X
		case *ast.Ident:
			return e
		default:
			return nil
		}
	}
}
