//go:build unix

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// growth measures a site with a short and a long log.
func growth(ctx context.Context, s *session) error {
	var unlocks, reads []string
	for _, rows := range []int{s.Rows / 30, s.Rows / 3, s.Rows} {
		with := s.settings
		with.Rows, with.Sites = rows, 2
		w, err := s.build(ctx, with)
		if err != nil {
			return err
		}
		w.Sites = 1 // the replays are at the second one, whose chain they break
		j := job{Sites: 1, Goroutines: s.Goroutines, Seconds: s.Seconds, Site: 1}
		cells, err := pair{w, w}.measure(ctx, s.Processes, j)
		if err != nil {
			return err
		}
		unlocks = append(unlocks, fmt.Sprintf("%d\t%s", rows, cells))
		if cells, err = w.reads(ctx); err != nil {
			return err
		}
		verified := s.found.rows
		if err := w.check(ctx); err != nil {
			return err
		}
		perMillion := w.verifying * 1_000_000 / time.Duration(s.found.rows-verified)
		reads = append(reads, fmt.Sprintf("%d\t%s\t%s", rows, cells, ms(perMillion)))
		if err := w.drop(ctx, s); err != nil {
			return err
		}
	}
	s.table("rows of the log\t"+pairHead, unlocks...)
	s.table("rows of the log\tnewest 50 rows\tnewest 50 of a member\tan hour\tVerify, for a million rows", reads...)
	return nil
}

// reads returns how long queries of the door log take, each the median of eleven.
func (w *world) reads(ctx context.Context) (cells string, err error) {
	middle := time.Now().Add(-time.Duration(w.Rows/4) * filledEvery)
	for i, q := range []storage.LogQuery{{Newest: true, Limit: 50}, {Member: "m7", Newest: true, Limit: 50},
		{From: middle, Until: middle.Add(time.Hour)}} {
		q.Site = siteName(0)
		var took [11]time.Duration
		for n := range took {
			start := time.Now()
			for _, err := range w.store.Rows(ctx, q) {
				if err != nil {
					return "", err
				}
			}
			took[n] = time.Since(start)
		}
		if i > 0 {
			cells += "\t"
		}
		cells += ms(median(took[:]))
	}
	return cells, nil
}
