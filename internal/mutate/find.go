//go:build unix

package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// finder collects the mutants of one file.
type finder struct {
	name    string
	src     string
	fset    *token.FileSet
	info    *types.Info
	qualify types.Qualifier

	fn      string
	results [][]string // types of the results of the enclosing functions, as text
	truth   map[ast.Expr]string
	order   int
	mutants []*mutant
}

func (f *finder) offset(p token.Pos) int { return f.fset.Position(p).Offset }

func (f *finder) text(n ast.Node) string { return f.src[f.offset(n.Pos()):f.offset(n.End())] }

// add adds a mutant of the node n. A %d of an edit becomes the number of the mutant.
func (f *finder) add(n ast.Node, after string, edits ...edit) {
	f.order++
	for i := range edits {
		edits[i].order = f.order
	}
	f.mutants = append(f.mutants, &mutant{
		file: f.name, line: f.fset.Position(n.Pos()).Line, fn: f.fn,
		before: oneLine(f.text(n)), after: oneLine(after), edits: edits,
		start: f.offset(n.Pos()), end: f.offset(n.End()),
	})
}

// wrap adds a mutant that passes n through a function of change.go.txt.
func (f *finder) wrap(n ast.Node, call, after string) {
	from, to := f.offset(n.Pos()), f.offset(n.End())
	f.add(n, after, edit{at: from, end: from, text: call + "(%d, "}, edit{at: to, end: to, text: ")", closing: true})
}

// remove adds a mutant without the statement n.
func (f *finder) remove(n ast.Stmt) {
	from, to := f.offset(n.Pos()), f.offset(n.End())
	f.add(n, "removed", edit{at: from, end: from, text: "if !mutantOn(%d) { "}, edit{at: to, end: to, text: " }", closing: true})
}

// declaration finds the mutants of a top-level declaration.
func (f *finder) declaration(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Body == nil {
			return
		}
		f.fn = d.Name.Name
		if d.Recv != nil {
			f.fn = strings.TrimLeft(f.text(d.Recv.List[0].Type), "*") + "." + f.fn
		}
		f.function(d.Type, d.Body)
	case *ast.GenDecl:
		f.fn = "package"
		if d.Tok == token.VAR {
			f.node(d)
		}
	}
}

func (f *finder) function(t *ast.FuncType, body *ast.BlockStmt) {
	var results []string
	if t.Results != nil {
		for _, field := range t.Results.List {
			for range max(1, len(field.Names)) {
				results = append(results, f.text(field.Type))
			}
		}
	}
	f.results = append(f.results, results)
	f.node(body)
	f.results = f.results[:len(f.results)-1]
}

// node finds the mutants of n and of what it contains.
func (f *finder) node(root ast.Node) {
	ast.Inspect(root, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			f.function(n.Type, n.Body)
			return false
		case *ast.ArrayType, *ast.StructType, *ast.InterfaceType, *ast.FuncType, *ast.MapType, *ast.ChanType, *ast.Field:
			return false
		case *ast.GenDecl:
			return n.Tok == token.VAR
		case *ast.BlockStmt:
			f.statements(n.List)
		case *ast.CommClause:
			f.statements(n.Body)
		case *ast.CaseClause:
			f.statements(n.Body)
		case *ast.IfStmt:
			f.condition(n.Cond)
		case *ast.ForStmt:
			f.condition(n.Cond)
		case *ast.SwitchStmt:
			if n.Tag == nil {
				for _, c := range n.Body.List {
					for _, x := range c.(*ast.CaseClause).List {
						f.condition(x)
					}
				}
			}
		case *ast.ReturnStmt:
			f.returns(n)
		case *ast.CallExpr:
			return f.call(n)
		case ast.Expr:
			return f.expression(n)
		}
		return true
	})
}

// condition marks x as one that is worth negating although it is no comparison.
func (f *finder) condition(x ast.Expr) {
	if x != nil {
		f.mark(x, "mutantNot")
	}
}

func (f *finder) mark(x ast.Expr, call string) {
	if _, marked := f.truth[ast.Unparen(x)]; !marked {
		f.truth[ast.Unparen(x)] = call
	}
}

