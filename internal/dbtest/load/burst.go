//go:build unix

package main

import (
	"context"
	"fmt"
)

// burst lets all processes tap at one site at one instant.
func burst(ctx context.Context, s *session) error {
	var rows []string
	for _, taps := range []int{s.Taps, s.Taps / 5} {
		pair, err := s.pair(ctx, s.settings)
		if err != nil {
			return err
		}
		for _, hand := range []bool{false, true} {
			w, name := pair.gate, "gate"
			if hand {
				w, name = pair.hand, "by hand"
			}
			answers, err := w.tap(ctx, s.Processes, job{Sites: 1, Taps: taps, ByHand: hand})
			if err != nil {
				return err
			}
			a := add(answers)
			rows = append(rows, fmt.Sprintf("%d x %d\t%s\t%d\t%d\t%d\t%d\t%s\t%s\t%d", s.Processes, taps, name, a.opened, a.lost, a.busy, a.notSent,
				ms(a.at(50)), ms(a.at(100)), a.late))
		}
		if err := pair.close(ctx); err != nil {
			return err
		}
	}
	s.table("taps\t\tdoors moved\tmoved, not recorded\tanswered `store_unavailable`\tother\tp50\tlongest\tanswers after 10 s", rows...)
	return nil
}
