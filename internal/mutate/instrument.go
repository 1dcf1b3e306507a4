//go:build unix

package main

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/packages"
)

// switchSource selects a mutant at run time; changeSource makes the change. They become
// files of the instrumented package.
var (
	//go:embed switch.go.txt
	switchSource string
	//go:embed change.go.txt
	changeSource string
)

// pkg is a package with all its mutants.
type pkg struct {
	dir     string // relative to the root of the repository
	root    string
	types   *types.Package
	sources map[string]string // by absolute path
	mutants []*mutant
}

// instrument loads a package and finds every mutant with which it compiles.
func instrument(root, dir string) (*pkg, error) {
	const mode = packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedSyntax |
		packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports
	list, err := packages.Load(&packages.Config{Mode: mode, Dir: root}, "./"+dir)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 || len(list[0].Errors) > 0 {
		return nil, fmt.Errorf("loading: %d packages, %v", len(list), list[0].Errors)
	}
	loaded := list[0]
	p := &pkg{dir: dir, root: root, types: loaded.Types, sources: map[string]string{}}
	for i, file := range loaded.Syntax {
		path := loaded.CompiledGoFiles[i]
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		p.sources[path] = string(text)
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return nil, err
		}
		f := &finder{
			name: filepath.ToSlash(rel), src: string(text), fset: loaded.Fset, info: loaded.TypesInfo,
			qualify: qualifier(file, loaded.Types), truth: map[ast.Expr]string{},
		}
		for _, d := range file.Decls {
			f.declaration(d)
		}
		slices.SortStableFunc(f.mutants, func(a, b *mutant) int { return cmp.Compare(a.start, b.start) })
		p.mutants = append(p.mutants, f.mutants...)
	}
	return p, p.dropUncompilable()
}

// qualifier names the types of other packages as the file does.
func qualifier(file *ast.File, own *types.Package) types.Qualifier {
	names := map[string]string{}
	for _, i := range file.Imports {
		if i.Name != nil {
			path, _ := strconv.Unquote(i.Path.Value) // the file compiles
			names[path] = i.Name.Name
		}
	}
	return func(p *types.Package) string {
		switch {
		case p == own:
			return ""
		case names[p.Path()] != "":
			return names[p.Path()]
		}
		return p.Name()
	}
}

// dropUncompilable removes mutants until the package type-checks with all that remain.
func (p *pkg) dropUncompilable() error {
	number(p.mutants)
	for range 50 {
		faults, err := p.check()
		if err != nil {
			return err
		}
		if len(faults) == 0 {
			p.mutants = slices.DeleteFunc(p.mutants, func(m *mutant) bool { return m.dropped })
			number(p.mutants)
			return nil
		}
		ranges := map[string]map[*mutant]span{}
		for path := range p.sources {
			ranges[path] = p.ranges(path)
		}
		var culprits []*mutant
		for _, fault := range faults {
			at := fault.Fset.Position(fault.Pos)
			m := innermost(ranges[at.Filename], at.Offset)
			if m == nil {
				return fmt.Errorf("instrumented: %w", fault)
			}
			culprits = append(culprits, m)
		}
		for _, m := range culprits {
			m.dropped = true
		}
	}
	return errors.New("the instrumented package never compiles")
}

// span is a part of an instrumented file.
type span struct{ from, to int }

// innermost returns the mutant with the shortest span around an offset, nil if none has it.
func innermost(ranges map[*mutant]span, offset int) (inner *mutant) {
	for m, r := range ranges {
		if r.from > offset || offset >= r.to {
			continue
		}
		if inner == nil || cmp.Or(cmp.Compare(r.to-r.from, ranges[inner].to-ranges[inner].from), cmp.Compare(inner.id, m.id)) < 0 {
			inner = m
		}
	}
	return inner
}

// ranges returns where the edits of each mutant are in an instrumented file.
func (p *pkg) ranges(path string) map[*mutant]span {
	ranges, shift := map[*mutant]span{}, 0
	for _, e := range p.edits(path) {
		r, begun := ranges[e.m]
		if !begun {
			r.from = e.at + shift
		}
		shift += len(e.text) - (e.end - e.at)
		r.to = e.end + shift
		ranges[e.m] = r
	}
	return ranges
}

type placed struct {
	edit
	m *mutant
}

// edits returns the edits of a file in the order of the text.
func (p *pkg) edits(path string) []placed {
	var all []placed
	for _, m := range p.mutants {
		if m.dropped || filepath.Join(p.root, m.file) != path {
			continue
		}
		for _, e := range m.edits {
			e.text = strings.Replace(e.text, "%d", strconv.Itoa(m.id), 1)
			all = append(all, placed{e, m})
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int {
		switch {
		case a.at != b.at:
			return cmp.Compare(a.at, b.at)
		case a.closing != b.closing && a.closing:
			return -1
		case a.closing != b.closing:
			return 1
		case a.closing:
			return cmp.Compare(b.order, a.order)
		}
		return cmp.Compare(a.order, b.order)
	})
	return all
}

// instrumented returns the source of a file with its mutants.
func (p *pkg) instrumented(path string) string {
	var out strings.Builder
	src, done := p.sources[path], 0
	for _, e := range p.edits(path) {
		out.WriteString(src[done:e.at])
		out.WriteString(e.text)
		done = e.end
	}
	out.WriteString(src[done:])
	return out.String()
}

// check type-checks the instrumented package.
func (p *pkg) check() ([]types.Error, error) {
	fset := token.NewFileSet()
	texts := map[string]string{"change.go": "package " + p.types.Name() + changeSource + "\nfunc mutantOn(n int) bool { return n == 0 }\n"}
	for path := range p.sources {
		texts[path] = p.instrumented(path)
	}
	var files []*ast.File
	for path, text := range texts {
		file, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("instrumented: %w", err)
		}
		files = append(files, file)
	}
	var faults []types.Error
	config := types.Config{
		Importer: imported(p.types.Imports()),
		Error: func(err error) {
			var fault types.Error
			if errors.As(err, &fault) && !strings.HasPrefix(fault.Msg, "\t") {
				faults = append(faults, fault)
			}
		},
	}
	_, _ = config.Check(p.types.Path(), fset, files, nil) // reported through Error
	return faults, nil
}

// imported imports the packages that the original imports.
type imported []*types.Package

func (i imported) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	for _, p := range i {
		if p.Path() == path {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%s is not imported by the package", path)
}
