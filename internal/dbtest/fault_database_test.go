//go:build unix

package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// tap is a new tap of a member of the scene.
func tap(n int) gate.Tap {
	return gate.Tap{RequestID: fmt.Sprintf("request-%012d", n), Member: member(n), Door: "front", TappedAt: time.Now()}
}

// broken opens the scene's database in another way, with a gate on it.
func (s *scene) broken(dsn string) *gate.Gate {
	s.Helper()
	d := Database{s.d.Dialect, dsn}
	db := d.Raw(s.T)
	store, err := sqlstore.Open(s.Context(), sqlstore.Config{DB: db, Dialect: d.Dialect})
	must(s.T, err)
	s.Cleanup(func() { store.Close() })
	g, err := gate.New(gate.Config{Site: "loft", Facts: store, Records: store, Locks: doors{path: s.doors}})
	must(s.T, err)
	return g
}

// refused taps, and requires that nothing moves and that the error is of a kind. Then
// the same database, as it should be, must open the door for the next tap.
func (s *scene) refused(g *gate.Gate, n int, kind sqlstore.Kind) {
	s.Helper()
	before := len(s.movements())
	r, err := g.Unlock(s.Context(), tap(n))
	e, ok := errors.AsType[*sqlstore.Error](r.Err)
	if err != nil || r.Outcome != storage.NotSent || r.Cause != gate.CauseStoreUnavailable || r.Recorded || !ok || e.Kind != kind ||
		!errors.Is(r.Err, storage.ErrUnavailable) {
		s.Errorf("got %s %s, recorded %t, %v; want not_sent, %s", r.Outcome, r.Cause, r.Recorded, r.Err, kind)
	}
	if now := len(s.movements()); now != before {
		s.Errorf("a door moved")
	}
}

func (s *scene) works(n int) {
	s.Helper()
	r, err := s.gate(0).Unlock(s.Context(), tap(n))
	if err != nil || r.Outcome != storage.Accepted || !r.Recorded {
		s.Errorf("the database is back, and the door says %s %s, %v, %v", r.Outcome, r.Cause, r.Err, err)
	}
}

func TestReadOnly(t *testing.T) {
	Both(t, func(t *testing.T, d Database) {
		s := newScene(t, d)
		dsn := d.DSN + "&_pragma=query_only(1)"
		if d.Dialect == sqlstore.PostgreSQL {
			dsn = d.DSN + " default_transaction_read_only=on"
		}
		s.refused(s.broken(dsn), 1, sqlstore.ReadOnly)
		s.works(2)
		s.checkGuarantees()
	})
}

func TestLocked(t *testing.T) {
	t.Parallel()
	Both(t, func(t *testing.T, d Database) {
		s := newScene(t, d)
		s.works(1)
		q, dsn := "UPDATE doorkit_chains SET site = site", strings.Replace(d.DSN, "busy_timeout(4000)", "busy_timeout(100)", 1)
		if d.Dialect == sqlstore.PostgreSQL {
			dsn = d.DSN + " lock_timeout=100"
		}
		g := s.broken(dsn)
		tx, err := d.Raw(t).BeginTx(t.Context(), nil)
		must(t, err)
		_, err = tx.ExecContext(t.Context(), q)
		must(t, err)
		s.refused(g, 2, sqlstore.Locked)
		must(t, tx.Rollback())
		s.works(3)
		s.checkGuarantees()
	})
}

