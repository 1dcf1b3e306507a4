package repotest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/doorkit/doorkit"
)

// source is one parsed Go file of the repository.
type source struct {
	path string // relative to the repository, with slashes
	dir  string // "" for the root
	test bool
	file *ast.File
	fset *token.FileSet
}

// sources returns every Go file of every module in the repository, parsed once for all
// tests.
func sources(t *testing.T) []source {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("only %d Go files found below %s", len(all), root)
	}
	return all
}

var parsed = sync.OnceValues(func() (all []source, err error) {
	fset := token.NewFileSet()
	err = walkFiles(func(name string, _ os.FileInfo) error {
		if !strings.HasSuffix(name, ".go") || slices.Contains(strings.Split(name, "/"), "testdata") {
			return nil
		}
		file, err := parser.ParseFile(fset, filepath.Join(root, name), nil, parser.ParseComments)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		if dir == "." {
			dir = ""
		}
		all = append(all, source{path: name, dir: dir, test: strings.HasSuffix(name, "_test.go"), file: file, fset: fset})
		return nil
	})
	return all, err
})

// walk calls visit for every regular file of the repository, apart from those in
// .git and node_modules. The path is relative to the repository, with slashes.
func walk(t *testing.T, visit func(path string, info os.FileInfo) error) {
	t.Helper()
	if err := walkFiles(visit); err != nil {
		t.Fatal(err)
	}
}

func walkFiles(visit func(path string, info os.FileInfo) error) error {
	return fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return visit(path, info)
	})
}

// library reports whether the file belongs to a package that a host imports, and
// is not a test.
func (s source) library() bool {
	return !s.test && (s.dir == "" || under(s.dir, "saltoks") || under(s.dir, "access") || under(s.dir, "reservation"))
}

// testSupport reports whether the package is one that a host imports in tests
// only.
func (s source) testSupport() bool {
	return strings.HasSuffix(path.Base(s.dir), "test") || under(s.dir, "saltoks/saltokstest")
}

func (s source) imports() []string {
	var paths []string
	for _, i := range s.file.Imports {
		paths = append(paths, strings.Trim(i.Path.Value, `"`))
	}
	return paths
}

func (s source) at(n ast.Node) string {
	p := s.fset.Position(n.Pos())
	return strings.TrimPrefix(filepath.ToSlash(p.String()), root+"/")
}

// under reports whether path is dir or a path below it.
func under(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, dir+"/")
}
