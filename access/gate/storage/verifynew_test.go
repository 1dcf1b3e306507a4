package storage_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access/gate/storage"
)

func wantNew(t *testing.T, when string, log storage.DoorLog, rows int) {
	t.Helper()
	v, err := storage.VerifyNew(t.Context(), log, site)
	if err != nil || v.Rows != rows {
		t.Fatalf("%s: %d rows, %v; want %d", when, v.Rows, err, rows)
	}
}

func wantChainError(t *testing.T, when string, err error, seq uint64) {
	t.Helper()
	if bad, ok := errors.AsType[*storage.ChainError](err); !ok || bad.Seq != seq {
		t.Fatalf("%s: got %v, want a *ChainError for row %d", when, err, seq)
	}
}

// TestVerifyNew: each row is verified once, and only Verify finds a change of a row that
// was verified.
func TestVerifyNew(t *testing.T) {
	all := chained(20).list
	log := &rows{list: slices.Clone(all[:5])}
	wantNew(t, "first", log, 5)
	wantNew(t, "nothing new", log, 0)
	log.list = slices.Clone(all[:8])
	wantNew(t, "three new ones", log, 3)
	if log.verified != all[7].Head() {
		t.Fatalf("stored %v", log.verified)
	}

	log.list[2].Reason = "another"
	log.list = append(log.list, all[8])
	wantNew(t, "a verified row was changed", log, 1)
	_, err := storage.Verify(t.Context(), log, site, storage.Head{}, storage.Head{})
	wantChainError(t, "Verify", err, 3)

	log.list = slices.Clone(all[:12])
	log.list[10].Reason = "another"
	_, err = storage.VerifyNew(t.Context(), log, site)
	wantChainError(t, "a new row was changed", err, 11)
	if log.verified != all[8].Head() {
		t.Fatalf("stored %v after a failure", log.verified)
	}
	log.list = slices.Clone(all[:8])
	_, err = storage.VerifyNew(t.Context(), log, site)
	wantChainError(t, "the end was removed", err, 9)
	other := &rows{list: chained(20).list}
	other.list[8].Hash[0]++
	other.verified = log.verified
	_, err = storage.VerifyNew(t.Context(), other, site)
	wantChainError(t, "the last verified row was changed", err, 9)
}

// TestVerifyNewAfterRetention starts after the rows that were removed, if they include
// the stored head. It requires the row about the removal, also after an interruption.
func TestVerifyNewAfterRetention(t *testing.T) {
	all := chained(20).list
	head := all[19].Head()
	row := head.Append(site, storage.LogEntry{}.Retention(all[9].Head()))
	log := &rows{base: all[9].Head(), list: append(slices.Clone(all[10:]), row)}
	log.verified = all[4].Head()
	wantNew(t, "after retention", log, 11)

	log = &rows{base: all[9].Head(), list: all[10:]}
	log.verified = all[4].Head()
	_, err := storage.VerifyNew(t.Context(), log, site)
	wantChainError(t, "no row about the removal", err, 10)
}

// interrupted ends after a number of rows.
type interrupted struct {
	*rows
	after uint64
}

func (i *interrupted) Rows(ctx context.Context, q storage.LogQuery) iter.Seq2[storage.LogRow, error] {
	return func(yield func(storage.LogRow, error) bool) {
		for row, err := range i.rows.Rows(ctx, q) {
			if i.after > 0 && row.Seq > i.after {
				yield(row, context.Canceled)
				return
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// TestVerifyNewContinues: a call that was interrupted is continued by the next one.
func TestVerifyNewContinues(t *testing.T) {
	log := &interrupted{chained(25_000), 24_000}
	if v, err := storage.VerifyNew(t.Context(), log, site); !errors.Is(err, context.Canceled) || v.Rows != 24_000 {
		t.Fatalf("%d rows, %v", v.Rows, err)
	}
	log.after = 0
	wantNew(t, "continued", log, 5_000)

	// Without the row about the removal no head may be stored on the way: nothing would
	// look for that row again.
	log = &interrupted{chained(25_000), 24_000}
	log.base, log.list = log.list[0].Head(), log.list[1:]
	_, err := storage.VerifyNew(t.Context(), log, site)
	if !errors.Is(err, context.Canceled) || log.verified != (storage.Head{}) {
		t.Fatalf("stored %v, %v", log.verified, err)
	}
}

func TestVerifyProgress(t *testing.T) {
	var seen []int
	_, err := storage.Verify(t.Context(), chained(25_000), site, storage.Head{}, storage.Head{},
		func(v storage.Verification) { seen = append(seen, v.Rows) })
	if diff := cmp.Diff([]int{10_000, 20_000}, seen); err != nil || diff != "" {
		t.Errorf("%v, progress (-want +got):\n%s", err, diff)
	}
}

// A stored head that has the number of the last row that retention removed, and another
// hash, is a fault: it is not replaced by the start of the log.
func TestVerifyNewFromAnotherBase(t *testing.T) {
	all := chained(20).list
	row := all[19].Head().Append(site, storage.LogEntry{}.Retention(all[9].Head()))
	log := &rows{base: all[9].Head(), list: append(slices.Clone(all[10:]), row)}
	log.verified = all[9].Head()
	wantNew(t, "the same", log, 11)
	log.verified = storage.Head{Seq: 10, Hash: all[0].Hash}
	_, err := storage.VerifyNew(t.Context(), log, site)
	wantChainError(t, "another hash", err, 10)
}

// unreadable is a door log whose ends cannot be read, at the first time or later.
type unreadable struct {
	*rows
	reads, fails int
}

func (u *unreadable) Ends(ctx context.Context, site string) (base, head storage.Head, err error) {
	if u.reads++; u.reads == u.fails {
		return storage.Head{}, storage.Head{}, context.Canceled
	}
	return u.rows.Ends(ctx, site)
}

// If the ends of the log cannot be read, nothing is verified.
func TestVerifyUnreadable(t *testing.T) {
	log := &unreadable{rows: chained(3), fails: 1}
	if _, err := storage.Verify(t.Context(), log, site, storage.Head{}, storage.Head{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the error of the log", err)
	}
	log = &unreadable{rows: chained(3), fails: 2} // when Verify looks for a retention after a fault
	log.list[1].Reason = "another"
	_, err := storage.Verify(t.Context(), log, site, storage.Head{}, storage.Head{})
	wantChainError(t, "the second read fails", err, 2)
}
