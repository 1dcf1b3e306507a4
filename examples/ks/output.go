package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"
)

// table prints aligned columns.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer) table { return table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)} }

// row prints one row. Control characters in a cell are replaced, because names come from
// SALTO and a terminal would act on them.
func (t table) row(cells ...string) {
	for i, c := range cells {
		cells[i] = printable(c)
	}
	fmt.Fprintln(t.w, strings.Join(cells, "\t"))
}

func (t table) end() { _ = t.w.Flush() }

func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, text)
}

// printf prints a line for a person; it prints nothing with -json.
func (a *app) printf(format string, args ...any) {
	if !a.opts.json {
		fmt.Fprintf(a.stdout, format, args...)
	}
}

// tellf prints a line that is no part of the result, such as a question, to the standard error.
func (a *app) tellf(format string, args ...any) { fmt.Fprintf(a.stderr, format, args...) }

// printJSON prints one JSON value on a line of its own.
func (a *app) printJSON(v any) error { return json.NewEncoder(a.stdout).Encode(v) }

// result prints v with -json, otherwise the rows.
func (a *app) result(v any, header []string, rows [][]string) error {
	if a.opts.json {
		return a.printJSON(v)
	}
	t := newTable(a.stdout)
	if len(rows) > 0 {
		t.row(header...)
	}
	for _, r := range rows {
		t.row(r...)
	}
	t.end()
	return nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// suggestion returns `, did you mean "x" or "y"?` with the names that are like text, or "".
func suggestion(text string, names []string) string {
	near := nearest(text, names)
	if len(near) == 0 {
		return ""
	}
	quoted := make([]string, len(near))
	for i, n := range near {
		quoted[i] = fmt.Sprintf("%q", n)
	}
	return ", did you mean " + strings.Join(quoted, " or ") + "?"
}

// nearest returns up to three names that contain text, or that differ from it by few letters.
func nearest(text string, names []string) []string {
	type candidate struct {
		name     string
		distance int
	}
	var found []candidate
	want := strings.ToLower(text)
	for _, n := range names {
		name := strings.ToLower(n)
		d := editDistance(want, name)
		if d <= max(2, len(want)/3) || len(want) >= 3 && (strings.Contains(name, want) || strings.Contains(want, name)) {
			found = append(found, candidate{n, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var near []string
	for _, c := range found[:min(3, len(found))] {
		near = append(near, c.name)
	}
	return near
}

// editDistance is the number of letters to insert, delete or replace to turn a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
