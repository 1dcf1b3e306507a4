package memstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// records are the gate's records of one site.
type records struct {
	entries map[storage.RequestKey]*storage.JournalEntry
	// open holds the entries that are Sending or Unconfirmed.
	open map[storage.RequestKey]*storage.JournalEntry
	// commands holds, per door, the entries that were claimed, by Begun.
	commands map[string][]*storage.JournalEntry
	waiting  map[storage.RequestKey]*waiters
	base     storage.Head
	rows     rows // row i has Seq base.Seq+1+i
	head     storage.Head
	holds    []storage.Hold
	toggle   storage.KillSwitch
	checkIns map[checkInKey]storage.CheckIn
	cursor   string
	vendor   map[string]storage.VendorEntry
}

type checkInKey struct{ member, key string }

type waiters struct {
	changed chan struct{}
	n       int
}

func newRecords() records {
	return records{
		entries: map[storage.RequestKey]*storage.JournalEntry{},
		open:    map[storage.RequestKey]*storage.JournalEntry{}, commands: map[string][]*storage.JournalEntry{},
		waiting: map[storage.RequestKey]*waiters{}, checkIns: map[checkInKey]storage.CheckIn{}, vendor: map[string]storage.VendorEntry{},
	}
}

// Lookup implements storage.Journal.
func (s *Store) Lookup(ctx context.Context, key storage.RequestKey, door string) (m storage.LookupResult, err error) {
	err = s.read(ctx, key.Site, func(st *site) error {
		m.KillSwitch = st.toggle
		if e := st.entries[key]; e != nil {
			m.Entry = new(*e)
		}
		m.Holding = slices.ContainsFunc(st.holds, func(h storage.Hold) bool { return h.Door == door && h.Member == key.Member })
		return nil
	})
	return m, err
}

// Begin implements storage.Journal.
func (s *Store) Begin(ctx context.Context, a storage.Attempt) (claim storage.Claim, err error) {
	if err := storage.CheckRecord(a.Entry.Site, &a); err != nil {
		return claim, err
	}
	err = s.write(ctx, a.Entry.Site, func(st *site) error {
		if e := st.entries[a.Entry.RequestKey]; e != nil {
			claim = storage.Claim{State: storage.Known, Entry: *e}
			return nil
		}
		e := new(a.Entry)
		if e.Outcome == storage.Sending {
			if st.toggle.Off && e.Action != access.Lock {
				claim = storage.Claim{State: storage.SwitchedOff}
				return nil
			}
			if lead := st.shared(e, a.ShareWithin); lead != nil {
				e.SharedWith, e.Outcome, e.Seq = lead.RequestID, "", 0
				st.entries[e.RequestKey] = e
				claim = storage.Claim{State: storage.Shared, Entry: *lead}
				return nil
			}
		}
		e.Seq = st.append(e.Site, &a.Log)
		st.entries[e.RequestKey] = e
		if e.Outcome == storage.Sending {
			st.open[e.RequestKey] = e
			list := st.commands[e.Door]
			i := afterBegun(list, e.Begun)
			st.commands[e.Door] = slices.Insert(list, i, e)
		}
		claim = storage.Claim{State: storage.Claimed, Entry: *e}
		return nil
	})
	return claim, err
}

// afterBegun returns the first index with a later Begun.
func afterBegun(list []*storage.JournalEntry, t time.Time) int {
	i, _ := slices.BinarySearchFunc(list, t, func(e *storage.JournalEntry, t time.Time) int {
		if e.Begun.After(t) {
			return 1
		}
		return -1
	})
	return i
}

