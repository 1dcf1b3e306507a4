// Command peers measures decisions of doorkit beside other engines on the same
// facts and requests, and prints the table of BENCHMARKS.md:
//
//	go run ./internal/peers
//
// The other engines have no clock of a site, no index and no reason: host code finds
// what may count for a request and they compare numbers. Doorkit finds and compares
// by itself, and its answer has a reason and an instant until which it holds. All
// answers are checked for agreement first. Each round measures all of them on the
// same requests, so that their ratios hold on a machine with other work.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
)

func main() {
	rounds := flag.Int("rounds", 200, "how often each engine answers 4096 requests")
	flag.Parse()
	if err := run(os.Stdout, sizes, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// row is the measurement of one engine at one site: how many times the floor a
// decision takes, and how often it allocates.
type row struct{ ratio, allocations float64 }

func run(w io.Writer, sizes []size, rounds int) error {
	var names []string
	table := map[string][]row{}
	for _, s := range sizes {
		f := s.facts()
		policy, err := access.Compile(f)
		if err != nil {
			return err
		}
		x := newIndex(&f)
		all := engines(policy, x)
		requests := s.requests(&f, policy, 4096)
		if err := agree(all, requests); err != nil {
			return fmt.Errorf("site %s: %w", s.name, err)
		}
		names = names[:0]
		for i, r := range measure(all, x, requests, rounds) {
			names = append(names, all[i].name)
			table[all[i].name] = append(table[all[i].name], r)
		}
	}
	fmt.Fprint(w, "| engine |")
	for _, s := range sizes {
		fmt.Fprintf(w, " %s / floor | allocations |", s.name)
	}
	fmt.Fprintln(w)
	fmt.Fprint(w, "|---|")
	for range sizes {
		fmt.Fprint(w, "---:|---:|")
	}
	fmt.Fprintln(w)
	for _, name := range names {
		fmt.Fprintf(w, "| %s |", name)
		for _, r := range table[name] {
			fmt.Fprintf(w, " %.1f× | %.0f |", r.ratio, r.allocations)
		}
		fmt.Fprintln(w)
	}
	return nil
}

// agree checks that all engines answer alike.
func agree(all []engine, requests []access.Request) error {
	for i := range requests {
		want := all[0].decide(&requests[i])
		for _, e := range all[1:] {
			if got := e.decide(&requests[i]); got != want {
				return fmt.Errorf("%+v: %s answers %v, %s %v", requests[i], all[0].name, want, e.name, got)
			}
		}
	}
	return nil
}

func measure(all []engine, x *index, requests []access.Request, rounds int) []row {
	took := func(decide func(*access.Request) bool) float64 {
		start := time.Now()
		for i := range requests {
			decide(&requests[i])
		}
		return float64(time.Since(start))
	}
	ratios := make([][]float64, len(all))
	for range rounds {
		floor := took(x.floor)
		for i, e := range all {
			ratios[i] = append(ratios[i], took(e.decide)/floor)
		}
	}
	rows := make([]row, len(all))
	for i, e := range all {
		slices.Sort(ratios[i])
		allocations := testing.AllocsPerRun(1, func() { took(e.decide) }) / float64(len(requests))
		rows[i] = row{ratios[i][len(ratios[i])/2], allocations}
	}
	return rows
}
