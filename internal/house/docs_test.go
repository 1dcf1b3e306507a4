package house

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocsCodeIsReal: every Go block of every page is a passage of a Go file of
// this repository, indentation and blank lines aside, so that it compiles and is
// run by whatever runs that file.
func TestDocsCodeIsReal(t *testing.T) {
	var files []string
	for _, s := range sources(t) {
		data, err := os.ReadFile(filepath.Join(root, s.path))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, normal(string(data)))
	}
	for path, text := range pages(t) {
		for _, block := range goBlocks(text) {
			want, found := normal(block), false
			for _, f := range files {
				if found = strings.Contains(f, want); found {
					break
				}
			}
			if !found {
				t.Errorf("%s: no Go file has this passage:\n%s", path, block)
			}
		}
	}
}

// TestDocsLinks: every relative link of every page leads to a file.
func TestDocsLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for path, text := range pages(t) {
		for _, block := range goBlocks(text) {
			text = strings.Replace(text, block, "", 1) // f[T](x) is no link
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(path), target)); err != nil {
				t.Errorf("%s: the link %s leads nowhere", path, m[1])
			}
		}
	}
}

func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".md") {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			found[filepath.ToSlash(rel)] = string(data)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatal("no pages found: this check would prove nothing")
	}
	return found
}

// goBlocks are the texts between "```go" and "```".
func goBlocks(text string) []string {
	var blocks []string
	for {
		_, rest, ok := strings.Cut(text, "```go\n")
		if !ok {
			return blocks
		}
		block, after, ok := strings.Cut(rest, "```")
		if !ok {
			return append(blocks, rest)
		}
		blocks, text = append(blocks, block), after
	}
}

// normal drops indentation and blank lines.
func normal(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}
