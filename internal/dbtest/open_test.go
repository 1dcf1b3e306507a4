//go:build unix

package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage/storagetest"
	"github.com/doorkit/doorkit/internal/dbtest/pgserver"
)

// pool is a new database behind a real PgBouncer in transaction mode.
func pool(t *testing.T, connections int) Database {
	t.Helper()
	server := ownServer(t)
	dsn, stop, err := server.Pool(t.Context(), "postgres", connections)
	if errors.Is(err, pgserver.ErrNoPooler) {
		t.Skip(err)
	}
	must(t, err)
	t.Cleanup(stop)
	return Database{sqlstore.PostgreSQL, dsn}
}

// TestTransactionPooler: behind a pooler that loses prepared statements Open refuses
// a driver that prepares them; with one that does not, all of the suite passes.
func TestTransactionPooler(t *testing.T) {
	t.Parallel()
	d := pool(t, 8)
	quiet := Database{d.Dialect, d.DSN + " default_query_exec_mode=exec"}
	for name, c := range map[string]struct{ mode, want string }{
		"prepared by the driver":   {"", "the driver must not prepare statements"},
		"described by the driver":  {"cache_describe", ""},
		"nothing prepared":         {"exec", ""},
		"by the simplest protocol": {"simple_protocol", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := d
			if c.mode != "" {
				d.DSN += " default_query_exec_mode=" + c.mode
			}
			s, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: d.Raw(t), Dialect: d.Dialect, Migrate: true})
			if c.want == "" {
				must(t, err)
				must(t, s.Close())
				return
			}
			if e, ok := errors.AsType[*sqlstore.SettingError](err); !ok || !strings.Contains(e.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	db := quiet.Raw(t)
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: quiet.Dialect})
	must(t, err)
	t.Run("suite", func(t *testing.T) {
		if testing.Short() {
			t.Skip("the suite runs without a pooler")
		}
		storagetest.Run(t, func(t *testing.T) storagetest.Storage { return storagetest.All(s) })
	})
	t.Run("taps", func(t *testing.T) {
		fillSite(t, s, "loft")
		g, err := gate.New(gate.Config{Site: "loft", Facts: s, Records: s, Locks: doors{path: filepath.Join(t.TempDir(), "movements")}})
		must(t, err)
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				tap := tap(i)
				tap.Member = []string{"ada", "bob"}[i%2]
				if r, err := g.Unlock(t.Context(), tap); err != nil || !r.Opened() {
					t.Errorf("%s %s, %v, %v", r.Outcome, r.Cause, r.Err, err)
				}
			})
		}
		all.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		must(t, s.Documents().Update(ctx, "k", func(context.Context, []byte) ([]byte, error) { return []byte("sealed"), nil }))
	})
}

// TestPoolerWithOneConnection loses no statement, and Open does not wait for ever.
func TestPoolerWithOneConnection(t *testing.T) {
	t.Parallel()
	d := pool(t, 1)
	d.DSN += " default_query_exec_mode=exec"
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: d.Raw(t), Dialect: d.Dialect, Migrate: true})
	must(t, err)
	fillSite(t, s, "loft")
	must(t, s.Close())
}

// TestOpenRefuses what could only fail later.
func TestOpenRefuses(t *testing.T) {
	open := func(d Database, set func(*sql.DB), c sqlstore.Config) error {
		c.DB, c.Migrate = d.Raw(t), true
		if set != nil {
			set(c.DB)
		}
		s, err := sqlstore.Open(t.Context(), c)
		if err == nil {
			s.Close()
		}
		return err
	}
	refused := func(err error, want string) {
		t.Helper()
		if e, ok := errors.AsType[*sqlstore.SettingError](err); !ok || !strings.Contains(e.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	file, lite, volatile := SQLite(t), sqlstore.Config{Dialect: sqlstore.SQLite}, sqlstore.Config{Dialect: sqlstore.SQLite, Volatile: true}
	_, err := sqlstore.Open(t.Context(), sqlstore.Config{})
	refused(err, "Config.DB is required; Config.Dialect must be SQLite or PostgreSQL")
	refused(open(file, nil, sqlstore.Config{Dialect: sqlstore.PostgreSQL}),
		"the database is SQLite, not PostgreSQL: set Config.Dialect to sqlstore.SQLite")
	t.Run("PostgreSQL", func(t *testing.T) {
		refused(open(PostgreSQL(t), nil, lite), "the database is PostgreSQL, not SQLite: set Config.Dialect to sqlstore.PostgreSQL")
	})
	missing := Database{sqlstore.SQLite, sqlstore.SQLiteDSN(filepath.Join(t.TempDir(), "no such folder", "doors.db"))}
	if e, ok := errors.AsType[*sqlstore.Error](open(missing, nil, lite)); !ok || e.Kind != sqlstore.NoFile ||
		!strings.Contains(e.Error(), "check that its folder exists") {
		t.Errorf("a missing folder: %v", e)
	}
	one := func(db *sql.DB) { db.SetMaxOpenConns(1) }
	for _, name := range []string{":memory:", "file::memory:"} {
		memory := Database{sqlstore.SQLite, name + "?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)"}
		refused(open(memory, nil, volatile), "call db.SetMaxOpenConns(1)")
		must(t, open(memory, one, volatile))
		refused(open(memory, one, lite), "journal_mode is memory")
	}
	insecure := Database{sqlstore.SQLite, strings.Replace(file.DSN, "secure_delete(1)", "secure_delete(0)", 1)}
	refused(open(insecure, nil, lite), "secure_delete is 0, must be on")
	for setting, wrong := range map[string]string{"busy_timeout(4000)": "busy_timeout(0)", "foreign_keys(1)": "foreign_keys(0)"} {
		bad := Database{sqlstore.SQLite, strings.Replace(file.DSN, setting, wrong, 1)}
		name, _, _ := strings.Cut(setting, "(")
		refused(open(bad, nil, volatile), name+" is 0, must be") // volatile is about commits only
	}
	fast := Database{sqlstore.SQLite, strings.Replace(file.DSN, "secure_delete(1)", "secure_delete(fast)", 1)}
	refused(open(fast, nil, lite), "secure_delete is 2, must be on")
}

// stateError is an error of a server.
type stateError string

func (e stateError) Error() string    { return "SQLSTATE " + string(e) }
func (e stateError) SQLState() string { return string(e) }

// TestPoolerIsRecognized by each error of a prepared statement that is on another
// server connection, outside of a transaction and while another connection has one.
func TestPoolerIsRecognized(t *testing.T) {
	d := PostgreSQL(t)
	for at := 1; at <= 2; at++ {
		for state, known := range map[stateError]bool{"26000": true, "42P05": true, "57P01": false} {
			n := 0
			db, err := d.OpenHooked(func(step Step) error {
				if !step.Done && strings.Contains(step.Text, "pg_backend_pid") {
					if n++; n == at {
						return state
					}
				}
				return nil
			})
			must(t, err)
			_, err = sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: d.Dialect})
			must(t, db.Close())
			if e, ok := errors.AsType[*sqlstore.SettingError](err); ok != known || known && !strings.Contains(e.Error(), "transaction pooler") ||
				!known && !errors.Is(err, state) {
				t.Errorf("statement %d, %v: got %v", at, state, err)
			}
		}
	}
}
