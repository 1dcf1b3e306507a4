//go:build unix

package dbtest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/access/gate/storage/storagetest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"
)

var _ saltostate.Store = sqlstore.Documents{}

func TestGateConformance(t *testing.T) {
	t.Parallel()
	Both(t, runGateConformance)
}

func runGateConformance(t *testing.T, d Database) {
	one, _ := d.Store(t)
	two, _ := d.Store(t)
	storagetest.Run(t, func(t *testing.T) storagetest.Storage {
		s, other := storagetest.All(one), storagetest.All(two)
		s.Other = &other
		return s
	})
}

// TestDeferredTransactions runs the suite on an SQLite database whose
// transactions do not take the write lock when they begin, as another driver's
// may not.
func TestDeferredTransactions(t *testing.T) {
	t.Parallel()
	d := SQLite(t)
	d.DSN = strings.Replace(d.DSN, "_txlock=immediate", "_txlock=deferred", 1)
	runGateConformance(t, d)
}

// TestDeferredWriterWaits begins a write that reads first, while another process writes.
// It must wait, and not be refused at once.
func TestDeferredWriterWaits(t *testing.T) {
	t.Parallel()
	d := SQLite(t)
	_, other := d.Store(t)
	d.DSN = strings.Replace(d.DSN, "_txlock=immediate", "_txlock=deferred", 1)
	s, _ := d.Store(t)
	door := storage.Door{Door: access.Door{ID: "front", AccessType: access.AccessOnly}}
	door.Link = storage.Link{Site: "S", Gateway: "IQ", Lock: "L"} // a write of a linked door reads first
	tx, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	written := make(chan error, 1)
	go func() { written <- s.PutDoor(t.Context(), "loft", door) }()
	select {
	case err := <-written:
		t.Errorf("while another process writes: %v, want it to wait", err)
	case <-time.After(200 * time.Millisecond):
		tx.Rollback()
		if err := <-written; err != nil {
			t.Errorf("after the other process: %v", err)
		}
	}
}

// TestTransactions runs the suite on connections whose isolation makes every commit of
// PostgreSQL a transaction, as otherwise only the less usual ones are.
func TestTransactions(t *testing.T) {
	if testing.Short() {
		t.Skip("with -short, the suite runs with the usual isolation only")
	}
	t.Parallel()
	runGateConformance(t, inTransactions(PostgreSQL(t)))
}

const serializable = " default_transaction_isolation=serializable"

func inTransactions(d Database) Database {
	d.DSN += serializable
	return d
}

// bothWays is Both, and once more with each commit of PostgreSQL as a transaction. statements is
// about how many an unlock has.
func bothWays(t *testing.T, fn func(t *testing.T, d Database, statements int)) {
	Both(t, func(t *testing.T, d Database) {
		if d.Dialect == sqlstore.PostgreSQL {
			t.Run("transactions", func(t *testing.T) { fn(t, inTransactions(PostgreSQL(t)), 13) })
			fn(t, d, 4)
			return
		}
		fn(t, d, 13)
	})
}

func TestStateConformance(t *testing.T) {
	t.Parallel()
	Both(t, func(t *testing.T, d Database) {
		s, db := d.Store(t)
		statetest.Run(t, func(t *testing.T) saltostate.Store {
			if _, err := db.ExecContext(t.Context(), "DELETE FROM doorkit_documents"); err != nil {
				t.Fatal(err)
			}
			return s.Documents()
		})
		statetest.RunConflict(t, s.Documents(), func(key string, doc []byte) error {
			q := "UPDATE doorkit_documents SET holder = '', held_until = 0, doc = $2 WHERE name = $1"
			_, err := db.ExecContext(t.Context(), q, key, doc)
			return err
		})
	})
}

// TestStateWritesOnlyChanges counts the writes of documents, not of leases.
func TestStateWritesOnlyChanges(t *testing.T) {
	s, db := SQLite(t).Store(t)
	for _, q := range []string{
		"CREATE TABLE document_writes (name TEXT)",
		"CREATE TRIGGER document_updated AFTER UPDATE OF doc ON doorkit_documents BEGIN INSERT INTO document_writes VALUES (new.name); END",
	} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	statetest.RunUnchanged(t, s.Documents(), func() (mark string, err error) {
		err = db.QueryRowContext(t.Context(), "SELECT count(*) FROM document_writes").Scan(&mark)
		return mark, err
	})
}

func TestStateProcessesSQLite(t *testing.T) {
	t.Parallel()
	stateProcesses(t, func(t *testing.T) Database { return SQLite(t) })
}

func TestStateProcessesPostgreSQL(t *testing.T) {
	t.Parallel()
	stateProcesses(t, func(t *testing.T) Database { return PostgreSQL(t) })
}

func stateProcesses(t *testing.T, where func(t *testing.T) Database) {
	statetest.RunProcesses(t, func(t *testing.T) string { return where(t).String() }, func(where string) (saltostate.Store, error) {
		s, _, err := Parse(where).OpenStore(context.Background())
		if err != nil {
			return nil, err
		}
		return s.Documents(), nil
	}, 20*time.Second)
}
