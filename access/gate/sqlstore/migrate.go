package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"
)

//go:embed migrations
var migrations embed.FS

// steps returns the names of the dialect's migrations, in order: the first brings
// an empty database to version 1, and so on.
func (d Dialect) steps() []string {
	names, err := fs.Glob(migrations, "migrations/"+strings.ToLower(d.String())+"/*.sql")
	if err != nil {
		panic(err) // the pattern is well-formed
	}
	return names
}

func (d Dialect) latest() int { return len(d.steps()) }

// version returns the version of the tables in a database: 0 when there are none.
func version(ctx context.Context, run runner) (n int, err error) {
	if err := run.row(ctx, "{migrated}").Scan(&n); err != nil || n == 0 {
		return 0, err
	}
	err = run.row(ctx, "SELECT COALESCE(MAX(version), 0) FROM doorkit_migrations").Scan(&n)
	return n, err
}

// Migrate migrates the tables to this program's version, forward only, in one
// transaction: after an error nothing has changed. Any number of processes may call it
// at once; one does the work and the others wait. For a newer database it returns a
// *VersionError.
func Migrate(ctx context.Context, db *sql.DB, d Dialect) error {
	return retryLocked(ctx, "Migrate", func() error { return migrate(ctx, db, d) })
}

// retryLocked repeats fn while the database is locked. SQLite's busy timeout does not
// apply to the change of a new file to WAL, which the first use of each connection may
// request. When the file is locked, fn has changed nothing.
func retryLocked(ctx context.Context, op string, fn func() error) error {
	for pause := 10 * time.Millisecond; ; pause *= 2 {
		err := fail(ctx, op, fn())
		if e, ok := errors.AsType[*Error](err); !ok || e.Kind != Locked || pause > 2*time.Second {
			return err
		}
		if sleep(ctx, pause) != nil {
			return err
		}
	}
}

func migrate(ctx context.Context, db *sql.DB, d Dialect) error {
	have, err := version(ctx, runner{dialect: d, on: db})
	if err != nil || have == d.latest() {
		return err // the usual case, without a lock
	}
	tx, err := d.begin(ctx, db)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	run := runner{dialect: d, on: tx}
	if d == PostgreSQL {
		// The number is "doorkit" in ASCII, which no other program is likely to use.
		if _, err := run.exec(ctx, "SELECT pg_advisory_xact_lock(28260998092089716)"); err != nil {
			return err
		}
	}
	have, err = version(ctx, run)
	switch {
	case err != nil:
		return err
	case have > d.latest():
		return &VersionError{have, d.latest()}
	case have == 0:
		if _, err := run.exec(ctx, "CREATE TABLE doorkit_migrations (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, "+
			"done BIGINT NOT NULL)"); err != nil {
			return err
		}
	}
	for i, name := range d.steps()[have:] {
		text, err := migrations.ReadFile(name)
		if err != nil {
			return err
		}
		for _, q := range strings.SplitAfter(string(text), ";\n\n") {
			if strings.TrimSpace(q) == "" {
				continue
			}
			if _, err := tx.ExecContext(ctx, q); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		if _, err := run.exec(ctx, "INSERT INTO doorkit_migrations (version, name, done) VALUES ($1, $2, {clock})",
			have+i+1, path.Base(name)); err != nil {
			return err
		}
	}
	return tx.Commit()
}
