//go:build unix

package main

import (
	"bufio"
	"fmt"
	"slices"
	"time"
)

// recoverEvery is the interval of the job "recover".
const recoverEvery = time.Second

// run is one run of the job "recover" in one process.
type run struct {
	site  string
	start time.Time
}

// readRuns reads the runs that a process prints, until it ends.
func readRuns(lines *bufio.Scanner) (list []run) {
	for lines.Scan() {
		var site string
		var ms int64
		if _, err := fmt.Sscanf(lines.Text(), "%s %d", &site, &ms); err == nil {
			list = append(list, run{site, time.UnixMilli(ms)})
		}
	}
	return list
}

// auditRuns checks that the processes divided the periodic work by their leases: no job
// ran twice within its interval, and the others went on when one process was killed.
func auditRuns(fleet []*process, killed time.Time) error {
	bySite, after, busy := map[string][]time.Time{}, map[string]bool{}, 0
	all := 0
	for _, p := range fleet {
		list := <-p.runs
		if len(list) > 0 {
			busy++
		}
		for _, r := range list {
			all++
			bySite[r.site] = append(bySite[r.site], r.start)
			if r.start.After(killed) {
				after[r.site] = true
			}
		}
	}
	for site, starts := range bySite {
		slices.SortFunc(starts, time.Time.Compare)
		for i := range len(starts) - 1 {
			if gap := starts[i+1].Sub(starts[i]); gap < recoverEvery*8/10 {
				return fmt.Errorf("%s: a job ran again after %v, its interval is %v", site, gap, recoverEvery)
			}
		}
	}
	// A job that the killed process was running is delayed by its lease of a minute.
	if len(after) < len(bySite)*9/10 {
		return fmt.Errorf("after a process was killed, the job of %d of %d sites ran", len(after), len(bySite))
	}
	fmt.Printf("%d runs of a periodic job at %d sites, divided between %d processes, also after the kill\n", all, len(bySite), busy)
	return nil
}