// statements finds what may be removed of a list.
func (f *finder) statements(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.ExprStmt:
			if c, ok := s.X.(*ast.CallExpr); ok && !f.unobserved(c) {
				f.remove(s)
			}
		case *ast.DeferStmt:
			if !f.unobserved(s.Call) {
				f.remove(s)
			}
		case *ast.AssignStmt:
			if s.Tok != token.DEFINE && !blank(s.Lhs) {
				f.remove(s)
			}
		case *ast.IncDecStmt:
			f.remove(s)
		}
	}
}

func blank(list []ast.Expr) bool {
	return !slices.ContainsFunc(list, func(x ast.Expr) bool {
		id, ok := x.(*ast.Ident)
		return !ok || id.Name != "_"
	})
}

// unobserved reports whether removing the call is not a mutant: a panic, a lock of a
// mutex, a cancellation.
func (f *finder) unobserved(c *ast.CallExpr) bool {
	switch fn := f.info.Uses[calledName(c)].(type) {
	case *types.Builtin:
		return fn.Name() == "panic"
	case *types.Func:
		return fn.Pkg() != nil && fn.Pkg().Path() == "sync" && (strings.HasSuffix(fn.Name(), "Lock") || strings.HasSuffix(fn.Name(), "Unlock"))
	}
	t := f.info.TypeOf(c.Fun)
	return t != nil && (t.String() == "context.CancelFunc" || t.String() == "context.CancelCauseFunc")
}

func calledName(c *ast.CallExpr) *ast.Ident {
	switch fn := ast.Unparen(c.Fun).(type) {
	case *ast.Ident:
		return fn
	case *ast.SelectorExpr:
		return fn.Sel
	}
	return nil
}

// returns finds the mutants of the results of a return statement.
func (f *finder) returns(n *ast.ReturnStmt) {
	want := f.results[len(f.results)-1]
	if len(n.Results) != len(want) {
		if len(n.Results) == 1 {
			at := f.offset(n.Pos())
			zeros := "*new(" + strings.Join(want, "), *new(") + ")"
			f.add(n, "return zero values", edit{at: at, end: at, text: "if mutantOn(%d) { return " + zeros + " }; "})
		}
		return
	}
	for i, x := range n.Results {
		tv := f.info.Types[x]
		after, value := "zero "+want[i], "*new("+want[i]+")"
		switch {
		case tv.IsNil() || tv.Value != nil || emptyLiteral(x):
			continue
		case isBool(tv.Type) && len(want) == 1:
			f.mark(x, "mutantNot")
			continue
		case isBool(tv.Type):
			after = "!(" + f.text(x) + ")"
			value = after
		case want[i] == "error":
			after = "nil"
		}
		f.result(n, i, after, value)
	}
}

// result adds a mutant with another value of one result. The results are not wrapped:
// passing a variable to a function would read it before a later result changes it.
func (f *finder) result(n *ast.ReturnStmt, i int, after, value string) {
	var all []string
	for j, x := range n.Results {
		text := f.text(x)
		if j == i {
			text = value
		}
		all = append(all, text)
	}
	at := f.offset(n.Pos())
	f.add(n.Results[i], after, edit{at: at, end: at, text: "if mutantOn(%d) { return " + strings.Join(all, ", ") + " }; "})
}

func emptyLiteral(x ast.Expr) bool {
	c, ok := x.(*ast.CompositeLit)
	return ok && len(c.Elts) == 0
}

func isBool(t types.Type) bool {
	b, ok := types.Default(t).Underlying().(*types.Basic)
	return ok && b.Info()&types.IsBoolean != 0
}

