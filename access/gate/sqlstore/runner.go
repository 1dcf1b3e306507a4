package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// runner runs statements, written as for Dialect.sql, on the pool or in a transaction.
type runner struct {
	dialect Dialect
	on      interface { // a *sql.DB or *sql.Tx
		ExecContext(ctx context.Context, q string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error)
		QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row
	}
	// prepare returns the prepared statement of a text, or nil to send the text. A nil
	// prepare prepares nothing.
	prepare func(ctx context.Context, q string) (*sql.Stmt, error)
}

type scanner interface{ Scan(...any) error }

func (r runner) exec(ctx context.Context, q string, args ...any) (int64, error) {
	st, err := r.stmt(ctx, q, args)
	if err != nil {
		return 0, err
	}
	if st != nil {
		return changed(st.ExecContext(ctx, args...))
	}
	return changed(r.on.ExecContext(ctx, r.dialect.sql(q), args...))
}

func changed(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (r runner) query(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	st, err := r.stmt(ctx, q, args)
	if err != nil {
		return nil, err
	}
	if st != nil {
		return st.QueryContext(ctx, args...)
	}
	return r.on.QueryContext(ctx, r.dialect.sql(q), args...)
}

func (r runner) row(ctx context.Context, q string, args ...any) scanner {
	st, err := r.stmt(ctx, q, args)
	if err != nil {
		return failed{err}
	}
	if st != nil {
		return st.QueryRowContext(ctx, args...)
	}
	return r.on.QueryRowContext(ctx, r.dialect.sql(q), args...)
}

type failed struct{ err error }

func (f failed) Scan(...any) error { return f.err }

// stmt returns the prepared statement, or nil to send the text.
func (r runner) stmt(ctx context.Context, q string, args []any) (*sql.Stmt, error) {
	if err := checkTexts(args); err != nil || r.prepare == nil {
		return nil, err
	}
	return r.prepare(ctx, q)
}

// checkTexts returns an error for a text that PostgreSQL refuses, on SQLite as well. It is
// called before the text is sent, because a refusal would abort the transaction.
func checkTexts(args []any) error {
	for _, a := range args {
		if s, ok := a.(string); ok && !storage.ValidText(s) {
			return &storage.RequestError{Faults: []storage.Fault{{Field: "text", What: fmt.Sprintf("must be valid UTF-8 without NUL, not %q", s)}}}
		}
	}
	return nil
}

// statements are the prepared statements for SQLite, where parsing costs as much as
// running. For PostgreSQL, drivers prepare statements themselves if they are set up to.
type statements struct {
	db   *sql.DB
	mu   sync.RWMutex
	last map[string]*sql.Stmt // by their text
	all  []*sql.Stmt
}

func (s *statements) known(q string) *sql.Stmt {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.last[q]
}

func (s *statements) prepare(ctx context.Context, q string) (*sql.Stmt, error) {
	if st := s.known(q); st != nil {
		return st, nil
	}
	st, err := s.db.PrepareContext(ctx, SQLite.sql(q))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// Another goroutine may have prepared it as well, and may be using its statement.
	s.last[q], s.all = st, append(s.all, st)
	return st, nil
}

func (s *statements) close() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.all {
		err = errors.Join(err, st.Close())
	}
	clear(s.last)
	s.all = nil
	return err
}