// TestFull fills an SQLite file to its limit. For PostgreSQL, the error code alone defines
// what a full disk is.
func TestFull(t *testing.T) {
	t.Parallel()
	s := newScene(t, SQLite(t))
	var pages int
	must(t, s.d.Raw(t).QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages))
	g := s.broken(s.d.DSN + fmt.Sprintf("&_pragma=max_page_count(%d)", pages))
	full := false
	for n := 1; n < 200 && !full; n++ {
		before := len(s.movements())
		r, err := g.Unlock(t.Context(), tap(n))
		must(t, err)
		moved := len(s.movements()) > before
		if e, ok := errors.AsType[*sqlstore.Error](r.Err); ok {
			full = true
			if e.Kind != sqlstore.Full || r.Recorded {
				t.Errorf("got %s, recorded %t, %v", r.Outcome, r.Recorded, r.Err)
			}
		}
		if moved != (r.Outcome == storage.Accepted) {
			t.Errorf("moved %t, the receipt says %s", moved, r.Outcome)
		}
	}
	if !full {
		t.Error("the file never filled up")
	}
	s.works(201)
	s.checkGuarantees()
}

// TestNotDurable refuses connections that would lose what they acknowledged.
func TestNotDurable(t *testing.T) {
	Both(t, func(t *testing.T, d Database) {
		s := newScene(t, d)
		dsn, setting := strings.Replace(d.DSN, "synchronous(FULL)", "synchronous(NORMAL)", 1), "PRAGMA synchronous = NORMAL"
		if d.Dialect == sqlstore.PostgreSQL {
			dsn, setting = d.DSN+" synchronous_commit=off", "SET synchronous_commit = off"
		}
		bad := Database{d.Dialect, dsn}
		_, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: bad.Raw(t), Dialect: d.Dialect})
		if e, ok := errors.AsType[*sqlstore.SettingError](err); !ok || len(e.Faults) != 1 {
			t.Errorf("Open: %v", err)
		}
		store, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: bad.Raw(t), Dialect: d.Dialect, Volatile: true})
		must(t, err)
		must(t, store.Close())

		// A connection that was good when it was looked at.
		db := d.Raw(t)
		db.SetMaxOpenConns(1)
		store, err = sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: d.Dialect})
		must(t, err)
		_, err = db.ExecContext(t.Context(), setting)
		must(t, err)
		g, err := gate.New(gate.Config{Site: "loft", Facts: store, Records: store, Locks: doors{path: s.doors}})
		must(t, err)
		s.refused(g, 1, sqlstore.NotDurable)
		err = store.Documents().Update(t.Context(), "k", func(context.Context, []byte) ([]byte, error) { return []byte("new"), nil })
		if e, ok := errors.AsType[*sqlstore.Error](err); !ok || e.Kind != sqlstore.NotDurable {
			t.Errorf("Update: %v", err)
		}
		must(t, store.Close())
	})
}

// TestVolatile accepts what may lose commits, where that was asked for.
func TestVolatile(t *testing.T) {
	s, _ := fastStore(t, SQLite(t))
	_, err := s.Note(t.Context(), "loft", logEntry("ada", storage.Denied, 0))
	must(t, err)
}

// TestUnreadableFact reports a fact that someone edited, and decides nothing.
func TestUnreadableFact(t *testing.T) {
	s, db := SQLite(t).Store(t)
	fillSite(t, s, "loft")
	_, err := db.ExecContext(t.Context(), "UPDATE doorkit_members SET doc = 'no JSON'")
	must(t, err)
	_, one := s.Load(t.Context(), storage.FactsQuery{Site: "loft", Member: "ada", Door: "front", At: noon})
	_, all := s.LoadAll(t.Context(), storage.FactsQuery{Site: "loft", Member: "ada", At: noon})
	_, member := s.Member(t.Context(), "loft", "ada")
	for _, err := range []error{one, all, member} {
		if e, ok := errors.AsType[*sqlstore.Error](err); !ok || e.Kind != sqlstore.Unreadable {
			t.Errorf("got %v", err)
		}
	}
}

