//go:build unix

package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// hot measures the taps at all sites but the first, without and with a busy first site.
func hot(ctx context.Context, s *session) error {
	w, err := s.build(ctx, s.settings)
	if err != nil {
		return err
	}
	defer w.close()
	others := job{Sites: s.Sites, From: 1, Paced: 1, Seconds: s.Seconds}
	busy := job{Sites: 1, Goroutines: s.Goroutines, Seconds: s.Seconds}
	both := others
	both.Goroutines = s.Goroutines
	var rows []string
	for _, run := range []struct {
		name string
		jobs []job
	}{
		{"no busy site", []job{others}},
		{fmt.Sprintf("%d goroutines at the busy site, in the same process", s.Goroutines), []job{both}},
		{"these goroutines in another process", []job{others, busy}},
	} {
		var at50, at99 []time.Duration
		var rates []int
		for range 3 { // the median of three, because other work disturbs each
			all, err := w.start(ctx, run.jobs)
			if err != nil {
				return err
			}
			answers, err := w.wait(all)
			if err != nil {
				return err
			}
			rest := add(slices.DeleteFunc(slices.Clone(answers), func(a answer) bool { return a.Site == 0 }))
			at50, at99 = append(at50, rest.at(50)), append(at99, rest.at(99))
			rates = append(rates, int(add(slices.DeleteFunc(answers, func(a answer) bool { return a.Site > 0 })).rate()))
		}
		slices.Sort(rates)
		rows = append(rows, fmt.Sprintf("%s\t%d\t%s\t%s", run.name, rates[1], ms(median(at50)), ms(median(at99))))
	}
	s.table(fmt.Sprintf("\tunlocks/s of the busy site\tp50 of the other %d\tp99", s.Sites-1), rows...)
	return w.check(ctx)
}
