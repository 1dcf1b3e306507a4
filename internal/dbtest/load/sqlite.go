//go:build unix

package main

import (
	"context"
	"fmt"
	"time"
)

// sqlite measures one site in one file.
func sqlite(ctx context.Context, s *session) error {
	var rows []string
	for _, cloud := range []time.Duration{0, time.Second} {
		var p pair
		for _, w := range []**world{&p.gate, &p.hand} {
			var err error
			if *w, err = s.buildSQLite(ctx); err != nil {
				return err
			}
			(*w).Cloud = cloud
		}
		cells, err := p.measure(ctx, s.Processes, job{Sites: 1, Goroutines: s.Goroutines, Seconds: s.Seconds})
		if err != nil {
			return err
		}
		rows = append(rows, fmt.Sprintf("%s\t%s", seconds(cloud), cells))
		if err := p.close(ctx); err != nil {
			return err
		}
	}
	s.table("cloud\t"+pairHead, rows...)
	return nil
}
