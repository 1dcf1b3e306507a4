//go:build unix

// Package dbtest runs the conformance suites, and what can only be proven with
// real files, servers and processes, on SQLite and PostgreSQL.
package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/internal/dbtest/pgserver"
)

// Database names one database, so that another process can open it too.
type Database struct {
	Dialect sqlstore.Dialect
	DSN     string
}

// Driver is the name it is registered under.
func (d Database) Driver() string {
	if d.Dialect == sqlstore.SQLite {
		return "sqlite"
	}
	return "pgx"
}

// String is the database in one line, for Parse.
func (d Database) String() string { return d.Driver() + " " + d.DSN }

// Parse reads what String wrote.
func Parse(text string) Database {
	driver, dsn, _ := strings.Cut(text, " ")
	if driver == "sqlite" {
		return Database{sqlstore.SQLite, dsn}
	}
	return Database{sqlstore.PostgreSQL, dsn}
}

// Open opens it.
func (d Database) Open() (*sql.DB, error) {
	db, err := sql.Open(d.Driver(), d.DSN)
	if err == nil {
		db.SetMaxOpenConns(16)
		db.SetMaxIdleConns(16)
	}
	return db, err
}

// OpenStore opens it with the tables of this version.
func (d Database) OpenStore(ctx context.Context) (*sqlstore.Store, *sql.DB, error) {
	db, err := d.Open()
	if err != nil {
		return nil, nil, err
	}
	s, err := sqlstore.Open(ctx, sqlstore.Config{DB: db, Dialect: d.Dialect, Migrate: true})
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	return s, db, nil
}

// Store opens it for one test.
func (d Database) Store(t testing.TB) (*sqlstore.Store, *sql.DB) {
	t.Helper()
	s, db, err := d.OpenStore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); db.Close() })
	return s, db
}

// Raw opens it without a store for one test.
func (d Database) Raw(t testing.TB) *sql.DB {
	t.Helper()
	db, err := d.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// Both runs fn on a new empty database of either kind.
func Both(t *testing.T, fn func(t *testing.T, d Database)) {
	t.Run("SQLite", func(t *testing.T) { fn(t, SQLite(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { fn(t, PostgreSQL(t)) })
}

// SQLite is a new file.
func SQLite(t testing.TB) Database {
	return Database{sqlstore.SQLite, sqlstore.SQLiteDSN(filepath.Join(t.TempDir(), "doors.db"))}
}

var numbers struct {
	sync.Mutex
	n int
}

// PostgreSQL is a new database on the server that all tests share; it skips
// the test where there is no server.
func PostgreSQL(t testing.TB) Database {
	t.Helper()
	base, err := shared()
	if errors.Is(err, pgserver.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	numbers.Lock()
	numbers.n++
	name := fmt.Sprintf("doorkit_test_%d_%d", os.Getpid(), numbers.n)
	numbers.Unlock()
	admin, err := sql.Open("pgx", base)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := admin.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		admin, err := sql.Open("pgx", base)
		if err == nil {
			defer admin.Close()
			_, err = admin.Exec("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)")
		}
		if err != nil {
			t.Log(err)
		}
	})
	return Database{sqlstore.PostgreSQL, base + " dbname=" + name}
}

// server is the one that this process started.
var server struct {
	sync.Mutex
	tried    bool
	own      *pgserver.Server
	dsn      string
	err      error
	template *pgserver.Server
}

// newServer starts a server on a copy of a new database cluster.
func newServer(ctx context.Context) (*pgserver.Server, error) {
	server.Lock()
	defer server.Unlock()
	return newServerLocked(ctx)
}

func newServerLocked(ctx context.Context) (*pgserver.Server, error) {
	if server.template == nil {
		template, err := pgserver.Template(ctx)
		if err != nil {
			return nil, err
		}
		server.template = template
	}
	return server.template.Copy(ctx)
}

func shared() (string, error) {
	server.Lock()
	defer server.Unlock()
	if server.tried {
		return server.dsn, server.err
	}
	server.tried = true
	if server.dsn = os.Getenv("DOORKIT_TEST_POSTGRES"); server.dsn != "" {
		return server.dsn, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if server.own, server.err = newServerLocked(ctx); server.err == nil {
		server.dsn = server.own.DSN("postgres")
	}
	return server.dsn, server.err
}

// StopServer stops the server that all tests share, if this process started one.
func StopServer() {
	server.Lock()
	defer server.Unlock()
	if server.own != nil {
		server.own.Close()
		server.own = nil
	}
	if server.template != nil {
		server.template.Close()
		server.template = nil
	}
}
