package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// runner runs statements, written as for Dialect.sql, on the pool or in a transaction.
type runner interface {
	exec(ctx context.Context, q string, args ...any) (changed int64, err error)
	query(ctx context.Context, q string, args ...any) (*sql.Rows, error)
	row(ctx context.Context, q string, args ...any) scanner
}

type scanner interface{ Scan(...any) error }

// prepared keeps the statements that were prepared, by their text.
type prepared struct {
	db      *sql.DB
	dialect Dialect
	off     bool // prepare nothing
	mu      sync.RWMutex
	stmts   map[string]*sql.Stmt
	spare   []*sql.Stmt
}

func (p *prepared) known(q string) *sql.Stmt {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.stmts[q]
}

func (p *prepared) stmt(ctx context.Context, q string) (*sql.Stmt, error) {
	if st := p.known(q); st != nil {
		return st, nil
	}
	st, err := p.db.PrepareContext(ctx, p.dialect.sql(q))
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if other := p.stmts[q]; other != nil {
		// Another goroutine has prepared it. Closing waits for the statement's connection,
		// which may wait for a lock in the database, so it is closed with the Store.
		p.spare = append(p.spare, st)
		return other, nil
	}
	p.stmts[q] = st
	return st, nil
}

func (p *prepared) close() (err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, st := range slices.AppendSeq(p.spare, maps.Values(p.stmts)) {
		if e := st.Close(); e != nil {
			err = e
		}
	}
	clear(p.stmts)
	p.spare = nil
	return err
}

func (p *prepared) exec(ctx context.Context, q string, args ...any) (int64, error) {
	if err := unfit(args); err != nil {
		return 0, err
	}
	if p.off {
		return changed(p.db.ExecContext(ctx, p.dialect.sql(q), args...))
	}
	st, err := p.stmt(ctx, q)
	if err != nil {
		return 0, err
	}
	return changed(st.ExecContext(ctx, args...))
}

