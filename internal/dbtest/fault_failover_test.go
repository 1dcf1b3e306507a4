//go:build unix

package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/internal/dbtest/pgserver"
)

// pair is a primary server, a standby, and the link between them.
type pair struct {
	*testing.T
	primary, standby *pgserver.Server
	link             *relay
	admin            *sql.DB // of the primary
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{T: t, primary: ownServer(t)}
	dsn := p.primary.DSN("postgres")
	p.link = newRelay(t, dsn)
	var err error
	p.standby, err = p.primary.Standby(t.Context(), p.link.over(dsn))
	must(t, err)
	t.Cleanup(p.standby.Close)
	p.admin = Database{sqlstore.PostgreSQL, dsn}.Raw(t)
	p.until("SELECT COUNT(*) FROM pg_stat_replication WHERE state = 'streaming'")
	return p
}

// both is the DSN of the two servers, whichever takes writes.
func (p *pair) both() Database {
	dsn := p.primary.DSN("postgres")
	hosts := p.primary.Dir() + "," + p.standby.Dir()
	return Database{sqlstore.PostgreSQL, dsn + " host=" + hosts + " port=5432,5432 target_session_attrs=read-write connect_timeout=5"}
}

// until returns when a query of the primary counts something.
func (p *pair) until(query string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; {
		must(p.T, p.admin.QueryRowContext(ctx, query).Scan(&n))
		if n > 0 {
			return
		}
		<-tick.C
	}
}

// caughtUp waits until the standby has all that the primary has.
func (p *pair) caughtUp() {
	p.Helper()
	var lsn string
	must(p.T, p.admin.QueryRowContext(p.Context(), "SELECT pg_current_wal_flush_lsn()").Scan(&lsn))
	p.until("SELECT COUNT(*) FROM pg_stat_replication WHERE replay_lsn >= '" + lsn + "'")
}

// synchronous makes commits of the primary wait for the standby.
func (p *pair) synchronous() {
	p.Helper()
	for _, q := range []string{"ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"} {
		_, err := p.admin.ExecContext(p.Context(), q)
		must(p.T, err)
	}
	p.until("SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state = 'sync'")
}

// failOver kills the primary and promotes the standby.
func (p *pair) failOver() {
	p.Helper()
	p.primary.Down(true)
	_, err := Database{sqlstore.PostgreSQL, p.standby.DSN("postgres")}.Raw(p.T).ExecContext(p.Context(), "SELECT pg_promote()")
	must(p.T, err)
}

// TestFailOver kills the primary while members tap, and promotes the standby. With
// synchronous replication nothing recorded is lost and no RequestID moves a door twice.
func TestFailOver(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it starts two servers")
	}
	p := newPair(t)
	p.synchronous()
	s := newScene(t, p.both())
	v := s.visitors(s.gate(0), 4)
	v.open(30)
	p.failOver()
	v.open(30)
	if lost := v.finish(); len(lost) > 0 {
		t.Errorf("%d recorded outcomes were lost, the first is %+v", len(lost), lost[0])
	}
}

// TestSettingsOfDurability is the table of docs/operating.md: what is lost when the server
// or its power fails right after it acknowledged a commit.
func TestSettingsOfDurability(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it starts two servers for each setting")
	}
	for _, c := range []struct {
		setting     string // synchronous_commit
		standby     bool
		synchronous bool // synchronous_standby_names
		loses       bool
	}{
		{setting: "off", loses: true},
		{setting: "local"},
		{setting: "on"},
		{setting: "on", standby: true, loses: true},
		{setting: "local", standby: true, synchronous: true, loses: true},
		{setting: "on", standby: true, synchronous: true},
		{setting: "remote_apply", standby: true, synchronous: true},
	} {
		t.Run(fmt.Sprintf("%s, standby %t, synchronous %t", c.setting, c.standby, c.synchronous), func(t *testing.T) {
			t.Parallel()
			var d Database
			var fault, recover func()
			if c.standby {
				p := newPair(t)
				d, fault, recover = p.both(), func() { p.caughtUp(); p.link.cut() }, p.failOver
				if c.synchronous {
					p.synchronous()
				}
			} else {
				server := ownServer(t)
				d = Database{sqlstore.PostgreSQL, server.DSN("postgres")}
				fault = func() {}
				recover = func() { server.Down(true); must(t, server.Up(t.Context())) }
			}
			s := newScene(t, d)
			settings := Database{d.Dialect, d.DSN + " synchronous_commit=" + c.setting}
			var opts []sqlstore.Option
			if c.setting == "off" { // Open refuses it
				opts = append(opts, sqlstore.Volatile())
			}
			store, err := sqlstore.Open(t.Context(), settings.Raw(t), d.Dialect, opts...)
			must(t, err)
			t.Cleanup(func() { store.Close() })
			s.loses(store, fault, recover, c.loses)
		})
	}
}

