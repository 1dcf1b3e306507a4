package storage

import (
	"context"
	"time"
)

// VendorLog keeps the lock system's own log apart from ours.
type VendorLog interface {
	// Cursor returns where the reading of the site's log stands; empty at first.
	Cursor(ctx context.Context, site string) (string, error)
	// Ingest stores entries (those whose ID is there are skipped) and moves the
	// cursor from was to next in ONE commit. ErrConflict, and nothing written,
	// when the cursor is not was. It returns how many were new.
	Ingest(ctx context.Context, site, was, next string, entries []VendorEntry) (int, error)
	// VendorEntries returns what q selects by At, then ID.
	VendorEntries(ctx context.Context, q VendorQuery) ([]VendorEntry, error)
	// PruneVendor removes those with At before the instant, and says how many.
	PruneVendor(ctx context.Context, site string, before time.Time) (int, error)
}

// VendorEntry is one row of the lock system's own log, kept as it came. It is
// never part of the door log's chain and never makes a check-in.
type VendorEntry struct {
	ID     string // the lock system's, unique per site
	Lock   string // the lock system's id
	At     time.Time
	What   string // "lock_opened", "lock_rejected", ... as it came
	Detail string
	// By is what opened it: "tag", "pin_code", "inside_handle", "remote", ... as
	// it came; unknown ones are kept.
	By   string
	User string // the lock system's user id; empty when unknown
	Raw  []byte // the row as it came, up to 64 KiB
}

// VendorQuery selects rows of the lock system's log.
type VendorQuery struct {
	Site        string
	Lock, User  string    // when set, equal ones
	From, Until time.Time // when not zero, At in [From, Until)
	Limit       int       // 0 = no limit
}
