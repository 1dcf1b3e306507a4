package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// write runs fn in one transaction with limits and commits it, unless fn returns an error.
// After errNoChange it commits nothing and returns nil: there was nothing to write.
func (s *Store) write(ctx context.Context, op string, fn func(runner) error) error {
	end, err := s.enter(ctx, "", usual)
	if err != nil {
		return fail(ctx, op, err)
	}
	defer end()
	return s.transact(ctx, op, func(run runner) error {
		if err := limit(ctx, run); err != nil {
			return err
		}
		return fn(run)
	})
}

// limit sets the limits of a transaction: a process that freezes in the middle of it must
// not keep its locks. Those that lock a chain set them in that statement instead: it contains
// {limits}, which is evaluated before the statement locks the row.
//
// On SQLite it takes the write lock, with a write of no row: a transaction that began with
// a read is refused at once, instead of waiting, if it writes while others do.
func limit(ctx context.Context, run runner) error {
	if run.dialect == SQLite {
		_, err := run.exec(ctx, "UPDATE doorkit_migrations SET version = version WHERE version < 0")
		return err
	}
	var none string
	return run.row(ctx, "SELECT {limits}").Scan(&none)
}

// transact is write for a caller whose turn it is, and for an fn that sets the limits.
func (s *Store) transact(ctx context.Context, op string, fn func(runner) error) error {
	tx, err := s.read.dialect.begin(ctx, s.db)
	if err != nil {
		return fail(ctx, op, err)
	}
	run, prepareLater := s.inTx(tx)
	if err = fn(run); err == nil {
		err = acknowledged(ctx, tx.Commit())
	} else {
		tx.Rollback() // the first error is the one to report
	}
	prepareLater(ctx)
	if errors.Is(err, errNoChange) {
		return nil
	}
	return fail(ctx, op, err)
}

// acknowledged returns the error of a commit, or that of a context that has ended meanwhile.
// Some drivers then cancel the statement at the server. A PostgreSQL server that waits
// for its synchronous standby stops waiting, and reports success with a warning: the
// commit is lost if the server fails now.
func acknowledged(ctx context.Context, err error) error {
	if err != nil {
		return err
	}
	return ctx.Err()
}

// begin starts a transaction in which each statement sees what others have committed.
func (d Dialect) begin(ctx context.Context, db *sql.DB) (*sql.Tx, error) {
	var opts sql.TxOptions
	if d == PostgreSQL {
		opts.Isolation = sql.LevelReadCommitted
	}
	return db.BeginTx(ctx, &opts)
}

// inTx returns a runner for a transaction of the Store. Preparing needs a connection of
// the pool, and the transaction may hold the only one. So it uses the statements that
// are prepared; prepareLater, which is called after the transaction, prepares the others.
func (s *Store) inTx(tx *sql.Tx) (run runner, prepareLater func(context.Context)) {
	run = runner{dialect: s.read.dialect, on: tx}
	if s.statements == nil {
		return run, func(context.Context) {}
	}
	var missing []string
	run.prepare = func(ctx context.Context, q string) (*sql.Stmt, error) {
		st := s.statements.known(q)
		if st == nil {
			missing = append(missing, q)
			return nil, nil
		}
		return tx.StmtContext(ctx, st), nil
	}
	return run, func(ctx context.Context) {
		for _, q := range missing {
			if _, err := s.statements.prepare(ctx, q); err != nil {
				return // the next write tries again
			}
		}
	}
}

var errNoChange = errors.New("sqlstore: nothing to write")

const (
	// chunk is how many rows one commit removes.
	chunk = 2000
	// lockedChunk is how many rows of the log one commit removes. It locks the chain, so
	// members at the doors wait for it.
	lockedChunk = 250
)

// inChunks removes many rows in several commits of at most size rows, with pauses in which
// others can write: a member may be at a door. site is empty if remove does not lock the
// chain of a site.
func (s *Store) inChunks(ctx context.Context, op, site string, size int, remove func(runner) (n int, err error)) (all int, err error) {
	for {
		end, err := s.enter(ctx, site, usual)
		if err != nil {
			return all, fail(ctx, op, err)
		}
		n, began := 0, time.Now()
		err = s.transact(ctx, op, func(run runner) (err error) {
			if site == "" {
				if err = limit(ctx, run); err != nil {
					return err
				}
			}
			n, err = remove(run)
			return err
		})
		end()
		if err != nil {
			return all, err
		}
		if all += n; n < size {
			return all, nil
		}
		if err := sleep(ctx, 2*time.Since(began)); err != nil {
			return all, fail(ctx, op, err)
		}
	}
}

// batch is a list of statements.
type batch struct {
	texts []string
	args  [][]any
}

func (b *batch) add(q string, args []any) {
	b.texts = append(b.texts, q)
	b.args = append(b.args, args)
}

// run runs statements that change different rows and do not read what the others wrote.
// PostgreSQL receives them as one statement, in one round trip.
func (b *batch) run(ctx context.Context, run runner) error {
	if run.dialect == SQLite {
		return b.runEach(ctx, run)
	}
	text, args := b.joined()
	_, err := run.exec(ctx, text, args...)
	return err
}

// runEach runs the statements one after the other.
func (b *batch) runEach(ctx context.Context, run runner) error {
	for i, q := range b.texts {
		if _, err := run.exec(ctx, q, b.args[i]...); err != nil {
			return err
		}
	}
	return nil
}

// joined returns the statements as one: s0, s1, ... and the last, which may read what the
// others return.
func (b *batch) joined() (text string, args []any) {
	var parts []string
	for i, q := range b.texts {
		parts = append(parts, argument.ReplaceAllStringFunc(q, func(place string) string {
			n, _ := strconv.Atoi(place[1:])
			return "$" + strconv.Itoa(len(args)+n)
		}))
		args = append(args, b.args[i]...)
	}
	last := len(parts) - 1
	if last == 0 {
		return parts[0], args
	}
	for i, part := range parts[:last] {
		parts[i] = fmt.Sprintf("s%d AS (%s)", i, part)
	}
	return "WITH " + strings.Join(parts[:last], ", ") + " " + parts[last], args
}

// argument is the place of an argument in a statement.
var argument = regexp.MustCompile(`\$[0-9]+`)

// collect reads all rows.
func collect[T any](rows *sql.Rows, err error, scan func(scanner) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}
