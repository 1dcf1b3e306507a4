//go:build unix

package dbtest

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

var writeDumps = flag.Bool("write-dumps", false, "write testdata/vN.*.sql for the version before the newest migration")

// fillDump stores something in every table.
func fillDump(t *testing.T, s *sqlstore.Store) {
	t.Helper()
	ctx := t.Context()
	fillSite(t, s, "loft")
	must(t, storage.UpdateRules(ctx, s, "loft", func(r *storage.Rules) error {
		r.Resources[0].Before = new(5 * time.Minute)
		r.Exceptions = []access.Exception{{From: access.Date{Year: 2026, Month: 12, Day: 24}, To: access.Date{Year: 2026, Month: 12, Day: 26},
			Closed: true, Doors: []string{"lab"}}}
		r.Closures = []access.Closure{{From: noon, Until: noon.Add(time.Hour), Note: "new floor"}}
		return nil
	}))
	must(t, storage.UpdateReservation(ctx, s, "loft", "r1", func(r *storage.Reservation) error { r.Guests = []string{"bob"}; return nil }))
	must(t, s.PutGrant(ctx, "loft", storage.Grant{Grant: access.Grant{ID: "g1", Member: "ada", Door: "lab",
		Hours: access.Weekly(access.Range{Days: []access.Day{access.Mon}, From: access.At(8, 0),
			To: access.At(18, 0)}), Until: noon, DuringClosures: true}}))
	key := storage.RequestKey{Site: "loft", Member: "ada", RequestID: "request-00000001"}
	_, err := s.Begin(ctx, attempt(key, 0))
	must(t, err)
	_, err = s.Settle(ctx, storage.Settlement{
		RequestKey: key, Outcome: storage.Accepted, At: noon, Doc: []byte("{}"), Log: logEntry("ada", storage.Accepted, 0),
		CheckIn: &storage.CheckIn{Member: "ada", Key: "day/2026-05-04", Door: "front", Action: access.Unlock, At: noon, Day: "2026-05-04"},
		Hold:    &storage.Hold{Door: "lab", Member: "ada", Since: noon},
	})
	must(t, err)
	_, err = s.Ingest(ctx, "loft", "", "cursor-1", []storage.VendorEntry{{ID: "e1", Lock: "lock-front", At: noon, What: "lock_opened"}})
	must(t, err)
	must(t, s.Documents().Update(ctx, "saltoks/k", func(context.Context, []byte) ([]byte, error) { return []byte("sealed"), nil }))
}

// readDump checks what fillDump stored, as far as the version had tables for it.
func readDump(t *testing.T, s *sqlstore.Store, version int) {
	t.Helper()
	ctx := t.Context()
	snap, err := s.Load(ctx, storage.FactsQuery{Site: "loft", Member: "ada", Door: "lab", At: noon})
	must(t, err)
	q := snap.Question
	if q.Member == nil || len(q.Member.Memberships) != 1 || len(q.MembershipTypes) != 1 || len(q.Grants) != 1 ||
		!q.Grants[0].Until.Equal(noon) || !q.Grants[0].DuringClosures ||
		len(q.Closures) != 1 || q.Closures[0].Note != "new floor" || len(q.Exceptions) != 1 || !q.Exceptions[0].Closed ||
		len(q.Exceptions[0].Doors) != 1 ||
		snap.Link.Lock != "lock-lab" || q.TimeZone != "Europe/Berlin" {
		t.Errorf("the facts are %+v", snap)
	}
	n := 0
	for r, err := range s.Reservations(ctx, storage.ReservationQuery{Site: "loft"}) {
		must(t, err)
		if n++; r.ID != "r1" || !r.Start.Equal(noon) || len(r.Guests) != 1 {
			t.Errorf("the reservation is %+v", r)
		}
	}
	if n != 1 {
		t.Errorf("%d reservations", n)
	}
	must(t, s.PutDoor(ctx, "loft", storage.Door{Door: access.Door{ID: "new", AccessType: access.AccessOnly}}))
	if version >= 2 {
		v, err := storage.Verify(ctx, s, "loft", storage.Head{}, storage.Head{})
		if err != nil || v.Rows != 2 {
			t.Errorf("the log: %v, %+v", err, v)
		}
		m, err := s.Lookup(ctx, storage.RequestKey{Site: "loft", Member: "ada", RequestID: "request-00000001"}, "lab")
		if err != nil || m.Entry == nil || m.Entry.Outcome != storage.Accepted || !m.Holding {
			t.Errorf("the journal: %v, %+v", err, m)
		}
		list, err := s.CheckIns(ctx, storage.CheckInQuery{Site: "loft"})
		if err != nil || len(list) != 1 {
			t.Errorf("the check-ins: %v, %v", err, list)
		}
		place, err := s.Cursor(ctx, "loft")
		if err != nil || place != "cursor-1" {
			t.Errorf("the cursor: %v, %q", err, place)
		}
	}
	if version >= 3 {
		doc, err := s.Documents().Get(ctx, "saltoks/k")
		if err != nil || string(doc) != "sealed" {
			t.Errorf("the document: %v, %q", err, doc)
		}
	}
	_, err = s.Begin(ctx, attempt(storage.RequestKey{Site: "loft", Member: "bob", RequestID: "request-00000002"}, 0))
	must(t, err)
}

