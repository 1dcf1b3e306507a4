package storage

import (
	"context"
	"iter"
	"time"
)

// DoorLog reads the door log and removes its oldest rows. Journal, Holds and
// KillSwitches write rows. On SQL use two tables: rows (site, seq, at, ref, door,
// action, outcome, reason, commitment, hash), and details (site, seq, member, actor,
// salt, detail), which can be erased.
type DoorLog interface {
	// Rows yields the selected rows in order of Seq. See LogPages.
	Rows(ctx context.Context, q LogQuery) iter.Seq2[LogRow, error]
	// Ends returns the base and the head of the chain, as one snapshot. The base is
	// the last row that retention removed, or the zero Head; the head is the last
	// row.
	Ends(ctx context.Context, site string) (base, head Head, err error)
	// Retain removes rows with their details from the beginning of the log, up to
	// the first row that is not older than before, and moves the base to the last
	// removed row. It may do so in several commits, each of which removes a part,
	// so that no unlock waits for it. It returns the new base and the number of
	// removed rows.
	Retain(ctx context.Context, site string, before time.Time) (base Head, removed int, err error)
}

// LogEntry is a row of the door log before it is appended to the chain. At, Ref,
// Door, Action, Outcome and Reason are its public part. The detail names the
// persons; only the commitment binds it to the public part, so it can be erased.
type LogEntry struct {
	At time.Time
	// Ref is the row that this one follows: the attempt of which it has the outcome.
	Ref     uint64
	Door    string
	Action  string // an access.Action, or "switch_off", "switch_on", "hold_end"
	Outcome Outcome
	Reason  string // an access.Reason or a gate.Cause

	// Commitment is that of Salt and Detail. It stays when both are erased.
	Commitment Digest
	Salt       []byte // 16 random bytes
	Detail     []byte // JSON of a gate.LogDetail, up to 64 KiB; several entries may share it
	// Member and Actor are the persons whose erasure removes the detail. They are
	// stored with the detail, not with the row.
	Member, Actor string
}

// LogRow is a row of the door log. Salt, Detail, Member and Actor are empty once
// erased.
type LogRow struct {
	Seq uint64 // from 1 on without gaps, per site
	LogEntry
	// Hash covers the hash of the previous row, the site, the public part and the
	// commitment; see Head.Append.
	Hash Digest
}

// Head returns the point of the chain that row is.
func (r LogRow) Head() Head { return Head{r.Seq, r.Hash} }

// LogQuery selects rows of the door log.
type LogQuery struct {
	Site string
	// After selects rows with a higher Seq. With Newest it selects rows with a
	// lower Seq, and 0 starts at the end.
	After uint64
	// Door, Member and Outcome, when set, select rows with an equal one. A row
	// whose detail was erased matches no Member.
	Door, Member string
	Outcome      Outcome
	// From and Until, when not zero, select At in [From, Until).
	From, Until time.Time
	// Newest yields the highest Seq first.
	Newest bool
	Limit  int // 0 is no limit
}

// LogPages implements DoorLog.Rows with a function that returns one page of at most
// size rows: those that the query passed to it selects, at most its Limit. Each page
// starts where the previous one ended, so nothing is held between pages.
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
