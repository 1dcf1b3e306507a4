// Command packagemap draws docs/packages.svg, the packages of the library and what they
// import, from the source.
//
//	go run ./internal/packagemap          # in the root of the repository: writes the picture
//	go run ./internal/packagemap -check   # fails if the picture is not current
package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const (
	module  = "github.com/doorkit/doorkit/"
	picture = "docs/packages.svg"
)

func main() {
	check := flag.Bool("check", false, "compare the picture with the source, and write nothing")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "packagemap:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	imports, err := libraryImports()
	if err != nil {
		return err
	}
	drawn, err := draw(imports)
	if err != nil {
		return err
	}
	if !check {
		return os.WriteFile(picture, drawn, 0o644)
	}
	if current, err := os.ReadFile(picture); err != nil || !bytes.Equal(current, drawn) {
		return fmt.Errorf("%s is not current: run \"go run ./internal/packagemap\"", picture)
	}
	return nil
}

// libraryImports returns for each package that a host may import, apart from test
// suites, the packages of the library that it imports directly and not through another.
func libraryImports() (map[string][]string, error) {
	all := map[string][]string{}
	for _, tree := range []string{"saltoks", "reservation", "access"} {
		err := filepath.WalkDir(tree, func(name string, d fs.DirEntry, err error) error {
			name = filepath.ToSlash(name)
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "internal" || d.Name() == "testdata"):
				return fs.SkipDir
			case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
				return nil
			}
			return addImports(all, name)
		})
		if err != nil {
			return nil, err
		}
	}
	direct := map[string][]string{}
	for pkg, targets := range all {
		direct[pkg] = []string{}
		for _, target := range targets {
			indirect := slices.ContainsFunc(targets, func(via string) bool { return via != target && reaches(all, via, target) })
			if !indirect {
				direct[pkg] = append(direct[pkg], target)
			}
		}
		slices.Sort(direct[pkg])
	}
	return direct, nil
}

// addImports adds the imports of one file to those of its package.
func addImports(all map[string][]string, name string) error {
	pkg := path.Dir(name)
	if pkg != "saltoks/saltokstest" && strings.HasSuffix(pkg, "test") {
		return nil // a test suite
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		return err
	}
	all[pkg] = append([]string{}, all[pkg]...)
	for _, i := range file.Imports {
		target, ours := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), module)
		if ours && !strings.Contains(target, "internal") && !slices.Contains(all[pkg], target) {
			all[pkg] = append(all[pkg], target)
		}
	}
	return nil
}

// reaches reports whether from imports target, directly or not.
func reaches(all map[string][]string, from, target string) bool {
	return slices.ContainsFunc(all[from], func(next string) bool { return next == target || reaches(all, next, target) })
}
