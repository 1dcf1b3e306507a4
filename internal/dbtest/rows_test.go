//go:build unix

package dbtest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// TestRowsOfASpan reads the rows of a span of time of a log whose clock was set back, and
// searches the numbers between the first and the last of them only.
func TestRowsOfASpan(t *testing.T) {
	s, r := watched(t, SQLite(t))
	for _, minute := range []int{0, 10, 30, 20, 40, 50} {
		_, err := s.Note(t.Context(), "loft", logEntry("ada", storage.Denied, time.Duration(minute)*time.Minute))
		must(t, err)
	}
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	for name, c := range map[string]struct {
		from, until time.Time
		newest      bool
		want        []uint64
		first, last int64 // the numbers that are searched
	}{
		"all":                 {want: []uint64{1, 2, 3, 4, 5, 6}, first: 1, last: 1<<63 - 1},
		"a span":              {from: at(10), until: at(30), want: []uint64{2, 4}, first: 2, last: 4},
		"a span, newest":      {from: at(10), until: at(30), newest: true, want: []uint64{4, 2}, first: 2, last: 4},
		"from a time":         {from: at(25), want: []uint64{3, 5, 6}, first: 3, last: 6},
		"until a time":        {until: at(25), want: []uint64{1, 2, 4}, first: 1, last: 4},
		"a span without rows": {from: at(60)},
	} {
		r.take()
		rows, err := all(s.Rows(t.Context(), storage.LogQuery{Site: "loft", From: c.from, Until: c.until, Newest: c.newest}))
		must(t, err)
		var got []uint64
		for _, row := range rows {
			got = append(got, row.Seq)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: rows %d, want %d", name, got, c.want)
		}
		for _, step := range r.take() {
			if step.What != "query" || strings.Contains(step.Text, "MIN(") {
				continue
			}
			if c.want == nil || step.Args[1].Value != c.first || step.Args[2].Value != c.last {
				t.Errorf("%s: it searches %v, want %d to %d", name, step.Args, c.first, c.last)
			}
		}
	}
}
