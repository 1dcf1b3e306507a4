package house

import (
	"go/ast"
	"go/token"
	"testing"
)

// TestTablesStayAsTheyAre: what stands at package level is never written to, its
// entries and fields included, and is no lock or counter.
func TestTablesStayAsTheyAre(t *testing.T) {
	type name struct{ dir, name string }
	tables := map[name]bool{}
	for _, s := range sources(t) {
		if s.test || under(s.dir, "examples") || under(s.dir, "internal") {
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
					tables[name{s.dir, n.Name}] = n.Name != "_"
				}
				for _, value := range append(v.Values, v.Type) {
					if c, ok := value.(*ast.CompositeLit); ok {
						value = c.Type
					}
					if f, ok := value.(*ast.SelectorExpr); ok {
						if pkg, ok := f.X.(*ast.Ident); ok && (pkg.Name == "sync" || pkg.Name == "atomic") {
							t.Errorf("%s: %s.%s at package level", s.at(v), pkg.Name, f.Sel.Name)
						}
					}
				}
			}
		}
	}
	if len(tables) < 20 {
		t.Fatalf("only %d tables found: this would prove nothing", len(tables))
	}
	for _, s := range sources(t) {
		table := func(x ast.Expr) bool {
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
				case *ast.Ident: // the parser resolves what a file declares itself
					if !tables[name{s.dir, e.Name}] || e.Obj != nil && s.file.Scope.Lookup(e.Name) != e.Obj {
						return false
					}
					return true
				default:
					return false
				}
			}
		}
		written := func(n ast.Node, x ast.Expr) {
			if table(x) {
				t.Errorf("%s: a package-level variable is written to", s.at(n))
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
