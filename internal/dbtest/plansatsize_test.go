//go:build unix

package dbtest

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// TestQuestionPlansAtSize asks for the plans of the questions about one door and
// about all of them, with 20 000 bookings of twenty rooms, both before and after
// the database has counted its rows: no plan may read a large table whole, nor a
// room's past.
func TestQuestionPlansAtSize(t *testing.T) {
	Both(t, func(t *testing.T, d Database) {
		s, r := watched(t, d)
		db := d.Raw(t)
		crowd(t, d, db, s, 2000)
		conn, err := db.Conn(t.Context())
		must(t, err)
		defer conn.Close()
		ask := storage.FactsQuery{Site: "loft", Member: "m77", Door: "door0", At: noon}
		for _, counted := range []bool{false, true} {
			if counted {
				analyze(t, db)
			}
			for name, load := range map[string]func(context.Context) ([]storage.Snapshot, error){
				"Load": func(ctx context.Context) ([]storage.Snapshot, error) {
					one, err := s.Load(ctx, ask)
					return []storage.Snapshot{one}, err
				},
				"LoadAll": func(ctx context.Context) ([]storage.Snapshot, error) { return s.LoadAll(ctx, ask) },
			} {
				r.take()
				list, err := load(t.Context())
				if err != nil || len(list[0].Question.Neighbors) == 0 {
					t.Fatal(name, err, list)
				}
				queries := slices.DeleteFunc(r.take(), func(s Step) bool { return s.What != "query" })
				if len(queries) != 1 {
					t.Fatalf("%s asks %d queries, want 1", name, len(queries))
				}
				var lines []string
				if d.Dialect == sqlstore.SQLite {
					lines = plan(t, d, db, queries[0])
				} else {
					lines = explain(t, conn, "EXPLAIN ", queries[0].Text, plain(queries[0].Args))
				}
				for _, line := range lines {
					if whole.MatchString(line) || past.MatchString(line) && !bounded.MatchString(line) {
						t.Errorf("%s (rows counted: %t) reads more than it needs: %s\n%s", name, counted, line, strings.Join(lines, "\n"))
					}
				}
			}
		}
	})
}

var (
	// whole finds a table of many rows that is read from end to end.
	whole = regexp.MustCompile(`(SCAN|Seq Scan on) (doorkit_(reservations|members|memberships)|n)\b`)
	// past finds a search that has an end and, unless it is bounded, no beginning.
	past    = regexp.MustCompile(`(Index Cond|USING INDEX).*\b(starts|effective) ?<`)
	bounded = regexp.MustCompile(`(Index Cond|USING INDEX).*\b(starts|effective) ?>`)
)

// TestReservationsInPages lists all 20 000 bookings of a site: in order, each
// once, and in few pages, because each page is a search through all of them.
func TestReservationsInPages(t *testing.T) {
	t.Parallel()
	Both(t, func(t *testing.T, d Database) {
		s, r := watched(t, d)
		crowd(t, d, d.Raw(t), s, 2000)
		r.take()
		n := 0
		var last reservation.Reservation
		for one, err := range s.Reservations(t.Context(), storage.ReservationQuery{Site: "loft"}) {
			must(t, err)
			if n > 0 && cmp.Or(last.Start.Compare(one.Start), cmp.Compare(last.ID, one.ID)) >= 0 {
				t.Fatalf("%v after %v", one, last)
			}
			last = one.Reservation
			n++
		}
		pages := 0
		for _, step := range r.take() {
			if step.What == "query" {
				pages++
			}
		}
		if n != 20_000 || pages > 7 {
			t.Errorf("%d bookings in %d pages", n, pages)
		}
	})
}
