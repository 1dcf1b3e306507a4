package memstore

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

func (st *site) append(siteID string, e *storage.LogEntry) uint64 {
	row := st.head.Append(siteID, *e)
	st.rows, st.head = append(st.rows, row), row.Head()
	return row.Seq
}

// Note implements storage.Journal.
func (s *Store) Note(ctx context.Context, siteID string, e storage.LogEntry) (seq uint64, err error) {
	if err := storage.CheckRecord(siteID, &e); err != nil {
		return 0, err
	}
	err = s.write(ctx, siteID, func(st *site) error { seq = st.append(siteID, &e); return nil })
	return seq, err
}

// Rows implements storage.DoorLog.
func (s *Store) Rows(ctx context.Context, q storage.LogQuery) iter.Seq2[storage.LogRow, error] {
	return storage.Pages(q.Limit, 500, func(last *storage.LogRow, size int) (list []storage.LogRow, err error) {
		next := q
		if next.Limit = size; last != nil {
			next.After = last.Seq
		}
		err = s.read(ctx, q.Site, func(st *site) error { list = st.page(next); return nil })
		return list, err
	})
}

func (st *site) page(q storage.LogQuery) (list []storage.LogRow) {
	// kept returns how many of the rows up to seq are kept.
	kept := func(seq uint64) int { return int(min(max(seq, st.base.Seq)-st.base.Seq, uint64(len(st.rows)))) }
	rows := slices.All(st.rows[kept(q.After):])
	if q.Newest {
		rows = slices.Backward(st.rows[:kept(q.After-1)]) // with After 0 this is the highest number: all rows
	}
	for _, r := range rows {
		if len(list) == q.Limit {
			break
		}
		if (q.Door == "" || r.Door == q.Door) && (q.Member == "" || r.Member == q.Member) &&
			(q.Outcome == "" || r.Outcome == q.Outcome) && within(r.At, q.From, q.Until) {
			list = append(list, r)
		}
	}
	return list
}

// Ends implements storage.DoorLog.
func (s *Store) Ends(ctx context.Context, siteID string) (base, head storage.Head, err error) {
	err = s.read(ctx, siteID, func(st *site) error { base, head = st.base, st.head; return nil })
	return base, head, err
}

// Verified implements storage.DoorLog.
func (s *Store) Verified(ctx context.Context, siteID string) (head storage.Head, err error) {
	err = s.read(ctx, siteID, func(st *site) error { head = st.verified; return nil })
	return head, err
}

// SetVerified implements storage.DoorLog.
func (s *Store) SetVerified(ctx context.Context, siteID string, head storage.Head) error {
	return s.write(ctx, siteID, func(st *site) error {
		if head.Seq > st.verified.Seq {
			st.verified = head
		}
		return nil
	})
}

// Retain implements storage.DoorLog.
func (s *Store) Retain(ctx context.Context, siteID string, before time.Time, e storage.LogEntry) (base storage.Head, n int, err error) {
	if err := storage.CheckRecord(siteID, &e); err != nil {
		return base, 0, err
	}
	err = s.write(ctx, siteID, func(st *site) error {
		for n < len(st.rows) && st.rows[n].At.Before(before) {
			n++
		}
		if n > 0 {
			st.base = st.rows[n-1].Head()
			e = e.Retention(st.base)
			st.append(siteID, &e)
			st.rows = slices.Clone(st.rows[n:])
		}
		base = st.base
		return nil
	})
	return base, n, err
}

// Erase implements storage.Eraser.
func (s *Store) Erase(ctx context.Context, siteID, person string, before time.Time) (erased storage.Erased, err error) {
	if person == "" {
		return erased, cmp.Or(ctx.Err(), storage.NotFound("person", person))
	}
	err = s.write(ctx, siteID, func(st *site) error {
		known := false
		for i := range st.rows {
			if r := &st.rows[i]; r.Names(person) {
				r.Salt, r.Detail, r.Member, r.Actor = nil, nil, "", ""
				erased.Rows++
			}
		}
		for k := range st.checkIns {
			if k.member == person {
				delete(st.checkIns, k)
				known = true
			}
		}
		for i := range st.holds {
			if st.holds[i].Member == person {
				st.holds[i].Member = ""
				known = true
			}
		}
		for key := range st.entries {
			known = known || key.Member == person
		}
		st.removeEntries(func(e *storage.JournalEntry) bool {
			return e.Member == person && e.SendBy.Before(before) && e.Begun.Before(before)
		})
		if !st.killSwitch.Erase(person) && !known && erased.Rows == 0 {
			return storage.NotFound("person", person)
		}
		return nil
	})
	return erased, err
}

