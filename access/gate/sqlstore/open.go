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
	writes     turns
	reads      turns // of requests; like lists not used for SQLite
	lists      turns // reads of all doors, which have no turn of a request
	// places has a place for each of these reads that may run at a time; nil for no limit.
	places chan struct{}
}

var (
	_ storage.Facts     = (*Store)(nil)
	_ storage.FactStore = (*Store)(nil)
	_ storage.Records   = (*Store)(nil)
	_ storage.ManySites = (*Store)(nil)
)

// Config is what Open requires.
type Config struct {
	DB      *sql.DB // required; the caller sets it up, the size of its pool included, and closes it after the Store
	Dialect Dialect // required
	// Migrate calls Migrate first, which upgrades the tables of any earlier version.
	Migrate bool
	// Volatile accepts a database that may lose commits it acknowledged: one in memory, or
	// one with synchronous writes off. It is for tests. On such a database, a command may
	// be sent twice after a crash.
	Volatile bool
}

// Open returns a Store. It leaves a quarter of the pool to other calls than Lookup, Load,
// LoadAll and Wait, whose reads are the most frequent. A site uses at most a quarter, and
// never more than four connections, for each of these: the reads of Lookup, Load and Wait;
// those of LoadAll; the writes that add to its log or change its facts. So a busy site
// leaves connections to the others.
//
// It refuses tables of another version with a *VersionError. It refuses with a
// *SettingError a database that is not set up to keep what it acknowledged, or to
// remove what is erased: for SQLite it requires WAL, synchronous=FULL, a busy
// timeout, foreign keys and secure_delete on every connection (SQLiteDSN sets them),
// for PostgreSQL synchronous_commit and fsync; a database of the other dialect; a
// database in memory with more than one connection; and a transaction pooler that
// loses prepared statements, if the driver prepares any. With pgx behind PgBouncer, set
// default_query_exec_mode=exec (or simple_protocol) in the connection string.
func Open(ctx context.Context, c Config) (*Store, error) {
	if err := c.check(ctx); err != nil {
		return nil, err
	}
	if c.Migrate {
		if err := Migrate(ctx, c.DB, c.Dialect); err != nil {
			return nil, err
		}
	}
	have, err := version(ctx, runner{dialect: c.Dialect, on: c.DB})
	if err != nil {
		return nil, fail(ctx, "Open", err)
	}
	if want := c.Dialect.latest(); have != want {
		return nil, &VersionError{have, want}
	}
	s := &Store{db: c.DB, volatile: c.Volatile}
	s.writes.slots = 1 // SQLite has one writer
	if c.Dialect == PostgreSQL {
		slots := slotsOfSite
		if most := c.DB.Stats().MaxOpenConnections; most > 0 {
			slots = max(1, min(slots, most/4))
			s.places = make(chan struct{}, most-most/4)
		}
		s.writes.slots, s.reads.slots, s.lists.slots = slots, slots, slots
	}
	s.facts = facts{read: runner{dialect: c.Dialect, on: c.DB}, in: s.write}
	if c.Dialect == SQLite {
		s.statements = &statements{db: c.DB, last: map[string]*sql.Stmt{}}
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
