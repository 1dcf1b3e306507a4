//go:build unix

package dbtest

import (
	"context"
	"database/sql"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// TestPlans runs everything the storage can do, and asks the database for the
// plan of every statement that was sent: none may read a table from end to end.
func TestPlans(t *testing.T) {
	Both(t, func(t *testing.T, d Database) {
		s, r := watched(t, d)
		use(t, s)
		db := d.Raw(t)
		seen := map[string]bool{}
		for _, step := range r.take() {
			if step.What != "exec" && step.What != "query" || seen[step.Text] || !strings.Contains(step.Text, "doorkit_") ||
				strings.Contains(step.Text, "doorkit_migrations") {
				continue
			}
			seen[step.Text] = true
			for _, line := range plan(t, d, db, step) {
				if m := scans.FindString(line); m != "" && !readWhole(step.Text, line) {
					t.Errorf("%s\nreads a whole table: %s", step.Text, line)
				}
			}
		}
		if len(seen) < 50 {
			t.Errorf("only %d statements were seen", len(seen))
		}
	})
}

// scans finds a table that is read from end to end.
var scans = regexp.MustCompile(`SCAN (doorkit_|[a-z]\b)|Seq Scan on doorkit_`)

// readWhole accepts what is no table: the one row in Look, and in Load the
// member's own bookings and the rooms behind the door, which were found by index.
func readWhole(text, line string) bool {
	return line == "SCAN o" && (strings.Contains(text, "(SELECT 1 AS one) o") || strings.Contains(text, "FROM spots o "))
}

// plan asks for the plan of a statement, in lines.
func plan(t *testing.T, d Database, db *sql.DB, s Step) []string {
	t.Helper()
	args := plain(s.Args)
	if d.Dialect == sqlstore.SQLite {
		rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+s.Text, args...)
		if err != nil {
			t.Fatalf("%s: %v", s.Text, err)
		}
		defer rows.Close()
		var lines []string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, detail)
		}
		must(t, rows.Err())
		return lines
	}
	// With few rows it is cheaper to read a table whole; so that is made to
	// look expensive, and what remains is what no index can do.
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "SET enable_seqscan = off"); err != nil {
		t.Fatal(err)
	}
	return explain(t, conn, "EXPLAIN ", s.Text, args)
}

