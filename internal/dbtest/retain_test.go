//go:build unix

package dbtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// longLog makes the log of a site that is n rows long, one a second.
func longLog(t *testing.T, d Database, site string, n int) {
	t.Helper()
	tx, err := d.Raw(t).BeginTx(t.Context(), nil)
	must(t, err)
	defer tx.Rollback()
	exec := func(q string, args ...any) {
		t.Helper()
		_, err := tx.ExecContext(t.Context(), q, args...)
		must(t, err)
	}
	var head storage.Head
	zero := make([]byte, 32)
	exec("INSERT INTO doorkit_chains (site, base_seq, base_hash, head_seq, head_hash, switch_off, switch_by, switch_why) "+
		"VALUES ($1, 0, $2, 0, $2, 0, '', '')", site, zero)
	for i := range n {
		row := head.Append(site, logEntry("ada", storage.Denied, time.Duration(i)*time.Second))
		head = row.Head()
		exec("INSERT INTO doorkit_log (site, seq, at, ref, door, action, outcome, reason, commitment, hash, member, actor, salt, detail) "+
			"VALUES ($1, $2, $3, 0, $4, $5, $6, '', $7, $8, 'ada', '', $9, $10)", site, int64(row.Seq), row.At.UnixMicro(), row.Door,
			row.Action, string(row.Outcome), row.Commitment[:], row.Hash[:], row.Salt, []byte(row.Detail))
	}
	exec("UPDATE doorkit_chains SET head_seq = $2, head_hash = $3 WHERE site = $1", site, int64(head.Seq), head.Hash[:])
	must(t, tx.Commit())
}

// TestRetainLetsOthersIn removes most of a long log and requires that others write
// before it is done: a member at a door does not wait for a year of rows.
func TestRetainLetsOthersIn(t *testing.T) {
	Both(t, func(t *testing.T, d Database) {
		s := newScene(t, d)
		const long, kept = 5000, 10
		longLog(t, d, "loft", long)
		var once sync.Once
		var during storage.Head
		store := hooked(t, d, func(step Step) error {
			if step.Done && step.What == "commit" {
				once.Do(func() { // Retain's first; it holds nothing now
					s.works(1)
					base, _, err := s.store.Ends(t.Context(), "loft")
					must(t, err)
					during = base
				})
			}
			return nil
		})
		base, n, err := store.Retain(t.Context(), "loft", noon.Add((long-kept)*time.Second), logEntry("", "", long*time.Second))
		if err != nil || n != long-kept || base.Seq != long-kept {
			t.Errorf("%d rows went, up to %d, %v", n, base.Seq, err)
		}
		if during.Seq == 0 || during.Seq > long/2 {
			t.Errorf("the first writer waited until row %d was gone", during.Seq)
		}
		v, err := storage.Verify(t.Context(), store, "loft", storage.Head{}, storage.Head{})
		if err != nil || v.Rows != kept+3 { // two of the tap, one about the retention
			t.Errorf("%d rows verify, %v", v.Rows, err)
		}
	})
}

// TestPruneInPieces removes many receipts and many entries of the lock system, each
// in more than one commit.
func TestPruneInPieces(t *testing.T) {
	t.Parallel()
	Both(t, func(t *testing.T, d Database) {
		const many = 4500
		d.Store(t)
		tx, err := d.Raw(t).BeginTx(t.Context(), nil)
		must(t, err)
		defer tx.Rollback()
		for i := range many {
			at, outcome := noon.Add(time.Duration(i)*time.Second).UnixMicro(), []string{"accepted", "denied", ""}[i%3]
			_, err := tx.ExecContext(t.Context(), `INSERT INTO doorkit_journal (site, member, request_id, attempt_id, fingerprint, door,
				action, outcome, begun, seq, shared_with, doc)
				VALUES ('loft', 'ada', $1, '', '', 'front', 'unlock', $2, $3, 0, '', $4)`, fmt.Sprint("request-", i), outcome, at, []byte("{}"))
			must(t, err)
			_, err = tx.ExecContext(t.Context(), `INSERT INTO doorkit_vendor_log (site, id, lock_id, at, what, detail, opened_by, user_id, raw)
				VALUES ('loft', $1, 'l1', $2, '', '', '', '', $3)`, fmt.Sprint("entry-", i), at, []byte("{}"))
			must(t, err)
		}
		must(t, tx.Commit())
		store, r := watched(t, d)
		for name, prune := range map[string]func(context.Context, string, time.Time) (int, error){"Prune": store.Prune,
			"PruneVendor": store.PruneVendor} {
			r.take()
			n, err := prune(t.Context(), "loft", noon.Add((many-10)*time.Second))
			commits := 0
			for _, step := range r.take() {
				if step.What == "commit" {
					commits++
				}
			}
			if err != nil || n != many-10 || commits != 3 {
				t.Errorf("%s: %d of %d went in %d commits, %v", name, n, many, commits, err)
			}
		}
	})
}

