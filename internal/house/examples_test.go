package house

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// boilerplate are methods that other packages call by themselves: printing,
// encoding, errors.
var boilerplate = []string{
	"String", "GoString", "Format", "LogValue", "Error", "Is", "As", "Unwrap", "Conflict", "ServeHTTP",
	"MarshalJSON", "UnmarshalJSON", "MarshalText", "UnmarshalText", "AppendText", "Equal", "IsZero", "Valid",
}

// shown are the packages whose functions and methods a user calls. Stores are
// called by the gate: their constructors are shown, their methods proven by the
// suites.
var shown = map[string]bool{ // package: methods too
	"access": true, "reservation": true, "saltoks": true, "saltoks/saltokstest": true, "saltoks/statetest": false,
	"access/gate": true, "access/gate/saltolocks": false, "access/gate/memstore": false, "access/gate/sqlstore": false, "access/gate/gatetest": false,
}

// TestEverythingHasAnExample: every exported function, and every exported method
// that a user calls, is called by a runnable Example with verified output.
func TestEverythingHasAnExample(t *testing.T) {
	called := map[string]map[string]bool{} // by package folder
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		dir := s.dir
		if dir == "internal/dbtest" {
			dir = "access/gate/sqlstore" // its examples need a driver
		}
		if called[dir] == nil {
			called[dir] = map[string]bool{}
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(f.Name.Name, "Example") || !hasOutput(s.file, f) {
				continue
			}
			ast.Inspect(f.Body, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					called[dir][n.Sel.Name] = true
				case *ast.Ident:
					called[dir][n.Name] = true
				}
				return true
			})
		}
	}
	for _, s := range sources(t) {
		methods, ok := shown[s.dir]
		if s.test || !ok {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() || slices.Contains(boilerplate, f.Name.Name) || s.dir == "saltoks/statetest" || s.dir == "access/gate/gatetest" {
				continue
			}
			if f.Recv != nil && (!methods || !ast.IsExported(receiver(f))) {
				continue
			}
			if !called[s.dir][f.Name.Name] {
				t.Errorf("%s: no Example calls %s", s.at(f), strings.TrimPrefix(receiver(f)+"."+f.Name.Name, "."))
			}
		}
	}
}

// hasOutput reports whether f has an "Output:" comment, so that it is run.
func hasOutput(file *ast.File, f *ast.FuncDecl) bool {
	for _, group := range file.Comments {
		if group.Pos() > f.Body.Pos() && group.End() < f.Body.End() && strings.Contains(strings.ToLower(group.Text()), "output:") {
			return true
		}
	}
	return false
}

func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return ""
	}
	t := f.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if index, ok := t.(*ast.IndexExpr); ok {
		t = index.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}
