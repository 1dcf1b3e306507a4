//go:build unix

package main

import (
	"context"
	"fmt"
	"time"
)

// throughput measures how much a few or many sites do, each run beside the same
// statements by hand, in a database of their own.
func throughput(ctx context.Context, s *session) error {
	processes := []int{1, 2, 4}
	if s.Processes > 0 {
		processes = []int{s.Processes}
	}
	sites := []int{1, 100}
	if s.Sites > 1 {
		sites = []int{s.Sites}
	}
	var rows []string
	for _, n := range sites {
		for _, cloud := range []time.Duration{0, time.Second} {
			with := s.settings
			with.Sites, with.Cloud = n, cloud
			pair, err := s.pair(ctx, with)
			if err != nil {
				return err
			}
			for _, p := range processes {
				row, err := pair.measure(ctx, p, job{Sites: n, Goroutines: s.Goroutines, Seconds: s.Seconds})
				if err != nil {
					return err
				}
				rows = append(rows, fmt.Sprintf("%d\t%d\t%s\t%s", n, p, seconds(cloud), row))
			}
			if err := pair.close(ctx); err != nil {
				return err
			}
		}
	}
	s.table("sites\tprocesses\tcloud\t"+pairHead, rows...)
	return nil
}

func seconds(d time.Duration) string {
	if d == 0 {
		return "at once"
	}
	return fmt.Sprint(d.Seconds(), " s")
}

// pair is two worlds: of the gate, and of the same statements by hand.
type pair struct{ gate, hand *world }

const pairHead = "unlocks/s\tp50\tp99\tby hand, unlocks/s\tp50\tp99\tratio of unlocks/s"

func (s *session) pair(ctx context.Context, with settings) (p pair, err error) {
	if p.gate, err = s.build(ctx, with); err == nil {
		p.hand, err = s.build(ctx, with)
	}
	return p, err
}

// close checks the guarantees.
func (p pair) close(ctx context.Context) error {
	defer p.gate.close()
	defer p.hand.close()
	return p.gate.check(ctx)
}

// measure lets processes do a job twice through the gate and twice by hand, in turns,
// because other work disturbs each; it returns the cells of the faster run of both. With a
// slow lock system the work is little, and once is enough.
func (p pair) measure(ctx context.Context, processes int, j job) (cells string, err error) {
	var ours, theirs sum
	for range 2 - min(1, int(p.gate.Cloud/time.Second)) {
		if err := p.gate.faster(ctx, &ours, processes, j); err != nil {
			return "", err
		}
		j := j
		j.ByHand = true
		if err := p.hand.faster(ctx, &theirs, processes, j); err != nil {
			return "", err
		}
	}
	return compared(ours, theirs), nil
}

// faster does a job and replaces best if it was faster.
func (w *world) faster(ctx context.Context, best *sum, processes int, j job) error {
	answers, err := w.tap(ctx, processes, j)
	if a := add(answers); err == nil && a.rate() >= best.rate() {
		*best = a
	}
	return err
}

// compared returns the cells below pairHead.
func compared(a, b sum) string {
	return fmt.Sprintf("%.0f\t%s\t%s\t%.0f\t%s\t%s\t%.2f", a.rate(), ms(a.at(50)), ms(a.at(99)),
		b.rate(), ms(b.at(50)), ms(b.at(99)), a.rate()/b.rate())
}
