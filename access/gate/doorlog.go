package gate

import (
	"context"
	"encoding/hex"
	"iter"
	"time"
)

// Digest is a SHA-256. It reads and writes as 64 hex digits.
type Digest [32]byte

// String returns the hex digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText returns the hex digits.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText reads 64 hex digits.
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) != 2*len(d) {
		return hex.ErrLength
	}
	_, err := hex.Decode(d[:], text)
	return err
}

// LogEntry is a row of the door log before it has its place in the chain. At,
// Ref, Door, Action, Outcome and Reason are its public part; the detail says who
// it was and is bound to it by the commitment alone.
type LogEntry struct {
	At time.Time
	// Ref is the row this one follows up: the attempt whose outcome it tells.
	Ref     uint64
	Door    string
	Action  string // an access.Action, or "switch", "hold_end", ...
	Outcome Outcome
	Reason  string // an access.Reason or a Cause

	// Commitment is SHA-256(Salt || Detail). It stays when both are erased.
	Commitment Digest
	Salt       []byte // 16 random bytes
	Detail     []byte // canonical JSON of a LogDetail, up to 64 KiB; entries may share it, so it is never changed
	// Member and Actor are whom Erase finds the detail by; stored beside the
	// detail, never in the chain's table.
	Member, Actor string
}

// LogRow is a row of the door log. Salt, Detail, Member and Actor are empty once
// erased.
type LogRow struct {
	Seq uint64 // from 1, without gaps, per site
	LogEntry
	// Hash covers the hash of the row before, the site, the public part and the
	// commitment: see Head.Append.
	Hash Digest
}

// Head is one point of a site's chain: a row's number and hash. The zero Head
// stands before the first row.
type Head struct {
	Seq  uint64 `json:"seq"`
	Hash Digest `json:"hash"`
}

// LogQuery selects rows of the door log.
type LogQuery struct {
	Site string
	// After selects rows with a higher Seq, or a lower one when Newest is set
	// (0 then means from the end).
	After uint64
	// Door, Member and Outcome, when set, select equal ones; a row whose detail
	// was erased matches no Member.
	Door, Member string
	Outcome      Outcome
	// From and Until, when not zero, select At in [From, Until).
	From, Until time.Time
	// Newest yields the highest Seq first.
	Newest bool
	Limit  int // 0 = no limit
}

// DoorLog reads the door log, and cuts its old end. Rows are written by Journal,
// Holds and Switches. Two tables: rows (site, seq, at, ref, door, action,
// outcome, reason, commitment, hash) and details (site, seq, member, actor,
// salt, detail).
type DoorLog interface {
	// Rows yields what q selects in order of Seq. It reads page by page: no
	// transaction or connection is held while the caller works on a row.
	Rows(ctx context.Context, q LogQuery) iter.Seq2[LogRow, error]
	// Ends returns the point before the first row that is kept (the zero Head
	// unless retention removed some) and the last row, of one instant.
	Ends(ctx context.Context, site string) (base, head Head, err error)
	// Retain removes the longest beginning of the log whose rows are all older than
	// before, details included, and moves the base to the last one removed: in ONE
	// commit, or, so that no door waits for it, in several of which each does so
	// for a part. It returns the new base and how many went.
	Retain(ctx context.Context, site string, before time.Time) (base Head, removed int, err error)
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
