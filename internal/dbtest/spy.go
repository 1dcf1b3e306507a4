//go:build unix

package dbtest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"

	"github.com/doorkit/doorkit/access/gate/sqlstore"
)

// Step is one thing a driver is asked to do.
type Step struct {
	What string // "begin", "prepare", "exec", "query", "commit", "rollback"
	Text string // the statement; empty for begin, commit and rollback
	Args []driver.NamedValue
	Done bool // false before it, true after it went well
}

// Hook is called before and after every step. An error before it takes the
// step's place; an error after it takes the place of its answer. Either way the
// connection is broken from then on.
type Hook func(Step) error

// OpenHooked opens d with a hook between database/sql and the driver.
func (d Database) OpenHooked(hook Hook) (*sql.DB, error) {
	var c driver.Connector
	if d.Dialect == sqlstore.SQLite {
		var err error
		if c, err = sqlite.NewConnector(d.DSN); err != nil {
			return nil, err
		}
	} else {
		config, err := pgx.ParseConfig(d.DSN)
		if err != nil {
			return nil, err
		}
		c = stdlib.GetConnector(*config)
	}
	db := sql.OpenDB(connector{c, hook})
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	return db, nil
}

type connector struct {
	driver.Connector
	hook Hook
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: inner, hook: c.hook}, nil
}

type conn struct {
	driver.Conn
	hook   Hook
	broken bool
}

// step runs do between two calls of the hook.
func step[T any](c *conn, s Step, do func() (T, error)) (v T, err error) {
	var zero T
	if c.broken {
		return zero, ErrBroken
	}
	if err := c.hook(s); err != nil {
		c.broken = true
		return zero, err
	}
	if v, err = do(); err != nil {
		return zero, err
	}
	s.Done = true
	if err := c.hook(s); err != nil {
		c.broken = true
		switch v := any(v).(type) { // no caller does
		case driver.Rows:
			v.Close()
		case driver.Stmt:
			v.Close()
		case driver.Tx:
			_ = v.Rollback()
		}
		return zero, err
	}
	return v, nil
}

// ErrBroken is the error of a broken connection.
var ErrBroken = errors.New("dbtest: the connection broke")

func (c *conn) PrepareContext(ctx context.Context, q string) (driver.Stmt, error) {
	return step(c, Step{What: "prepare", Text: q}, func() (driver.Stmt, error) {
		inner, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, q)
		if err != nil {
			return nil, err
		}
		return &stmt{inner, q, c}, nil
	})
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return step(c, Step{What: "begin"}, func() (driver.Tx, error) {
		inner, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
		if err != nil {
			return nil, err
		}
		return &tx{inner, c}, nil
	})
}

func (c *conn) ExecContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Result, error) {
	return step(c, Step{What: "exec", Text: q, Args: args}, func() (driver.Result, error) {
		return c.Conn.(driver.ExecerContext).ExecContext(ctx, q, args)
	})
}

func (c *conn) QueryContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Rows, error) {
	return step(c, Step{What: "query", Text: q, Args: args}, func() (driver.Rows, error) {
		return c.Conn.(driver.QueryerContext).QueryContext(ctx, q, args)
	})
}

func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if inner, ok := c.Conn.(driver.NamedValueChecker); ok {
		return inner.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *conn) ResetSession(ctx context.Context) error {
	if inner, ok := c.Conn.(driver.SessionResetter); ok {
		return inner.ResetSession(ctx)
	}
	return nil
}

func (c *conn) IsValid() bool {
	inner, ok := c.Conn.(driver.Validator)
	return !c.broken && (!ok || inner.IsValid())
}

type stmt struct {
	driver.Stmt
	text string
	conn *conn
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return step(s.conn, Step{What: "exec", Text: s.text, Args: args}, func() (driver.Result, error) {
		return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	})
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return step(s.conn, Step{What: "query", Text: s.text, Args: args}, func() (driver.Rows, error) {
		return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	})
}

type tx struct {
	driver.Tx
	conn *conn
}

func (t *tx) Commit() error {
	_, err := step(t.conn, Step{What: "commit"}, func() (struct{}, error) { return struct{}{}, t.Tx.Commit() })
	return err
}

func (t *tx) Rollback() error {
	_, err := step(t.conn, Step{What: "rollback"}, func() (struct{}, error) { return struct{}{}, t.Tx.Rollback() })
	return err
}
