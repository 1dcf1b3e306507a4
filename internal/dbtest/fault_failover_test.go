//go:build unix

package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/internal/dbtest/pgserver"
)

// servers are a primary server, a standby, and the link between them.
type servers struct {
	*testing.T
	primary, standby *pgserver.Server
	link             *relay
	admin            *sql.DB // of the primary
}

func newServers(t *testing.T) *servers {
	t.Helper()
	p := &servers{T: t, primary: ownServer(t)}
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
func (p *servers) both() Database {
	dsn := p.primary.DSN("postgres")
	hosts := p.primary.Dir() + "," + p.standby.Dir()
	return Database{sqlstore.PostgreSQL, dsn + " host=" + hosts + " port=5432,5432 target_session_attrs=read-write connect_timeout=5"}
}

// until returns when a query of the primary counts something.
func (p *servers) until(query string) {
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
func (p *servers) caughtUp() {
	p.Helper()
	var lsn string
	must(p.T, p.admin.QueryRowContext(p.Context(), "SELECT pg_current_wal_flush_lsn()").Scan(&lsn))
	p.until("SELECT COUNT(*) FROM pg_stat_replication WHERE replay_lsn >= '" + lsn + "'")
}

// synchronous makes commits of the primary wait for the standby.
func (p *servers) synchronous() {
	p.Helper()
	for _, q := range []string{"ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"} {
		_, err := p.admin.ExecContext(p.Context(), q)
		must(p.T, err)
	}
	p.until("SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state = 'sync'")
}

// failOver kills the primary and promotes the standby.
func (p *servers) failOver() {
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
	p := newServers(t)
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
	t.Run("one server", func(t *testing.T) {
		t.Parallel()
		server := ownServer(t)
		admin := Database{sqlstore.PostgreSQL, server.DSN("postgres")}.Raw(t)
		// The longest time for which commits may wait in memory with "off".
		for _, q := range []string{"ALTER SYSTEM SET wal_writer_delay = '10s'", "SELECT pg_reload_conf()", "CREATE DATABASE off",
			`CREATE DATABASE "local"`, `CREATE DATABASE "on"`} {
			_, err := admin.ExecContext(t.Context(), q)
			must(t, err)
		}
		for _, setting := range []string{"off", "local", "on"} {
			t.Run(setting, func(t *testing.T) {
				s := newScene(t, Database{sqlstore.PostgreSQL, server.DSN(setting)})
				var armed atomic.Bool
				move := doors{path: s.doors}
				s.loses(failure{
					setting: setting, taps: 1, claims: setting == "off",
					locks: locks(func(ctx context.Context, c gate.Command) gate.Result {
						r := move.Move(ctx, c)
						if armed.Load() {
							server.Down(true)
						}
						return r
					}),
					begin: func() { armed.Store(true) },
					end:   func() { armed.Store(false); must(t, server.Up(t.Context())) },
				})
			})
		}
	})
	for name, c := range map[string]struct {
		setting     string
		synchronous bool // synchronous_standby_names
		loses       bool
	}{
		"asynchronous standby":              {"on", false, true},
		"synchronous standby, local":        {"local", true, true},
		"synchronous standby, on":           {"on", true, false},
		"synchronous standby, remote_apply": {"remote_apply", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			two := newServers(t)
			if c.synchronous {
				two.synchronous()
			}
			s := newScene(t, two.both())
			s.loses(failure{
				setting: c.setting, taps: 10, claims: c.loses, locks: doors{path: s.doors},
				begin: func() { two.caughtUp(); two.link.cut() }, end: two.failOver,
			})
		})
	}
}

// failure is a failure of servers.
type failure struct {
	setting    string // synchronous_commit
	locks      gate.LockDriver
	taps       int // how many between begin and end
	begin, end func()
	claims     bool // whether claims of these are lost
}

// loses lets members tap before and in a failure. It counts what the journal lost of what
// was acknowledged, and taps again.
func (s *scene) loses(f failure) {
	s.Helper()
	ctx := s.Context()
	db := Database{s.d.Dialect, s.d.DSN + " synchronous_commit=" + f.setting}.Raw(s.T)
	volatile := f.setting == "off" // which Open refuses otherwise
	store, err := sqlstore.Open(ctx, sqlstore.Config{DB: db, Dialect: s.d.Dialect, Volatile: volatile})
	must(s.T, err)
	s.Cleanup(func() { store.Close() })
	g, err := gate.New(gate.Config{Site: "loft", Facts: store, Records: store, Locks: f.locks, CheckIns: gate.EveryUnlock})
	must(s.T, err)

	receipts := s.tapMany(g, 0, 10)
	_, err = storage.VerifyNew(ctx, s.store, "loft")
	must(s.T, err)
	f.begin()
	exported, err := s.gate(0).Head(ctx)
	must(s.T, err)
	maps.Copy(receipts, s.tapMany(g, 100, f.taps))
	ahead := false // the exported head is that of a row that gets lost
	if f.claims {
		if head, err := s.gate(0).Head(ctx); err == nil {
			exported, ahead = head, true
		}
	}
	f.end()
	s.settled()

	moved, lost := len(s.movements()), 0
	for tap, r := range receipts {
		now, err := s.gate(0).Receipt(ctx, tap.Member, tap.RequestID)
		switch {
		case !r.Opened():
			if r.Outcome != storage.NotSent || !errors.Is(r.Err, storage.ErrUnavailable) || r.Message() == "" {
				s.Errorf("%s %s, %v", r.Outcome, r.Cause, r.Err)
			}
		case errors.Is(err, storage.ErrNotFound):
			lost++
		case err != nil || r.Recorded && now.Outcome != r.Outcome && f.setting != "off":
			s.Errorf("%s: recorded %t as %s, now %s, %v", tap.RequestID, r.Recorded, r.Outcome, now.Outcome, err)
		}
	}
	if f.claims != (lost == f.taps) || !f.claims && lost > 0 {
		s.Errorf("lost %d claims of %d doors that moved", lost, moved)
	}
	// Only a head that was exported shows that rows are lost.
	if _, err := storage.VerifyNew(ctx, s.store, "loft"); err != nil {
		s.Errorf("VerifyNew: %v", err)
	}
	_, err = s.gate(0).Verify(ctx, storage.Head{}, exported)
	if wrong, short := errors.AsType[*storage.ChainError](err); short != ahead || short && !strings.Contains(wrong.What, "ends before") {
		s.Errorf("Verify against the exported head %d: %v", exported.Seq, err)
	}
	twice := s.tapAgain(g, receipts)
	if twice != lost {
		s.Errorf("%d requests moved a door twice, want %d", twice, lost)
	}
	s.Logf("%d requests, %d doors moved, %d claims lost, %d requests moved a door twice", len(receipts), moved, lost, twice)
}

// tapMany lets members tap at once.
func (s *scene) tapMany(g *gate.Gate, first, n int) map[gate.Tap]gate.Receipt {
	var mu sync.Mutex
	var all sync.WaitGroup
	receipts := map[gate.Tap]gate.Receipt{}
	for i := range n {
		all.Go(func() {
			tap := tap(first + i)
			// Nearly the latest instant that the gate accepts, so that the tap is still valid after a failure.
			tap.TappedAt = tap.TappedAt.Add(gate.SendWithin - time.Second)
			r, err := g.Unlock(s.Context(), tap)
			if err != nil {
				s.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			receipts[tap] = r
		})
	}
	all.Wait()
	return receipts
}

// tapAgain repeats each request, and returns how many of those that had moved a door
// moved it again.
func (s *scene) tapAgain(g *gate.Gate, receipts map[gate.Tap]gate.Receipt) (twice int) {
	s.Helper()
	for tap, r := range receipts {
		before := len(s.movements())
		var again gate.Receipt
		for range 20 { // connections of the server that failed are still in the pool
			ctx, cancel := context.WithTimeout(s.Context(), time.Second)
			again, _ = g.Unlock(ctx, tap) // an unfinished command is waited for
			cancel()
			if again.Cause != gate.CauseStoreUnavailable {
				break
			}
		}
		if moved := len(s.movements()) > before; moved && r.Opened() {
			twice++
		} else if r.Opened() && again.Outcome != r.Outcome && again.Outcome != storage.Unconfirmed {
			s.Errorf("the same request again: %s %s, before %s", again.Outcome, again.Cause, r.Outcome)
		}
	}
	return twice
}

// TestCanceledCommit: a driver that cancels statements at the server, when their time is
// over, ends the wait of a commit for the standby. The server then reports success, and
// the gate must not send a command for such a claim.
func TestCanceledCommit(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it starts two servers")
	}
	two := newServers(t)
	two.synchronous()
	s := newScene(t, two.both())
	gates := map[string]*gate.Gate{}
	for name, options := range map[string]string{"one statement": "", "transaction": serializable} {
		config, err := pgx.ParseConfig(s.d.DSN + options)
		must(t, err)
		config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
			return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: 5 * time.Second}
		}
		db := sql.OpenDB(stdlib.GetConnector(*config))
		t.Cleanup(func() { db.Close() })
		store, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: sqlstore.PostgreSQL})
		must(t, err)
		gates[name], err = gate.New(gate.Config{Site: "loft", Facts: store, Records: store, Locks: doors{path: s.doors}})
		must(t, err)
	}
	two.caughtUp()
	two.link.cut()
	var all sync.WaitGroup
	for name, g := range gates {
		all.Go(func() {
			r, err := g.Unlock(t.Context(), tap(len(name)))
			if err != nil || r.Outcome != storage.NotSent || r.Cause != gate.CauseStoreUnavailable || r.Recorded {
				t.Errorf("%s: %s %s, recorded %t, %v", name, r.Outcome, r.Cause, r.Recorded, errors.Join(r.Err, err))
			}
		})
	}
	all.Wait()
	two.failOver()
	if n := len(s.movements()); n > 0 {
		t.Errorf("%d doors moved", n)
	}
	s.checkGuarantees()
}
