package storage

import (
	"context"
	"time"
)

// ManySites finds the sites that have periodic work, so that a process with many sites
// asks once for all of them. It is optional: without it, gate.Runners does the work at
// each site, which then finds that there is none.
type ManySites interface {
	// Due returns those of q.Sites that have work, in any order. It omits no site whose
	// work was written before the call. SQL: a few searches by index for each
	// site, in one statement for thousands of sites.
	Due(ctx context.Context, q DueQuery) ([]string, error)
}

// DueQuery selects sites by their work.
type DueQuery struct {
	Sites []string // each once
	Work  Work
	// Before is the instant that Work refers to.
	Before time.Time
}

// Work is a kind of periodic work. The zero Work is not valid.
type Work string

const (
	// WorkRecover means that a journal entry is Sending and has SendBy before Before.
	WorkRecover Work = "recover"
	// WorkHolds means that a member holds a door open in office mode.
	WorkHolds Work = "holds"
	// WorkPrune means that Journal.Prune with Before would remove an entry.
	WorkPrune Work = "prune"
	// WorkRetain means that DoorLog.Retain with Before would remove a row, or
	// VendorLog.PruneVendor an entry. The search also removes from the file what an
	// erasure left there (Erased.Pending).
	WorkRetain Work = "retain"
	// WorkVerify means that the head of the door log is not the one that was verified
	// last, or that its row is missing or has another hash.
	WorkVerify Work = "verify"
)

// Check returns a *RequestError if the Work is not one of this package.
func (q DueQuery) Check() error {
	switch q.Work {
	case WorkRecover, WorkHolds, WorkPrune, WorkRetain, WorkVerify:
		return nil
	}
	return &RequestError{Faults: []Fault{{Field: "Work", What: "is not a kind of work of package storage"}}}
}
