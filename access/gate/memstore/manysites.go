package memstore

import (
	"context"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// Due implements storage.ManySites.
func (s *Store) Due(ctx context.Context, q storage.DueQuery) (due []string, err error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, id := range q.Sites {
		if st := s.sites[id]; st != nil && st.has(q.Work, q.Before) {
			due = append(due, id)
		}
	}
	return due, nil
}

// has reports whether the site has work.
func (st *site) has(w storage.Work, before time.Time) bool {
	switch w {
	case storage.WorkHolds:
		return len(st.holds) > 0
	case storage.WorkRetain:
		if len(st.rows) > 0 && st.rows[0].At.Before(before) {
			return true
		}
		for _, e := range st.vendor {
			if e.At.Before(before) {
				return true
			}
		}
		return false
	case storage.WorkVerify:
		n := len(st.rows)
		return st.verified != st.head || st.head.Seq > 0 && (n == 0 || st.rows[n-1].Head() != st.verified)
	}
	for _, e := range st.entries {
		sending := e.Outcome == storage.Sending
		if w == storage.WorkRecover && sending && e.SendBy.Before(before) || w == storage.WorkPrune && !sending && e.Begun.Before(before) {
			return true
		}
	}
	return false
}
