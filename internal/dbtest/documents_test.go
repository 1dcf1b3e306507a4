//go:build unix

package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access/gate/sqlstore"
)

func keep(_ context.Context, current []byte) ([]byte, error) { return current, nil }

// updateAfter measures an Update of a document whose lease has the given holder and
// lasts for a minute, in the time of a bubble. meanwhile is run at its beginning.
func updateAfter(t *testing.T, holder string, meanwhile func(db *sql.DB)) (took time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		d := Database{sqlstore.SQLite, sqlstore.SQLiteDSN(filepath.Join(t.TempDir(), "doors.db"))}
		s, db := d.Store(t)
		must(t, s.Documents().Update(t.Context(), "k", keep))
		_, err := db.ExecContext(t.Context(), "UPDATE doorkit_documents SET holder = $1, held_until = $2", holder,
			time.Now().Add(100*365*24*time.Hour).UnixMicro())
		must(t, err)
		if meanwhile != nil {
			go meanwhile(db)
		}
		start := time.Now()
		must(t, s.Documents().Update(t.Context(), "k", keep))
		took = time.Since(start)
	})
	return took
}

// TestDeadHolder: a lease that is not renewed for 8 seconds ends, even if by the
// database's clock it lasts for years; one that is renewed meanwhile does not.
func TestDeadHolder(t *testing.T) {
	if took := updateAfter(t, "dead", nil); took < 8*time.Second || took > 9*time.Second {
		t.Errorf("the lease of a dead process ended after %s, want 8s", took)
	}
	took := updateAfter(t, "alive", func(db *sql.DB) {
		<-time.After(6 * time.Second)
		if _, err := db.Exec("UPDATE doorkit_documents SET held_until = held_until + 1"); err != nil {
			t.Error(err)
		}
	})
	if took < 14*time.Second || took > 15*time.Second {
		t.Errorf("a lease that was renewed after 6s ended after %s, want 14s", took)
	}
}

// TestUpdateEnds: nothing of an Update that ended runs on, and its errors name it.
func TestUpdateEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails for a goroutine that is left
		s, db := SQLite(t).Store(t)
		docs := s.Documents()
		update := func(ctx context.Context, key string, fn func()) error {
			return docs.Update(ctx, key, func(context.Context, []byte) ([]byte, error) { fn(); return []byte("new"), nil })
		}
		requireUpdate := func(err, cause error) {
			t.Helper()
			if e, ok := errors.AsType[*sqlstore.Error](err); !ok || e.Op != "Update" || cause != nil && !errors.Is(err, cause) {
				t.Errorf("got %v", err)
			}
		}
		must(t, update(t.Context(), "waits", func() {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			requireUpdate(update(ctx, "waits", func() { t.Error("two have the lease") }), context.DeadlineExceeded)
		}))
		requireUpdate(update(t.Context(), "breaks", func() { must(t, db.Close()) }), nil)
	})
}
