//go:build unix

package dbtest

import (
	"context"
	"fmt"
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
		const long = 2005 // two commits
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
