package sqlstore

import (
	"context"
	"fmt"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// chain is a site's chain, locked by the current transaction.
type chain struct {
	site       string
	base, head storage.Head
	off        bool // the kill switch
}

// lock locks and reads the site's row, which it adds if there is none, so that the commits of a site run one after the
// other, across all processes. It refuses a connection whose commits may be lost:
// synchronous and synchronous_commit are settings of the connection, so every commit
// checks them.
func (s *Store) lock(ctx context.Context, run runner, site string) (*chain, error) {
	// On SQLite a transaction that begins with a write never has to change from reading
	// to writing, which SQLite may refuse. {limits} is an empty string; PostgreSQL
	// evaluates it before it waits for the row.
	c, zero := &chain{site: site}, storage.Digest{}
	var sync string
	err := run.row(ctx, `INSERT INTO doorkit_chains (site, base_seq, base_hash, head_seq, head_hash, switch_off, switch_by, switch_why)
		VALUES ($1, 0, $2, 0, $2, 0, {limits}, '') ON CONFLICT (site) DO UPDATE SET site = excluded.site
		RETURNING base_seq, base_hash, head_seq, head_hash, switch_off, {sync}`, site, zero[:]).
		Scan(&c.base.Seq, digest{&c.base.Hash}, &c.head.Seq, digest{&c.head.Hash}, &c.off, &sync)
	if err != nil {
		return nil, err
	}
	return c, s.durable(ctx, run, sync)
}

// durable refuses a connection whose commits may be lost; sync is the value of the
// statement's {sync}.
func (s *Store) durable(ctx context.Context, run runner, sync string) error {
	if s.volatile {
		return nil
	}
	if s.read.dialect == SQLite {
		if err := run.row(ctx, "PRAGMA synchronous").Scan(&sync); err != nil {
			return err
		}
	}
	if sync == "off" || sync == "0" || sync == "1" {
		return &Error{"commit", NotDurable, fmt.Errorf("its synchronous setting is %s", sync)}
	}
	return nil
}

// append adds the next row of the log to a batch and returns its number.
func (c *chain) append(b *batch, e storage.LogEntry) uint64 {
	row := c.head.Append(c.site, e)
	c.head = row.Head()
	b.add(logRows.insert(c.site, row))
	b.add("UPDATE doorkit_chains SET head_seq = $2, head_hash = $3 WHERE site = $1", []any{c.site, int64(row.Seq), row.Hash[:]})
	return row.Seq
}

// writeLocked is Store.write with the chain of a site locked; it returns what fn returns.
func writeLocked[T any](ctx context.Context, s *Store, op, site string, fn func(runner, *chain) (T, error)) (v T, err error) {
	end, err := s.enter(ctx, site, usual)
	if err != nil {
		return v, fail(ctx, op, err)
	}
	defer end()
	return transactLocked(ctx, s, op, site, fn)
}

// transactLocked is writeLocked for a caller whose turn it is.
func transactLocked[T any](ctx context.Context, s *Store, op, site string, fn func(runner, *chain) (T, error)) (v T, err error) {
	err = s.transact(ctx, op, func(run runner) error {
		chain, err := s.lock(ctx, run, site)
		if err == nil {
			v, err = fn(run, chain)
		}
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return v, nil
}

// Note implements storage.Journal.
func (s *Store) Note(ctx context.Context, site string, e storage.LogEntry) (uint64, error) {
	if err := storage.CheckRecord(site, &e); err != nil {
		return 0, err
	}
	return writeLocked(ctx, s, "Note", site, func(run runner, chain *chain) (uint64, error) {
		var b batch
		seq := chain.append(&b, e)
		return seq, b.run(ctx, run)
	})
}

// Ends implements storage.DoorLog.
func (s *Store) Ends(ctx context.Context, site string) (base, head storage.Head, err error) {
	base, head, err = s.ends(ctx, site)
	return base, head, fail(ctx, "Ends", err)
}

func (s *Store) ends(ctx context.Context, site string) (base, head storage.Head, err error) {
	row := s.read.row(ctx, "SELECT base_seq, base_hash, head_seq, head_hash FROM doorkit_chains WHERE site = $1", site)
	err = optional(row.Scan(&base.Seq, digest{&base.Hash}, &head.Seq, digest{&head.Hash}))
	return base, head, err
}
