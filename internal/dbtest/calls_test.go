//go:build unix

package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// storeCall is a call of a method at a site that fillCalls filled.
type storeCall struct {
	op      string // in its errors
	changes string // the tables that it changes, without the prefix; empty for a read
	do      func(ctx context.Context, s *sqlstore.Store, site string) (result any, err error)
}

// request is the key of a request of ada.
func request(site, id string) storage.RequestKey {
	return storage.RequestKey{Site: site, Member: "ada", RequestID: "request-" + id}
}

// about is a row of the log about no door, whose note names a person.
func about(person string) storage.LogEntry {
	e := storage.LogEntry{At: noon, Action: "note", Salt: make([]byte, storage.SaltSize), Detail: []byte(`{"note":"` + person + ` called"}`)}
	e.Commitment = storage.Commitment(e.Salt, e.Detail)
	return e
}

// settlement is one of the request "sending"; on PostgreSQL, one with a hold takes a transaction.
func settlement(site string, hold *storage.Hold) storage.Settlement {
	return storage.Settlement{RequestKey: request(site, "sending"), Outcome: storage.Accepted, At: noon, Doc: []byte("{}"), Hold: hold,
		Log:     logEntry("ada", storage.Accepted, 0),
		CheckIn: &storage.CheckIn{Member: "ada", Key: "visit-2", Door: "front", Action: access.Unlock, At: noon}}
}

// fastStore is a store that may lose commits if the machine fails.
func fastStore(t *testing.T, d Database) (*sqlstore.Store, *sql.DB) {
	t.Helper()
	d.DSN = strings.Replace(d.DSN, "synchronous(FULL)", "synchronous(OFF)", 1)
	if d.Dialect == sqlstore.PostgreSQL {
		d.DSN += " synchronous_commit=off"
	}
	db := d.Raw(t)
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: d.Dialect, Migrate: true, Volatile: true})
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s, db
}

// fillCalls fills a site so that each call has something to read or to change.
func fillCalls(t *testing.T, s *sqlstore.Store, site string) {
	t.Helper()
	ctx := t.Context()
	fillSite(t, s, site)
	must(t, s.PutGrant(ctx, site, storage.Grant{Grant: access.Grant{ID: "g1", Member: "ada", Door: "lab", Hours: access.Always()}}))
	for i, id := range []string{"settled", "sending"} {
		_, err := s.Begin(ctx, attempt(request(site, id), time.Duration(i)*10*time.Minute))
		must(t, err)
	}
	_, err := s.Settle(ctx, storage.Settlement{
		RequestKey: request(site, "settled"), Outcome: storage.Accepted, At: noon, Doc: []byte("{}"), Log: logEntry("ada", storage.Accepted, 0),
		Hold:    &storage.Hold{Door: "front", Member: "ada", Since: noon},
		CheckIn: &storage.CheckIn{Member: "ada", Key: "visit-1", Door: "front", Action: access.Unlock, At: noon},
	})
	must(t, err)
	must(t, s.SetKillSwitch(ctx, site, storage.KillSwitch{By: "eve", At: noon}, about("eve")))
	_, err = s.Note(ctx, site, about("eve"))
	must(t, err)
	_, err = s.Ingest(ctx, site, "", "cursor-1", []storage.VendorEntry{{ID: "e1", Lock: "lock-front", At: noon, What: "lock_opened",
		User: "u1"}})
	must(t, err)
	must(t, s.SetVerified(ctx, site, storage.Head{Seq: 1}))
	must(t, s.Documents().Update(ctx, site, func(context.Context, []byte) ([]byte, error) { return []byte("sealed"), nil }))
}

