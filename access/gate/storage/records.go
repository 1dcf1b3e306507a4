package storage

import (
	"context"
	"time"
)

// Records keeps everything that a gate writes. One storage implements all of it,
// because one commit writes to several parts; the facts may be in other storages.
type Records interface {
	Journal
	DoorLog
	CheckIns
	Holds
	KillSwitches
	VendorLog
	Eraser
	Leases
}

// Eraser removes a person.
type Eraser interface {
	// Erase removes in one commit, or in several if there are many rows,
	//
	//   - the details and salts of all log rows that name the person
	//     (LogEntry.Names); the rows and their hashes stay,
	//   - the person's check-ins,
	//   - the person's journal entries that are not Sending and have SendBy and
	//     Begun before the given instant,
	//   - the person's name from holds, which stay with an empty member,
	//   - KillSwitch.By and Why, if By is the person or Why contains their id.
	//
	// After an error some of it may be removed: call it again. ErrNotFound: the records
	// name no such person. A storage in a file also removes
	// the data from the file; until that is done, Erased.Pending is true.
	Erase(ctx context.Context, site, person string, before time.Time) (Erased, error)
	// EraseVendorUser removes the user, the detail and the raw row from all entries
	// of one user of the lock system, and returns how many. The entries stay, so
	// that no later Ingest brings them back. ErrNotFound: there are none.
	EraseVendorUser(ctx context.Context, site, user string) (Erased, error)
}

// Erased is what an Eraser removed.
type Erased struct {
	Rows int `json:"rows"` // log rows that lost their detail, or entries that lost their user
	// Pending reports that the removal is committed, but the removed bytes are still in
	// the file, because other connections prevented its cleanup. DoorLog.Retain tries
	// the cleanup again.
	Pending bool `json:"pending,omitempty"`
}
