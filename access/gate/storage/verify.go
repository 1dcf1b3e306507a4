package storage

import (
	"context"
	"errors"
	"fmt"
)

// Verify reads the door log of a site once, in constant memory, and checks every
// hash, every commitment whose detail is not erased, and that Member and Actor are
// those of the detail.
//
// It starts after from; the zero Head means the start of the log that retention left.
// Unless want is zero, the chain must contain want. It always finds a changed row, a
// row removed from the middle, exchanged rows, and a beginning that was removed without
// a retention row. It finds a removed end, or a chain that was rebuilt as a whole, only
// if from or want was exported earlier to a place that those who can write to the
// storage cannot write to. The error is a *ChainError if the log is wrong, and any
// other error if it could not be read.
func Verify(ctx context.Context, log DoorLog, site string, from, want Head) (Verification, error) {
	for {
		base, _, err := log.Ends(ctx, site)
		if err != nil {
			return Verification{}, err
		}
		v, err := verify(ctx, log, site, base, from, want)
		if _, wrong := errors.AsType[*ChainError](err); !wrong {
			return v, err
		}
		if now, _, err := log.Ends(ctx, site); err == nil && now.Seq > base.Seq {
			continue // retention removed rows meanwhile
		}
		return v, err
	}
}

// Verification is what Verify found correct.
type Verification struct {
	Rows   int  `json:"rows"`   // verified rows
	Erased int  `json:"erased"` // of these, rows whose detail was erased
	Head   Head `json:"head"`   // the last row: export it to a place where the storage's owner cannot write
}

// ChainError names the first row of the door log that is wrong.
type ChainError struct {
	Seq  uint64
	What string
}

func (e *ChainError) Error() string {
	return fmt.Sprintf("storage: the door log is wrong at row %d: %s", e.Seq, e.What)
}

func verify(ctx context.Context, log DoorLog, site string, base, from, want Head) (Verification, error) {
	if from == (Head{}) {
		from = base
	}
	if from.Seq < base.Seq {
		return Verification{}, &ChainError{from.Seq, fmt.Sprintf("retention removed it; the log starts after row %d: verify from there",
			base.Seq)}
	}
	if from.Seq == base.Seq && from.Hash != base.Hash {
		return Verification{}, &ChainError{from.Seq, "the start of the log differs from the given head"}
	}
	v := Verification{Head: from}
	met := want == Head{} || want == from
	if want.Seq < from.Seq && want != (Head{}) {
		return v, &ChainError{want.Seq, "the required head is before the start"}
	}
	// The row of from itself is checked as well, if it is kept. There must be no rows
	// up to the base.
	q := LogQuery{Site: site}
	if from.Seq > base.Seq {
		q.After = from.Seq - 1
	}
	first, retained := true, from.Seq > base.Seq || base == Head{}
	for row, err := range log.Rows(ctx, q) {
		if err != nil {
			return v, err
		}
		if row.Seq <= base.Seq {
			return v, &ChainError{row.Seq, "retention removed this row, but it is present again"}
		}
		if first && from.Seq > base.Seq {
			first = false
			if row.Head() != from {
				return v, &ChainError{from.Seq, "the row is missing or differs from the given head"}
			}
			continue
		}
		first = false
		switch {
		case row.Seq != v.Head.Seq+1:
			return v, &ChainError{v.Head.Seq + 1, "the row is missing"}
		case v.Head.link(site, &row) != row.Hash:
			return v, &ChainError{row.Seq, "its hash does not match its content or the row before"}
		}
		if what := row.detailFault(); what != "" {
			return v, &ChainError{row.Seq, what}
		}
		if len(row.Detail) == 0 {
			v.Erased++
		}
		retained = retained || row.retains(base)
		v.Rows++
		v.Head = row.Head()
		if v.Head.Seq == want.Seq {
			if v.Head != want {
				return v, &ChainError{row.Seq, "the row differs from the required head"}
			}
			met = true
		}
	}
	if first && from.Seq > base.Seq {
		return v, &ChainError{from.Seq, "the row is missing"}
	}
	if !retained {
		return v, &ChainError{base.Seq, "the rows up to this one are missing, and no retention row records their removal"}
	}
	if !met {
		return v, &ChainError{want.Seq, "the log ends before the required head"}
	}
	return v, nil
}

// retains reports whether the row records that retention removed the rows up to base. A
// retention that was interrupted removed fewer rows than its row records.
func (r *LogRow) retains(base Head) bool {
	return r.Action == ActionRetention && (r.Ref > base.Seq || r.Ref == base.Seq && r.Reason == base.Hash.String())
}