// shared returns the command that e may share, or nil.
func (st *site) shared(e *storage.JournalEntry, within time.Duration) *storage.JournalEntry {
	if within <= 0 {
		return nil
	}
	list := st.commands[e.Door]
	var other time.Time // the latest Begun of another action
	for _, c := range slices.Backward(list[afterBegun(list, e.Begun.Add(-within)):]) {
		switch {
		case c.Outcome != storage.Sending && c.Outcome != storage.Accepted && c.Outcome != storage.Unconfirmed:
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

// Settle implements storage.Journal.
func (s *Store) Settle(ctx context.Context, set storage.Settlement) (done storage.Settled, err error) {
	if err := storage.CheckRecord(set.Site, &set); err != nil {
		return done, err
	}
	err = s.write(ctx, set.Site, func(st *site) error {
		e := st.entries[set.RequestKey]
		switch {
		case e == nil || e.SharedWith != "":
			return missing("command", set.RequestID)
		case e.Outcome == set.Outcome && e.Outcome != storage.Sending:
			done = storage.Settled{Entry: *e}
			if c := set.CheckIn; c != nil {
				if have, ok := st.checkIns[checkInKey{c.Member, c.Key}]; ok {
					done.CheckIn = &have
				}
			}
			return nil
		case e.Outcome == storage.Sending && set.Outcome.Settled(),
			e.Outcome == storage.Unconfirmed && (set.Outcome == storage.Accepted || set.Outcome == storage.Refused ||
				set.Outcome == storage.NotSent):
		default:
			return conflict("command", set.RequestID, "is already "+string(e.Outcome))
		}
		was := e.Outcome
		e.Outcome, e.Settled, e.Doc = set.Outcome, set.At, set.Doc
		if e.Outcome != storage.Unconfirmed {
			delete(st.open, e.RequestKey)
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
			st.hold(*set.Hold, was == storage.Sending || set.RestartHold)
		}
		if until := set.EndHolds; !until.IsZero() {
			st.endHolds(e.Door, until, func(h storage.Hold) bool {
				start := st.entries[storage.RequestKey{Site: set.Site, Member: h.Member, RequestID: h.RequestID}]
				return start == nil || !start.Settled.After(until)
			})
		}
		st.wake(set.RequestKey)
		done.Entry = *e
		return nil
	})
	return done, err
}

// hold renews a hold. If there is none and begins is set, it stores h.
func (st *site) hold(h storage.Hold, begins bool) {
	i := slices.IndexFunc(st.holds, func(o storage.Hold) bool { return o.Door == h.Door && o.Member == h.Member })
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

func (st *site) endHolds(door string, until time.Time, over func(storage.Hold) bool) (ended []storage.Hold) {
	st.holds = slices.DeleteFunc(st.holds, func(h storage.Hold) bool {
		ends := h.Door == door && !h.Since.After(until) && (over == nil || over(h))
		if ends {
			ended = append(ended, h)
		}
		return ends
	})
	return ended
}

func (st *site) wake(key storage.RequestKey) {
	if w := st.waiting[key]; w != nil {
		close(w.changed)
		delete(st.waiting, key)
	}
}

// Wait implements storage.Journal.
func (s *Store) Wait(ctx context.Context, key storage.RequestKey, known storage.Outcome) (e storage.JournalEntry, err error) {
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
			return storage.JournalEntry{}, ctx.Err()
		}
	}
}

// Entries implements storage.Journal.
func (s *Store) Entries(ctx context.Context, q storage.JournalQuery) (list []storage.JournalEntry, err error) {
	err = s.read(ctx, q.Site, func(st *site) error {
		from := st.entries
		if q.Outcome == storage.Sending || q.Outcome == storage.Unconfirmed {
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
	slices.SortFunc(list, func(a, b storage.JournalEntry) int {
		return cmp.Or(a.Begun.Compare(b.Begun), cmp.Compare(a.Member, b.Member), cmp.Compare(a.RequestID, b.RequestID))
	})
	return list[:min(len(list), cmp.Or(max(q.Limit, 0), 1000))], err
}

// Prune implements storage.Journal.
func (s *Store) Prune(ctx context.Context, siteID string, before time.Time) (n int, err error) {
	err = s.write(ctx, siteID, func(st *site) error {
		n = st.forget(func(e *storage.JournalEntry) bool { return e.Begun.Before(before) })
		return nil
	})
	return n, err
}

// forget removes the entries for which old returns true, except those that are Sending.
func (st *site) forget(old func(*storage.JournalEntry) bool) (n int) {
	doors := map[string]bool{} // the doors whose lists have to be filtered, each list once
	for key, e := range st.entries {
		if e.Outcome == storage.Sending || !old(e) {
			continue
		}
		delete(st.entries, key)
		delete(st.open, key)
		st.wake(key)
		doors[e.Door] = true
		n++
	}
	for door := range doors {
		list := slices.DeleteFunc(st.commands[door], func(c *storage.JournalEntry) bool { return st.entries[c.RequestKey] != c })
		if st.commands[door] = list; len(list) == 0 {
			delete(st.commands, door)
		}
	}
	return n
}
