//go:build unix

package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// hotRun is a run of the case hot, and what was measured in it.
type hotRun struct {
	name       string
	jobs       []job
	rates      []int
	at50, at99 []time.Duration
}

// hot measures the taps at all sites but the first, without and with a busy first site.
func hot(ctx context.Context, s *session) error {
	w, err := s.build(ctx, s.settings)
	if err != nil {
		return err
	}
	defer w.close()
	others := job{Sites: s.Sites, From: 1, Paced: 1, Seconds: s.Seconds}
	busy := job{Sites: 1, Goroutines: s.Goroutines, Seconds: s.Seconds}
	both, burst := others, others
	both.Goroutines = s.Goroutines
	burst.Taps, burst.Seconds = s.Taps, 4 // long enough that no member shares a command with the next run
	runs := []*hotRun{
		{name: "no busy site", jobs: []job{others}},
		{name: fmt.Sprintf("%d goroutines at the busy site, in the same process", s.Goroutines), jobs: []job{both}},
		{name: "these goroutines in another process", jobs: []job{others, busy}},
		{name: fmt.Sprintf("%d taps at one instant at the busy site, until all are answered", s.Taps), jobs: []job{burst}},
	}
	// The median of three, because other work disturbs each, and in turns, because a new
	// database is slower.
	for range 3 {
		for _, r := range runs {
			if err := r.measure(ctx, w); err != nil {
				return err
			}
		}
	}
	var rows []string
	for _, r := range runs {
		slices.Sort(r.rates)
		rows = append(rows, fmt.Sprintf("%s\t%d\t%s\t%s", r.name, r.rates[1], ms(median(r.at50)), ms(median(r.at99))))
	}
	s.table(fmt.Sprintf("\tunlocks/s of the busy site\tp50 of the other %d\tp99", s.Sites-1), rows...)
	return w.check(ctx)
}

func (r *hotRun) measure(ctx context.Context, w *world) error {
	all, err := w.start(ctx, r.jobs)
	if err != nil {
		return err
	}
	answers, err := w.wait(all)
	if err != nil {
		return err
	}
	busy := slices.DeleteFunc(slices.Clone(answers), func(a answer) bool { return a.Site > 0 })
	rest := slices.DeleteFunc(answers, func(a answer) bool { return a.Site == 0 })
	if r.jobs[0].Taps > 0 {
		end := slices.MaxFunc(busy, func(a, b answer) int { return a.end().Compare(b.end()) }).end()
		rest = slices.DeleteFunc(rest, func(a answer) bool { return a.Start.After(end) })
	}
	sum := add(rest)
	r.at50, r.at99 = append(r.at50, sum.at(50)), append(r.at99, sum.at(99))
	r.rates = append(r.rates, int(add(busy).rate()))
	return nil
}