// EraseVendorUser implements storage.Eraser.
func (s *Store) EraseVendorUser(ctx context.Context, siteID, user string) (erased storage.Erased, err error) {
	if user == "" {
		return erased, cmp.Or(ctx.Err(), storage.NotFound("user", user))
	}
	err = s.write(ctx, siteID, func(st *site) error {
		for id, e := range st.vendor {
			if e.User == user {
				e.User, e.Detail, e.Raw = "", "", nil
				st.vendor[id] = e
				erased.Rows++
			}
		}
		if erased.Rows == 0 {
			return storage.NotFound("user", user)
		}
		return nil
	})
	return erased, err
}

// Holds implements storage.Holds.
func (s *Store) Holds(ctx context.Context, siteID string) (list []storage.Hold, err error) {
	err = s.read(ctx, siteID, func(st *site) error { list = slices.Clone(st.holds); return nil })
	sortHolds(list)
	return list, err
}

func sortHolds(list []storage.Hold) {
	slices.SortStableFunc(list, func(a, b storage.Hold) int {
		return cmp.Or(cmp.Compare(a.Door, b.Door), a.Since.Compare(b.Since), cmp.Compare(a.Member, b.Member))
	})
}

// EndHolds implements storage.Holds.
func (s *Store) EndHolds(ctx context.Context, siteID, door string, until time.Time, e storage.LogEntry) (ended []storage.Hold, err error) {
	if err := storage.CheckRecord(siteID, &e); err != nil {
		return nil, err
	}
	err = s.write(ctx, siteID, func(st *site) error {
		if ended = st.endHolds(door, until, nil); len(ended) > 0 {
			sortHolds(ended)
			st.append(siteID, &e)
		}
		return nil
	})
	return ended, err
}

// KillSwitch implements storage.KillSwitches.
func (s *Store) KillSwitch(ctx context.Context, siteID string) (w storage.KillSwitch, err error) {
	err = s.read(ctx, siteID, func(st *site) error { w = st.killSwitch; return nil })
	return w, err
}

// SetKillSwitch implements storage.KillSwitches.
func (s *Store) SetKillSwitch(ctx context.Context, siteID string, w storage.KillSwitch, e storage.LogEntry) error {
	if err := cmp.Or(storage.CheckRecord(siteID, &w), storage.CheckRecord(siteID, &e)); err != nil {
		return err
	}
	return s.write(ctx, siteID, func(st *site) error {
		st.killSwitch = w
		st.append(siteID, &e)
		return nil
	})
}

// CheckIns implements storage.CheckIns.
func (s *Store) CheckIns(ctx context.Context, q storage.CheckInQuery) (list []storage.CheckIn, err error) {
	err = s.read(ctx, q.Site, func(st *site) error {
		for _, c := range st.checkIns {
			if (q.Member == "" || c.Member == q.Member) && within(c.At, q.From, q.Until) {
				list = append(list, c)
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b storage.CheckIn) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Member, b.Member), cmp.Compare(a.Key, b.Key))
	})
	return limit(list, q.Limit), err
}

// Cursor implements storage.VendorLog.
func (s *Store) Cursor(ctx context.Context, siteID string) (c string, err error) {
	err = s.read(ctx, siteID, func(st *site) error { c = st.cursor; return nil })
	return c, err
}

// Ingest implements storage.VendorLog.
func (s *Store) Ingest(ctx context.Context, siteID, was, next string, entries []storage.VendorEntry) (n int, err error) {
	if err := storage.CheckEntries(siteID, next, entries); err != nil {
		return 0, err
	}
	err = s.write(ctx, siteID, func(st *site) error {
		if st.cursor != was {
			return fmt.Errorf("memstore: the cursor is no longer at %q: %w", was, storage.ErrConflict)
		}
		st.cursor = next
		for _, e := range entries {
			if _, ok := st.vendor[e.ID]; !ok {
				st.vendor[e.ID] = e
				n++
			}
		}
		return nil
	})
	return n, err
}

// VendorEntries implements storage.VendorLog.
func (s *Store) VendorEntries(ctx context.Context, q storage.VendorQuery) (list []storage.VendorEntry, err error) {
	err = s.read(ctx, q.Site, func(st *site) error {
		for _, e := range st.vendor {
			if (q.Lock == "" || e.Lock == q.Lock) && (q.User == "" || e.User == q.User) && within(e.At, q.From, q.Until) {
				list = append(list, e)
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b storage.VendorEntry) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	return limit(list, q.Limit), err
}

// PruneVendor implements storage.VendorLog.
func (s *Store) PruneVendor(ctx context.Context, siteID string, before time.Time) (n int, err error) {
	err = s.write(ctx, siteID, func(st *site) error {
		for id, e := range st.vendor {
			if e.At.Before(before) {
				delete(st.vendor, id)
				n++
			}
		}
		return nil
	})
	return n, err
}

func within(t, from, until time.Time) bool {
	return (from.IsZero() || !t.Before(from)) && (until.IsZero() || t.Before(until))
}

func limit[T any](list []T, n int) []T {
	if n > 0 {
		return list[:min(len(list), n)]
	}
	return list
}
