//go:build unix

package dbtest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// TestEraseFromTheFile erases a member who came and went, whose facts the host has
// deleted: their id must be nowhere in the files of the database, nor the salt that
// would prove it against a commitment.
func TestEraseFromTheFile(t *testing.T) {
	t.Parallel()
	const id, user = "ada-lovelace-1815", "salto-user-1815"
	taps := scaled(60, 20)
	for _, later := range []string{"", "Retain", "Due"} { // what cleans the file, if another connection reads
		reading := later != ""
		dir := t.TempDir()
		d := Database{sqlstore.SQLite, sqlstore.SQLiteDSN(filepath.Join(dir, "doors.db"))}
		s, db := d.Store(t)
		fillSite(t, s, "loft")
		member := storage.Member{Member: access.Member{ID: id, Memberships: []access.Membership{{ID: "m1", Type: "resident"}}}}
		must(t, s.PutMember(t.Context(), "loft", member))
		now := noon
		g, err := gate.New(gate.Config{
			Site: "loft", Facts: s, Records: s, Locks: doors{path: filepath.Join(dir,
				"movements")}, CheckIns: gate.EveryUnlock, Now: func() time.Time { return now },
		})
		must(t, err)
		for i := range taps {
			tap := tap(i)
			tap.Member, tap.TappedAt = id, now
			r, err := g.Unlock(t.Context(), tap)
			if err != nil || !r.Opened() {
				t.Fatalf("%s %s, %v", r.Outcome, r.Cause, err)
			}
			now = now.Add(time.Minute)
		}
		must(t, g.SwitchOff(t.Context(), "eve", id+" lost a phone"))
		_, err = s.Ingest(t.Context(), "loft", "", "c1", []storage.VendorEntry{{ID: "e1", Lock: "lock-front", At: noon, User: user,
			Raw: []byte(user)}})
		must(t, err)
		must(t, s.DeleteMember(t.Context(), "loft", id))
		if found := inFiles(t, dir, id); found < 2*taps {
			t.Errorf("the id is in the files %d times before: too few to prove anything", found)
		}

		reader, err := db.Conn(t.Context())
		must(t, err)
		defer reader.Close()
		if reading {
			_, err = reader.ExecContext(t.Context(), "BEGIN DEFERRED")
			must(t, err)
			var n int
			must(t, reader.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM doorkit_log").Scan(&n))
		}
		now = now.Add(time.Hour)
		erased, err := g.Erase(t.Context(), id)
		if err != nil || erased.Rows != 2*taps+1 || erased.Pending != reading {
			t.Errorf("%+v, %v; another connection reads: %t", erased, err, reading)
		}
		_, err = g.EraseVendorUser(t.Context(), user)
		must(t, err)
		if reading { // what it kept in the file is cleaned by the next retention
			_, err = reader.ExecContext(t.Context(), "ROLLBACK")
			must(t, err)
			if later == "Due" { // as Runners do: nothing is old
				due, err := s.Due(t.Context(), storage.DueQuery{Sites: []string{"loft"}, Work: storage.WorkRetain, Before: noon})
				if err != nil || len(due) != 0 {
					t.Errorf("due %v, %v", due, err)
				}
			} else {
				_, _, err = g.Retain(t.Context(), noon)
				must(t, err)
			}
		}
		for _, text := range []string{id, user} {
			if found := inFiles(t, dir, text); found != 0 {
				t.Errorf("%q is in the files %d times; another connection read: %t", text, found, reading)
			}
		}
		if v, err := g.Verify(t.Context(), gate.Head{}, gate.Head{}); err != nil || v.Erased != 2*taps+1 {
			t.Errorf("%+v, %v", v, err)
		}
	}
}

// inFiles counts a text in all files of a folder but the one of the movements.
func inFiles(t *testing.T, dir, text string) (n int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "doors.db*"))
	must(t, err)
	for _, path := range files {
		data, err := os.ReadFile(path)
		must(t, err)
		n += bytes.Count(data, []byte(text))
	}
	return n
}
