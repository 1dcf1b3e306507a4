package storage

import (
	"context"
	"time"
)

// VendorLog keeps the lock system's own log, separate from the door log.
type VendorLog interface {
	// Cursor returns the position up to which the lock system's log was read; empty
	// at first.
	Cursor(ctx context.Context, site string) (string, error)
	// Ingest stores the entries whose ID is not stored yet and moves the cursor
	// from was to next, in ONE commit. It returns how many entries were new. If the
	// cursor is not at was, it writes nothing and returns ErrConflict.
	Ingest(ctx context.Context, site, was, next string, entries []VendorEntry) (int, error)
	// VendorEntries returns the selected entries by At, then ID.
	VendorEntries(ctx context.Context, q VendorQuery) ([]VendorEntry, error)
	// PruneVendor removes the entries with At before the given instant and returns
	// how many.
	PruneVendor(ctx context.Context, site string, before time.Time) (int, error)
}

// VendorEntry is one row of the lock system's own log, as the lock system returned
// it. It is never part of the door log's chain and never makes a check-in.
type VendorEntry struct {
	ID     string    `json:"id"`   // the lock system's id of the entry, unique per site
	Lock   string    `json:"lock"` // the lock system's id of the lock
	At     time.Time `json:"at,omitzero"`
	What   string    `json:"what"` // the lock system's word: "lock_opened", "lock_rejected", ...
	Detail string    `json:"detail,omitempty"`
	// By is what opened the lock, in the lock system's word: "tag", "pin_code",
	// "inside_handle", "remote", ...; unknown words are kept.
	By   string `json:"by,omitempty"`
	User string `json:"user,omitempty"` // the lock system's id of the user; empty when unknown or erased
	Raw  []byte `json:"raw,omitempty"`  // the row as received, up to 64 KiB
}

// VendorQuery selects rows of the lock system's log.
type VendorQuery struct {
	Site string `json:"site"`
	// Lock and User, when set, select entries with an equal one.
	Lock string `json:"lock"`
	User string `json:"user"`
	// From and Until, when not zero, select At in [From, Until).
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
	Limit int       `json:"limit"` // 0 is no limit
}
