package memstore

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// rows are the rows of the door log in pieces, so that appending copies nothing.
type rows struct {
	pieces [][]storage.LogRow // all full except the last
	first  int                // how many rows of the first piece were removed
}

const pieceSize = 256

func (r *rows) len() int {
	n := len(r.pieces)
	if n == 0 {
		return 0
	}
	return (n-1)*pieceSize + len(r.pieces[n-1]) - r.first
}

func (r *rows) at(i int) *storage.LogRow {
	i += r.first
	return &r.pieces[i/pieceSize][i%pieceSize]
}

// next appends an empty row and returns it.
func (r *rows) next() *storage.LogRow {
	n := len(r.pieces) - 1
	if n < 0 || len(r.pieces[n]) == pieceSize {
		r.pieces = append(r.pieces, make([]storage.LogRow, 0, pieceSize))
		n++
	}
	piece := &r.pieces[n]
	*piece = (*piece)[:len(*piece)+1]
	return &(*piece)[len(*piece)-1]
}

// drop removes the first n rows.
func (r *rows) drop(n int) {
	for i := range n {
		*r.at(i) = storage.LogRow{}
	}
	n += r.first
	r.pieces, r.first = slices.Delete(r.pieces, 0, n/pieceSize), n%pieceSize
}

func (st *site) append(siteID string, e *storage.LogEntry) uint64 {
	row := st.rows.next()
	*row = st.head.Append(siteID, *e)
	st.head = row.Head()
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

func (st *site) page(q storage.LogQuery) []storage.LogRow {
	list := make([]storage.LogRow, 0, min(q.Limit, st.rows.len()))
	step, i := 1, 0 // i is the number of kept rows up to q.After; one more if q.After is after the last row
	if q.After > st.base.Seq {
		i = int(min(q.After-st.base.Seq, uint64(st.rows.len()+1)))
	}
	switch {
	case q.Newest && q.After == 0:
		step, i = -1, st.rows.len()-1
	case q.Newest:
		step, i = -1, i-2
	}
	for ; i >= 0 && i < st.rows.len() && len(list) < q.Limit; i += step {
		r := st.rows.at(i)
		if (q.Door == "" || r.Door == q.Door) && (q.Member == "" || r.Member == q.Member) &&
			(q.Outcome == "" || r.Outcome == q.Outcome) &&
			(q.From.IsZero() || !r.At.Before(q.From)) && (q.Until.IsZero() || r.At.Before(q.Until)) {
			list = append(list, *r)
		}
	}
	return list
}

// Ends implements storage.DoorLog.
func (s *Store) Ends(ctx context.Context, siteID string) (base, head storage.Head, err error) {
	err = s.read(ctx, siteID, func(st *site) error { base, head = st.base, st.head; return nil })
	return base, head, err
}

// Retain implements storage.DoorLog.
func (s *Store) Retain(ctx context.Context, siteID string, before time.Time, e storage.LogEntry) (base storage.Head, n int, err error) {
	if err := storage.CheckRecord(siteID, &e); err != nil {
		return base, 0, err
	}
	err = s.write(ctx, siteID, func(st *site) error {
		for n < st.rows.len() && st.rows.at(n).At.Before(before) {
			n++
		}
		if n > 0 {
			st.base = st.rows.at(n - 1).Head()
			e = e.Retention(st.base)
			st.append(siteID, &e)
			st.rows.drop(n)
		}
		base = st.base
		return nil
	})
	return base, n, err
}

// Erase implements storage.Eraser.
func (s *Store) Erase(ctx context.Context, siteID, person string, before time.Time) (erased storage.Erased, err error) {
	if person == "" {
		return erased, cmp.Or(ctx.Err(), missing("person", person))
	}
	err = s.write(ctx, siteID, func(st *site) error {
		known := false
		for i := range st.rows.len() {
			if r := st.rows.at(i); r.Names(person) {
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
		st.forget(func(e *storage.JournalEntry) bool {
			return e.Member == person && e.SendBy.Before(before) && e.Begun.Before(before)
		})
		if w := &st.toggle; w.By == person || strings.Contains(w.Why, person) {
			w.Why, known = "", true
			if w.By == person {
				w.By = ""
			}
		}
		if !known && erased.Rows == 0 {
			return missing("person", person)
		}
		return nil
	})
	return erased, err
}

// EraseVendorUser implements storage.Eraser.
func (s *Store) EraseVendorUser(ctx context.Context, siteID, user string) (erased storage.Erased, err error) {
	if user == "" {
		return erased, cmp.Or(ctx.Err(), missing("user", user))
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
			return missing("user", user)
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
	err = s.read(ctx, siteID, func(st *site) error { w = st.toggle; return nil })
	return w, err
}

// SetKillSwitch implements storage.KillSwitches.
func (s *Store) SetKillSwitch(ctx context.Context, siteID string, w storage.KillSwitch, e storage.LogEntry) error {
	if err := cmp.Or(storage.CheckRecord(siteID, &w), storage.CheckRecord(siteID, &e)); err != nil {
		return err
	}
	return s.write(ctx, siteID, func(st *site) error {
		st.toggle = w
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
			return conflict("cursor", was, "has moved on")
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
