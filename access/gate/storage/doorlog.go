package storage

import (
	"context"
	"iter"
	"time"
)

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

// Head returns the point of the chain that row is.
func (r LogRow) Head() Head { return Head{r.Seq, r.Hash} }

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

// LogPages makes the Rows of a DoorLog out of a function that returns one page:
// the rows that q selects, at most q.Limit. Each page starts where the one
// before ended, so nothing is held between two pages.
func LogPages(q LogQuery, size int, page func(LogQuery) ([]LogRow, error)) iter.Seq2[LogRow, error] {
	return func(yield func(LogRow, error) bool) {
		left := q.Limit
		for next := q; ; {
			next.Limit = size
			if q.Limit > 0 {
				next.Limit = min(size, left)
			}
			rows, err := page(next)
			if err != nil {
				yield(LogRow{}, err)
				return
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
			left -= len(rows)
			if len(rows) < next.Limit || q.Limit > 0 && left == 0 {
				return
			}
			next.After = rows[len(rows)-1].Seq
		}
	}
}
