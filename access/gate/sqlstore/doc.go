// Package sqlstore keeps everything a gate and a SALTO KS client need in a SQL
// database, through database/sql: SQLite for a host with one file, PostgreSQL for a
// host with many processes. It imports no driver; the host imports one.
//
//	db, err := sql.Open("sqlite", sqlstore.SQLiteDSN("doors.db"))   // modernc.org/sqlite
//	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))           // github.com/jackc/pgx/v5/stdlib
//
//	store, err := sqlstore.Open(ctx, sqlstore.Config{DB: db, Dialect: sqlstore.SQLite, Migrate: true})
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
// commits, and so does every commit of the gate, on any connection.
//
// # PostgreSQL under load
//
// The commits of a site follow one another, because its door log is a chain. The two
// commits of an unlock are one statement each: the function doorkit_advance, which Migrate
// creates, locks the chain, checks that nothing concerns this request, and computes the
// next hash, so that no round trip and no frozen process keeps the chain locked. What is
// less usual, such as a repeated request, is a transaction. In every transaction a server
// releases the locks of a process that is silent for half of storage.WriteWithin, and no
// statement waits longer than that time for a lock, whatever the connection string sets;
// shorter times that the host has set are kept.
//
// In each process the commits of a site wait for each other in order, at most four of them
// use connections, and Settle goes first. A Begin that would not be in time is refused with
// storage.ErrBusy, before it has written anything. docs/scale.md has the figures.
package sqlstore
