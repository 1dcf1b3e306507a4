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
//
// If there is a progress function, Verify calls it each time it has verified another
// 10,000 rows, with what it has verified so far.
func Verify(ctx context.Context, log DoorLog, site string, from, want Head, progress ...func(Verification)) (Verification, error) {
	return verifyAgain(ctx, log, site, func(base Head) (Verification, error) {
		return verify(ctx, log, site, base, from, want, func(v Verification, _ bool) error {
			for _, fn := range progress {
				fn(v)
			}
			return nil
		})
	})
}

// VerifyNew is Verify for the rows after the head that the storage has as verified, or
// from the start of the log if there is none or retention has removed it. It then stores
// the new head, so that each row is verified once. It also stores it on the way, unless
// it started after rows that retention removed, so that the next call continues where
// one was interrupted.
//
// If the row of the stored head is missing or differs, the error is a *ChainError. A
// change of a row before it is only found by Verify, and only Verify finds a change by a
// person who can write to the storage and changed the stored head too.
func VerifyNew(ctx context.Context, log DoorLog, site string) (Verification, error) {
	return verifyAgain(ctx, log, site, func(base Head) (Verification, error) {
		from, err := log.Verified(ctx, site)
		if err != nil {
			return Verification{}, err
		}
		if from.Seq < base.Seq {
			from = Head{}
		}
		v, err := verify(ctx, log, site, base, from, Head{}, func(v Verification, retained bool) error {
			if !retained {
				return nil
			}
			return log.SetVerified(ctx, site, v.Head)
		})
		if err == nil && v.Rows > 0 {
			err = log.SetVerified(ctx, site, v.Head)
		}
		return v, err
	})
}

// verifyAgain calls fn with the base of the log, and again if it found an error while
// retention moved the base.
func verifyAgain(ctx context.Context, log DoorLog, site string, fn func(base Head) (Verification, error)) (Verification, error) {
	for {
		base, _, err := log.Ends(ctx, site)
		if err != nil {
			return Verification{}, err
		}
		v, err := fn(base)
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

// progressEvery is after how many rows verify calls its progress function.
const progressEvery = 10_000

// verify calls progress with what it has verified, and whether the removal of the rows
// up to base is known to be recorded.
func verify(ctx context.Context, log DoorLog, site string, base, from, want Head,
	progress func(v Verification, retained bool) error) (Verification, error) {
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
		if v.Rows%progressEvery == 0 {
			if err := progress(v, retained); err != nil {
				return v, err
			}
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
