package sqlstore

import (
	"context"
	"database/sql"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// Store keeps facts and records in one database. It is safe for concurrent use; many
// processes may use one database.
type Store struct {
	facts
	db         *sql.DB
	statements *statements // nil for PostgreSQL
	volatile   bool
	turns      turns
	slots      int // how many writes of a site run at a time
	// reads has a place for each read of a request that may run at a time; nil for no limit.
	reads chan struct{}
}

var (
	_ storage.Facts     = (*Store)(nil)
	_ storage.FactStore = (*Store)(nil)
	_ storage.Records   = (*Store)(nil)
	_ storage.ManySites = (*Store)(nil)
)

// Option changes how Open works.
type Option func(*options)

type options struct{ migrate, volatile bool }

// Migrated makes Open call Migrate first.
func Migrated() Option { return func(o *options) { o.migrate = true } }

// Volatile accepts a database that may lose commits it acknowledged: one in memory, or
// one with synchronous writes off. It is for tests. On such a database, a command may
// be sent twice after a crash.
func Volatile() Option { return func(o *options) { o.volatile = true } }

// Open returns a Store on db. The caller sets up db, the size of its pool included, and
// closes it, after the Store. A quarter of the pool is kept for writes.
//
// It refuses tables of another version with a *VersionError. It refuses with a
// *SettingError a database that is not set up to keep what it acknowledged, or to
// remove what is erased: for SQLite it requires WAL, synchronous=FULL, a busy
// timeout, foreign keys and secure_delete on every connection (SQLiteDSN sets them),
// for PostgreSQL synchronous_commit and fsync; a database of the other dialect; a
// database in memory with more than one connection; and a transaction pooler that
// loses prepared statements, if the driver prepares any. With pgx behind PgBouncer, set
// default_query_exec_mode=exec (or simple_protocol) in the connection string.
func Open(ctx context.Context, db *sql.DB, d Dialect, opts ...Option) (*Store, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if db == nil || d != SQLite && d != PostgreSQL {
		return nil, &SettingError{[]string{"a *sql.DB and one of the dialects SQLite and PostgreSQL are required"}}
	}
	if err := retryLocked(ctx, "Open", func() error { return check(ctx, db, d, o) }); err != nil {
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
	s := &Store{db: db, volatile: o.volatile}
	s.slots = 1 // SQLite has one writer
	if d == PostgreSQL {
		s.slots = writesOfSite
		if most := db.Stats().MaxOpenConnections; most > 0 {
			s.slots = max(1, min(s.slots, most/4))
			s.reads = make(chan struct{}, most-most/4)
		}
	}
	s.facts = facts{read: runner{dialect: d, on: db}, in: s.write}
	if d == SQLite {
		s.statements = &statements{db: db, last: map[string]*sql.Stmt{}}
		s.read.prepare = s.statements.prepare
	}
	return s, nil
}

// Close releases the prepared statements; the *sql.DB stays open.
func (s *Store) Close() error {
	if s.statements == nil {
		return nil
	}
	return s.statements.close()
}
