//go:build unix

package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/doorkit/doorkit/internal/dbtest/pgserver"
)

// session is the run of one case: what it measures and what it found.
type session struct {
	settings
	server *pgserver.Server
	worlds int
	out    strings.Builder
	found  findings
}

// table writes a Markdown table; the cells of a row are separated by tabs.
func (s *session) table(head string, rows ...string) {
	line := func(text string) { fmt.Fprintf(&s.out, "| %s |\n", strings.ReplaceAll(text, "\t", " | ")) }
	s.out.WriteByte('\n')
	line(head)
	line("---" + strings.Repeat("\t---", strings.Count(head, "\t")))
	for _, r := range rows {
		line(r)
	}
}

// line writes a paragraph.
func (s *session) line(format string, args ...any) {
	fmt.Fprintf(&s.out, "\n"+format+"\n", args...)
}

// writePage replaces the text between the marks of a case.
func writePage(path, name, text string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	mark := "<!-- load " + name + " -->\n"
	before, rest, ok := strings.Cut(string(data), mark)
	_, after, ended := strings.Cut(rest, "<!-- end -->\n")
	if !ok || !ended {
		return fmt.Errorf("load: %s has no marks of the case %s", path, name)
	}
	return os.WriteFile(path, []byte(before+mark+"\n"+text+"\n<!-- end -->\n"+after), 0o644)
}