// loses lets members tap before and after a fault, and lets the server fail. It counts
// what the journal lost of what was recorded, and moves those doors again.
func (s *scene) loses(store *sqlstore.Store, fault, recover func(), want bool) {
	s.Helper()
	ctx := s.Context()
	g, _, err := steppedGate(store, doors{path: s.doors}, new(atomic.Int64))
	must(s.T, err)
	var mu sync.Mutex
	receipts := map[gate.Tap]gate.Receipt{}
	unlock := func(first, n int) {
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				tap := tap(first + i)
				// The latest instant that the gate accepts, so that the tap is still valid after the failure.
				tap.TappedAt = tap.TappedAt.Add(gate.SendWithin - time.Second + time.Duration(i)*time.Microsecond)
				r, err := g.Unlock(ctx, tap)
				if err != nil {
					s.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				receipts[tap] = r
			})
		}
		all.Wait()
	}
	unlock(0, 10)
	_, err = s.gate(0).VerifyNew(ctx)
	must(s.T, err)
	fault()
	unlock(100, 10)
	exported, err := s.gate(0).Head(ctx)
	must(s.T, err)
	moved := s.movements()
	recover()
	s.settled()

	lost, recorded := []gate.Tap{}, 0
	for tap, r := range receipts {
		if !r.Recorded {
			if r.Outcome != storage.NotSent || !errors.Is(r.Err, storage.ErrUnavailable) || r.Message() == "" {
				s.Errorf("%s %s, %v", r.Outcome, r.Cause, r.Err)
			}
			continue
		}
		recorded++
		now, err := s.gate(0).Receipt(ctx, tap.Member, tap.RequestID)
		switch {
		case errors.Is(err, storage.ErrNotFound):
			lost = append(lost, tap)
		case err != nil || now.Outcome != r.Outcome:
			s.Errorf("%s was %s and is %s, %v", tap.RequestID, r.Outcome, now.Outcome, err)
		}
	}
	s.Logf("%d doors moved, %d outcomes recorded, %d lost", len(moved), recorded, len(lost))
	if want != (len(lost) > 0) {
		s.Errorf("lost %d of %d recorded outcomes, want some: %t", len(lost), recorded, want)
	}

	// What was lost is found only by a head that was exported.
	v, err := s.gate(0).VerifyNew(ctx)
	if err != nil {
		s.Errorf("VerifyNew: %v", err)
	}
	_, err = s.gate(0).Verify(ctx, storage.Head{}, exported)
	wrong, short := errors.AsType[*storage.ChainError](err)
	if short != want || short && !strings.Contains(wrong.What, "ends before the required head") {
		s.Errorf("Verify against the exported head %d, the log ends at %d: %v", exported.Seq, v.Head.Seq, err)
	}
	for tap, r := range receipts {
		again, err := g.Unlock(ctx, tap)
		must(s.T, err)
		if r.Recorded && !want && again.Outcome != r.Outcome {
			s.Errorf("the same request again: %s, before %s", again.Outcome, r.Outcome)
		}
	}
	twice := 0
	for _, n := range s.movements() {
		if n > 1 {
			twice++
		}
	}
	if twice != len(lost) {
		s.Errorf("%d requests moved a door twice, and %d were lost", twice, len(lost))
	}
}
