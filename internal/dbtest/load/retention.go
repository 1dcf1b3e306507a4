//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/access/gate"
)

// retention measures members at a site without and with a Retain of its log.
func retention(ctx context.Context, s *session) error {
	w, err := s.build(ctx, s.settings)
	if err != nil {
		return err
	}
	defer w.close()
	g, err := gate.New(gate.Config{Site: siteName(0), Facts: w.store, Records: w.store, Locks: &taps{}})
	if err != nil {
		return err
	}
	var rows []string
	for _, retain := range []bool{false, true} {
		all, err := w.start(ctx, []job{{Sites: 1, Paced: s.Goroutines, Seconds: s.Seconds}})
		if err != nil {
			return err
		}
		removed, speed := 0, "-"
		if retain {
			limited, cancel := context.WithTimeout(ctx, time.Duration(s.Seconds)*time.Second)
			start := time.Now()
			_, removed, err = g.Retain(limited, start.Add(-time.Minute))
			cancel()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				return err
			}
			speed = fmt.Sprintf("%.0f", float64(removed)/time.Since(start).Seconds())
		}
		answers, err := w.wait(all)
		if err != nil {
			return err
		}
		a := add(answers)
		name := map[bool]string{false: "without Retain", true: "while Retain runs"}[retain]
		rows = append(rows, fmt.Sprintf("%s\t%.0f\t%s\t%s\t%s\t%d\t%s", name, a.rate(), ms(a.at(50)), ms(a.at(99)), ms(a.at(100)),
			removed, speed))
	}
	s.table(fmt.Sprintf("%d rows\tunlocks/s\tp50\tp99\tlongest\trows removed\trows/s", s.Rows), rows...)
	return w.check(ctx)
}
