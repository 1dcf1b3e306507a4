package gate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// clockAt is a number of seconds as an instant.
func clockAt(second int) time.Time { return time.Unix(int64(second), 0).UTC() }

// figure reads the drawing of a group: a line "|--|" per command, in which "*"
// marks the open one, and one line of digits, the entries.
func figure(t *testing.T, lines ...string) (commands []interval, open int, entries []time.Time) {
	t.Helper()
	for _, line := range lines {
		if first := strings.IndexByte(line, '|'); first >= 0 {
			if strings.Contains(line, "*") {
				open = len(commands)
			}
			commands = append(commands, interval{clockAt(first), clockAt(strings.LastIndexByte(line, '|'))})
			continue
		}
		for at, c := range line {
			if c >= '0' && c <= '9' {
				entries = append(entries, clockAt(at))
			}
		}
	}
	return commands, open, entries
}

func TestMatchOpen(t *testing.T) {
	for name, c := range map[string]struct {
		lines       []string
		first, last int
		ok          bool
	}{
		"one command, one entry": {[]string{
			" |--*--|",
			"    0",
		}, 0, 0, true},
		"at the ends of the interval": {[]string{
			" |--*--|",
			" 0",
		}, 0, 0, true},
		"one command, no entry": {[]string{
			" |--*--|",
			"",
		}, 0, 0, false},
		"an entry outside": {[]string{
			" |--*--|",
			"          0",
		}, 0, 0, false},
		"two entries for one command": {[]string{
			" |--*--|",
			"   0 1",
		}, 0, 0, false},
		"the figure in matching.go": {[]string{
			" |--------|",
			"      |---------*-------|",
			"                |----------|",
			"      0           1    2",
		}, 1, 2, true},
		"an entry that either may have": {[]string{
			" |--------|",
			"    |------*-----|",
			"      0 1",
		}, 0, 1, true},
		"the last can only be the accepted one's": {[]string{
			"   |---------|",
			" |-----*---|",
			"     0      1",
		}, 0, 0, true},
		"one entry is missing": {[]string{
			" |--------|",
			"    |------*-----|",
			"      0",
		}, 0, 0, false},
		"no entry for the accepted one": {[]string{
			" |---|",
			"    |------*-----|",
			"         0   1",
		}, 0, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			commands, open, entries := figure(t, c.lines...)
			if !slices.IsSortedFunc(commands, func(a, b interval) int { return a.from.Compare(b.from) }) {
				order := commands[open]
				slices.SortFunc(commands, func(a, b interval) int { return a.from.Compare(b.from) })
				open = slices.Index(commands, order)
			}
			first, last, ok := matchOpen(commands, open, entries)
			if first != c.first || last != c.last || ok != c.ok {
				t.Errorf("got %d to %d, %t; want %d to %d, %t", first, last, ok, c.first, c.last, c.ok)
			}
		})
	}
}

// TestMatchOpenTriesAll compares with trying every assignment.
func TestMatchOpenTriesAll(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	matched := 0
	for range 20_000 {
		n := 1 + r.IntN(5)
		var commands []interval
		var entries []time.Time
		for range n {
			from := r.IntN(12)
			commands = append(commands, interval{clockAt(from), clockAt(from + r.IntN(8))})
			entries = append(entries, clockAt(r.IntN(16)))
		}
		slices.SortFunc(commands, func(a, b interval) int { return a.from.Compare(b.from) })
		slices.SortFunc(entries, time.Time.Compare)
		open := r.IntN(n)
		first, last, ok := matchOpen(commands, open, entries)
		var can []int // the entries of the open command in some assignment
		assign(commands, entries, nil, func(taken []int) { can = append(can, taken[open]) })
		if ok != (len(can) > 0) || ok && (first != slices.Min(can) || last != slices.Max(can)) {
			t.Fatalf("commands %v, open %d, entries %v: got %d to %d, %t; want one of %v", commands, open, entries, first, last, ok, can)
		}
		if ok {
			matched++
		}
	}
	if matched < 1000 {
		t.Errorf("only %d of 20000 match", matched)
	}
}

// assign calls each with every assignment of entries to commands.
func assign(commands []interval, entries []time.Time, taken []int, each func(taken []int)) {
	if len(taken) == len(commands) {
		each(taken)
		return
	}
	for k, at := range entries {
		if !slices.Contains(taken, k) && commands[len(taken)].contains(at) {
			assign(commands, entries, append(slices.Clone(taken), k), each)
		}
	}
}

func TestOverlapping(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{nil, "[]"},
		{[]string{" |--|", "       |--|"}, "[1 1]"},
		{[]string{" |--|", "    |--|", "         |--|"}, "[2 1]"},
		{[]string{" |----------|", "    |--|", "          |--|", "                |--|"}, "[3 1]"},
	} {
		intervals, _, _ := figure(t, c.lines...)
		var commands []sentCommand
		for _, i := range intervals {
			commands = append(commands, sentCommand{interval: i})
		}
		sizes := []int{}
		for _, g := range overlapping(commands) {
			sizes = append(sizes, len(g))
		}
		if got := fmt.Sprint(sizes); got != c.want {
			t.Errorf("%q: got groups of %s, want %s", c.lines, got, c.want)
		}
	}
}
