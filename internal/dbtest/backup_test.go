//go:build unix

package dbtest

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// TestSQLiteBackup copies a database while members unlock, and continues with the
// copy: it is whole, its chain holds, and a tap that it has forgotten opens
// nothing.
func TestSQLiteBackup(t *testing.T) {
	d := SQLite(t)
	s := newScene(t, d)
	must(t, s.store.Documents().Update(t.Context(), "a", func(context.Context, []byte) ([]byte, error) { return []byte("kept"), nil }))
	g := s.gate(0)
	unlock := func(g *gate.Gate, n int, tapped time.Time) gate.Receipt {
		r, err := g.Unlock(t.Context(), gate.Tap{RequestID: fmt.Sprintf("backup-%010d", n), Member: member(n), Door: "front", TappedAt: tapped})
		if err != nil {
			t.Error(err)
		}
		return r
	}
	for i := range 20 {
		unlock(g, i, time.Now())
	}
	done := make(chan struct{})
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := 20 + w; i < 300; i += 4 {
				select {
				case <-done:
					return
				default:
					unlock(g, i, time.Now())
				}
			}
		})
	}
	db := d.Raw(t)
	backup := filepath.Join(t.TempDir(), "backup.db")
	_, err := db.ExecContext(t.Context(), "VACUUM INTO ?", backup)
	close(done)
	all.Wait()
	must(t, err)
	tapped := time.Now()
	if r := unlock(g, 299, tapped); !r.Opened() { // after the backup
		t.Fatalf("got %+v", r)
	}
	moved := len(s.movements())

	restored, _ := Database{sqlstore.SQLite, sqlstore.SQLiteDSN(backup)}.Store(t)
	if doc, err := restored.Documents().Get(t.Context(), "a"); err != nil || string(doc) != "kept" {
		t.Errorf("the document is %q, %v", doc, err)
	}
	again := &scene{t, d, restored, s.doors}
	old := again.gate(10 * time.Second)
	v, err := old.Verify(t.Context(), storage.Head{}, storage.Head{})
	if err != nil || v.Rows < 40 {
		t.Errorf("%d rows, %v", v.Rows, err)
	}
	if _, err := old.Recover(t.Context()); err != nil {
		t.Error(err)
	}
	if r := unlock(old, 299, tapped); r.Cause != gate.CauseDeadline {
		t.Errorf("a forgotten tap: %s %s", r.Outcome, r.Cause)
	}
	if n := len(again.movements()); n != moved {
		t.Errorf("%d movements, before %d", n, moved)
	}
	if r := unlock(again.gate(30*time.Second), 1000, time.Now().Add(30*time.Second)); !r.Opened() {
		t.Errorf("a new tap: %s %s", r.Outcome, r.Cause)
	}
}
