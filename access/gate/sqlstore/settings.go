package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// check refuses a Config that is not complete, and a database that is not set up as required.
func (c Config) check(ctx context.Context) error {
	var faults []string
	if c.DB == nil {
		faults = append(faults, "Config.DB is required")
	}
	if c.Dialect != SQLite && c.Dialect != PostgreSQL {
		faults = append(faults, "Config.Dialect must be SQLite or PostgreSQL")
	}
	if faults != nil {
		return &SettingError{faults}
	}
	err := retryLocked(ctx, "Open", func() error { return c.examine(ctx) })
	switch sqlState(err) {
	case "26000", "42P05": // a prepared statement does not exist, or already exists
		return &SettingError{[]string{"behind this transaction pooler the driver must not prepare statements: " +
			"with pgx, set default_query_exec_mode=exec; or use session pooling"}}
	}
	return err
}

// examine examines up to two connections at once, so that a setting of the first
// connection alone is not taken for a setting of all.
func (c Config) examine(ctx context.Context) error {
	var conns []*sql.Conn
	for range 2 {
		if len(conns) > 0 && c.DB.Stats().MaxOpenConnections == 1 {
			return nil
		}
		conn, err := c.DB.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := c.Dialect.checkDialect(ctx, conn); err != nil {
			return err
		}
		if err := c.Dialect.checkSettings(ctx, conn, c.Volatile); err != nil {
			return err
		}
		conns = append(conns, conn)
	}
	if c.Dialect == PostgreSQL {
		return pooled(ctx, conns[0], conns[1])
	}
	var file string
	err := conns[0].QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&file)
	if err == nil && file == "" {
		err = &SettingError{[]string{"each connection has its own database in memory: call db.SetMaxOpenConns(1), or use a file"}}
	}
	return err
}

// checkDialect refuses a database of the other dialect.
func (d Dialect) checkDialect(ctx context.Context, conn *sql.Conn) error {
	other := SQLite + PostgreSQL - d
	ask := map[Dialect]string{SQLite: "SELECT sqlite_version()", PostgreSQL: "SHOW server_version"}
	var version string
	err := conn.QueryRowContext(ctx, ask[d]).Scan(&version)
	if err != nil && conn.QueryRowContext(ctx, ask[other]).Scan(&version) == nil {
		return &SettingError{[]string{fmt.Sprintf("the database is %s, not %s: set Config.Dialect to sqlstore.%s", other, d, other)}}
	}
	return err
}

func (d Dialect) checkSettings(ctx context.Context, conn *sql.Conn, volatile bool) error {
	var faults []string
	for _, s := range settings {
		if s.dialect != d || volatile && s.durable {
			continue
		}
		var have string
		if err := conn.QueryRowContext(ctx, s.query).Scan(&have); err != nil {
			return err
		}
		if !strings.Contains(s.good, " "+strings.ToLower(have)+" ") != s.not {
			faults = append(faults, fmt.Sprintf("%s is %s, must be %s", s.name, have, s.want))
		}
	}
	if faults != nil {
		return &SettingError{faults}
	}
	return nil
}

var settings = []struct {
	dialect     Dialect
	durable     bool // not required with Config.Volatile
	name, query string
	good        string // the accepted values, each between spaces
	not         bool   // good lists the refused values
	want        string
}{
	{SQLite, true, "journal_mode", "PRAGMA journal_mode", " wal ", false, "WAL (see SQLiteDSN)"},
	{SQLite, true, "synchronous", "PRAGMA synchronous", " 2 3 ", false, "FULL on every connection (see SQLiteDSN)"},
	{SQLite, false, "busy_timeout", "PRAGMA busy_timeout", " 0 ", true, "some seconds on every connection (see SQLiteDSN)"},
	{SQLite, false, "foreign_keys", "PRAGMA foreign_keys", " 1 ", false, "on, on every connection (see SQLiteDSN)"},
	{SQLite, true, "secure_delete", "PRAGMA secure_delete", " 1 ", false, "on, on every connection (see SQLiteDSN)"},
	{PostgreSQL, true, "synchronous_commit", "SHOW synchronous_commit", " off ", true, "on"},
	{PostgreSQL, true, "fsync", "SHOW fsync", " on ", false, "on"},
	{PostgreSQL, false, "server_encoding", "SHOW server_encoding", " utf8 ", false, "UTF8"},
}

// pooled detects a transaction pooler that loses prepared statements: a transaction on
// other may take the server connection that the pooler gave to one before, and the
// statement that the driver prepared there is then missing.
func pooled(ctx context.Context, one, other *sql.Conn) error {
	ask := func(ctx context.Context) (err error) { // with an argument, so that a driver that prepares statements prepares this one
		var n int64
		return one.QueryRowContext(ctx, "SELECT pg_backend_pid() + CAST($1 AS BIGINT)", int64(1)).Scan(&n)
	}
	for range 3 { // another client may take that server connection first
		if err := ask(ctx); err != nil {
			return err
		}
		tx, err := other.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		var n int64
		if err = tx.QueryRowContext(ctx, "SELECT 1").Scan(&n); err == nil {
			short, cancel := context.WithTimeout(ctx, time.Second)
			err = ask(short)
			cancel()
		}
		tx.Rollback()
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			return nil // a pooler with one server connection makes it wait and loses nothing
		}
		if err != nil {
			return err
		}
	}
	return nil
}
