package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// check examines the settings of up to two connections at once, so that a setting of
// the first connection alone is not taken for a setting of all.
func check(ctx context.Context, db *sql.DB, d Dialect, o options) error {
	faults, err := examine(ctx, db, d, o)
	if fault := poolerFault(err); fault != "" {
		return &SettingError{[]string{fault}}
	}
	if err != nil {
		return err
	}
	if faults != nil {
		return &SettingError{faults}
	}
	return nil
}

func examine(ctx context.Context, db *sql.DB, d Dialect, o options) (faults []string, err error) {
	n := 2
	if db.Stats().MaxOpenConnections == 1 {
		n = 1
	}
	var conns []*sql.Conn
	for range n {
		conn, err := db.Conn(ctx)
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		if err := d.checkDialect(ctx, conn); err != nil {
			return nil, err
		}
		more, err := d.faults(ctx, conn, o.volatile)
		if err != nil {
			return nil, err
		}
		if faults == nil {
			faults = more
		}
		conns = append(conns, conn)
	}
	if n == 2 && faults == nil {
		if d == PostgreSQL {
			return nil, pooled(ctx, conns[0], conns[1])
		}
		var file string
		err := conns[0].QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&file)
		if err != nil {
			return nil, err
		}
		if file == "" {
			faults = append(faults, "each connection has its own database in memory: call db.SetMaxOpenConns(1), or use a file")
		}
	}
	return faults, nil
}

// checkDialect refuses a database of the other dialect.
func (d Dialect) checkDialect(ctx context.Context, conn *sql.Conn) error {
	other := SQLite + PostgreSQL - d
	ask := map[Dialect]string{SQLite: "SELECT sqlite_version()", PostgreSQL: "SHOW server_version"}
	var version string
	err := conn.QueryRowContext(ctx, ask[d]).Scan(&version)
	if err != nil && conn.QueryRowContext(ctx, ask[other]).Scan(&version) == nil {
		return &SettingError{[]string{fmt.Sprintf("the database is %s, not %s: pass sqlstore.%s", other, d, other)}}
	}
	return err
}

func (d Dialect) faults(ctx context.Context, conn *sql.Conn, volatile bool) (faults []string, err error) {
	for _, s := range settings {
		if s.dialect != d || volatile && s.durable {
			continue
		}
		var have string
		if err := conn.QueryRowContext(ctx, s.query).Scan(&have); err != nil {
			return nil, err
		}
		if !strings.Contains(s.good, " "+strings.ToLower(have)+" ") != s.not {
			faults = append(faults, fmt.Sprintf("%s is %s, required is %s", s.name, have, s.want))
		}
	}
	return faults, nil
}

var settings = []struct {
	dialect     Dialect
	durable     bool // not required of a Volatile database
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

// poolerFault returns what to do about a prepared statement that a transaction
// pooler lost; empty for other errors.
func poolerFault(err error) string {
	switch sqlState(err) {
	case "26000", "42P05": // the statement does not exist, or already exists
		return "behind this transaction pooler the driver must not prepare statements: with pgx, set default_query_exec_mode=exec; " +
			"or use session pooling"
	}
	return ""
}
