//go:build unix

package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/doorkit/doorkit/access/gate"
)

// burst lets all processes tap at one site at one instant.
func burst(_ context.Context, w *world) error {
	jobs := slices.Repeat([]job{{Taps: w.Taps}}, w.Processes)
	answers, err := w.tap(jobs...)
	if err != nil {
		return err
	}
	summary(fmt.Sprintf("burst, %d x %d taps", w.Processes, w.Taps), answers)
	return nil
}

// rate taps at one site as fast as the processes can.
func rate(_ context.Context, w *world) error {
	jobs := slices.Repeat([]job{{Goroutines: w.Goroutines, Seconds: w.Seconds}}, w.Processes)
	answers, err := w.tap(jobs...)
	if err != nil {
		return err
	}
	summary(fmt.Sprintf("rate, %d x %d goroutines, round trip +%s", w.Processes, w.Goroutines, w.RoundTrip), answers)
	return nil
}

// frozen stops one process while all tap at one site. It reports how long after the
// stop the others moved no door.
func frozen(ctx context.Context, w *world) error {
	seconds := w.Seconds + 15
	all, err := w.start(slices.Repeat([]job{{Goroutines: w.Goroutines, Seconds: seconds}}, w.Processes))
	if err != nil {
		return err
	}
	pause(ctx, 5*time.Second)
	stop, process := time.Now(), all[0].cmd.Process
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	pause(ctx, time.Duration(w.Seconds)*time.Second)
	thaw := time.Now()
	if err := process.Signal(syscall.SIGCONT); err != nil {
		return err
	}
	answers, err := wait(all)
	if err != nil {
		return err
	}
	var opened []time.Time
	for _, a := range answers {
		if at := a.Start.Add(a.Took); a.Process > 0 && a.Outcome == gate.Accepted && at.After(stop) && at.Before(thaw) {
			opened = append(opened, at)
		}
	}
	slices.SortFunc(opened, time.Time.Compare)
	gap, last := time.Duration(0), stop
	for _, at := range append(opened, thaw) {
		gap, last = max(gap, at.Sub(last)), at
	}
	summary(fmt.Sprintf("frozen for %d s, %d x %d goroutines", w.Seconds, w.Processes, w.Goroutines), answers)
	fmt.Printf("longest time without a door moved by the others: %.2f s; doors they moved: %d\n", gap.Seconds(), len(opened))
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
}

// hot measures the taps at all sites but the first, without and with a busy first site.
func hot(_ context.Context, w *world) error {
	var p99 [2]time.Duration
	for i, goroutines := range []int{0, w.Goroutines} {
		answers, err := w.tap(job{Goroutines: goroutines, Others: true, Seconds: w.Seconds})
		if err != nil {
			return err
		}
		others := slices.DeleteFunc(slices.Clone(answers), func(a answer) bool { return a.Site == 0 })
		p99[i] = summary(fmt.Sprintf("the other %d sites, %d goroutines at the first", w.Sites-1, goroutines), others)
		summary(fmt.Sprintf("the first site, %d goroutines", goroutines),
			slices.DeleteFunc(answers, func(a answer) bool { return a.Site > 0 }))
	}
	fmt.Printf("ratio of p99 at the others: %.1f\n", float64(p99[1])/float64(p99[0]))
	return nil
}

// summary prints one row and returns the p99.
func summary(name string, answers []answer) (p99 time.Duration) {
	if len(answers) == 0 {
		return 0
	}
	outcomes, lost, late := map[string]int{}, 0, 0
	var took []time.Duration
	first, last := answers[0].Start, answers[0].Start
	errs := map[string]int{}
	opened := 0
	for _, a := range answers {
		outcomes[string(a.Outcome)+" "+string(a.Cause)]++
		if a.Outcome == gate.Accepted {
			opened++
			if !a.Recorded {
				lost++
			}
		}
		if a.Took > gate.SendWithin {
			late++
		}
		if a.Err != "" {
			errs[a.Err]++
		}
		took = append(took, a.Took)
		first = time.UnixMilli(min(first.UnixMilli(), a.Start.UnixMilli()))
		last = time.UnixMilli(max(last.UnixMilli(), a.Start.Add(a.Took).UnixMilli()))
	}
	slices.Sort(took)
	at := func(part int) time.Duration {
		return took[min(len(took)-1, len(took)*part/100)].Round(100 * time.Microsecond)
	}
	fmt.Printf("| %s | taps %d | moved %d | not recorded %d | other ", name, len(answers), opened, lost)
	for _, o := range slices.Sorted(maps.Keys(outcomes)) {
		if o != "accepted " {
			fmt.Printf("%s: %d ", o, outcomes[o])
		}
	}
	fmt.Printf("| %.0f unlocks/s | p50 %s | p99 %s | max %s | over %s: %d |\n", float64(opened)/last.Sub(first).Seconds(),
		at(50), at(99), at(100), gate.SendWithin, late)
	for i, e := range slices.SortedFunc(maps.Keys(errs), func(a, b string) int { return errs[b] - errs[a] }) {
		if i < 3 {
			fmt.Printf("  error, %d times: %.200s\n", errs[e], e)
		}
	}
	return at(99)
}