func (p *prepared) query(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	if err := unfit(args); err != nil {
		return nil, err
	}
	if p.off {
		return p.db.QueryContext(ctx, p.dialect.sql(q), args...)
	}
	st, err := p.stmt(ctx, q)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

func (p *prepared) row(ctx context.Context, q string, args ...any) scanner {
	if err := unfit(args); err != nil {
		return failed{err}
	}
	if p.off {
		return p.db.QueryRowContext(ctx, p.dialect.sql(q), args...)
	}
	st, err := p.stmt(ctx, q)
	if err != nil {
		return failed{err}
	}
	return st.QueryRowContext(ctx, args...)
}

// unfit returns an error for a text that PostgreSQL refuses, on SQLite as well. It is
// called before the text is sent, because a refusal would abort the transaction.
func unfit(args []any) error {
	for _, a := range args {
		if s, ok := a.(string); ok && (!utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0) {
			return &storage.RequestError{Faults: []storage.Fault{{Field: "text", What: fmt.Sprintf("must be valid UTF-8 without NUL, not %q", s)}}}
		}
	}
	return nil
}

type failed struct{ err error }

func (f failed) Scan(...any) error { return f.err }

func changed(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// txRunner runs statements in a transaction. Preparing needs a connection of the pool,
// and the transaction may hold the only one. So it uses the statements that are
// prepared, and records the others in missing.
type txRunner struct {
	tx      *sql.Tx
	dialect Dialect
	p       *prepared // nil in a transaction of the host
	missing []string
}

func (t *txRunner) stmt(ctx context.Context, q string) *sql.Stmt {
	if t.p == nil || t.p.off {
		return nil
	}
	st := t.p.known(q)
	if st == nil {
		t.missing = append(t.missing, q)
		return nil
	}
	return t.tx.StmtContext(ctx, st)
}

func (t *txRunner) exec(ctx context.Context, q string, args ...any) (int64, error) {
	if err := unfit(args); err != nil {
		return 0, err
	}
	if st := t.stmt(ctx, q); st != nil {
		return changed(st.ExecContext(ctx, args...))
	}
	return changed(t.tx.ExecContext(ctx, t.dialect.sql(q), args...))
}

func (t *txRunner) query(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	if err := unfit(args); err != nil {
		return nil, err
	}
	if st := t.stmt(ctx, q); st != nil {
		return st.QueryContext(ctx, args...)
	}
	return t.tx.QueryContext(ctx, t.dialect.sql(q), args...)
}

func (t *txRunner) row(ctx context.Context, q string, args ...any) scanner {
	if err := unfit(args); err != nil {
		return failed{err}
	}
	if st := t.stmt(ctx, q); st != nil {
		return st.QueryRowContext(ctx, args...)
	}
	return t.tx.QueryRowContext(ctx, t.dialect.sql(q), args...)
}

// take waits for this process's turn to write to SQLite; give ends it.
func (s *Store) take(ctx context.Context) error {
	if s.turn == nil {
		return nil
	}
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) give() {
	if s.turn != nil {
		<-s.turn
	}
}

// write runs fn in one transaction and commits it, unless fn returns an error. After
// errKeep it commits nothing and returns nil: there was nothing to write.
func (s *Store) write(ctx context.Context, op string, fn func(runner) error) error {
	if err := s.take(ctx); err != nil {
		return fail(ctx, op, err)
	}
	defer s.give()
	var opts sql.TxOptions
	if s.dialect == PostgreSQL {
		opts.Isolation = sql.LevelReadCommitted
	}
	tx, err := s.db.BeginTx(ctx, &opts)
	if err != nil {
		return fail(ctx, op, err)
	}
	t := &txRunner{tx: tx, dialect: s.dialect, p: s.prepared}
	err = fn(t)
	if err == nil {
		err = tx.Commit()
	} else {
		tx.Rollback() // the first error is the one to report
	}
	for _, q := range t.missing {
		if _, e := s.prepared.stmt(ctx, q); e != nil {
			break // the next write tries again
		}
	}
	if errors.Is(err, errKeep) {
		return nil
	}
	return fail(ctx, op, err)
}

var errKeep = errors.New("sqlstore: nothing to write")

// piece is how many rows one commit removes.
const piece = 2000

// pieces removes many rows in several commits, with pauses in which others can write: a
// member may be at a door.
func (s *Store) pieces(ctx context.Context, op string, remove func(runner) (n int, err error)) (all int, err error) {
	for {
		n, began := 0, time.Now()
		err := s.write(ctx, op, func(run runner) (err error) {
			n, err = remove(run)
			return err
		})
		if err != nil {
			return all, err
		}
		if all += n; n < piece {
			return all, nil
		}
		if err := rest(ctx, 2*time.Since(began)); err != nil {
			return all, fail(ctx, op, err)
		}
	}
}

// batch is a list of statements that change different rows and do not read what the
// others wrote. PostgreSQL receives them as one statement, in one round trip.
type batch struct {
	dialect Dialect
	texts   []string
	args    [][]any
}

func (b *batch) add(q string, args ...any) {
	b.texts = append(b.texts, q)
	b.args = append(b.args, args)
}

func (b *batch) run(ctx context.Context, run runner) error {
	if b.dialect == SQLite {
		for i, q := range b.texts {
			if _, err := run.exec(ctx, q, b.args[i]...); err != nil {
				return err
			}
		}
		return nil
	}
	var text []byte
	var args []any
	last := len(b.texts) - 1
	for i, q := range b.texts {
		switch {
		case i == last && i > 0:
			text = append(text, ") "...)
		case i > 0:
			text = append(text, "), "...)
		case i < last:
			text = append(text, "WITH "...)
		}
		if i < last {
			text = fmt.Appendf(text, "s%d AS (", i)
		}
		text = renumber(text, q, len(args))
		args = append(args, b.args[i]...)
	}
	_, err := run.exec(ctx, string(text), args...)
	return err
}

// renumber appends q with its $1 as $(1+by), and so on.
func renumber(text []byte, q string, by int) []byte {
	for {
		before, rest, ok := strings.Cut(q, "$")
		text = append(text, before...)
		if !ok {
			return text
		}
		n, end := 0, 0
		for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
			n, end = n*10+int(rest[end]-'0'), end+1
		}
		text = strconv.AppendInt(append(text, '$'), int64(n+by), 10)
		q = rest[end:]
	}
}

// micros returns an instant as it is stored.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func instant(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.UnixMicro(n.Int64).UTC()
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

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
