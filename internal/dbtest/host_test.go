//go:build unix

package dbtest

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// TestSlowUpdateBlocksNobody holds one document for longer than a lease, slower
// than any token refresh, while a thousand updates of another one and unlocks go
// through the same database. A process that waits for the document reads what was written.
func TestSlowUpdateBlocksNobody(t *testing.T) {
	t.Parallel()
	Both(t, func(t *testing.T, d Database) {
		s := newScene(t, d)
		docs := s.store.Documents()
		hold, updates := 10*time.Second, 1000
		if testing.Short() {
			hold, updates = time.Second, 100
		}
		inside, over := make(chan struct{}), make(chan error, 1)
		release := make(chan struct{})
		go func() {
			over <- docs.Update(t.Context(), "slow", func(context.Context, []byte) ([]byte, error) {
				close(inside)
				least := time.NewTimer(hold)
				defer least.Stop()
				<-least.C
				<-release
				return []byte("done"), nil
			})
		}()
		<-inside
		waiter := make(chan error, 1)
		go func() {
			other, _ := d.Store(t)
			waiter <- other.Documents().Update(t.Context(), "slow", func(_ context.Context, current []byte) ([]byte, error) {
				if string(current) != "done" {
					t.Errorf("two are inside for one document: the second one sees %q", current)
				}
				return current, nil
			})
		}()
		var all sync.WaitGroup
		all.Go(func() {
			for range updates {
				err := docs.Update(t.Context(), "quick", func(_ context.Context, current []byte) ([]byte, error) {
					return fmt.Append(nil, len(current)%7, string(current[:min(len(current), 6)])), nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
		all.Go(func() {
			for n := range 50 {
				if r, err := s.gate(0).Unlock(t.Context(), tap(n)); err != nil || r.Outcome != storage.Accepted || !r.Recorded {
					t.Errorf("%s %s, %v, %v", r.Outcome, r.Cause, r.Err, err)
					return
				}
			}
		})
		all.Wait()
		select {
		case err := <-over:
			t.Errorf("the slow update ended before it was let go: %v", err)
		default:
		}
		close(release)
		must(t, <-over)
		must(t, <-waiter)
		doc, err := docs.Get(t.Context(), "slow")
		if err != nil || string(doc) != "done" {
			t.Errorf("the slow document is %q, %v", doc, err)
		}
		s.checkGuarantees()
	})
}

// TestLeaseOfTheFuture finds a lease whose process died, and a clock that was set
// back by a day since: the lease is not renewed, so no caller waits for the day to pass.
func TestLeaseOfTheFuture(t *testing.T) {
	t.Parallel()
	s, db := SQLite(t).Store(t)
	docs := s.Documents()
	write := func(text string) func(context.Context, []byte) ([]byte, error) {
		return func(context.Context, []byte) ([]byte, error) { return []byte(text), nil }
	}
	must(t, docs.Update(t.Context(), "k", write("old")))
	_, err := db.ExecContext(t.Context(), "UPDATE doorkit_documents SET holder = 'dead', held_until = ?",
		time.Now().AddDate(0, 0, 1).UnixMicro())
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	must(t, docs.Update(ctx, "k", write("new")))
	doc, err := docs.Get(t.Context(), "k")
	if err != nil || string(doc) != "new" {
		t.Errorf("the document is %q, %v", doc, err)
	}
}

// TestManyReadersOfOneList reads one list from several goroutines at once; the
// race detector looks on.
func TestManyReadersOfOneList(t *testing.T) {
	s, _ := SQLite(t).Store(t)
	fillSite(t, s, "loft")
	list := s.Reservations(t.Context(), storage.ReservationQuery{Site: "loft", Member: "ada", EndAfter: noon})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			n := 0
			for _, err := range list {
				if n++; err != nil {
					t.Error(err)
				}
			}
			if n != 1 {
				t.Errorf("%d reservations", n)
			}
		})
	}
	all.Wait()
}

// TestHostTransaction writes the host's rows and ours together, or not at all.
func TestHostTransaction(t *testing.T) {
	Both(t, func(t *testing.T, d Database) {
		store, db := d.Store(t)
		_, err := db.ExecContext(t.Context(), "CREATE TABLE host_orders (id INTEGER PRIMARY KEY)")
		must(t, err)
		write := func(order int, end func(*sql.Tx) error) {
			t.Helper()
			tx, err := db.BeginTx(t.Context(), nil)
			must(t, err)
			defer tx.Rollback()
			_, err = tx.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO host_orders (id) VALUES (%d)", order))
			must(t, err)
			in := store.In(tx)
			must(t, in.PutRules(t.Context(), storage.Rules{
				Site: access.Site{ID: "loft", TimeZone: "UTC"}, MembershipTypes: []access.MembershipType{{ID: "resident"}},
				Resources: []access.Resource{{ID: "room"}},
			}))
			must(t, in.PutDoor(t.Context(), "loft", storage.Door{Door: access.Door{ID: "front", AccessType: access.AccessOnly}}))
			must(t, in.PutMember(t.Context(), "loft", gate.Member{Member: access.Member{ID: "ada",
				Memberships: []access.Membership{{ID: "m", Type: "resident"}}}}))
			must(t, in.PutReservation(t.Context(), "loft", gate.Reservation{Reservation: reservation.Reservation{ID: "r", Resource: "room",
				Member: "ada", Start: noon, End: noon.Add(time.Hour)}}))
			must(t, in.PutGrant(t.Context(), "loft", gate.Grant{Grant: access.Grant{ID: "g", Member: "ada", Door: "front", Hours: access.Always()}}))
			// A conflict or a missing row does not spoil the transaction.
			if err := in.PutDoor(t.Context(), "loft", storage.Door{Door: access.Door{ID: "front",
				AccessType: access.AccessOnly}}); !errors.Is(err, storage.ErrConflict) {
				t.Errorf("the same door again: %v", err)
			}
			if err := in.DeleteMember(t.Context(), "loft", "nobody"); !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("a member who is not there: %v", err)
			}
			// What the transaction wrote can be read and changed in it.
			must(t, storage.UpdateMember(t.Context(), in, "loft", "ada", func(m *storage.Member) error { m.Standing.Reason = "new"; return nil }))
			must(t, end(tx))
		}
		count := func() (orders int) {
			t.Helper()
			must(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM host_orders").Scan(&orders))
			return orders
		}
		write(1, (*sql.Tx).Rollback)
		if _, err := store.Rules(t.Context(), "loft"); !errors.Is(err, storage.ErrNotFound) || count() != 0 {
			t.Errorf("a transaction that was rolled back left %d orders, and rules: %v", count(), err)
		}
		write(2, (*sql.Tx).Commit)
		snap, err := store.Load(t.Context(), storage.FactsQuery{Site: "loft", Member: "ada", Door: "front", At: noon})
		if err != nil || snap.Question.Member == nil || len(snap.Question.Grants) != 1 || count() != 1 {
			t.Errorf("a transaction that was committed: %d orders, %+v, %v", count(), snap, err)
		}
	})
}

// TestMoveSite carries a site from one database to the other kind and back.
func TestMoveSite(t *testing.T) {
	lite, _ := SQLite(t).Store(t)
	post, _ := PostgreSQL(t).Store(t)
	back, _ := SQLite(t).Store(t)
	fillSite(t, lite, "loft")
	must(t, lite.PutGrant(t.Context(), "loft", gate.Grant{Grant: access.Grant{ID: "g", Member: "bob", Door: "lab",
		Hours: access.Weekly(access.Range{Days: []access.Day{access.Sun}, From: access.At(22, 0),
			To: access.At(24, 0)}), Until: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}}))
	want := export(t, lite)
	for _, to := range []*sqlstore.Store{post, back} {
		doc, err := storage.ReadDocument(want)
		must(t, err)
		must(t, storage.Import(t.Context(), to, doc))
		if got := export(t, to); !bytes.Equal(got, want) {
			t.Errorf("it left as %s and is now %s", want, got)
		}
	}
	if !strings.Contains(string(want), `"lock-front"`) {
		t.Errorf("the links are not in it: %s", want)
	}
}

func export(t *testing.T, s *sqlstore.Store) []byte {
	t.Helper()
	doc, err := storage.Export(t.Context(), storage.ReadersOf(s), "loft")
	must(t, err)
	text, err := json.Marshal(doc)
	must(t, err)
	return text
}

// TestInstants gives instants back to the microsecond, from the first to the
// last year, whatever zone they came in.
func TestInstants(t *testing.T) {
	Both(t, func(t *testing.T, d Database) {
		s, _ := d.Store(t)
		for i, at := range []time.Time{
			time.Unix(0, 0), time.Unix(0, 1000), time.Date(2262, 4, 12, 0, 0, 0, 999999000, time.UTC),
			time.Date(2026, 10, 25, 2, 30, 0, 123456000, time.FixedZone("", 3600)), time.Date(9999, 12, 31, 23, 59, 59, 999998000,
				time.UTC), // ends with the last year
		} {
			r := reservation.Reservation{ID: fmt.Sprint(i), Resource: "room", Member: "ada", Start: at, End: at.Add(time.Microsecond), EndedAt: at}
			must(t, s.PutReservation(t.Context(), "loft", gate.Reservation{Reservation: r}))
			for got, err := range s.Reservations(t.Context(), storage.ReservationQuery{Site: "loft", StartBefore: at.Add(time.Microsecond),
				EndAfter: at.Add(-time.Microsecond)}) {
				must(t, err)
				if got.ID == r.ID && (!got.Start.Equal(at) || !got.End.Equal(r.End) || !got.EndedAt.Equal(at)) {
					t.Errorf("%v came back as %+v", at, got)
				}
			}
		}
	})
}