// TestWriteDumps freezes versions as files. It is run by hand before a release
// with -write-dumps; a file that was released never changes again.
func TestWriteDumps(t *testing.T) {
	if !*writeDumps {
		t.Skip("run by hand with -write-dumps")
	}
	Both(t, func(t *testing.T, d Database) {
		r := &recorder{}
		db, err := d.OpenHooked(r.hook)
		must(t, err)
		defer db.Close()
		s, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: d.Dialect, Migrate: true})
		must(t, err)
		defer s.Close()
		var schema strings.Builder
		var tables []string
		version := 0
		for _, step := range r.take() {
			if step.What != "exec" || !strings.Contains(step.Text, "doorkit_") {
				continue
			}
			text := strings.TrimRight(strings.TrimSpace(step.Text), ";")
			if _, name, ok := strings.Cut(text, "CREATE TABLE "); ok {
				name, _, _ = strings.Cut(name, " ")
				tables = append(tables, name)
			}
			if strings.HasPrefix(text, "INSERT INTO doorkit_migrations") {
				version++
				fmt.Fprintf(&schema, "INSERT INTO doorkit_migrations (version, name, done) VALUES (%d, '%v', 0);\n", step.Args[0].Value,
					step.Args[1].Value)
				if version == 1 {
					fillDump(t, s)
				}
				path := filepath.Join("testdata", fmt.Sprintf("v%d.%s.sql", version, strings.ToLower(d.Dialect.String())))
				must(t, os.WriteFile(path, []byte(schema.String()+rows(t, d, tables)), 0o644))
				continue
			}
			schema.WriteString(text + ";\n")
		}
	})
}

// rows are the rows of the tables as statements.
func rows(t *testing.T, d Database, tables []string) string {
	var b strings.Builder
	for _, table := range tables {
		if table == "doorkit_migrations" {
			continue
		}
		rows, err := d.Raw(t).QueryContext(t.Context(), "SELECT * FROM "+table)
		must(t, err)
		columns, err := rows.Columns()
		must(t, err)
		for rows.Next() {
			values := make([]any, len(columns))
			into := make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			must(t, rows.Scan(into...))
			var names, texts []string
			for i, v := range values {
				if columns[i] == "added" || columns[i] == "id" && table == "doorkit_holds" {
					continue // the database counts these itself
				}
				names, texts = append(names, columns[i]), append(texts, literal(d, v))
			}
			fmt.Fprintf(&b, "INSERT INTO %s (%s) VALUES (%s);\n", table, strings.Join(names, ", "), strings.Join(texts, ", "))
		}
		must(t, rows.Err())
		rows.Close()
	}
	return b.String()
}

func literal(d Database, v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case int64:
		return fmt.Sprint(v)
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	case []byte:
		if d.Dialect == sqlstore.SQLite {
			return fmt.Sprintf("X'%x'", v)
		}
		return fmt.Sprintf("'\\x%x'", v)
	}
	panic(fmt.Sprintf("a value of type %T", v))
}
