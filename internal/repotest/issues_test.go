package repotest

import (
	"go/ast"
	"go/token"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestIssueCodes checks that docs/operating.md lists every issue code of the
// Doctor once, and no other code: hosts translate issues by code.
func TestIssueCodes(t *testing.T) {
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
	all := sources(t)
	constants := stringConstants(all, "access/gate")
	known, prefixes := map[string]bool{}, map[string]bool{}
	add := func(e ast.Expr) {
		switch e := e.(type) {
		case *ast.BasicLit:
			known[unquote(e)] = true
		case *ast.CallExpr: // string(CauseX), string(gate.CauseX)
			switch arg := e.Args[0].(type) {
			case *ast.Ident:
				known[constants[arg.Name]] = true
			case *ast.SelectorExpr:
				known[constants[arg.Sel.Name]] = true
			}
		case *ast.BinaryExpr: // "bad_" + kind
			if lit, ok := e.X.(*ast.BasicLit); ok {
				prefixes[unquote(lit)] = true
			}
		}
	}
	constant := regexp.MustCompile("^(Finding|Issue)[A-Z]")
	isCode := func(e ast.Expr) bool {
		switch e := e.(type) {
		case *ast.Ident:
			return e.Name == "Code"
		case *ast.SelectorExpr:
			return e.Sel.Name == "Code"
		}
		return false
	}
	for _, s := range all {
		doctor := under(s.dir, "access/gate") && strings.HasPrefix(path.Base(s.path), "doctor")
		diagnosis := under(s.dir, "saltoks") && strings.HasPrefix(path.Base(s.path), "diagnosis")
		if s.test || !doctor && !diagnosis {
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
			case *ast.CallExpr: // issue("code", ...), e.report("code", ...)
				name := ""
				switch f := n.Fun.(type) {
				case *ast.Ident:
					name = f.Name
				case *ast.SelectorExpr:
					name = f.Sel.Name
				}
				if doctor && len(n.Args) > 0 && (name == "issue" || name == "report") {
					add(n.Args[0])
				}
			case *ast.ValueSpec:
				if len(n.Names) != 1 || len(n.Values) != 1 {
					break
				}
				if table, ok := n.Values[0].(*ast.CompositeLit); ok && n.Names[0].Name == "issueTexts" { // "code": {...}
					for _, e := range table.Elts {
						add(e.(*ast.KeyValueExpr).Key)
					}
				}
				if constant.MatchString(n.Names[0].Name) { // FindingX = "code"
					add(n.Values[0])
				}
			}
			return true
		})
	}
	delete(known, "") // a code that is computed
	for _, usable := range []string{"ready", "needs_no_code", "healthy"} {
		delete(known, usable) // not an issue
	}
	if len(known) < 50 {
		t.Fatalf("only %d codes were found in the source", len(known))
	}
	for code := range known {
		if listed[code] != 1 {
			t.Errorf("docs/operating.md lists %s %d times, want once", code, listed[code])
		}
	}
	for code := range listed {
		prefix, _, _ := strings.Cut(code, "_")
		if !known[code] && !prefixes[prefix+"_"] {
			t.Errorf("docs/operating.md lists %s, which is not a code", code)
		}
	}
}

// stringConstants returns the string constants of the packages below dir.
func stringConstants(all []source, dir string) map[string]string {
	found := map[string]string{}
	for _, s := range all {
		if s.test || !under(s.dir, dir) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == len(spec.Names) {
				for i, v := range spec.Values {
					if lit, ok := v.(*ast.BasicLit); ok {
						found[spec.Names[i].Name] = unquote(lit)
					}
				}
			}
			return true
		})
	}
	return found
}

// unquote returns the value of a string literal, "" for another literal.
func unquote(lit *ast.BasicLit) string {
	text, err := strconv.Unquote(lit.Value)
	if err != nil || lit.Kind != token.STRING {
		return ""
	}
	return text
}

// TestWhatBreaks checks that each cause and each issue in the table of docs/operating.md
// exists.
func TestWhatBreaks(t *testing.T) {
	data, err := os.ReadFile(root + "/docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(data), "\n## What breaks\n")
	table, _, _ = strings.Cut(table, "\n## ")
	_, codes, _ := strings.Cut(string(data), "\n## The doctor's codes\n")
	causes := map[string]bool{}
	for name, value := range stringConstants(sources(t), "access/gate") {
		causes[value] = causes[value] || strings.HasPrefix(name, "Cause")
	}
	list := regexp.MustCompile("(cause|Doctor) `[a-z_]+`(?:(?:, | or )`[a-z_]+`)*")
	found := 0
	for _, m := range list.FindAllStringSubmatch(table, -1) {
		for _, name := range regexp.MustCompile("[a-z_]+").FindAllString(strings.Join(strings.Split(m[0], "`")[1:], " "), -1) {
			found++
			if name == "or" {
				continue
			}
			if m[1] == "cause" && !causes[name] || m[1] == "Doctor" && !strings.Contains(codes, "`"+name+"`") {
				t.Errorf("docs/operating.md: there is no %s %s", m[1], name)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d causes and issues were found in the table", found)
	}
}