// TestBrokenWhileRetaining breaks the connection at every step of a Retain: what
// is left always verifies, and the next call does the rest.
func TestBrokenWhileRetaining(t *testing.T) {
	t.Parallel()
	d := SQLite(t)
	good, _ := d.Store(t)
	for at, broke := 1, true; broke; at += scaled(1, 5) {
		const long = 505 // three commits: a first one, one between, and a last one
		site := fmt.Sprint("site-", at)
		longLog(t, d, site, long)
		on, n := false, 0
		db, err := d.OpenHooked(func(Step) error {
			if on {
				if n++; n == at {
					return ErrBroken
				}
			}
			return nil
		})
		must(t, err)
		db.SetMaxOpenConns(1)
		store, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: d.Dialect})
		must(t, err)
		on = true
		_, _, _ = store.Retain(t.Context(), site, noon.Add(time.Hour), logEntry("", "", 2*time.Hour)) // it fails or it does not
		on, broke = false, n >= at
		store.Close()
		must(t, db.Close())
		_, err = storage.Verify(t.Context(), good, site, storage.Head{}, storage.Head{})
		must(t, err)
		base, _, err := good.Retain(t.Context(), site, noon.Add(time.Hour), logEntry("", "", 2*time.Hour))
		if err != nil || base.Seq != long {
			t.Fatalf("after step %d: up to row %d, %v", at, base.Seq, err)
		}
	}
}

// TestEraseLetsOthersIn erases a member of many rows and requires that others write before
// it is done, and that what they write about the member is erased as well.
func TestEraseLetsOthersIn(t *testing.T) {
	Both(t, func(t *testing.T, d Database) {
		s := newScene(t, d)
		const long = 1200
		longLog(t, d, "loft", long)
		commits := 0
		store := hooked(t, d, func(step Step) error {
			if step.Done && step.What == "commit" {
				if commits++; commits == 2 {
					_, err := s.store.Note(t.Context(), "loft", logEntry("ada", storage.Denied, time.Hour))
					must(t, err)
				}
			}
			return nil
		})
		erased, err := store.Erase(t.Context(), "loft", "ada", noon.Add(-time.Hour))
		if err != nil || erased.Rows != long+1 || commits < long/250 {
			t.Errorf("%d rows in %d commits, %v; want %d in at least %d", erased.Rows, commits, err, long+1, long/250)
		}
		for row, err := range store.Rows(t.Context(), storage.LogQuery{Site: "loft"}) {
			if must(t, err); row.Member != "" || len(row.Detail) > 0 || len(row.Salt) > 0 {
				t.Fatalf("row %d: %+v", row.Seq, row)
			}
		}
		_, err = storage.Verify(t.Context(), store, "loft", storage.Head{}, storage.Head{})
		must(t, err)
	})
}

