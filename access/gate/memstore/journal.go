package memstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

// records is what the gate wrote about one site.
type records struct {
	entries map[gate.Key]*gate.Entry
	// open holds the entries that are Sending or Unconfirmed.
	open map[gate.Key]*gate.Entry
	// commands holds, per door, the entries that were claimed, by Begun.
	commands map[string][]*gate.Entry
	waiting  map[gate.Key]*waiters
	base     gate.Head
	rows     rows // row i has Seq base.Seq+1+i
	head     gate.Head
	holds    []gate.Hold
	toggle   gate.Switch
	checkIns map[checkInKey]gate.CheckIn
	cursor   string
	vendor   map[string]gate.VendorEntry
}

type checkInKey struct{ member, key string }

type waiters struct {
	changed chan struct{}
	n       int
}

func newRecords() records {
	return records{
		entries: map[gate.Key]*gate.Entry{}, open: map[gate.Key]*gate.Entry{}, commands: map[string][]*gate.Entry{},
		waiting: map[gate.Key]*waiters{}, checkIns: map[checkInKey]gate.CheckIn{}, vendor: map[string]gate.VendorEntry{},
	}
}

// Look implements gate.Journal.
func (s *Store) Look(ctx context.Context, key gate.Key, door string) (m gate.Memory, err error) {
	err = s.read(ctx, key.Site, func(st *site) error {
		m.Switch = st.toggle
		if e := st.entries[key]; e != nil {
			m.Entry = new(*e)
		}
		m.Holding = slices.ContainsFunc(st.holds, func(h gate.Hold) bool { return h.Door == door && h.Member == key.Member })
		return nil
	})
	return m, err
}

// Begin implements gate.Journal.
func (s *Store) Begin(ctx context.Context, a gate.Attempt) (claim gate.Claim, err error) {
	if err := gate.CheckRecord(a.Entry.Site, &a); err != nil {
		return claim, err
	}
	err = s.write(ctx, a.Entry.Site, func(st *site) error {
		if e := st.entries[a.Entry.Key]; e != nil {
			claim = gate.Claim{State: gate.Known, Entry: *e}
			return nil
		}
		e := new(a.Entry)
		if e.Outcome == gate.Sending {
			if st.toggle.Off && e.Action != access.Lock {
				claim = gate.Claim{State: gate.SwitchedOff}
				return nil
			}
			if lead := st.shared(e, a.ShareWithin); lead != nil {
				e.SharedWith, e.Outcome, e.Seq = lead.RequestID, "", 0
				st.entries[e.Key] = e
				claim = gate.Claim{State: gate.Shared, Entry: *lead}
				return nil
			}
		}
		e.Seq = st.append(e.Site, &a.Log)
		st.entries[e.Key] = e
		if e.Outcome == gate.Sending {
			st.open[e.Key] = e
			list := st.commands[e.Door]
			i := afterBegun(list, e.Begun)
			st.commands[e.Door] = slices.Insert(list, i, e)
		}
		claim = gate.Claim{State: gate.Claimed, Entry: *e}
		return nil
	})
	return claim, err
}

// afterBegun is the first index with a later Begun.
func afterBegun(list []*gate.Entry, t time.Time) int {
	i, _ := slices.BinarySearchFunc(list, t, func(e *gate.Entry, t time.Time) int {
		if e.Begun.After(t) {
			return 1
		}
		return -1
	})
	return i
}

// shared finds the command that answers for e as well.
func (st *site) shared(e *gate.Entry, within time.Duration) *gate.Entry {
	if within <= 0 {
		return nil
	}
	list := st.commands[e.Door]
	var other time.Time // the latest Begun of another action
	for _, c := range slices.Backward(list[afterBegun(list, e.Begun.Add(-within)):]) {
		switch {
		case c.Outcome != gate.Sending && c.Outcome != gate.Accepted && c.Outcome != gate.Unconfirmed:
		case c.Begun.Before(other):
			return nil
		case c.Action != e.Action:
			other = c.Begun
		case c.Member == e.Member && c.Begun.Before(e.Begun.Add(within)):
			return c
		}
	}
	return nil
}

