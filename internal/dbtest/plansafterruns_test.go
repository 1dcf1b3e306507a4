//go:build unix

package dbtest

import (
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// plansAfterRuns runs the reads and deletions of a site with a long log ten times on
// one connection. After five runs PostgreSQL may replace the plan for the values with
// one for any values; neither may read more pages than the rows it returns account for.
func plansAfterRuns(t *testing.T, d Database, long int) {
	db := d.Raw(t)
	r := &recorder{}
	hookedDB, err := d.OpenHooked(r.hook)
	must(t, err)
	t.Cleanup(func() { hookedDB.Close() })
	hookedDB.SetMaxOpenConns(1)
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: hookedDB, Dialect: d.Dialect})
	must(t, err)
	t.Cleanup(func() { s.Close() })

	ctx, site := t.Context(), "loft"
	middle, end := noon.Add(time.Duration(long/2)*time.Minute), noon.Add(time.Duration(long)*time.Minute)
	rows := func(q storage.LogQuery) func() error {
		q.Site = site
		return func() error {
			for _, err := range s.Rows(ctx, q) {
				if err != nil {
					return err
				}
			}
			return nil
		}
	}
	journal := func(q storage.JournalQuery) func() error {
		q.Site = site
		return func() error { _, err := s.Entries(ctx, q); return err }
	}
	vendor := func(q storage.VendorQuery) func() error {
		q.Site = site
		return func() error { _, err := s.VendorEntries(ctx, q); return err }
	}
	due := func(w storage.Work) func() error {
		return func() error {
			_, err := s.Due(ctx, storage.DueQuery{Sites: []string{site}, Work: w, Before: noon})
			return err
		}
	}
	late, minutes := false, 0
	retainMore := func() error {
		minutes += 10
		_, n, err := s.Retain(ctx, site, noon.Add(time.Duration(minutes)*time.Minute), logEntry("", "", 0))
		if err == nil && n == 0 {
			err = errors.New("no row was removed")
		}
		return err
	}
	for _, c := range []struct {
		name  string
		run   func() error
		pages int
	}{
		{"an hour of the log", rows(storage.LogQuery{From: middle, Until: middle.Add(time.Hour)}), 600},
		{"an hour of the log, newest first", rows(storage.LogQuery{From: middle, Until: middle.Add(time.Hour), Newest: true, Limit: 50}), 600},
		{"an hour at a door", rows(storage.LogQuery{Door: "door7", From: middle, Until: middle.Add(time.Hour)}), 600},
		{"an hour of a member", rows(storage.LogQuery{Member: "m7", From: middle, Until: middle.Add(time.Hour)}), 600},
		{"the newest of half of the log", rows(storage.LogQuery{From: middle, Newest: true, Limit: 50}), 600 + long/300},
		{"the newest of a door", rows(storage.LogQuery{Door: "door7", Newest: true, Limit: 50}), 600},
		{"the newest of a member", rows(storage.LogQuery{Member: "m7", Newest: true, Limit: 50}), 600},
		{"a rare outcome", rows(storage.LogQuery{Outcome: storage.Unconfirmed}), 10 * long / 5000},
		{"the newest of a rare outcome", rows(storage.LogQuery{Outcome: storage.NotSent, Newest: true, Limit: 50}), 600},
		{"the newest of a frequent outcome", rows(storage.LogQuery{Outcome: storage.Accepted, Newest: true, Limit: 50}), 600},
		{"a rare outcome at a door in an hour",
			rows(storage.LogQuery{Outcome: storage.Denied, Door: "door7", From: middle, Until: middle.Add(time.Hour)}), 600},
		{"journal: sending", journal(storage.JournalQuery{Outcome: storage.Sending, SendByBefore: end}), 600},
		{"journal: accepted in an hour", journal(storage.JournalQuery{Outcome: storage.Accepted, BegunSince: end.Add(-time.Hour)}), 600},
		{"check-ins of an hour", func() error {
			_, err := s.CheckIns(ctx, storage.CheckInQuery{Site: site, From: middle, Until: middle.Add(time.Hour)})
			return err
		}, 600},
		{"vendor log: an hour", vendor(storage.VendorQuery{From: middle, Until: middle.Add(time.Hour)}), 600},
		{"vendor log: an hour of a lock", vendor(storage.VendorQuery{Lock: "door7", From: middle, Until: middle.Add(time.Hour)}), 600},
		{"prune: nothing", func() error { _, err := s.Prune(ctx, site, noon); return err }, 600},
		{"prune vendor: nothing", func() error { _, err := s.PruneVendor(ctx, site, noon); return err }, 600},
		{"retain: nothing", func() error { _, _, err := s.Retain(ctx, site, noon, logEntry("", "", 0)); return err }, 600},
		{"retain: ten minutes", retainMore, 1200},
		{"due: recover", due(storage.WorkRecover), 600},
		{"due: prune", due(storage.WorkPrune), 20},
		{"due: holds", due(storage.WorkHolds), 600},
		{"due: retain", due(storage.WorkRetain), 600},
		{"due: verify", due(storage.WorkVerify), 600},
		{"erase: a person without rows", func() error {
			if _, err := s.Erase(ctx, site, "a stranger", noon); !errors.Is(err, storage.ErrNotFound) {
				return fmt.Errorf("erased: %w", err)
			}
			return nil
		}, 600},
		{"a quarter of the log", rows(storage.LogQuery{From: middle, Until: middle.Add(time.Duration(long/4) * time.Minute), Limit: 50}),
			600 + long/600},
		{"a quarter of the log at a door",
			rows(storage.LogQuery{Door: "door7", From: middle, Until: middle.Add(time.Duration(long/4) * time.Minute), Limit: 50}),
			600 + long/600},
		{"a day, all of it", rows(storage.LogQuery{From: middle, Until: middle.Add(24 * time.Hour)}), 3000},
		{"retain: ten minutes after most of the log", func() error {
			if !late {
				removeQuickly(t, db, long*4/5)
				late = true
				minutes = long * 4 / 5
			}
			return retainMore()
		}, 1200},
	} {
		for range 10 {
			must(t, c.run())
		}
		r.take()
		must(t, c.run())
		for _, step := range r.take() {
			if strings.Contains(step.Text, "doorkit_") && !strings.Contains(step.Text, "INSERT") && (step.What == "query" || step.What == "exec") {
				if pages, plan := pagesAfterRuns(t, db, step); pages > c.pages {
					t.Errorf("%s reads %d pages, want at most %d\n%s\n%s", c.name, pages, c.pages, step.Text, plan)
				}
			}
		}
	}
}

