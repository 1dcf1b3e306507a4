package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// chain is a site's chain, locked by the current transaction.
type chain struct {
	site string
	head storage.Head
	off  bool // the kill switch
}

// lock locks and reads the site's row, so that the commits of a site run one after the
// other, across all processes. It refuses a connection whose commits may be lost:
// synchronous and synchronous_commit are settings of the connection, so every commit
// checks them.
func (s *Store) lock(ctx context.Context, run runner, site string) (*chain, error) {
	// On SQLite a transaction that begins with a write never has to change from reading
	// to writing, which SQLite may refuse.
	q := "SELECT head_seq, head_hash, switch_off, {sync}, {idle} FROM doorkit_chains WHERE site = $1 FOR UPDATE"
	if s.dialect == SQLite {
		q = "UPDATE doorkit_chains SET site = site WHERE site = $1 RETURNING head_seq, head_hash, switch_off, {sync}, {idle}"
	}
	c := &chain{site: site}
	for try := 0; ; try++ {
		var hash []byte
		var off int64
		var sync, idle string
		err := run.row(ctx, q, site).Scan(&c.head.Seq, &hash, &off, &sync, &idle)
		switch {
		case err == nil:
			c.off = off != 0
			if err := s.durable(ctx, run, sync); err != nil {
				return nil, err
			}
			return c, digest(&c.head.Hash, hash)
		case !missing(err) || try > 0:
			return nil, err
		}
		zero := storage.Digest{}
		if _, err := run.exec(ctx, `INSERT INTO doorkit_chains (site, base_seq, base_hash, head_seq, head_hash, switch_off, switch_by, switch_why)
			VALUES ($1, 0, $2, 0, $2, 0, '', '') ON CONFLICT (site) DO NOTHING`, site, zero[:]); err != nil {
			return nil, err
		}
	}
}

// durable refuses a connection whose commits may be lost; sync is the value of the
// statement's {sync}.
func (s *Store) durable(ctx context.Context, run runner, sync string) error {
	if s.volatile {
		return nil
	}
	if s.dialect == SQLite {
		if err := run.row(ctx, "PRAGMA synchronous").Scan(&sync); err != nil {
			return err
		}
	}
	if sync == "off" || sync == "0" || sync == "1" {
		return &Error{"commit", NotDurable, fmt.Errorf("its synchronous setting is %s", sync)}
	}
	return nil
}

func digest(d *storage.Digest, b []byte) error {
	if copy(d[:], b) != len(d) || len(b) != len(d) {
		return &Error{"Rows", Unreadable, fmt.Errorf("its hash has %d bytes", len(b))}
	}
	return nil
}

// append adds the next row of the log to a batch and returns its number.
func (c *chain) append(b *batch, e storage.LogEntry) uint64 {
	e.At = whole(e.At)
	row := c.head.Append(c.site, e)
	c.head = row.Head()
	b.add("INSERT INTO doorkit_log (site, seq, at, ref, door, action, outcome, reason, commitment, hash) "+
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
		c.site, int64(row.Seq), micros(row.At), int64(row.Ref), row.Door, row.Action, string(row.Outcome), row.Reason,
		row.Commitment[:], row.Hash[:])
	if len(e.Salt) > 0 || len(e.Detail) > 0 {
		b.add("INSERT INTO doorkit_log_details (site, seq, member, actor, salt, detail) VALUES ($1, $2, $3, $4, $5, $6)",
			c.site, int64(row.Seq), e.Member, e.Actor, blob(e.Salt), blob(e.Detail))
	}
	b.add("UPDATE doorkit_chains SET head_seq = $2, head_hash = $3 WHERE site = $1", c.site, int64(row.Seq), row.Hash[:])
	return row.Seq
}

// Note implements storage.Journal.
func (s *Store) Note(ctx context.Context, site string, e storage.LogEntry) (seq uint64, err error) {
	if err := storage.CheckRecord(site, &e); err != nil {
		return 0, err
	}
	err = s.write(ctx, "Note", func(run runner) error {
		chain, err := s.lock(ctx, run, site)
		if err != nil {
			return err
		}
		b := batch{dialect: s.dialect}
		seq = chain.append(&b, e)
		return b.run(ctx, run)
	})
	if err != nil {
		return 0, err
	}
	return seq, nil
}

// Ends implements storage.DoorLog.
func (s *Store) Ends(ctx context.Context, site string) (base, head storage.Head, err error) {
	var b, h []byte
	err = s.read.row(ctx, "SELECT base_seq, base_hash, head_seq, head_hash FROM doorkit_chains WHERE site = $1", site).Scan(&base.Seq,
		&b, &head.Seq, &h)
	if missing(err) {
		return storage.Head{}, storage.Head{}, nil
	}
	if err == nil {
		err = digest(&base.Hash, b)
	}
	if err == nil {
		err = digest(&head.Hash, h)
	}
	return base, head, fail(ctx, "Ends", err)
}

// Rows implements storage.DoorLog.
func (s *Store) Rows(ctx context.Context, q storage.LogQuery) iter.Seq2[storage.LogRow, error] {
	return storage.LogPages(q, pageSize, func(q storage.LogQuery) ([]storage.LogRow, error) {
		f := filter{dialect: s.dialect}
		f.and("l.site = ", q.Site)
		after := int64(min(q.After, math.MaxInt64))
		order := " ORDER BY l.seq LIMIT $"
		if !q.Newest {
			f.and("l.seq > ", after)
		} else {
			order = " ORDER BY l.seq DESC LIMIT $"
			f.and("l.seq > ", int64(0)) // Verify starts at row 1
			if after > 0 {
				f.and("l.seq < ", after)
			}
		}
		if q.Door != "" {
			f.and("l.door = ", q.Door)
		}
		if q.Member != "" {
			f.and("d.member = ", q.Member)
		}
		if q.Outcome != "" {
			f.and("l.outcome = ", string(q.Outcome))
		}
		f.span("l.at", q.From, q.Until)
		f.args = append(f.args, q.Limit)
		rows, err := s.read.query(ctx, `SELECT l.seq, l.at, l.ref, l.door, l.action, l.outcome, l.reason, l.commitment, l.hash,
			COALESCE(d.member, ''), COALESCE(d.actor, ''), d.salt, d.detail
			FROM doorkit_log l LEFT JOIN doorkit_log_details d ON d.site = l.site AND d.seq = l.seq
			WHERE `+strings.Join(f.where, " AND ")+order+strconv.Itoa(len(f.args)), f.args...)
		list, err := collect(rows, err, scanLogRow)
		return list, fail(ctx, "Rows", err)
	})
}

func scanLogRow(row scanner) (r storage.LogRow, err error) {
	var at sql.NullInt64
	var commitment, hash []byte
	err = row.Scan(&r.Seq, &at, &r.Ref, &r.Door, &r.Action, &r.Outcome, &r.Reason, &commitment, &hash, &r.Member, &r.Actor, &r.Salt,
		(*[]byte)(&r.Detail))
	r.At = instant(at)
	if err == nil {
		err = digest(&r.Commitment, commitment)
	}
	if err == nil {
		err = digest(&r.Hash, hash)
	}
	return r, err
}