// Settle implements gate.Journal.
func (s *Store) Settle(ctx context.Context, set gate.Settlement) (done gate.Settled, err error) {
	if err := gate.CheckRecord(set.Site, &set); err != nil {
		return done, err
	}
	err = s.write(ctx, set.Site, func(st *site) error {
		e := st.entries[set.Key]
		switch {
		case e == nil || e.SharedWith != "":
			return missing("command", set.RequestID)
		case e.Outcome == set.Outcome && e.Outcome != gate.Sending:
			done = gate.Settled{Entry: *e}
			if c := set.CheckIn; c != nil {
				if have, ok := st.checkIns[checkInKey{c.Member, c.Key}]; ok {
					done.CheckIn = &have
				}
			}
			return nil
		case e.Outcome == gate.Sending && set.Outcome.Settled(),
			e.Outcome == gate.Unconfirmed && (set.Outcome == gate.Accepted || set.Outcome == gate.Refused || set.Outcome == gate.NotSent):
		default:
			return conflict("command", set.RequestID, "is "+string(e.Outcome)+" already")
		}
		was := e.Outcome
		e.Outcome, e.Settled, e.Doc = set.Outcome, set.At, set.Doc
		if e.Outcome != gate.Unconfirmed {
			delete(st.open, e.Key)
		}
		st.append(set.Site, &set.Log)
		if c := set.CheckIn; c != nil {
			k := checkInKey{c.Member, c.Key}
			if have, ok := st.checkIns[k]; ok {
				done.CheckIn = &have
			} else {
				st.checkIns[k] = *c
				done.CheckIn = c
			}
		}
		if set.Hold != nil {
			st.hold(*set.Hold, was == gate.Sending || set.HoldAnew)
		}
		if until := set.EndHolds; !until.IsZero() {
			st.endHolds(e.Door, until, func(h gate.Hold) bool {
				start := st.entries[gate.Key{Site: set.Site, Member: h.Member, RequestID: h.RequestID}]
				return start == nil || !start.Settled.After(until)
			})
		}
		st.wake(set.Key)
		done.Entry = *e
		return nil
	})
	return done, err
}

// hold renews a hold, or stores a new one if it begins.
func (st *site) hold(h gate.Hold, begins bool) {
	i := slices.IndexFunc(st.holds, func(o gate.Hold) bool { return o.Door == h.Door && o.Member == h.Member })
	if i < 0 {
		if begins {
			st.holds = append(st.holds, h)
		}
		return
	}
	have := &st.holds[i]
	unsure := have.Uncertain && h.Uncertain
	if !h.Since.Before(have.Since) {
		*have = h
	}
	have.Uncertain = unsure
}

func (st *site) endHolds(door string, until time.Time, over func(gate.Hold) bool) (ended []gate.Hold) {
	st.holds = slices.DeleteFunc(st.holds, func(h gate.Hold) bool {
		ends := h.Door == door && !h.Since.After(until) && (over == nil || over(h))
		if ends {
			ended = append(ended, h)
		}
		return ends
	})
	return ended
}

func (st *site) wake(key gate.Key) {
	if w := st.waiting[key]; w != nil {
		close(w.changed)
		delete(st.waiting, key)
	}
}

// Wait implements gate.Journal.
func (s *Store) Wait(ctx context.Context, key gate.Key, known gate.Outcome) (e gate.Entry, err error) {
	for {
		var w *waiters
		err := s.write(ctx, key.Site, func(st *site) error {
			have := st.entries[key]
			if have == nil {
				return missing("command", key.RequestID)
			}
			if e = *have; e.Outcome != known {
				return nil
			}
			if w = st.waiting[key]; w == nil {
				w = &waiters{changed: make(chan struct{})}
				st.waiting[key] = w
			}
			w.n++
			return nil
		})
		if err != nil || w == nil {
			return e, err
		}
		select {
		case <-w.changed:
		case <-ctx.Done():
			s.mu.Lock()
			if w.n--; w.n == 0 {
				if st := s.sites[key.Site]; st.waiting[key] == w {
					delete(st.waiting, key)
				}
			}
			s.mu.Unlock()
			return gate.Entry{}, ctx.Err()
		}
	}
}

// Entries implements gate.Journal.
func (s *Store) Entries(ctx context.Context, q gate.EntryQuery) (list []gate.Entry, err error) {
	err = s.read(ctx, q.Site, func(st *site) error {
		from := st.entries
		if q.Outcome == gate.Sending || q.Outcome == gate.Unconfirmed {
			from = st.open
		}
		for _, e := range from {
			if e.Outcome == q.Outcome && e.SharedWith == "" &&
				(q.SendByBefore.IsZero() || e.SendBy.Before(q.SendByBefore)) &&
				(q.BegunSince.IsZero() || !e.Begun.Before(q.BegunSince)) {
				list = append(list, *e)
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b gate.Entry) int {
		return cmp.Or(a.Begun.Compare(b.Begun), cmp.Compare(a.Member, b.Member), cmp.Compare(a.RequestID, b.RequestID))
	})
	return list[:min(len(list), cmp.Or(max(q.Limit, 0), 1000))], err
}

// Prune implements gate.Journal.
func (s *Store) Prune(ctx context.Context, siteID string, before time.Time) (n int, err error) {
	err = s.write(ctx, siteID, func(st *site) error {
		n = st.forget(func(e *gate.Entry) bool { return e.Begun.Before(before) })
		return nil
	})
	return n, err
}

// forget removes the entries that old says, but never one that is Sending.
func (st *site) forget(old func(*gate.Entry) bool) (n int) {
	doors := map[string]bool{} // each list is gone through once, not for each entry
	for key, e := range st.entries {
		if e.Outcome == gate.Sending || !old(e) {
			continue
		}
		delete(st.entries, key)
		delete(st.open, key)
		st.wake(key)
		doors[e.Door] = true
		n++
	}
	for door := range doors {
		list := slices.DeleteFunc(st.commands[door], func(c *gate.Entry) bool { return st.entries[c.Key] != c })
		if st.commands[door] = list; len(list) == 0 {
			delete(st.commands, door)
		}
	}
	return n
}