// call finds the mutants of a call; it reports whether its operands have some too.
func (f *finder) call(n *ast.CallExpr) bool {
	if f.info.Types[n].Value != nil {
		return f.expression(n)
	}
	if call := f.truth[n]; call != "" {
		f.boolean(n, call)
	}
	id := calledName(n)
	if fn, ok := f.info.Uses[id].(*types.Builtin); ok && fn.Name() == "make" {
		return false // its sizes are capacities, most of them
	}
	fn, ok := f.info.Uses[id].(*types.Func)
	if !ok || fn.Pkg() == nil {
		return true
	}
	switch fn.FullName() {
	case "fmt.Errorf", "errors.New":
		return false
	case "(time.Time).Before", "(time.Time).After":
		x := n.Fun.(*ast.SelectorExpr)
		name := "mutant" + fn.Name()
		from, dot, open := f.offset(n.Pos()), f.offset(x.X.End()), f.offset(n.Lparen)+1
		f.add(n, f.text(x.X)+"."+fn.Name()+"OrEqual("+f.text(n.Args[0])+")",
			edit{at: from, end: from, text: name + "(%d, "}, edit{at: dot, end: open, text: ", "})
	}
	return fn.Pkg().Path() != "log/slog"
}

// boolean adds the mutant of an expression that is true or false.
func (f *finder) boolean(x ast.Expr, call string) {
	switch call {
	case "mutantNot":
		f.wrap(x, call, "!("+f.text(x)+")")
	case "mutantTrue":
		f.wrap(x, call, "true")
	case "mutantFalse":
		f.wrap(x, call, "false")
	}
}

// expression finds the mutants of x; it reports whether its operands have some too.
func (f *finder) expression(x ast.Expr) bool {
	tv := f.info.Types[x]
	if tv.Value != nil {
		f.constant(x, tv)
		return false
	}
	if tv.IsType() {
		return false
	}
	call := f.truth[x]
	b, ok := x.(*ast.BinaryExpr)
	if ok {
		if call == "" && isBool(tv.Type) {
			call = "mutantNot"
		}
		switch b.Op {
		case token.LAND:
			f.mark(b.X, "mutantTrue")
			f.mark(b.Y, "mutantTrue")
		case token.LOR:
			f.mark(b.X, "mutantFalse")
			f.mark(b.Y, "mutantFalse")
		}
	}
	f.boolean(x, call)
	if ok {
		f.operator(b)
	}
	return true
}

var operators = map[token.Token]struct{ call, after string }{
	token.LSS: {"mutantLess", "<="}, token.LEQ: {"mutantLessEqual", "<"},
	token.GTR: {"mutantGreater", ">="}, token.GEQ: {"mutantGreaterEqual", ">"},
	token.ADD: {"mutantAdd", "-"}, token.SUB: {"mutantSubtract", "+"},
}

// operator adds the mutant with another operator between numbers.
func (f *finder) operator(b *ast.BinaryExpr) {
	o, ok := operators[b.Op]
	basic, isBasic := types.Default(f.info.TypeOf(b.X)).Underlying().(*types.Basic)
	if !ok || !isBasic || basic.Info()&types.IsNumeric == 0 {
		return
	}
	from, to, op := f.offset(b.Pos()), f.offset(b.End()), f.offset(b.OpPos)
	f.add(b, f.text(b.X)+" "+o.after+" "+f.text(b.Y),
		edit{at: from, end: from, text: o.call + "(%d, "},
		edit{at: op, end: op + len(b.Op.String()), text: ","},
		edit{at: to, end: to, text: ")", closing: true})
}

// constant adds the mutant of a constant expression.
func (f *finder) constant(x ast.Expr, tv types.TypeAndValue) {
	basic, ok := tv.Type.Underlying().(*types.Basic)
	if !ok {
		return
	}
	typ := types.TypeString(types.Default(tv.Type), f.qualify)
	switch info := basic.Info(); {
	case info&types.IsBoolean != 0:
		f.wrap(x, "mutantNot["+typ+"]", strconv.FormatBool(!constant.BoolVal(tv.Value)))
	case info&types.IsInteger != 0:
		v, exact := constant.Int64Val(tv.Value)
		by := fmt.Sprintf("%s + 1", f.text(x))
		call := "mutantNext"
		if !exact || v > 100 || v < -100 {
			by, call = "2 * "+f.text(x), "mutantTwice"
		}
		f.wrap(x, call+"["+typ+"]", by)
	case info&types.IsString != 0:
		if v := constant.StringVal(tv.Value); !strings.ContainsAny(v, " %\n") {
			f.wrap(x, "mutantText["+typ+"]", strconv.Quote(v+"~"))
		}
	}
}
