//go:build unix

package dbtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// scene is a site on one database, a file that counts movements, and what is
// needed to judge both.
type scene struct {
	*testing.T
	d     Database
	store *sqlstore.Store
	doors string
}

func newScene(t *testing.T, d Database) *scene {
	t.Helper()
	store, db := d.Store(t)
	fillSite(t, store, "loft")
	must(t, store.PutMember(t.Context(), "loft", gate.Member{Member: access.Member{ID: member(0),
		Memberships: []access.Membership{{ID: "m1", Type: "resident"}}}}))
	_, err := db.ExecContext(t.Context(), `WITH RECURSIVE others (i) AS (SELECT 1001 UNION ALL SELECT i + 1 FROM others WHERE i < 1299)
		INSERT INTO doorkit_members (site, id, version, doc)
		SELECT site, 'member-' || substr(CAST(i AS TEXT), 2), version, replace(doc, 'member-000', 'member-' || substr(CAST(i AS TEXT), 2))
		FROM doorkit_members, others WHERE id = 'member-000'`)
	must(t, err)
	return &scene{t, d, store, filepath.Join(t.TempDir(), "doors")}
}

// member is one of many: two taps of one member within two seconds are one
// command.
func member(i int) string { return fmt.Sprintf("member-%03d", i%300) }

func (s *scene) task(kind string) task {
	return task{Kind: kind, Database: s.d.String(), Doors: s.doors}
}

// gate is a gate of this process whose clock is ahead.
func (s *scene) gate(ahead time.Duration) *gate.Gate {
	s.Helper()
	g, err := gate.New(gate.Config{
		Site: "loft", Facts: s.store, Records: s.store, Locks: doors{path: s.doors}, CheckIns: gate.EveryUnlock,
		Now: func() time.Time { return time.Now().Add(ahead) },
	})
	must(s.T, err)
	return g
}

// movements counts the movements by the instant that distinguishes taps. None of them
// was late.
func (s *scene) movements() map[string]int {
	s.Helper()
	list, err := readRecords(s.doors)
	must(s.T, err)
	n := map[string]int{}
	for _, record := range list {
		by, at, _ := strings.Cut(record, " ")
		sendBy, err := time.Parse(time.RFC3339Nano, by)
		must(s.T, err)
		moved, err := time.Parse(time.RFC3339Nano, at)
		must(s.T, err)
		if moved.After(sendBy) {
			s.Errorf("a door moved at %s, %s after its deadline", at, moved.Sub(sendBy))
		}
		n[by]++
	}
	return n
}

// settled waits until the server has nothing more to do for processes that were
// killed: it finishes what it had been sent, which may be a commit.
func (s *scene) settled() {
	s.Helper()
	if s.d.Dialect == sqlstore.SQLite {
		return // its work dies with the process
	}
	db := s.d.Raw(s.T)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for busy := 1; busy > 0; {
		must(s.T, db.QueryRowContext(s.Context(), `SELECT COUNT(*) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'`).Scan(&busy))
		<-tick.C
	}
}

// checkGuarantees recovers what was left behind and checks every guarantee.
func (s *scene) checkGuarantees() {
	s.Helper()
	ctx := s.Context()
	s.settled()
	g := s.gate(time.Minute)
	if _, err := g.Recover(ctx); err != nil {
		s.Fatalf("Recover: %v", err)
	}
	rows := map[uint64]storage.LogRow{}
	for row, err := range s.store.Rows(ctx, storage.LogQuery{Site: "loft"}) {
		must(s.T, err)
		rows[row.Seq] = row
	}
	entries := map[string]storage.JournalEntry{}
	count := map[storage.Outcome]int{}
	for _, o := range []storage.Outcome{storage.Sending, storage.Accepted, storage.Unconfirmed, storage.Refused, storage.NotSent,
		storage.Denied} {
		list, err := s.store.Entries(ctx, storage.JournalQuery{Site: "loft", Outcome: o, Limit: 1 << 30})
		must(s.T, err)
		count[o] = len(list)
		for _, e := range list {
			if !e.SendBy.IsZero() {
				entries[e.SendBy.Format(time.RFC3339Nano)] = e
			}
		}
	}
	if count[storage.Sending] > 0 {
		s.Errorf("Recover left %d commands behind", count[storage.Sending])
	}
	moved := s.movements()
	for at, n := range moved {
		e, ok := entries[at]
		switch {
		case n > 1:
			s.Errorf("request %s moved a door %d times", e.RequestID, n)
		case !ok:
			s.Errorf("a door moved and no request in the journal asked for it: %s", at)
		case rows[e.Seq].Outcome != storage.Sending || rows[e.Seq].Door != e.Door:
			s.Errorf("request %s moved a door and row %d of the log does not tell the attempt: %+v", e.RequestID, e.Seq, rows[e.Seq])
		case e.Outcome != storage.Accepted && e.Outcome != storage.Unconfirmed:
			s.Errorf("request %s moved a door and is said to be %s", e.RequestID, e.Outcome)
		}
	}
	for at, e := range entries {
		if e.Outcome == storage.Accepted && moved[at] != 1 {
			s.Errorf("request %s is accepted and moved a door %d times", e.RequestID, moved[at])
		}
	}
	checkIns, err := s.store.CheckIns(ctx, storage.CheckInQuery{Site: "loft"})
	must(s.T, err)
	if len(checkIns) != count[storage.Accepted] {
		s.Errorf("%d check-ins of %d accepted unlocks", len(checkIns), count[storage.Accepted])
	}
	v, err := g.Verify(ctx, storage.Head{}, storage.Head{})
	if err != nil || v.Rows != len(rows) {
		s.Errorf("the chain does not verify: %v, %d of %d rows", err, v.Rows, len(rows))
	}
	s.Logf("%d movements, outcomes %v, %d log rows", len(moved), count, len(rows))
}

