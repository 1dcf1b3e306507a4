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
	Seq  uint64 `json:"seq"`
	What string `json:"what"`
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
	r := &chainReader{site: site, base: base, from: from, want: want, v: Verification{Head: from}}
	if err := r.start(); err != nil {
		return Verification{}, err
	}
	q := LogQuery{Site: site}
	if !r.found { // the row of from is read as well
		q.After = from.Seq - 1
	}
	for row, err := range log.Rows(ctx, q) {
		if err != nil {
			return r.v, err
		}
		before := r.v.Rows
		if err := r.next(&row); err != nil {
			return r.v, err
		}
		if r.v.Rows > before && r.v.Rows%progressEvery == 0 {
			if err := progress(r.v, r.retained); err != nil {
				return r.v, err
			}
		}
	}
	return r.v, r.end()
}

// chainReader checks the rows of one reading of the log. Its methods return a
// *ChainError if the log is wrong.
type chainReader struct {
	site             string
	base, from, want Head
	v                Verification
	found            bool // the row of from was read, or is not kept
	retained         bool // the removal of the rows up to base is known to be recorded
	met              bool // the log contains want
}

// start checks the heads.
func (r *chainReader) start() error {
	r.found = r.from.Seq <= r.base.Seq
	r.retained = !r.found || r.base == Head{}
	r.met = r.want == Head{} || r.want == r.from
	switch {
	case r.from.Seq < r.base.Seq:
		return &ChainError{r.from.Seq, fmt.Sprintf("retention removed it; the log starts after row %d: verify from there", r.base.Seq)}
	case r.from.Seq == r.base.Seq && r.from.Hash != r.base.Hash:
		return &ChainError{r.from.Seq, "the start of the log differs from the given head"}
	case r.want.Seq < r.from.Seq && r.want != Head{}:
		return &ChainError{r.want.Seq, "the required head is before the start"}
	}
	return nil
}

// next checks a row. The row of from comes first, if it is kept.
func (r *chainReader) next(row *LogRow) error {
	switch {
	case row.Seq <= r.base.Seq:
		return &ChainError{row.Seq, "retention removed this row, but it is present again"}
	case !r.found && row.Head() != r.from:
		return &ChainError{r.from.Seq, "the row is missing or differs from the given head"}
	case !r.found:
		r.found = true
		return nil
	case row.Seq != r.v.Head.Seq+1:
		return &ChainError{r.v.Head.Seq + 1, "the row is missing"}
	case r.v.Head.link(r.site, row) != row.Hash:
		return &ChainError{row.Seq, "its hash does not match its content or the row before"}
	}
	if what := row.detailFault(); what != "" {
		return &ChainError{row.Seq, what}
	}
	if len(row.Detail) == 0 {
		r.v.Erased++
	}
	r.retained = r.retained || row.retains(r.base)
	r.v.Rows++
	r.v.Head = row.Head()
	if r.v.Head.Seq == r.want.Seq {
		if r.v.Head != r.want {
			return &ChainError{row.Seq, "the row differs from the required head"}
		}
		r.met = true
	}
	return nil
}

// end checks that all of the required rows were read.
func (r *chainReader) end() error {
	switch {
	case !r.found:
		return &ChainError{r.from.Seq, "the row is missing"}
	case !r.retained:
		return &ChainError{r.base.Seq, "the rows up to this one are missing, and no retention row records their removal"}
	case !r.met:
		return &ChainError{r.want.Seq, "the log ends before the required head"}
	}
	return nil
}

// retains reports whether the row records that retention removed the rows up to base. A
// retention that was interrupted removed fewer rows than its row records.
func (r *LogRow) retains(base Head) bool {
	return r.Action == ActionRetention && (r.Ref > base.Seq || r.Ref == base.Seq && r.Reason == base.Hash.String())
}
