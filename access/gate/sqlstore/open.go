package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// Store keeps facts and records in one database. It is safe for concurrent use,
// also by many processes on one database.
type Store struct {
	facts
	db        *sql.DB
	prepared  *prepared
	questions questions
	volatile  bool
	// turn lets one writer of this process at a time into an SQLite database:
	// its own queue is a sleep.
	turn chan struct{}
}

var (
	_ storage.Facts            = (*Store)(nil)
	_ storage.DoorStore        = (*Store)(nil)
	_ storage.RuleStore        = (*Store)(nil)
	_ storage.MemberStore      = (*Store)(nil)
	_ storage.ReservationStore = (*Store)(nil)
	_ storage.Records          = (*Store)(nil)
)

// Option changes how Open works.
type Option func(*options)

type options struct{ migrate, volatile bool }

// Migrated lets Open call Migrate first.
func Migrated() Option { return func(o *options) { o.migrate = true } }

// Volatile accepts a database that may forget commits it acknowledged: one in
// memory, or one whose syncing is off. For tests. On such a database a crash may
// make a command happen twice.
func Volatile() Option { return func(o *options) { o.volatile = true } }

// Open returns a Store on db, which stays the caller's to set up and to close:
// close the Store first.
//
// It refuses tables of another version with a *VersionError, and a database that
// is not set up to keep what it acknowledged with a *SettingError: for SQLite
// WAL, synchronous=FULL, a busy timeout and foreign keys on every connection
// (SQLiteDSN sets them), for PostgreSQL synchronous_commit and fsync.
func Open(ctx context.Context, db *sql.DB, d Dialect, opts ...Option) (*Store, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if db == nil || d != SQLite && d != PostgreSQL {
		return nil, &SettingError{[]string{"a *sql.DB and one of the dialects SQLite and PostgreSQL are wanted"}}
	}
	if err := patient(ctx, "Open", func() error { return check(ctx, db, d, o.volatile) }); err != nil {
		return nil, err
	}
	if o.migrate {
		if err := Migrate(ctx, db, d); err != nil {
			return nil, err
		}
	}
	have, err := Version(ctx, db, d)
	if err != nil {
		return nil, err
	}
	if want := d.latest(); have != want {
		return nil, &VersionError{have, want}
	}
	p := &prepared{db: db, dialect: d, stmts: map[string]*sql.Stmt{}}
	s := &Store{db: db, prepared: p, questions: newQuestions(), volatile: o.volatile}
	s.facts = facts{dialect: d, read: p, in: s.write}
	if d == SQLite {
		s.turn = make(chan struct{}, 1)
	}
	return s, nil
}

// Close releases the prepared statements; the *sql.DB stays open.
func (s *Store) Close() error { return s.prepared.close() }

// check looks at the settings of up to two connections at once, so that a
// setting made by hand on the first one does not pass for all.
func check(ctx context.Context, db *sql.DB, d Dialect, volatile bool) error {
	n := 2
	if most := db.Stats().MaxOpenConnections; most == 1 {
		n = 1
	}
	var faults []string
	for range n {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		more, err := d.faults(ctx, conn, volatile)
		if err != nil {
			return err
		}
		if faults == nil {
			faults = more
		}
	}
	if faults != nil {
		return &SettingError{faults}
	}
	return nil
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
			faults = append(faults, fmt.Sprintf("%s is %s, wanted is %s", s.name, have, s.want))
		}
	}
	return faults, nil
}

var settings = []struct {
	dialect     Dialect
	durable     bool // only a database that must not forget needs it
	name, query string
	good        string // each between spaces
	not         bool   // good lists the bad ones
	want        string
}{
	{SQLite, true, "journal_mode", "PRAGMA journal_mode", " wal ", false, "WAL (see SQLiteDSN)"},
	{SQLite, true, "synchronous", "PRAGMA synchronous", " 2 3 ", false, "FULL on every connection (see SQLiteDSN)"},
	{SQLite, false, "busy_timeout", "PRAGMA busy_timeout", " 0 ", true, "some seconds on every connection (see SQLiteDSN)"},
	{SQLite, false, "foreign_keys", "PRAGMA foreign_keys", " 1 ", false, "on, on every connection (see SQLiteDSN)"},
	{PostgreSQL, true, "synchronous_commit", "SHOW synchronous_commit", " off ", true, "on"},
	{PostgreSQL, true, "fsync", "SHOW fsync", " on ", false, "on"},
	{PostgreSQL, false, "server_encoding", "SHOW server_encoding", " utf8 ", false, "UTF8"},
}
