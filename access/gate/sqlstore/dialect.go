package sqlstore

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// Dialect is the SQL dialect of a database. The zero Dialect is not valid.
type Dialect int

const (
	// SQLite is version 3.42 or later, by any driver.
	SQLite Dialect = iota + 1
	// PostgreSQL is version 13 or later, by any driver.
	PostgreSQL
)

// String returns the name.
func (d Dialect) String() string {
	switch d {
	case SQLite:
		return "SQLite"
	case PostgreSQL:
		return "PostgreSQL"
	}
	return "no dialect"
}

// SQLiteDSN is the data source name that sets up the database file at path as Open
// requires it, on every connection, for the driver modernc.org/sqlite: WAL,
// synchronous=FULL, a busy timeout of 4 s, foreign keys and secure_delete on, and
// transactions that take the write lock when they begin, so that none fails halfway. The
// timeout is less than storage.WriteWithin, so that the error is that the file is locked.
//
// For another driver, set the same options in its way: journal_mode=WAL,
// synchronous=FULL, busy_timeout=4000, foreign_keys=on, secure_delete=on.
func SQLiteDSN(path string) string {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}
	return u.String() + "?_txlock=immediate&_pragma=busy_timeout(4000)&_pragma=journal_mode(WAL)" +
		"&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=secure_delete(1)"
}

// sql converts a statement to the dialect. Statements are written with $1, $2, ... for
// arguments and {name} for what differs between the dialects.
func (d Dialect) sql(text string) string {
	if strings.Contains(text, "{") {
		text = d.words().Replace(text)
	}
	if d == SQLite {
		text = strings.ReplaceAll(text, "$", "?")
	}
	return text
}

func (d Dialect) words() *strings.Replacer {
	if d == SQLite {
		return strings.NewReplacer(
			// Microseconds by the database's clock.
			"{clock}", "CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000",
			"{unindexed}", "+",
			"{each (}", "", "{) by starts}", "", "{) by effective}", "",
			// A pragma cannot be read by a SELECT: see Store.durable.
			"{sync}", "''", "{limits}", "''",
			"{migrated}", "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'doorkit_migrations'",
		)
	}
	return strings.NewReplacer(
		"{clock}", "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
		"{unindexed}", "", "{each (}", "LATERAL (SELECT n.* FROM ", "{) by starts}", " ORDER BY n.starts OFFSET 0) n",
		"{) by effective}", " ORDER BY n.effective OFFSET 0) n",
		"{migrated}", "SELECT COUNT(*) FROM pg_class WHERE oid = to_regclass('doorkit_migrations')",
		"{sync}", "current_setting('synchronous_commit')",
		"{limits}", "("+atMost("lock_timeout", storage.WriteWithin)+" || "+
			atMost("idle_in_transaction_session_timeout", storage.WriteWithin/2)+")",
	)
}

// atMost is an expression that limits a timeout of PostgreSQL for the current transaction;
// a shorter one that the host has set is kept. Its value is an empty string. A server does
// not notice that a process froze or a cable was cut: without these limits, it would keep
// its locks for hours, and the commits that it sent would wait for a lock as long.
func atMost(setting string, d time.Duration) string {
	return fmt.Sprintf(`CASE WHEN CAST(current_setting('%[1]s') AS INTERVAL) BETWEEN '1 ms' AND '%[2]d ms' THEN ''
		ELSE substr(set_config('%[1]s', '%[2]d', true), 1, 0) END`, setting, d.Milliseconds())
}

// list returns the SQL for a list of strings that is passed as one JSON argument, as a
// table with the column value.
func (d Dialect) list(arg string) string {
	if d == SQLite {
		return "(SELECT value FROM json_each(" + arg + "))"
	}
	return "(SELECT jsonb_array_elements_text(CAST(" + arg + " AS jsonb)) AS value)"
}