// TestRetainInPieces removes at most 250 rows in a commit, and appends one row about all.
func TestRetainInPieces(t *testing.T) {
	d := SQLite(t)
	plain, _ := d.Store(t)
	var during []uint64 // the base after each commit
	var site string
	store := hooked(t, d, func(step Step) error {
		if step.Done && step.What == "commit" {
			base, _, err := plain.Ends(t.Context(), site)
			must(t, err)
			during = append(during, base.Seq)
		}
		return nil
	})
	for old, want := range map[int][]uint64{0: nil, 1: {1}, 249: {249}, 250: {250}, 251: {250, 251}, 501: {250, 500, 501}} {
		site, during = fmt.Sprint("site-", old), nil
		longLog(t, d, site, old+1)
		e := logEntry("", "", time.Hour)
		base, n, err := store.Retain(t.Context(), site, noon.Add(time.Duration(old)*time.Second), e)
		if err != nil || n != old || base.Seq != uint64(old) || !slices.Equal(during, want) {
			t.Errorf("of %d rows %d went, up to %d, in commits up to %d, want %d: %v", old, n, base.Seq, during, want, err)
		}
		again, n, err := store.Retain(t.Context(), site, noon.Add(time.Duration(old)*time.Second), e)
		if err != nil || n != 0 || again != base {
			t.Errorf("again: %d went, up to %d, %v", n, again.Seq, err)
		}
		v, err := storage.Verify(t.Context(), plain, site, storage.Head{}, storage.Head{})
		if err != nil || v.Rows != 1+min(old, 1) { // the one that is kept and the one about the others
			t.Errorf("%d old rows: %+v, %v", old, v, err)
		}
	}
}

// TestRetainInterrupted between two commits, or in the second, reports what the first
// removed; the next call continues.
func TestRetainInterrupted(t *testing.T) {
	for name, c := range map[string]struct {
		from, text string // the step, after the first commit if text is empty
		first      int
	}{
		"in the first commit": {"query", "SELECT hash FROM doorkit_log", 0}, "in the second": {"begin", "", 250}, "between": {"prepare", "", 250},
	} {
		t.Run(name, func(t *testing.T) {
			d := SQLite(t)
			plain, _ := d.Store(t)
			longLog(t, d, "loft", 300)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			commits := 0
			store := hooked(t, d, func(step Step) error {
				if step.Done && step.What == "commit" {
					commits++
				}
				if step.Done || step.What != c.from || c.text == "" && commits == 0 || !strings.Contains(step.Text, c.text) {
					return nil
				}
				if c.from == "prepare" {
					cancel() // what is prepared after a commit may fail, and then a pause begins
					return nil
				}
				return errInjected
			})
			_, n, err := store.Retain(ctx, "loft", noon.Add(time.Hour), logEntry("", "", time.Hour))
			cause := errInjected
			if c.from == "prepare" {
				cause = context.Canceled
			}
			if e, ok := errors.AsType[*sqlstore.Error](err); !ok || e.Op != "Retain" || n != c.first || !errors.Is(err, cause) {
				t.Errorf("%d rows went, want %d: %v", n, c.first, err)
			}
			base, n, err := plain.Retain(t.Context(), "loft", noon.Add(time.Hour), logEntry("", "", time.Hour))
			if err != nil || n != 300-c.first || base.Seq != 300 {
				t.Errorf("later %d rows went, up to %d, %v", n, base.Seq, err)
			}
			_, err = storage.Verify(t.Context(), plain, "loft", storage.Head{}, storage.Head{})
			must(t, err)
		})
	}
}

// TestRetainTwice: a call that finds that another one has removed the rows returns the
// same base, and appends nothing.
func TestRetainTwice(t *testing.T) {
	d := SQLite(t)
	plain, _ := d.Store(t)
	longLog(t, d, "loft", 5)
	retain := func(s *sqlstore.Store) (storage.Head, int) {
		t.Helper()
		base, n, err := s.Retain(t.Context(), "loft", noon.Add(3*time.Second), logEntry("", "", time.Hour))
		must(t, err)
		return base, n
	}
	var once sync.Once
	var first storage.Head
	store := hooked(t, d, func(step Step) error {
		if step.What == "begin" && !step.Done {
			once.Do(func() { first, _ = retain(plain) })
		}
		return nil
	})
	base, n := retain(store)
	if _, head, err := plain.Ends(t.Context(), "loft"); err != nil || n != 0 || base != first || base.Seq != 3 || head.Seq != 6 {
		t.Errorf("%d rows went, up to %d, and before up to %d; the log ends with %d, %v", n, base.Seq, first.Seq, head.Seq, err)
	}
}
