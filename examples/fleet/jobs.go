//go:build unix

package main

import (
	"bufio"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// recoverEvery is the interval of the job "recover".
const recoverEvery = time.Second

// run is one run of the job "recover" in one process.
type run struct {
	site  string
	start time.Time
}

// watch is what the runs show while the processes run.
type watch struct {
	last atomic.Pointer[process] // the process of the last run: the one that has the lease
	seen chan run                // some of the runs
}

// readRuns reads the runs that the process prints, until it ends.
func (p *process) readRuns(lines *bufio.Scanner, w *watch) (list []run) {
	for lines.Scan() {
		var site string
		var ms int64
		if _, err := fmt.Sscanf(lines.Text(), "%s %d", &site, &ms); err == nil {
			list = append(list, run{site, time.UnixMilli(ms)})
			w.last.Store(p)
			select {
			case w.seen <- list[len(list)-1]:
			default:
			}
		}
	}
	return list
}

// waitForRun waits until a run has begun after a process was killed. If that process was
// running the job, its lease delays the others by a minute.
func waitForRun(seen <-chan run, killed time.Time) error {
	limit := time.After(2 * time.Minute)
	for {
		select {
		case r := <-seen:
			if r.start.After(killed) {
				return nil
			}
		case <-limit:
			return errors.New("no run of the job within 2 minutes after a process was killed")
		}
	}
}

// auditRuns checks that one process at a time did the periodic work of all sites: the job
// never ran twice within its interval, and another one continued when one was killed.
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
	if len(after) < len(bySite)*9/10 { // the last pass may have been stopped on the way
		return fmt.Errorf("after a process was killed, the job of %d of %d sites ran", len(after), len(bySite))
	}
	fmt.Printf("%d runs of a periodic job at %d sites by %d of %d processes, also after the kill\n", all, len(bySite), busy, len(fleet))
	return nil
}
