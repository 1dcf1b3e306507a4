//go:build unix

package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// instantly opens at once.
var instantly = locks(func(context.Context, gate.Command) gate.Result { return gate.Result{Outcome: storage.Accepted} })

func benchBoth(b *testing.B, fn func(b *testing.B, d Database)) {
	b.Run("SQLite", func(b *testing.B) { fn(b, SQLite(b)) })
	b.Run("PostgreSQL", func(b *testing.B) { fn(b, PostgreSQL(b)) })
}

// BenchmarkUnlock measures an unlock through gate and store, with a lock that
// opens at once, against the same reads, inserts and commits by hand: the
// statements that such an unlock was seen to send, prepared, with other ids.
// The two take turns; "ratio" is the one by the other.
func BenchmarkUnlock(b *testing.B) {
	benchBoth(b, func(b *testing.B, d Database) {
		store, _ := d.Store(b)
		fillSite(b, store, "loft")
		for i := range 300 {
			must(b, store.PutMember(b.Context(), "loft", gate.Member{Member: access.Member{ID: member(i),
				Memberships: []access.Membership{{ID: "m1", Type: "resident"}}}}))
		}
		clock := noon
		n := 0
		unlock := func(g *gate.Gate) gate.Tap {
			n++
			clock = clock.Add(10 * time.Second) // no two taps are one
			t := tap(n)
			t.TappedAt = clock
			r, err := g.Unlock(b.Context(), t)
			if err != nil || r.Outcome != storage.Accepted || !r.Recorded {
				b.Fatal(r.Outcome, r.Err, err)
			}
			return t
		}
		newGate := func(s *sqlstore.Store) *gate.Gate {
			g, err := gate.New(gate.Config{Site: "loft", Facts: s, Records: s, Locks: instantly, CheckIns: gate.EveryUnlock,
				Now: func() time.Time { return clock }})
			must(b, err)
			return g
		}
		g := newGate(store)
		hand, err := Record(b.Context(), d, d.Raw(b), "loft", func(s *sqlstore.Store) (string, error) {
			return unlock(newGate(s)).RequestID, nil
		})
		must(b, err)
		_, head, err := store.Ends(b.Context(), "loft")
		must(b, err)
		seq, byHand := int64(head.Seq), 0

		var ours, theirs time.Duration
		for b.Loop() {
			start := time.Now()
			unlock(g)
			middle := time.Now()
			byHand++
			later := time.Duration(1_000_000+byHand) * 10 * time.Second // no replay shares the command of another tap
			must(b, hand.Run(b.Context(), "loft", fmt.Sprintf("by-hand-%012d", byHand), seq+2, later, func() {}))
			seq += 4
			ours += middle.Sub(start)
			theirs += time.Since(middle)
		}
		b.ReportMetric(float64(ours)/float64(b.N), "ns/unlock")
		b.ReportMetric(float64(theirs)/float64(b.N), "ns/by-hand")
		b.ReportMetric(float64(ours)/float64(theirs), "ratio")
	})
}

// BenchmarkQuestion loads the facts for one member and door with 100 000
// members, 1 000 000 reservations and 1 000 000 log rows, and with a hundredth
// of each. "ratio" is the large one by the small one.
func BenchmarkQuestion(b *testing.B) {
	benchBoth(b, func(b *testing.B, _ Database) {
		var loads [2]func(i int)
		for i, members := range []int{1000, 100_000} {
			d := SQLite(b)
			if strings.Contains(b.Name(), "PostgreSQL") {
				d = PostgreSQL(b)
			}
			store, db := d.Store(b)
			crowd(b, d, db, store, members)
			analyze(b, db)
			loads[i] = func(n int) {
				m := n * 7919 % members
				s, err := store.Load(b.Context(), storage.FactsQuery{Site: "loft", Member: fmt.Sprint("m", m), Door: fmt.Sprint("door", m*10/1000),
					At: noon})
				if err != nil || s.Question.Member == nil || s.Question.Door == nil || len(s.Question.Neighbors) == 0 {
					b.Fatal(s, err)
				}
			}
			for n := range 200 {
				loads[i](n)
			}
		}
		var took [2][]time.Duration
		n := 0
		for b.Loop() {
			n++
			for i, load := range loads {
				start := time.Now()
				load(n)
				took[i] = append(took[i], time.Since(start))
			}
		}
		var middle [2]float64
		for i := range took {
			slices.Sort(took[i])
			middle[i] = float64(took[i][len(took[i])/2])
		}
		b.ReportMetric(middle[0], "ns/small")
		b.ReportMetric(middle[1], "ns/large")
		b.ReportMetric(middle[1]/middle[0], "ratio")
	})
}