// TestKilledAtEveryStep kills a process at every step of one unlock: before and
// after every call of the driver, and around the movement.
func TestKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, d Database, statements int) {
		s := newScene(t, d)
		step := 1
		for ; ; step += scaled(1, 8) {
			job := s.task("unlock")
			job.KillAt = step
			job.Tap = gate.Tap{RequestID: fmt.Sprintf("killed-at-step-%04d", step), Member: member(step), Door: "front", TappedAt: time.Now()}
			killed := start(t, job).wait(t)
			// The host tries again: at once, and when it is too late to send.
			before := len(s.movements())
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			r, _ := s.gate(0).Unlock(ctx, job.Tap)
			cancel()
			if now := len(s.movements()); now != before && r.Outcome != storage.Accepted {
				t.Errorf("step %d: the second try moved the door and says %s", step, r.Outcome)
			}
			late, err := s.gate(time.Minute).Unlock(t.Context(), job.Tap)
			if err != nil || !late.Outcome.Settled() {
				t.Errorf("step %d: the late try says %s, %v", step, late.Outcome, err)
			}
			if r.Outcome == storage.Accepted && late.Outcome != storage.Accepted {
				t.Errorf("step %d: first %s, later %s", step, r.Outcome, late.Outcome)
			}
			if !killed {
				break
			}
		}
		if step < min(20, 2*statements) {
			t.Errorf("only %d steps", step)
		}
		t.Logf("%d steps", step-1)
		s.checkGuarantees()
	})
}

// TestKilledAtRandom kills a busy process again and again, at any instant.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	kills := repeats(150, 50, 10)
	Both(t, func(t *testing.T, d Database) {
		s := newScene(t, d)
		for i := range kills {
			job := s.task("busy")
			job.Prefix, job.First = fmt.Sprintf("random-kill-%04d", i), 31*i
			p := start(t, job)
			p.line(t)
			select {
			case <-time.After(rand.N(60 * time.Millisecond)):
			case <-t.Context().Done():
			}
			p.kill()
			if i%25 == 24 {
				s.checkGuarantees()
			}
		}
		s.checkGuarantees()
	})
}

// TestCrowd sends one RequestID from 64 goroutines in 4 processes: one movement
// and one receipt.
func TestCrowd(t *testing.T) {
	Both(t, func(t *testing.T, d Database) {
		s := newScene(t, d)
		for round := range scaled(3, 1) {
			job := s.task("crowd")
			job.Tap = gate.Tap{RequestID: fmt.Sprintf("same-for-all-%04d", round), Member: member(round), Door: "front", TappedAt: time.Now()}
			var crowd [4]*process
			for i := range crowd {
				crowd[i] = start(t, job)
				crowd[i].line(t)
			}
			for _, p := range crowd {
				must(t, p.in.Close())
			}
			receipts := map[string]int{}
			for _, p := range crowd {
				for range 16 {
					receipts[p.line(t)]++
				}
				p.wait(t)
			}
			if len(receipts) != 1 {
				t.Errorf("64 taps got %d receipts: %v", len(receipts), receipts)
			}
			for r := range receipts {
				if !strings.HasPrefix(r, "accepted recorded=true") {
					t.Errorf("the receipt is %s", r)
				}
			}
			if n := len(s.movements()); n != round+1 {
				t.Errorf("%d movements after round %d", n, round)
			}
		}
		s.checkGuarantees()
	})
}
