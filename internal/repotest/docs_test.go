package repotest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestGoBlocksAreReal checks that every Go block of every page is part of a Go
// file of this repository, apart from indentation and blank lines, so that it
// compiles and runs with that file.
func TestGoBlocksAreReal(t *testing.T) {
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
				t.Errorf("%s: no Go file contains this block:\n%s", path, block)
			}
		}
	}
}

// TestReadmeIsShort limits the README to what a reader takes in at once.
func TestReadmeIsShort(t *testing.T) {
	if lines := strings.Count(pages(t)["README.md"], "\n"); lines > 120 {
		t.Errorf("README.md has %d lines, at most 120 are allowed: move something to docs/", lines)
	}
}

// TestPagesAreListed checks that the index lists every page of docs.
func TestPagesAreListed(t *testing.T) {
	all := pages(t)
	for page := range all {
		name, ok := strings.CutPrefix(page, "docs/")
		if ok && !strings.Contains(name, "/") && name != "README.md" && !strings.Contains(all["docs/README.md"], "]("+name+")") {
			t.Errorf("docs/README.md does not list %s", page)
		}
	}
}

// TestLinks checks that the target of every relative link exists, and the heading after
// its "#".
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	all := pages(t)
	for path, text := range all {
		for _, block := range goBlocks(text) {
			text = strings.Replace(text, block, "", 1) // f[T](x) is not a link
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			target, heading, _ := strings.Cut(m[1], "#")
			if target == "" {
				target = filepath.Base(path)
			}
			target = filepath.Join(filepath.Dir(path), target)
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s: the target of the link %s does not exist", path, m[1])
			}
			if page, ok := all[filepath.ToSlash(target)]; ok && heading != "" && !slices.Contains(headings(page), heading) {
				t.Errorf("%s: %s has no heading for the link %s", path, target, m[1])
			}
		}
	}
}

// headings returns the names by which links refer to the headings of a page.
func headings(page string) []string {
	var names []string
	for line := range strings.Lines(page) {
		if heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			name := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
			names = append(names, strings.ReplaceAll(name, " ", "-"))
		}
	}
	return names
}

// pages returns the text of every Markdown file, by path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	walk(t, func(path string, _ os.FileInfo) error {
		if !strings.HasSuffix(path, ".md") {
			return nil
		}
		data, err := os.ReadFile(filepath.Join(root, path))
		found[path] = string(data)
		return err
	})
	if len(found) < 10 {
		t.Fatalf("only %d pages found", len(found))
	}
	return found
}

// goBlocks returns the texts between "```go" and "```".
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

// normal removes indentation and blank lines.
func normal(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}
