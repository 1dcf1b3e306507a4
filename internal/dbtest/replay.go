//go:build unix

package dbtest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access/gate/sqlstore"
)

// Replay repeats the statements of an unlock by hand, with database/sql alone: what an
// unlock costs without gate and storage.
type Replay struct {
	db      *sql.DB
	steps   []Step
	stmts   []*sql.Stmt
	claimed int    // the step that commits the claim
	site    string // of the unlock that was recorded
	request string
	first   int64 // its first row of the log

	mu  sync.Mutex // held by a transaction; on PostgreSQL there is none
	seq int64      // of the last row
}

// Record returns a Replay on db of what unlock does at a site. unlock returns the
// RequestID; the Replay replaces it, the site, the numbers of the rows and the instants.
func Record(ctx context.Context, d Database, db *sql.DB, site string, unlock func(*sqlstore.Store) (string, error)) (*Replay, error) {
	var mu sync.Mutex
	r := &Replay{db: db, site: site}
	watched, err := d.OpenHooked(func(s Step) error {
		mu.Lock()
		defer mu.Unlock()
		if !s.Done && s.What != "prepare" {
			r.steps = append(r.steps, s)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer watched.Close()
	store, err := sqlstore.Open(ctx, sqlstore.Config{DB: watched, Dialect: d.Dialect})
	if err != nil {
		return nil, err
	}
	defer store.Close()
	for range 20 { // the first ones prepare statements and add the chain of the site
		_, head, err := store.Ends(ctx, site)
		if err != nil {
			return nil, err
		}
		r.steps, r.first = nil, int64(head.Seq)+1
		if r.request, err = unlock(store); err != nil {
			return nil, err
		}
	}
	r.seq = r.first + 1
	for i, s := range r.steps {
		var st *sql.Stmt
		if s.Text != "" {
			if st, err = db.PrepareContext(ctx, s.Text); err != nil {
				return nil, err
			}
		}
		if r.stmts = append(r.stmts, st); r.claimed == 0 && (s.What == "commit" || strings.Contains(s.Text, "doorkit_advance")) {
			r.claimed = i
		}
	}
	return r, nil
}

// Run repeats the unlock at a site with another RequestID. Both must be as long as what was
// recorded, and the site must have a chain. Its rows follow seq if that is not 0. Later is
// added to all instants. Between claim and outcome it calls move.
func (r *Replay) Run(ctx context.Context, site, request string, seq int64, later time.Duration, move func()) (err error) {
	var tx *sql.Tx
	own := values{site: site, request: request, later: later}
	defer func() {
		if tx != nil {
			tx.Rollback()
			r.mu.Unlock()
		}
	}()
	for i, s := range r.steps {
		switch s.What {
		case "begin":
			r.mu.Lock()
			r.seq = max(r.seq, seq) + 1
			own.rows = append(own.rows, r.seq)
			if tx, err = r.db.BeginTx(ctx, nil); err != nil {
				r.mu.Unlock()
			}
		case "commit":
			err = tx.Commit()
			tx = nil
			r.mu.Unlock()
		default:
			err = r.step(ctx, tx, i, own)
		}
		if err != nil {
			return fmt.Errorf("%w: %s", err, s.Text)
		}
		if i == r.claimed {
			move()
		}
	}
	return nil
}

// step runs one statement.
func (r *Replay) step(ctx context.Context, tx *sql.Tx, i int, own values) error {
	s, st := r.steps[i], r.stmts[i]
	if tx != nil {
		st = tx.StmtContext(ctx, st)
	}
	if s.What == "exec" {
		_, err := st.ExecContext(ctx, r.args(s, own)...)
		return err
	}
	rows, err := st.QueryContext(ctx, r.args(s, own)...)
	n, err := drain(rows, err)
	if err == nil && n == 0 && strings.Contains(s.Text, "doorkit_advance") {
		err = errors.New("dbtest: the commit was not the usual one")
	}
	return err
}

// values are what differs between two unlocks.
type values struct {
	site, request string
	rows          []int64 // of the log
	later         time.Duration
}

func (r *Replay) args(s Step, own values) []any {
	args := plain(s.Args)
	for i, a := range args {
		switch a := a.(type) {
		case string:
			if args[i] = strings.ReplaceAll(a, r.request, own.request); a == r.site {
				args[i] = own.site
			}
		case []byte: // the part of the hash that has the site
			if len(a) == len(r.site)+4 && string(a[4:]) == r.site {
				args[i] = append(slices.Clone(a[:4]), own.site...)
			}
		case int64:
			switch row := a - r.first; {
			case row >= 0 && row < int64(len(own.rows)):
				args[i] = own.rows[row]
			case a > 1e15: // an instant
				args[i] = a + own.later.Microseconds()
			}
		}
	}
	return args
}

func plain(list []driver.NamedValue) []any {
	args := make([]any, len(list))
	for i, v := range list {
		args[i] = v.Value
	}
	return args
}

// drain reads all rows and returns how many there were.
func drain(rows *sql.Rows, err error) (n int, _ error) {
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return 0, err
	}
	into := make([]any, len(columns))
	for i := range into {
		into[i] = new(sql.RawBytes)
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}
