package house

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the API as it is to internal/house/api")

// TestAPI compares the exported API of every library package, one line each,
// with the one that was written down. A change is written down with
//
//	go test ./internal/house -run API -update
//
// in the commit that makes it, with a line under "Unreleased" in CHANGELOG.md.
func TestAPI(t *testing.T) {
	packages := map[string]*surface{}
	for _, s := range sources(t) {
		if s.test || s.file.Name.Name == "main" || under(s.dir, "internal") || under(s.dir, "examples") {
			continue
		}
		if packages[s.dir] == nil {
			packages[s.dir] = &surface{lines: map[string]bool{}, inside: map[string][]string{}}
		}
		packages[s.dir].files = append(packages[s.dir].files, s)
	}
	if len(packages) < 8 {
		t.Fatalf("only %d packages found", len(packages))
	}
	want := map[string]bool{}
	for dir, p := range packages {
		name := "doorkit.txt"
		if dir != "" {
			name = strings.ReplaceAll(dir, "/", ".") + ".txt"
		}
		want[name] = true
		path, got := filepath.Join("api", name), p.text()
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		baseline, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("a package without a baseline: %v", err)
		}
		gone, come := difference(string(baseline), got)
		if len(gone)+len(come) > 0 {
			t.Errorf("the API of %q is not the one in internal/house/%s:\n%s%sif this is meant, run go test ./internal/house -run API -update, and write a line under \"Unreleased\" in CHANGELOG.md", dir, filepath.ToSlash(path), list("- ", gone), list("+ ", come))
		}
	}
	files, err := filepath.Glob("api/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if want[filepath.Base(f)] {
			continue
		}
		if !*update {
			t.Errorf("%s is the baseline of no package", f)
		} else if err := os.Remove(f); err != nil {
			t.Error(err)
		}
	}
}

func list(mark string, lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString("  " + mark + l + "\n")
	}
	return b.String()
}

// difference returns the lines only old has, and those only new has.
func difference(old, new string) (gone, come []string) {
	a, b := strings.Split(old, "\n"), strings.Split(new, "\n")
	for _, l := range a {
		if !slices.Contains(b, l) {
			gone = append(gone, l)
		}
	}
	for _, l := range b {
		if !slices.Contains(a, l) {
			come = append(come, l)
		}
	}
	return gone, come
}

// surface is the exported API of one package.
type surface struct {
	files  []source
	lines  map[string]bool
	inside map[string][]string // unexported type -> the exported ones that embed it
}

func (p *surface) text() string {
	for _, s := range p.files {
		ast.Inspect(s.file, func(n ast.Node) bool {
			if f, ok := n.(*ast.FuncType); ok { // parameter names are no API
				nameless(f.Params)
				nameless(f.Results)
			}
			return true
		})
		for _, d := range s.file.Decls {
			if d, ok := d.(*ast.GenDecl); ok {
				p.general(s, d)
			}
		}
	}
	for _, s := range p.files {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.IsExported() {
				p.function(s, f)
			}
		}
	}
	all := make([]string, 0, len(p.lines))
	for l := range p.lines {
		all = append(all, l+"\n")
	}
	slices.Sort(all)
	return strings.Join(all, "")
}

func (p *surface) add(format string, args ...any) { p.lines[fmt.Sprintf(format, args...)] = true }

func (p *surface) function(s source, f *ast.FuncDecl) {
	signature := strings.TrimPrefix(flat(s, f.Type), "func")
	if f.Recv == nil {
		p.add("func %s%s", f.Name.Name, signature)
		return
	}
	star := ""
	if _, ok := f.Recv.List[0].Type.(*ast.StarExpr); ok {
		star = "*"
	}
	owners := []string{receiver(f)}
	if !ast.IsExported(owners[0]) {
		owners = p.inside[owners[0]]
	}
	for _, o := range owners {
		p.add("method (%s%s) %s%s", star, o, f.Name.Name, signature)
	}
}

func (p *surface) general(s source, d *ast.GenDecl) {
	var last *ast.ValueSpec // whose type and values a constant without any repeats
	for i, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			p.typ(s, spec)
		case *ast.ValueSpec:
			if d.Tok == token.CONST && spec.Values == nil {
				spec.Type = last.Type
			} else {
				last = spec
			}
			for n, name := range spec.Names {
				if !name.IsExported() {
					continue
				}
				line := d.Tok.String() + " " + name.Name
				if spec.Type != nil {
					line += " " + flat(s, spec.Type)
				}
				if d.Tok == token.CONST {
					value := flat(s, last.Values[n])
					line += " = " + value
					if strings.Contains(value, "iota") || spec.Values == nil {
						line += fmt.Sprintf(", iota %d", i)
					}
				}
				p.add("%s", line)
			}
		}
	}
}

func (p *surface) typ(s source, spec *ast.TypeSpec) {
	name := spec.Name.Name
	if !spec.Name.IsExported() {
		return
	}
	head := "type " + name
	if spec.TypeParams != nil {
		var list []string
		for _, f := range spec.TypeParams.List {
			for _, n := range f.Names {
				list = append(list, n.Name+" "+flat(s, f.Type))
			}
		}
		head += "[" + strings.Join(list, ", ") + "]"
	}
	if spec.Assign.IsValid() {
		head += " ="
	}
	switch t := spec.Type.(type) {
	case *ast.StructType:
		hidden := ""
		for _, f := range t.Fields.List {
			text := flat(s, f.Type)
			if f.Tag != nil {
				text += " " + f.Tag.Value
			}
			for _, n := range f.Names {
				if n.IsExported() {
					p.add("field %s.%s %s", name, n.Name, text)
				} else {
					hidden = ", with unexported fields"
				}
			}
			if f.Names == nil {
				embedded := strings.TrimPrefix(flat(s, f.Type), "*")
				if i := strings.LastIndexByte(embedded, '.'); ast.IsExported(embedded[i+1:]) {
					p.add("field %s embeds %s", name, text)
				} else {
					hidden = ", with unexported fields"
					p.inside[embedded] = append(p.inside[embedded], name)
				}
			}
		}
		p.add("%s struct%s", head, hidden)
	case *ast.InterfaceType:
		p.add("%s interface", head)
		for _, f := range t.Methods.List {
			text := flat(s, f.Type)
			if f.Names == nil {
				p.add("interface %s embeds %s", name, text)
			}
			for _, n := range f.Names {
				if n.IsExported() {
					p.add("interface %s.%s%s", name, n.Name, strings.TrimPrefix(text, "func"))
				} else {
					p.add("interface %s has unexported methods", name)
				}
			}
		}
	default:
		p.add("%s %s", head, flat(s, spec.Type))
	}
}

// nameless takes the names out of a list of parameters.
func nameless(l *ast.FieldList) {
	if l == nil {
		return
	}
	var list []*ast.Field
	for _, f := range l.List {
		for range max(1, len(f.Names)) {
			list = append(list, &ast.Field{Type: f.Type})
		}
	}
	l.List = list
}

// flat prints a node on one line.
func flat(s source, n ast.Node) string {
	var b bytes.Buffer
	if err := printer.Fprint(&b, s.fset, n); err != nil {
		panic(err)
	}
	text := strings.Join(strings.Fields(b.String()), " ")
	return strings.NewReplacer("( ", "(", ", )", ")").Replace(text)
}