// crowd stores members, ten reservations and ten log rows for each, and a door
// and a resource for every hundred of them.
func crowd(b testing.TB, d Database, db *sql.DB, store *sqlstore.Store, members int) {
	b.Helper()
	doors := members / 100
	rules := storage.Rules{Site: access.Site{ID: "loft", TimeZone: "Europe/Berlin"},
		MembershipTypes: []access.MembershipType{{ID: "resident"}}}
	for i := range doors {
		id := fmt.Sprint("door", i)
		if i < 50 {
			rules.MembershipTypes[0].Doors = append(rules.MembershipTypes[0].Doors, access.DoorHours{Door: id, Hours: access.Always()})
		}
		rules.Resources = append(rules.Resources, access.Resource{ID: fmt.Sprint("room", i), Doors: []string{id}})
		must(b, store.PutDoor(b.Context(), "loft", storage.Door{Door: access.Door{ID: id, AccessType: access.AccessOnly},
			Link: storage.Link{Site: "s", Lock: id}}))
	}
	must(b, store.PutRules(b.Context(), rules))
	series := "(WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < %d) SELECT i FROM s) AS s"
	if d.Dialect == sqlstore.PostgreSQL {
		series = "generate_series(0, %d) AS s(i)"
	}
	of := func(n int) string { return fmt.Sprintf(series, n-1) }
	// Each room is booked a thousand times, every eight hours, most of them past.
	starts := fmt.Sprintf("(%d + (i * 37 %% 1000 - 750) * 28800000000)", noon.UnixMicro())
	ends := "(" + starts + " + 7200000000)"
	text := `strftime('%%Y-%%m-%%dT%%H:%%M:%%S', %s / 1000000, 'unixepoch')`
	if d.Dialect == sqlstore.PostgreSQL {
		text = `to_char(to_timestamp(%s / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS')`
	}
	text += " || '" + noon.UTC().Format(".000000Z") + "'"
	for _, q := range []string{
		`INSERT INTO doorkit_members (site, id, version, doc) SELECT 'loft', 'm' || i, 1,
			'{"id":"m' || i || '","memberships":[{"id":"m1","type":"resident"}],"version":1}' FROM ` + of(members),
		`INSERT INTO doorkit_reservations (site, id, version, doc, member, resource, status, starts, effective)
			SELECT 'loft', 'r' || i, 1, '{"id":"r' || i || '","resource":"room' || (i / 1000) || '","member":"m' || (i / 10) ||
			'","start":"' || ` + fmt.Sprintf(text, starts) + ` || '","end":"' || ` + fmt.Sprintf(text, ends) + ` ||
			'","status":"confirmed","version":1}', 'm' || (i / 10), 'room' || (i / 1000), 'confirmed', ` + starts + ", " + ends + " FROM " +
			of(10*members),
		`INSERT INTO doorkit_log (site, seq, at, ref, door, action, outcome, reason, commitment, hash, member, actor)
			SELECT 'loft', i, i, 0, 'door' || (i % 50), 'unlock', 'accepted', 'membership', '` + "xx" + `', 'xx', '', '' FROM ` + of(10*members),
	} {
		if d.Dialect == sqlstore.SQLite {
			q = strings.ReplaceAll(q, "'xx'", "X'00'")
		}
		_, err := db.ExecContext(b.Context(), q)
		must(b, err)
	}
}

// analyze lets the database count its rows.
func analyze(t testing.TB, db *sql.DB) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), "ANALYZE")
	must(t, err)
}