// removeQuickly is a Retain of n rows of which the database has not counted the rows yet.
func removeQuickly(t *testing.T, db *sql.DB, n int) {
	t.Helper()
	for _, q := range []string{
		"DELETE FROM doorkit_log WHERE seq <= $1", "UPDATE doorkit_chains SET base_seq = $1",
	} {
		_, err := db.ExecContext(t.Context(), q, n)
		must(t, err)
	}
}

// pagesAfterRuns prepares a statement, runs it six times, and returns how many pages
// the seventh run reads, with its plan. It changes nothing.
func pagesAfterRuns(t *testing.T, db *sql.DB, step Step) (pages int, plan string) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	must(t, err)
	defer conn.Close()
	exec := func(q string) {
		t.Helper()
		if _, err := conn.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	var args []string
	for _, a := range plain(step.Args) {
		switch a := a.(type) {
		case nil:
			args = append(args, "NULL")
		case string:
			args = append(args, "'"+strings.ReplaceAll(a, "'", "''")+"'")
		case []byte:
			args = append(args, fmt.Sprintf(`'\x%x'`, a))
		default:
			args = append(args, fmt.Sprint(a))
		}
	}
	run := "EXECUTE again"
	if args != nil {
		run += "(" + strings.Join(args, ", ") + ")"
	}
	exec("PREPARE again AS " + step.Text)
	exec("BEGIN")
	for range 6 {
		exec("SAVEPOINT before")
		exec(run)
		exec("ROLLBACK TO SAVEPOINT before")
	}
	lines := explain(t, conn, "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) ", run, nil)
	exec("ROLLBACK")
	exec("DEALLOCATE again")
	for _, m := range touched.FindAllStringSubmatch(strings.Split(strings.Join(lines, "\n"), "Planning")[0], -1) {
		n, _ := strconv.Atoi(m[2])
		pages = max(pages, n) // the topmost node counts those below it
	}
	return pages, strings.Join(lines, "\n")
}

// touched finds the pages that a node of a plan read.
var touched = regexp.MustCompile(`Buffers: shared (hit|read)=(\d+)`)
