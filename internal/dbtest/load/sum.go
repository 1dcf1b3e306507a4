//go:build unix

package main

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access/gate"
)

// sum is what the answers of a run add up to.
type sum struct {
	taps, opened  int
	lost          int // moved, not recorded
	busy, notSent int // refused before their claim, and otherwise not sent
	shared        int
	late          int // answers after gate.SendWithin
	span          time.Duration
	took          []time.Duration
}

func add(answers []answer) (s sum) {
	s.taps = len(answers)
	if s.taps == 0 {
		return s
	}
	first, last := answers[0].Start, answers[0].Start
	errs := map[string]int{}
	for _, a := range answers {
		switch {
		case a.Shared: // no door moved for it
			s.shared++
		case a.Outcome == gate.Accepted:
			if s.opened++; !a.Recorded {
				s.lost++
			}
		case a.Cause == gate.CauseStoreUnavailable:
			s.busy++
		default:
			s.notSent++
		}
		if a.Took > gate.SendWithin {
			s.late++
		}
		if errs[a.Err]++; a.Err != "" && errs[a.Err] == 1 && len(errs) < 4 {
			fmt.Fprintf(os.Stderr, "the outcome %s, for example: %.300s\n", a.Outcome, a.Err)
		}
		s.took = append(s.took, a.Took)
		if a.Start.Before(first) {
			first = a.Start
		}
		if end := a.end(); end.After(last) {
			last = end
		}
	}
	if s.shared > 0 {
		fmt.Fprintf(os.Stderr, "%d of %d taps shared the command of another one\n", s.shared, s.taps)
	}
	s.span = last.Sub(first)
	slices.Sort(s.took)
	return s
}

// rate is unlocks per second.
func (s sum) rate() float64 { return float64(s.opened) / max(s.span.Seconds(), 0.001) }

// at returns the time within which the given percentage of the answers came.
func (s sum) at(percent int) time.Duration {
	if len(s.took) == 0 {
		return 0
	}
	return s.took[min(len(s.took)-1, len(s.took)*percent/100)]
}

// ms is a duration in a table.
func ms(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= 20*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

// gap returns the longest time between from and until in which no door of the answers
// moved, and how many moved.
func gap(answers []answer, from, until time.Time) (longest time.Duration, opened int) {
	var ends []time.Time
	for _, a := range answers {
		if end := a.end(); a.Outcome == gate.Accepted && end.After(from) && end.Before(until) {
			ends = append(ends, end)
		}
	}
	opened = len(ends)
	slices.SortFunc(ends, time.Time.Compare)
	last := from
	for _, end := range append(ends, until) {
		longest, last = max(longest, end.Sub(last)), end
	}
	return longest, opened
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}