// all reads all that an iterator yields.
func all[T any](seq iter.Seq2[T, error]) (list []T, err error) {
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

var later = noon.Add(time.Hour)

// storeCalls are calls of every method that reads or writes the database.
func storeCalls() []storeCall {
	type ctx = context.Context
	type store = *sqlstore.Store
	visit := storage.Reservation{Reservation: reservation.Reservation{ID: "r2", Resource: "meeting", Member: "ada", Start: noon, End: later,
		Guests: []string{"bob"}}}
	entry := []storage.VendorEntry{{ID: "e2", Lock: "lock-front", At: noon, What: "lock_opened"}}
	return []storeCall{
		{"Rules", "", func(c ctx, s store, site string) (any, error) { return s.Rules(c, site) }},
		{"Door", "", func(c ctx, s store, site string) (any, error) { return s.Door(c, site, "front") }},
		{"Doors", "", func(c ctx, s store, site string) (any, error) { return s.Doors(c, site) }},
		{"Member", "", func(c ctx, s store, site string) (any, error) { return s.Member(c, site, "ada") }},
		{"Members", "", func(c ctx, s store, site string) (any, error) { return all(s.Members(c, site)) }},
		{"Grant", "", func(c ctx, s store, site string) (any, error) { return s.Grant(c, site, "g1") }},
		{"Grants", "", func(c ctx, s store, site string) (any, error) { return s.Grants(c, site, "ada") }},
		{"Reservation", "", func(c ctx, s store, site string) (any, error) { return s.Reservation(c, site, "r1") }},
		{"Reservations", "", func(c ctx, s store, site string) (any, error) {
			return all(s.Reservations(c, storage.ReservationQuery{Site: site}))
		}},
		{"Load", "", func(c ctx, s store, site string) (any, error) {
			return s.Load(c, storage.FactsQuery{Site: site, Member: "ada", Door: "front", At: noon})
		}},
		{"Load", "", func(c ctx, s store, site string) (any, error) {
			return s.LoadAll(c, storage.FactsQuery{Site: site, Member: "ada", At: noon})
		}},
		{"Lookup", "", func(c ctx, s store, site string) (any, error) { return s.Lookup(c, request(site, "settled"), "front") }},
		{"Wait", "", func(c ctx, s store, site string) (any, error) {
			return s.Wait(c, request(site, "settled"), storage.Sending)
		}},
		{"Entries", "", func(c ctx, s store, site string) (any, error) {
			return s.Entries(c, storage.JournalQuery{Site: site, Outcome: storage.Sending})
		}},
		{"Holds", "", func(c ctx, s store, site string) (any, error) { return s.Holds(c, site) }},
		{"KillSwitch", "", func(c ctx, s store, site string) (any, error) { return s.KillSwitch(c, site) }},
		{"CheckIns", "", func(c ctx, s store, site string) (any, error) { return s.CheckIns(c, storage.CheckInQuery{Site: site}) }},
		{"Cursor", "", func(c ctx, s store, site string) (any, error) { return s.Cursor(c, site) }},
		{"VendorEntries", "", func(c ctx, s store, site string) (any, error) {
			return s.VendorEntries(c, storage.VendorQuery{Site: site})
		}},
		{"Ends", "", func(c ctx, s store, site string) (any, error) {
			base, head, err := s.Ends(c, site)
			return [2]storage.Head{base, head}, err
		}},
		{"Rows", "", func(c ctx, s store, site string) (any, error) { return all(s.Rows(c, storage.LogQuery{Site: site})) }},
		{"Verified", "", func(c ctx, s store, site string) (any, error) { return s.Verified(c, site) }},
		{"Due", "", func(c ctx, s store, site string) (any, error) {
			return s.Due(c, storage.DueQuery{Sites: []string{site}, Work: storage.WorkHolds})
		}},
		{"Get", "", func(c ctx, s store, site string) (any, error) { return s.Documents().Get(c, site) }},

		{"PutRules", "sites membership_types resources resource_doors", func(c ctx, s store, site string) (any, error) {
			return nil, s.PutRules(c, storage.Rules{Version: 1, Site: access.Site{ID: site, TimeZone: "UTC"},
				MembershipTypes: []access.MembershipType{{ID: "desk"}}, Resources: []access.Resource{{ID: "room", Doors: []string{"lab"}}}})
		}},
		{"PutDoor", "doors", func(c ctx, s store, site string) (any, error) {
			return nil, s.PutDoor(c, site, storage.Door{Door: access.Door{ID: "back", AccessType: access.AccessOnly},
				Link: storage.Link{Site: "salto", Gateway: "iq", Lock: "lock-back", LinkedAt: noon}})
		}},
		{"DeleteDoor", "doors", func(c ctx, s store, site string) (any, error) { return nil, s.DeleteDoor(c, site, "lab") }},
		{"PutMember", "members", func(c ctx, s store, site string) (any, error) {
			return nil, s.PutMember(c, site, storage.Member{Member: access.Member{ID: "cyd",
				Memberships: []access.Membership{{ID: "m1", Type: "resident"}}}})
		}},
		{"DeleteMember", "members", func(c ctx, s store, site string) (any, error) { return nil, s.DeleteMember(c, site, "bob") }},
		{"PutGrant", "grants", func(c ctx, s store, site string) (any, error) {
			return nil, s.PutGrant(c, site, storage.Grant{Grant: access.Grant{ID: "g2", Member: "bob", Door: "lab", Hours: access.Always()}})
		}},
		{"DeleteGrant", "grants", func(c ctx, s store, site string) (any, error) { return nil, s.DeleteGrant(c, site, "g1") }},
		{"PutReservation", "reservations guests", func(c ctx, s store, site string) (any, error) {
			return nil, s.PutReservation(c, site, visit)
		}},
		{"DeleteReservation", "reservations", func(c ctx, s store, site string) (any, error) { return nil, s.DeleteReservation(c, site, "r1") }},
		{"Begin", "chains log journal", func(c ctx, s store, site string) (any, error) {
			return s.Begin(c, attempt(request(site, "new"), time.Minute))
		}},
		{"Settle", "chains log journal check_ins", func(c ctx, s store, site string) (any, error) { return s.Settle(c, settlement(site, nil)) }},
		{"Settle", "chains log journal check_ins holds", func(c ctx, s store, site string) (any, error) {
			return s.Settle(c, settlement(site, &storage.Hold{Door: "lab", Member: "ada", Since: noon}))
		}},
		{"Prune", "journal", func(c ctx, s store, site string) (any, error) { return s.Prune(c, site, later) }},
		{"EndHolds", "chains log holds", func(c ctx, s store, site string) (any, error) {
			return s.EndHolds(c, site, "front", later, logEntry("", storage.Accepted, 0))
		}},
		{"SetKillSwitch", "chains log", func(c ctx, s store, site string) (any, error) {
			return nil, s.SetKillSwitch(c, site, storage.KillSwitch{Off: true, By: "ada", Why: "alarm", At: noon}, logEntry("", "", 0))
		}},
		{"Note", "chains log", func(c ctx, s store, site string) (any, error) {
			return s.Note(c, site, logEntry("ada", storage.Denied, 0))
		}},
		{"Ingest", "cursors vendor_log", func(c ctx, s store, site string) (any, error) {
			return s.Ingest(c, site, "cursor-1", "cursor-2", entry)
		}},
		{"PruneVendor", "vendor_log", func(c ctx, s store, site string) (any, error) { return s.PruneVendor(c, site, later) }},
		{"SetVerified", "verified", func(c ctx, s store, site string) (any, error) {
			return nil, s.SetVerified(c, site, storage.Head{Seq: 2})
		}},
		{"Retain", "chains log", func(c ctx, s store, site string) (any, error) {
			base, n, err := s.Retain(c, site, later, logEntry("", "", 2*time.Hour))
			return struct {
				base    storage.Head
				removed int
			}{base, n}, err
		}},
		{"Erase", "chains log", func(c ctx, s store, site string) (any, error) { return s.Erase(c, site, "eve", later) }},
		{"Erase", "log journal check_ins holds", func(c ctx, s store, site string) (any, error) { return s.Erase(c, site, "ada", later) }},
		{"EraseVendorUser", "vendor_log", func(c ctx, s store, site string) (any, error) { return s.EraseVendorUser(c, site, "u1") }},
		{"AcquireLease", "leases", func(c ctx, s store, site string) (any, error) {
			return s.AcquireLease(c, site, "recover", "one", time.Minute)
		}},
	}
}

// requireFailed requires the error of a call, without a result.
func requireFailed(t *testing.T, what string, c storeCall, result any, err, cause error) {
	t.Helper()
	e, ok := errors.AsType[*sqlstore.Error](err)
	if !ok || e.Op != c.op || e.Kind != sqlstore.Unreachable || cause != nil && !errors.Is(err, cause) {
		t.Errorf("%s, %s: got %v", c.op, what, err)
	}
	if result != nil && !reflect.ValueOf(result).IsZero() {
		t.Errorf("%s, %s: it returns %+v with its error", c.op, what, result)
	}
}

// TestErrorsNameTheMethod calls every method without a database.
func TestErrorsNameTheMethod(t *testing.T) {
	Both(t, func(t *testing.T, d Database) {
		s, db := d.Store(t)
		must(t, db.Close())
		for _, c := range append(storeCalls(), storeCall{"Update", "", func(ctx context.Context, s *sqlstore.Store, site string) (any, error) {
			return nil, s.Documents().Update(ctx, site, func(context.Context, []byte) ([]byte, error) { return []byte("new"), nil })
		}}) {
			result, err := c.do(t.Context(), s, "loft")
			requireFailed(t, "a closed database", c, result, err, nil)
		}
	})
}

var errInjected = errors.New("dbtest: an injected fault")

// ownWay are methods that write in another way on PostgreSQL.
var ownWay = []string{"PutMember", "Begin", "Settle", "Prune", "Note", "AcquireLease"}

func TestFailedStatementSQLite(t *testing.T) { testFailedStatements(t, SQLite(t)) }

func TestFailedStatementPostgreSQL(t *testing.T) { testFailedStatements(t, PostgreSQL(t)) }

// testFailedStatements fails each statement of each method: the error is returned, and
// nothing is written. Without a fault the method changes the tables that it should.
func testFailedStatements(t *testing.T, d Database) {
	plain, db := fastStore(t, d)
	var steps []Step
	failAt := 0 // the step, from 1 on
	s := hooked(t, d, func(step Step) error {
		// What is prepared after a transaction, and cleaned after an erasure, may fail.
		if step.Done || step.What == "prepare" || step.What == "rollback" || strings.Contains(step.Text, "wal_checkpoint") {
			return nil
		}
		if steps = append(steps, step); len(steps) == failAt {
			return errInjected
		}
		return nil
	})
	fillCalls(t, plain, "reads")
	for i, c := range storeCalls() {
		if d.Dialect == sqlstore.PostgreSQL && !slices.Contains(ownWay, c.op) {
			continue
		}
		site, before := "reads", map[string]string(nil)
		if c.changes != "" {
			site = fmt.Sprint("site-", i)
			fillCalls(t, plain, site)
			before = tables(t, db, d.Dialect)
		}
		requireChanged := func(want ...string) {
			t.Helper()
			if before == nil {
				return
			}
			if found := changed(before, tables(t, db, d.Dialect)); !slices.Equal(found, want) {
				t.Fatalf("%s, fault at step %d of %d: it changed %q, want %q", c.op, failAt, len(steps), found, want)
			}
		}
		for failAt = 1; ; failAt++ {
			steps = nil
			result, err := c.do(t.Context(), s, site)
			if failAt > len(steps) {
				must(t, err)
				if result != nil && reflect.ValueOf(result).IsZero() {
					t.Errorf("%s returns nothing", c.op)
				}
				break
			}
			requireFailed(t, fmt.Sprintf("step %d, %+v", failAt, steps[failAt-1]), c, result, err, errInjected)
			requireChanged()
		}
		want := strings.Fields(c.changes)
		slices.Sort(want)
		requireChanged(want...)
		if _, err := storage.Verify(t.Context(), plain, site, storage.Head{}, storage.Head{}); err != nil {
			t.Errorf("after %s: %v", c.op, err)
		}
		for i, step := range steps {
			if d.Dialect == sqlstore.PostgreSQL && step.What == "begin" && !strings.Contains(steps[i+1].Text, "lock_timeout") {
				t.Errorf("%s: a process that freezes keeps the locks of %s", c.op, steps[i+1].Text)
			}
		}
	}
}

// tables returns the rows of each table, without its prefix.
func tables(t *testing.T, db *sql.DB, d sqlstore.Dialect) map[string]string {
	t.Helper()
	lines := map[string][]string{}
	read := func(q string) {
		t.Helper()
		rows, err := db.QueryContext(t.Context(), q)
		must(t, err)
		defer rows.Close()
		columns, err := rows.Columns()
		must(t, err)
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range into {
			into[i] = &values[i]
		}
		for rows.Next() {
			must(t, rows.Scan(into...))
			name := values[0].(string)
			lines[name] = append(lines[name], fmt.Sprint(values...))
		}
		must(t, rows.Err())
	}
	var parts []string
	for _, name := range tableNames {
		if d == sqlstore.SQLite {
			read("SELECT '" + name + "', * FROM doorkit_" + name)
		}
		parts = append(parts, "SELECT '"+name+"', CAST(t AS TEXT) FROM doorkit_"+name+" t")
	}
	if d == sqlstore.PostgreSQL { // in one round trip
		read(strings.Join(parts, " UNION ALL "))
	}
	all := map[string]string{}
	for _, name := range tableNames {
		slices.Sort(lines[name])
		all[name] = strings.Join(lines[name], "\n")
	}
	return all
}

var tableNames = strings.Fields("sites membership_types resources resource_doors doors members grants reservations guests " +
	"chains journal log check_ins holds vendor_log cursors documents leases verified")

// changed returns the names of the tables that differ.
func changed(before, after map[string]string) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if before[name] != after[name] {
			names = append(names, name)
		}
	}
	return names
}
