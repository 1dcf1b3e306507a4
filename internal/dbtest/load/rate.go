//go:build unix

package main

import (
	"context"
	"fmt"
)

// rate measures one site with a round trip between the processes and the server.
func rate(ctx context.Context, s *session) error {
	pair, err := s.pair(ctx, s.settings)
	if err != nil {
		return err
	}
	trip, err := pair.gate.roundTrip(ctx)
	if err != nil {
		return err
	}
	var rows []string
	for _, run := range []struct{ processes, goroutines int }{{1, 32}, {4, 16}} {
		if s.Processes > 0 {
			run.processes = s.Processes
		}
		if s.Goroutines > 0 {
			run.goroutines = s.Goroutines
		}
		row, err := pair.measure(ctx, run.processes, job{Sites: 1, Goroutines: run.goroutines, Seconds: s.Seconds})
		if err != nil {
			return err
		}
		rows = append(rows, fmt.Sprintf("%d\t%d\t%s", run.processes, run.goroutines, row))
	}
	s.line("One round trip took %s; %s were asked for.", ms(trip), ms(s.RoundTrip))
	s.table("processes\tgoroutines of each\t"+pairHead, rows...)
	return pair.close(ctx)
}
