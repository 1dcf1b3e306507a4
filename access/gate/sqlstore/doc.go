// Package sqlstore keeps everything a gate and a SALTO KS client need in a SQL
// database, through database/sql: SQLite for a host with one file, PostgreSQL for a
// host with many processes. It imports no driver; the host imports one.
//
//	db, err := sql.Open("sqlite", sqlstore.SQLiteDSN("doors.db"))   // modernc.org/sqlite
//	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))           // github.com/jackc/pgx/v5/stdlib
//
//	err = sqlstore.Migrate(ctx, db, sqlstore.SQLite)
//	store, err := sqlstore.Open(ctx, db, sqlstore.SQLite)
//	g, err := gate.New(gate.Config{Site: "loft", Facts: store, Records: store, Locks: locks})
//
// A Store is storage.Facts, storage.Records and the four stores of facts at once;
// Store.Documents is a saltostate.Store. Store.In writes facts inside a transaction of
// the host.
//
// All tables begin with doorkit_. Any number of goroutines and processes may share
// them. A database that fails returns an [*Error], which wraps
// storage.ErrUnavailable; the other errors are those of package storage.
//
// What was acknowledged survives a crash: Open refuses a database that may lose
// commits, and so does every commit of the gate, on any connection. Unless the host has
// set idle_in_transaction_session_timeout, a PostgreSQL server releases the locks of a
// process that is silent for storage.WriteWithin in the middle of a commit.
package sqlstore