func explain(t *testing.T, conn *sql.Conn, how, text string, args []any) []string {
	t.Helper()
	rows, err := conn.QueryContext(t.Context(), how+text, append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	must(t, rows.Err())
	return lines
}

// use does everything a store can do, once.
func use(t *testing.T, s *sqlstore.Store) {
	t.Helper()
	ctx, site := t.Context(), "loft"
	fillSite(t, s, site)
	g := access.Grant{ID: "g1", Member: "ada", Door: "lab", Hours: access.Always()}
	must(t, s.PutGrant(ctx, site, storage.Grant{Grant: g}))
	rules, err := s.Rules(ctx, site)
	must(t, err)
	must(t, s.PutRules(ctx, rules))
	door, err := s.Door(ctx, site, "lab")
	must(t, err)
	must(t, s.PutDoor(ctx, site, door))
	read := func(_ any, err error) { t.Helper(); must(t, err) }
	for _, member := range []string{"ada", ""} {
		list, err := s.Grants(ctx, site, member)
		read(list, err)
	}
	doors, err := s.Doors(ctx, site)
	read(doors, err)
	m, err := s.Member(ctx, site, "ada")
	read(m, err)
	for _, err := range s.Members(ctx, site) {
		must(t, err)
	}
	for _, q := range []storage.ReservationQuery{
		{Site: site}, {Site: site, Member: "ada"}, {Site: site, Resources: []string{"meeting"}, EndAfter: noon, StartBefore: noon.Add(time.Hour)},
	} {
		for _, err := range s.Reservations(ctx, q) {
			must(t, err)
		}
	}
	one, err := s.Load(ctx, storage.FactsQuery{Site: site, Member: "ada", Door: "front", At: noon})
	read(one, err)
	all, err := s.LoadAll(ctx, storage.FactsQuery{Site: site, Member: "ada", At: noon})
	read(all, err)

	key := storage.RequestKey{Site: site, Member: "ada", RequestID: "request-00000001"}
	claim, err := s.Begin(ctx, attempt(key, 0))
	read(claim, err)
	shared := attempt(storage.RequestKey{Site: site, Member: "ada", RequestID: "request-00000002"}, time.Second)
	claim, err = s.Begin(ctx, shared)
	if read(claim, err); claim.State != storage.Shared {
		t.Fatalf("state %d", claim.State)
	}
	denial := attempt(storage.RequestKey{Site: site, Member: "ada", RequestID: "request-00000003"}, time.Minute)
	denial.Entry.Outcome, denial.ShareWithin = storage.Denied, 0
	claim, err = s.Begin(ctx, denial)
	read(claim, err)
	memory, err := s.Lookup(ctx, key, "front")
	read(memory, err)
	st := storage.Settlement{RequestKey: key, Outcome: storage.Accepted, At: noon, Doc: []byte("{}"),
		Log: logEntry("ada", storage.Accepted, 0), EndHolds: noon}
	st.CheckIn = &storage.CheckIn{Member: "ada", Key: "day/1", Door: "front", At: noon}
	st.Hold = &storage.Hold{Door: "lab", Member: "ada", Since: noon}
	for range 2 {
		settled, err := s.Settle(ctx, st)
		read(settled, err)
	}
	entry, err := s.Wait(ctx, key, storage.Sending)
	read(entry, err)
	seq, err := s.Note(ctx, site, logEntry("eve", "", time.Hour))
	read(seq, err)
	for _, q := range []storage.JournalQuery{{Site: site, Outcome: storage.Accepted},
		{Site: site, Outcome: storage.Sending, SendByBefore: noon}, {Site: site, Outcome: storage.Unconfirmed, BegunSince: noon}} {
		list, err := s.Entries(ctx, q)
		read(list, err)
	}
	for _, q := range []storage.LogQuery{
		{Site: site}, {Site: site, Newest: true, Limit: 1}, {Site: site, Door: "front", Newest: true}, {Site: site, Member: "ada"},
		{Site: site, Outcome: storage.Denied, After: 1}, {Site: site, From: noon, Until: noon.Add(time.Hour)}, {Site: site, Newest: true,
			After: 3},
	} {
		for _, err := range s.Rows(ctx, q) {
			must(t, err)
		}
	}
	base, _, err := s.Ends(ctx, site)
	read(base, err)
	must(t, s.SetVerified(ctx, site, storage.Head{Seq: 1}))
	verified, err := s.Verified(ctx, site)
	read(verified, err)
	holds, err := s.Holds(ctx, site)
	read(holds, err)
	must(t, s.SetKillSwitch(ctx, site, storage.KillSwitch{Off: true, By: "eve", At: noon}, logEntry("", "", 0)))
	sw, err := s.KillSwitch(ctx, site)
	read(sw, err)
	holds, err = s.EndHolds(ctx, site, "lab", noon, logEntry("eve", "", 0))
	read(holds, err)
	for _, q := range []storage.CheckInQuery{{Site: site}, {Site: site, Member: "ada", Limit: 3},
		{Site: site, From: noon, Until: noon.Add(time.Hour)}} {
		list, err := s.CheckIns(ctx, q)
		read(list, err)
	}
	n, err := s.Ingest(ctx, site, "", "c1", []storage.VendorEntry{{ID: "e1", Lock: "l1", At: noon, User: "u1"}})
	read(n, err)
	cursor, err := s.Cursor(ctx, site)
	read(cursor, err)
	for _, q := range []storage.VendorQuery{{Site: site}, {Site: site, Lock: "l1"}, {Site: site, User: "u1", From: noon},
		{Site: site, Lock: "l1", Until: noon}} {
		list, err := s.VendorEntries(ctx, q)
		read(list, err)
	}
	for _, work := range []storage.Work{storage.WorkRecover, storage.WorkHolds, storage.WorkPrune, storage.WorkRetain, storage.WorkVerify} {
		due, err := s.Due(ctx, storage.DueQuery{Sites: []string{site, "attic"}, Work: work, Before: noon})
		read(due, err)
	}
	n, err = s.PruneVendor(ctx, site, noon)
	read(n, err)
	n, err = s.Prune(ctx, site, noon)
	read(n, err)
	for _, before := range []time.Time{noon.Add(-time.Hour), noon.Add(time.Hour)} {
		base, _, err = s.Retain(ctx, site, before, logEntry("", "", 0))
		read(base, err)
	}
	erased, err := s.Erase(ctx, site, "ada", noon)
	read(erased, err)
	_, err = s.Ingest(ctx, site, "c1", "c2", []storage.VendorEntry{{ID: "e2", Lock: "l1", At: noon, User: "u1"}})
	must(t, err)
	erased, err = s.EraseVendorUser(ctx, site, "u1")
	read(erased, err)

	docs := s.Documents()
	for _, next := range [][]byte{[]byte("one"), []byte("one"), nil, nil} {
		must(t, docs.Update(ctx, "k", func(context.Context, []byte) ([]byte, error) { return next, nil }))
	}
	doc, err := docs.Get(ctx, "k")
	read(doc, err)
	must(t, s.DeleteGrant(ctx, site, "g1"))
	must(t, s.DeleteReservation(ctx, site, "r1"))
	must(t, s.DeleteMember(ctx, site, "ada"))
	must(t, s.DeleteDoor(ctx, site, "lab"))
}
