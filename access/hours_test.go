package access

import (
	"slices"
	"testing"
)

// TestDays: every pair of days, and what is no day.
func TestDays(t *testing.T) {
	for first := Sun; first <= Sat; first++ {
		for last := Sun; last <= Sat; last++ {
			days := Days(first, last)
			if n := (int(last-first)+7)%7 + 1; len(days) != n || days[0] != first || days[n-1] != last {
				t.Errorf("%s to %s: %v", first, last, days)
			}
			slices.Sort(days)
			if len(slices.Compact(days)) != len(days) {
				t.Errorf("%s to %s: a day twice", first, last)
			}
		}
	}
	for _, c := range [][2]Day{{-1, Mon}, {Mon, 7}, {7, 7}, {Mon, -1}} {
		if got := Days(c[0], c[1]); got != nil {
			t.Errorf("%v: got %v", c, got)
		}
	}
}
