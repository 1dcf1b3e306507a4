package sqlstore

import (
	"context"
	"iter"
	"math"
	"strings"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// Rows implements storage.DoorLog.
func (s *Store) Rows(ctx context.Context, q storage.LogQuery) iter.Seq2[storage.LogRow, error] {
	from, until := int64(0), int64(math.MaxInt64) // the numbers of the rows, both included
	switch after := int64(min(q.After, math.MaxInt64-1)); {
	case !q.Newest:
		from = after + 1
	case after > 0:
		until = after - 1
	}
	return storage.Pages(q.Limit, pageSize, func(last *storage.LogRow, size int) (list []storage.LogRow, err error) {
		switch {
		case last == nil:
			from, until, err = s.numbers(ctx, q, from, until)
		case q.Newest:
			until = int64(last.Seq) - 1
		default:
			from = int64(last.Seq) + 1
		}
		if err == nil && from <= until {
			list, err = s.logPage(ctx, q, from, until, size)
		}
		return list, fail(ctx, "Rows", err)
	})
}

// numbers narrows the numbers of the rows to those of the query's span of time. A
// database expects the rows of a span to be scattered over the log, so it would search
// the log from one end for the first of them.
func (s *Store) numbers(ctx context.Context, q storage.LogQuery, from, until int64) (first, last int64, err error) {
	if q.From.IsZero() && q.Until.IsZero() {
		return from, until, nil
	}
	var f filter
	f.and("site = ?", q.Site)
	f.span("at", q.From, q.Until)
	// The 0 prevents a search by number.
	err = s.read.row(ctx, "SELECT COALESCE(MIN(seq + 0), 1), COALESCE(MAX(seq + 0), 0) FROM doorkit_log WHERE "+
		strings.Join(f.where, " AND "), f.args...).Scan(&first, &last)
	return max(from, first), min(until, last), err
}

// rare is the condition of the index by outcome.
const rare = "outcome IN ('denied', 'not_sent', 'refused', 'unconfirmed')"

func (s *Store) logPage(ctx context.Context, q storage.LogQuery, from, until int64, size int) ([]storage.LogRow, error) {
	var f filter
	f.and("site = ?", q.Site)
	f.and("seq BETWEEN ? AND ?", from, until)
	f.equal("door", q.Door)
	f.equal("member", q.Member)
	f.equal("outcome", string(q.Outcome))
	if q.Outcome != "" && q.Outcome != storage.Sending && q.Outcome != storage.Accepted {
		f.and(rare)
	}
	f.span("+at", q.From, q.Until) // the sign prevents a search by time, and with it a sort
	order := "seq"
	if q.Newest {
		order = "seq DESC"
	}
	where, args := f.text(order, size)
	return logRows.list(ctx, s.read, where, args...)
}

// Verified implements storage.DoorLog.
func (s *Store) Verified(ctx context.Context, site string) (head storage.Head, err error) {
	row := s.read.row(ctx, "SELECT seq, hash FROM doorkit_verified WHERE site = $1", site)
	err = optional(row.Scan(&head.Seq, digest{&head.Hash}))
	return head, fail(ctx, "Verified", err)
}

// SetVerified implements storage.DoorLog.
func (s *Store) SetVerified(ctx context.Context, site string, head storage.Head) error {
	return s.write(ctx, "SetVerified", func(run runner) error {
		_, err := run.exec(ctx, `INSERT INTO doorkit_verified (site, seq, hash) VALUES ($1, $2, $3)
			ON CONFLICT (site) DO UPDATE SET seq = excluded.seq, hash = excluded.hash WHERE doorkit_verified.seq < excluded.seq`,
			site, int64(head.Seq), head.Hash[:])
		return err
	})
}
