//go:build unix

package dbtest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"modernc.org/sqlite"

	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// TestMigrateTogether lets six processes bring one empty database up at once.
func TestMigrateTogether(t *testing.T) {
	Both(t, func(t *testing.T, d Database) {
		var crowd [6]*process
		for i := range crowd {
			crowd[i] = start(t, task{Kind: "migrate", Database: d.String()})
			crowd[i].line(t)
		}
		for _, p := range crowd {
			must(t, p.in.Close())
		}
		for _, p := range crowd {
			p.wait(t)
		}
		db := d.Raw(t)
		store, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: d.Dialect})
		must(t, err) // it has this program's version
		defer store.Close()
		var v, n int
		must(t, db.QueryRowContext(t.Context(), "SELECT MAX(version), COUNT(*) FROM doorkit_migrations").Scan(&v, &n))
		if v != n || n == 0 {
			t.Errorf("version %d, %d migrations noted", v, n)
		}
	})
}

// TestOpenNewFile opens a new SQLite file while another process writes to it that
// has not come to WAL yet: when two start at once, neither fails.
func TestOpenNewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doors.db")
	first, err := sql.Open("sqlite", path)
	must(t, err)
	defer first.Close()
	busy, err := first.Conn(t.Context())
	must(t, err)
	_, err = busy.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	must(t, err)
	second, err := sqlite.NewConnector(sqlstore.SQLiteDSN(path))
	must(t, err)
	refused := 0
	db := sql.OpenDB(watchful{second, func() {
		if refused++; refused == 3 {
			_, err := busy.ExecContext(t.Context(), "ROLLBACK")
			must(t, err)
		}
	}})
	defer db.Close()
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: sqlstore.SQLite, Migrate: true})
	must(t, err)
	must(t, s.Close())
	if refused < 3 {
		t.Errorf("the file was locked for %d connections", refused)
	}
}

// watchful reports connections that were refused.
type watchful struct {
	driver.Connector
	refused func()
}

func (w watchful) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := w.Connector.Connect(ctx)
	if err != nil {
		w.refused()
	}
	return c, err
}

func childMigrate(ctx context.Context, job task) error {
	d := Parse(job.Database)
	db, err := d.Open()
	if err != nil {
		return err
	}
	fmt.Println("ready")
	_, _ = os.Stdin.Read(make([]byte, 1))
	return sqlstore.Migrate(ctx, db, d.Dialect)
}

// TestOtherVersions refuses databases of other versions.
func TestOtherVersions(t *testing.T) {
	Both(t, func(t *testing.T, d Database) {
		db := d.Raw(t)
		_, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: d.Dialect})
		older, ok := errors.AsType[*sqlstore.VersionError](err)
		if !ok || older.Have != 0 || older.Want == 0 || !errors.Is(err, storage.ErrUnavailable) {
			t.Fatalf("an empty database: %v", err)
		}
		must(t, sqlstore.Migrate(t.Context(), db, d.Dialect))
		s, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: d.Dialect})
		must(t, err)
		must(t, s.Close())
		_, err = db.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO doorkit_migrations (version, name, done) VALUES (%d, 'later', 0)",
			older.Want+1))
		must(t, err)
		for name, open := range map[string]func() error{
			"Open": func() error {
				_, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: d.Dialect})
				return err
			},
			"Open Migrated": func() error {
				_, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: d.Dialect, Migrate: true})
				return err
			},
			"Migrate": func() error { return sqlstore.Migrate(t.Context(), db, d.Dialect) },
		} {
			newer, ok := errors.AsType[*sqlstore.VersionError](open())
			if !ok || newer.Have != older.Want+1 || !strings.Contains(newer.Error(), "newer") {
				t.Errorf("%s on a newer database: %v", name, open())
			}
		}
	})
}

// wantNoTables requires that no migration left anything behind.
func wantNoTables(t *testing.T, db *sql.DB, d Database) {
	t.Helper()
	_, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: d.Dialect})
	if e, ok := errors.AsType[*sqlstore.VersionError](err); !ok || e.Have != 0 {
		t.Fatalf("Open: %v, want version 0", err)
	}
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM doorkit_sites").Scan(&n); err == nil {
		t.Fatal("a failed Migrate left a table")
	}
}

// TestMigrateIsWhole leaves nothing behind when a migration fails.
func TestMigrateIsWhole(t *testing.T) {
	Both(t, func(t *testing.T, d Database) {
		db := d.Raw(t)
		_, err := db.ExecContext(t.Context(), "CREATE TABLE doorkit_documents (in_the_way INTEGER)")
		must(t, err)
		if err := sqlstore.Migrate(t.Context(), db, d.Dialect); !errors.Is(err, storage.ErrUnavailable) {
			t.Fatalf("Migrate over a table that is in the way: %v", err)
		}
		wantNoTables(t, db, d)
		_, err = db.ExecContext(t.Context(), "DROP TABLE doorkit_documents")
		must(t, err)
		must(t, sqlstore.Migrate(t.Context(), db, d.Dialect))
	})
}

// TestMigrateInterrupted fails each step of a migration: the error is returned, and
// there are no tables.
func TestMigrateInterrupted(t *testing.T) {
	d := SQLite(t)
	steps, failAt := 0, 0
	db, err := d.OpenHooked(func(step Step) error {
		if step.Done || step.What == "rollback" {
			return nil
		}
		if steps++; steps == failAt {
			return errInjected
		}
		return nil
	})
	must(t, err)
	defer db.Close()
	for failAt = 1; ; failAt++ {
		steps = 0
		err := sqlstore.Migrate(t.Context(), db, d.Dialect)
		if steps < failAt {
			must(t, err)
			break
		}
		if e, ok := errors.AsType[*sqlstore.Error](err); !ok || e.Op != "Migrate" || !errors.Is(err, errInjected) {
			t.Fatalf("step %d: %v", failAt, err)
		}
		wantNoTables(t, db, d)
	}
	if failAt < 20 {
		t.Errorf("a migration has %d steps", failAt)
	}
}

// TestMigrateFromEveryVersion loads each earlier version as it was, with rows in
// its tables, brings it up to date and reads the rows.
func TestMigrateFromEveryVersion(t *testing.T) {
	Both(t, func(t *testing.T, d Database) {
		dumps, err := filepath.Glob(filepath.Join("testdata", "v*."+strings.ToLower(d.Dialect.String())+".sql"))
		must(t, err)
		if len(dumps) < 1 {
			t.Fatalf("only %d dumps", len(dumps))
		}
		for _, path := range dumps {
			t.Run(filepath.Base(path), func(t *testing.T) {
				d := d
				if d.Dialect == sqlstore.SQLite {
					d = SQLite(t)
				} else {
					d = PostgreSQL(t)
				}
				text, err := os.ReadFile(path)
				must(t, err)
				db := d.Raw(t)
				for _, q := range strings.SplitAfter(string(text), ";\n") {
					if strings.TrimSpace(q) == "" {
						continue
					}
					if _, err := db.ExecContext(t.Context(), q); err != nil {
						t.Fatalf("%s: %v", q, err)
					}
				}
				s, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: d.Dialect, Migrate: true})
				must(t, err)
				t.Cleanup(func() { s.Close() })
				var version int
				_, err = fmt.Sscanf(filepath.Base(path), "v%d.", &version)
				must(t, err)
				readDump(t, s, version)
			})
		}
	})
}
