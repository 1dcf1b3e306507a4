//go:build unix

package dbtest

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// storageFault is a way in which a storage stops taking writes, and takes them again.
type storageFault struct {
	kind sqlstore.Kind
	do   string // the advice in the error
	// begin and end are called between two calls of the storage.
	begin, end func()
}

// storageCalls are the calls of the storage in an unlock.
func storageCalls() []string { return []string{"Lookup", "Load", "Begin", "Settle"} }

// failsFrom lets a storage fail from each of the given calls of an unlock on. sure is
// false if a write may still find room: then the unlock is repeated until one fails.
func (s *scene) failsFrom(calls []string, g *gate.Gate, steps *stepped, f storageFault, sure bool) {
	s.Helper()
	const tries = 40
	for i, from := range calls {
		failed := false
		for try := 0; try < tries && !failed; try++ {
			tap := tap(i*tries + try)
			failed = s.failsAt(g, steps, f, "before "+from, tap)
			if s.Failed() || sure && !failed {
				s.Fatalf("%s: failed is %t", from, failed)
			}
		}
		if !failed {
			s.Errorf("no unlock failed from %s on", from)
		}
	}
	s.works(4 * tries)
	s.checkGuarantees()
}

// failsAt lets the storage fail from one step of one unlock on, and returns whether that
// unlock met the fault. Nothing may be half-written, and what was lost must be found
// when the storage is back.
func (s *scene) failsAt(g *gate.Gate, steps *stepped, f storageFault, from string, tap gate.Tap) (failed bool) {
	s.Helper()
	ctx := s.Context()
	before := len(s.movements())
	steps.next(func(step string) {
		if step == from {
			f.begin()
		}
	})
	r, err := g.Unlock(ctx, tap)
	must(s.T, err)
	f.end()
	moved := len(s.movements()) - before
	e, failed := errors.AsType[*sqlstore.Error](r.Err)
	if !failed {
		if !r.Opened() || !r.Recorded || moved != 1 {
			s.Errorf("%s: %s %s, recorded %t, moved %d, %v", from, r.Outcome, r.Cause, r.Recorded, moved, r.Err)
		}
		return false
	}
	if e.Kind != f.kind || !strings.Contains(e.Error(), f.do) {
		s.Errorf("%s: the error is %s, %v; want %s, %q", from, e.Kind, e, f.kind, f.do)
	}
	if from != "before Settle" && !r.Opened() { // the claim did not find room
		if r.Outcome != storage.NotSent || r.Cause != gate.CauseStoreUnavailable || r.Message() == "" || r.Recorded || moved != 0 {
			s.Errorf("%s: %s %s %q, recorded %t, moved %d", from, r.Outcome, r.Cause, r.Message(), r.Recorded, moved)
		}
		if _, err := s.gate(0).Receipt(ctx, tap.Member, tap.RequestID); !errors.Is(err, storage.ErrNotFound) {
			s.Errorf("%s: half of the claim was written: %v", from, err)
		}
		return true
	}
	if r.Outcome != storage.Accepted || r.Recorded || moved != 1 {
		s.Errorf("%s: %s, recorded %t, moved %d", from, r.Outcome, r.Recorded, moved)
	}
	if n, err := s.gate(time.Minute).Recover(ctx); err != nil || n != 1 {
		s.Errorf("%s: Recover settled %d, %v", from, n, err)
	}
	if now, err := s.gate(0).Receipt(ctx, tap.Member, tap.RequestID); err != nil || now.Outcome != storage.Unconfirmed ||
		now.Cause != gate.CauseInterrupted || now.Message() == "" {
		s.Errorf("%s: later it is %s %s, %v", from, now.Outcome, now.Cause, err)
	}
	return true
}

// oneConnection opens the scene's database with one connection, so that a setting made on
// it applies to every statement.
func (s *scene) oneConnection() (*gate.Gate, *stepped, *sql.DB) {
	s.Helper()
	db := s.d.Raw(s.T)
	db.SetMaxOpenConns(1)
	store, err := sqlstore.Open(s.Context(), sqlstore.Config{DB: db, Dialect: s.d.Dialect})
	must(s.T, err)
	s.Cleanup(func() { store.Close() })
	g, steps, err := steppedGate(store, doors{path: s.doors}, new(atomic.Int64))
	must(s.T, err)
	_, err = g.Unlock(s.Context(), tap(299)) // statements are prepared
	must(s.T, err)
	return g, steps, db
}

// TestSQLiteFullAtEachStep limits the file to its size, from each step of an unlock on.
func TestSQLiteFullAtEachStep(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("an outcome that cannot be written is tried again for 5 s; TestFull has the claim")
	}
	s := newScene(t, SQLite(t))
	g, steps, db := s.oneConnection()
	limit := func(pages int) {
		_, err := db.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages))
		must(t, err)
	}
	s.failsFrom(storageCalls(), g, steps, storageFault{
		kind: sqlstore.Full, do: "free space on its disk, or raise its limit",
		begin: func() { limit(1) }, // SQLite uses the number of pages it has
		end:   func() { limit(1 << 30) },
	}, false)
}

// TestSQLiteReadOnlyAtEachStep opens the file read-only, from each step of an unlock on.
func TestSQLiteReadOnlyAtEachStep(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("an outcome that cannot be written is tried again for 5 s; TestReadOnly has the claim")
	}
	for _, c := range []struct {
		name  string
		begin func(t *testing.T, path string)
		dsn   string
		root  bool // it stops root as well
	}{
		{"mode=ro", nil, "&mode=ro", true},
		{"mode 0400", func(t *testing.T, path string) { must(t, os.Chmod(path, 0o400)) }, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if !c.root && os.Getuid() == 0 {
				t.Skip("root may write to any file")
			}
			path := filepath.Join(t.TempDir(), "doors.db")
			s := newScene(t, Database{sqlstore.SQLite, sqlstore.SQLiteDSN(path)})
			g, steps, _ := s.oneConnection()
			if c.begin != nil {
				c.begin(t, path)
			}
			broken := Database{sqlstore.SQLite, s.d.DSN + c.dsn}
			bad, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: broken.Raw(t), Dialect: sqlstore.SQLite})
			must(t, err)
			t.Cleanup(func() { bad.Close() })
			s.failsFrom(storageCalls(), g, steps, storageFault{
				kind: sqlstore.ReadOnly, do: "check the permissions of the file and its folder",
				begin: func() { steps.store.Store(bad) },
				end:   func() { steps.store.Store(s.store) },
			}, true)
		})
	}
}