// TestPragmasAreNamed names every setting of an SQLite database that is wrong.
func TestPragmasAreNamed(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "plain.db"))
	must(t, err)
	defer db.Close()
	_, err = sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: sqlstore.SQLite, Migrate: true})
	e, ok := errors.AsType[*sqlstore.SettingError](err)
	if !ok || len(e.Faults) != 4 {
		t.Fatalf("a database without settings: %v", err)
	}
	for i, name := range []string{"journal_mode", "busy_timeout", "foreign_keys", "secure_delete"} {
		if !strings.Contains(e.Faults[i], name) {
			t.Errorf("fault %d does not name %s: %s", i, name, e.Faults[i])
		}
	}
	// Settings made by hand on one connection do not pass for all.
	for _, q := range []string{
		"PRAGMA journal_mode = WAL", "PRAGMA busy_timeout = 5000", "PRAGMA foreign_keys = ON", "PRAGMA secure_delete = ON",
	} {
		_, err = db.ExecContext(t.Context(), q)
		must(t, err)
	}
	if _, err = sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: sqlstore.SQLite, Migrate: true}); !errors.As(err, &e) {
		t.Errorf("settings on one connection only: %v", err)
	}
}

// TestPaths opens files whose names mean something in a URL.
func TestPaths(t *testing.T) {
	for _, name := range []string{"plain.db", "with space.db", "what?mode=memory.db", "a#b.db", "100%41.db", "Tür & Tor.db"} {
		path := filepath.Join(t.TempDir(), name)
		s, _ := Database{sqlstore.SQLite, sqlstore.SQLiteDSN(path)}.Store(t)
		fillSite(t, s, "loft")
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestNotADatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doors.db")
	must(t, os.WriteFile(path, []byte(strings.Repeat("this is a letter, not a database. ", 200)), 0o600))
	db := Database{sqlstore.SQLite, sqlstore.SQLiteDSN(path)}.Raw(t)
	_, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: sqlstore.SQLite, Migrate: true})
	if e, ok := errors.AsType[*sqlstore.Error](err); !ok || e.Kind != sqlstore.Damaged {
		t.Errorf("got %v", err)
	}
}

// TestBrokenAtEveryStep breaks the connection at every step of one unlock: the
// receipt must tell the truth, and the database must work right after.
func TestBrokenAtEveryStep(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, d Database, statements int) {
		s := newScene(t, d)
		var mu sync.Mutex
		n, breakAt := 0, 0
		store := hooked(t, d, func(Step) error {
			mu.Lock()
			defer mu.Unlock()
			if n++; n == breakAt {
				return ErrBroken
			}
			return nil
		})
		g, err := gate.New(gate.Config{Site: "loft", Facts: store, Records: store, Locks: doors{path: s.doors}, CheckIns: gate.EveryUnlock})
		must(t, err)
		for i := range 3 { // statements are prepared
			_, err := g.Unlock(t.Context(), tap(i))
			must(t, err)
		}
		outcomes := map[storage.Outcome]int{}
		for at := 1; ; at++ {
			mu.Lock()
			n, breakAt = 0, at
			mu.Unlock()
			before := len(s.movements())
			r, err := g.Unlock(t.Context(), tap(10+at))
			must(t, err)
			mu.Lock()
			over := n < at
			breakAt = 0
			mu.Unlock()
			if moved := len(s.movements()) > before; moved != (r.Outcome == storage.Accepted) {
				t.Errorf("step %d: moved %t, the receipt says %s: %v", at, moved, r.Outcome, r.Err)
			}
			if r.Outcome == storage.Accepted && !r.Recorded {
				t.Errorf("step %d: the outcome could have been written at the second try: %v", at, r.Err)
			}
			if r.Outcome != storage.Accepted && r.Outcome != storage.NotSent {
				t.Errorf("step %d: %s, %v", at, r.Outcome, r.Err)
			}
			outcomes[r.Outcome]++
			if over {
				break
			}
		}
		if outcomes[storage.NotSent] < min(5, statements) || outcomes[storage.Accepted] < min(5, statements-1) {
			t.Errorf("too few steps broke: %v", outcomes)
		}
		t.Log(outcomes)
		s.checkGuarantees()
	})
}

