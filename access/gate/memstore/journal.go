package memstore

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// records are the gate's records of one site.
type records struct {
	entries    map[storage.RequestKey]*storage.JournalEntry
	commands   []*storage.JournalEntry // the entries that were claimed, by Begun
	changed    chan struct{}           // closed when the outcome of an entry changed
	base       storage.Head
	rows       []storage.LogRow // row i has Seq base.Seq+1+i
	head       storage.Head
	verified   storage.Head
	holds      []storage.Hold
	killSwitch storage.KillSwitch
	checkIns   map[checkInKey]storage.CheckIn
	cursor     string
	vendor     map[string]storage.VendorEntry
}

type checkInKey struct{ member, key string }

func newRecords() records {
	return records{
		entries: map[storage.RequestKey]*storage.JournalEntry{}, changed: make(chan struct{}),
		checkIns: map[checkInKey]storage.CheckIn{}, vendor: map[string]storage.VendorEntry{},
	}
}

// Lookup implements storage.Journal.
func (s *Store) Lookup(ctx context.Context, key storage.RequestKey, door string) (m storage.LookupResult, err error) {
	err = s.read(ctx, key.Site, func(st *site) error {
		m.KillSwitch = st.killSwitch
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
		var lead *storage.JournalEntry
		if a.Shares() {
			lead = st.shared(&a)
		}
		var row *storage.JournalEntry
		if claim, row = a.Claim(st.entries[a.Entry.RequestKey], lead, st.killSwitch.Off); row == nil {
			return nil
		}
		st.entries[row.RequestKey] = row
		if claim.State == storage.Claimed {
			row.Seq = st.append(row.Site, &a.Log)
			claim.Entry.Seq = row.Seq
			if row.Outcome == storage.Sending {
				st.commands = slices.Insert(st.commands, st.begunAfter(row.Begun), row)
			}
		}
		return nil
	})
	return claim, err
}

// begunAfter returns the first index of a command that begun later than t.
func (st *site) begunAfter(t time.Time) int {
	return sort.Search(len(st.commands), func(i int) bool { return st.commands[i].Begun.After(t) })
}

// shared returns the command that an attempt may share, or nil.
func (st *site) shared(a *storage.Attempt) *storage.JournalEntry {
	e, within := &a.Entry, a.ShareWithin
	var other time.Time // the latest Begun of another action
	for _, c := range slices.Backward(st.commands[st.begunAfter(e.Begun.Add(-within)):]) {
		switch {
		case c.Door != e.Door || c.Outcome != storage.Sending && c.Outcome != storage.Accepted && c.Outcome != storage.Unconfirmed:
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
func (s *Store) Settle(ctx context.Context, set storage.Settlement) (checkIn *storage.CheckIn, err error) {
	if err := storage.CheckRecord(set.Site, &set); err != nil {
		return nil, err
	}
	err = s.write(ctx, set.Site, func(st *site) error {
		e := st.entries[set.RequestKey]
		was, err := set.Apply(e)
		if err != nil {
			return err
		}
		if c := set.CheckIn; c != nil {
			k := checkInKey{c.Member, c.Key}
			have, ok := st.checkIns[k]
			if !ok && was != set.Outcome {
				st.checkIns[k] = *c
				have, ok = *c, true
			}
			if ok {
				checkIn = &have
			}
		}
		if was == set.Outcome {
			return nil
		}
		st.append(set.Site, &set.Log)
		if set.Hold != nil {
			st.hold(*set.Hold, was == storage.Sending || set.RestartHold)
		}
		if until := set.EndHolds; !until.IsZero() {
			st.endHolds(e.Door, until, func(h storage.Hold) bool {
				start := st.entries[storage.RequestKey{Site: set.Site, Member: h.Member, RequestID: h.RequestID}]
				return start == nil || !start.Settled.After(until)
			})
		}
		st.wake()
		return nil
	})
	return checkIn, err
}

// hold renews the member's hold of the door. If there is none and starts is true, it
// stores h.
func (st *site) hold(h storage.Hold, starts bool) {
	i := slices.IndexFunc(st.holds, func(o storage.Hold) bool { return o.Door == h.Door && o.Member == h.Member })
	if i < 0 {
		if starts {
			st.holds = append(st.holds, h)
		}
		return
	}
	have := &st.holds[i]
	uncertain := have.Uncertain && h.Uncertain
	if !h.Since.Before(have.Since) {
		*have = h
	}
	have.Uncertain = uncertain
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

// wake lets all calls of Wait read again.
func (st *site) wake() {
	close(st.changed)
	st.changed = make(chan struct{})
}

// Wait implements storage.Journal.
func (s *Store) Wait(ctx context.Context, key storage.RequestKey, known storage.Outcome) (e storage.JournalEntry, err error) {
	for {
		var changed chan struct{}
		err := s.read(ctx, key.Site, func(st *site) error {
			have := st.entries[key]
			if have == nil {
				return storage.NotFound("command", key.RequestID)
			}
			e, changed = *have, st.changed
			return nil
		})
		if err != nil || e.Outcome != known {
			return e, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return storage.JournalEntry{}, ctx.Err()
		}
	}
}

// Entries implements storage.Journal.
func (s *Store) Entries(ctx context.Context, q storage.JournalQuery) (list []storage.JournalEntry, err error) {
	err = s.read(ctx, q.Site, func(st *site) error {
		for _, e := range st.entries {
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
		n = st.removeEntries(func(e *storage.JournalEntry) bool { return e.Begun.Before(before) })
		return nil
	})
	return n, err
}

// removeEntries removes the entries for which old returns true, except those that are
// Sending.
func (st *site) removeEntries(old func(*storage.JournalEntry) bool) (n int) {
	for key, e := range st.entries {
		if e.Outcome != storage.Sending && old(e) {
			delete(st.entries, key)
			n++
		}
	}
	st.commands = slices.DeleteFunc(st.commands, func(c *storage.JournalEntry) bool { return st.entries[c.RequestKey] != c })
	st.wake()
	return n
}