// TestFailedWriteChangesNothing fails the last statement of a settlement: nothing
// of what came before it is written, and the same settlement succeeds later.
func TestFailedWriteChangesNothing(t *testing.T) {
	Both(t, func(t *testing.T, d Database) {
		s := newScene(t, d)
		now := time.Now()
		key := storage.RequestKey{Site: "loft", Member: member(1), RequestID: "a-settlement-fails"}
		row := func(o storage.Outcome) storage.LogEntry {
			return storage.LogEntry{At: now.Truncate(time.Microsecond), Door: "front", Action: "unlock", Outcome: o}
		}
		_, err := s.store.Begin(t.Context(), storage.Attempt{
			Entry: storage.JournalEntry{
				RequestKey: key, AttemptID: "attempt", Door: "front", Action: access.Unlock, Outcome: storage.Sending, Begun: now, SendBy: now,
			},
			Log: row(storage.Sending),
		})
		must(t, err)
		before, head, err := s.store.Ends(t.Context(), "loft")
		must(t, err)

		settlement := storage.Settlement{
			RequestKey: key, Outcome: storage.Accepted, At: now, Log: row(storage.Accepted),
			CheckIn: &storage.CheckIn{Member: key.Member, Key: "day", Door: "front", Action: access.Unlock, RequestID: key.RequestID, At: now},
		}
		rename := func(from, to string) {
			_, err := d.Raw(t).ExecContext(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to)
			must(t, err)
		}
		rename("doorkit_check_ins", "away")
		if _, err := s.store.Settle(t.Context(), settlement); err == nil {
			t.Fatal("settled without the table of check-ins")
		}
		found, err := s.store.Lookup(t.Context(), key, "front")
		must(t, err)
		if found.Entry == nil || found.Entry.Outcome != storage.Sending {
			t.Errorf("the failed settlement left the entry %+v", found.Entry)
		}
		if base, now, err := s.store.Ends(t.Context(), "loft"); err != nil || base != before || now != head {
			t.Errorf("the failed settlement left a row in the door log: %v, %v", now, err)
		}

		rename("away", "doorkit_check_ins")
		checkIn, err := s.store.Settle(t.Context(), settlement)
		if err != nil || checkIn == nil {
			t.Errorf("later: %+v, %v", checkIn, err)
		}
		if found, err = s.store.Lookup(t.Context(), key, "front"); err != nil || found.Entry.Outcome != storage.Accepted {
			t.Errorf("later: %+v, %v", found.Entry, err)
		}
	})
}

// TestServerGoesAway kills a PostgreSQL server while a door is moving: the
// receipt reports that it opened, and that this could not be recorded.
func TestServerGoesAway(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	s := newScene(t, Database{sqlstore.PostgreSQL, server.DSN("postgres")})
	s.works(1)
	move := doors{path: s.doors}
	g, err := gate.New(gate.Config{
		Site: "loft", Facts: s.store, Records: s.store,
		Locks: locks(func(ctx context.Context, c gate.Command) gate.Result {
			server.Down(true)
			return move.Move(ctx, c)
		}),
	})
	must(t, err)
	moving := tap(2)
	r, err := g.Unlock(t.Context(), moving)
	if err != nil || r.Outcome != storage.Accepted || r.Recorded || !errors.Is(r.Err, storage.ErrUnavailable) {
		t.Errorf("the server went away in the middle: %s, recorded %t, %v, %v", r.Outcome, r.Recorded, r.Err, err)
	}
	s.refused(s.gate(0), 3, sqlstore.Unreachable)
	must(t, server.Up(t.Context()))
	s.works(4)
	again, err := s.gate(time.Minute).Unlock(t.Context(), moving)
	if err != nil || again.Outcome != storage.Unconfirmed {
		t.Errorf("the same request later: %s, %v", again.Outcome, err)
	}
	if n := len(s.movements()); n != 3 {
		t.Errorf("%d movements, want 3", n)
	}
}

type locks func(context.Context, gate.Command) gate.Result

func (l locks) Move(ctx context.Context, c gate.Command) gate.Result { return l(ctx, c) }
