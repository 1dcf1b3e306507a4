package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// How far from a command its entry may be dated: the clocks of locks are inexact, and a
// slow cloud moves the lock late.
const (
	entryBefore = 5 * time.Second
	entryAfter  = 2 * time.Minute
	// startedWithin is how long after its claim a start of office mode may still
	// be carried out, and its entry dated.
	startedWithin = SendWithin + entryAfter
	// longestInterval is longer than the time after a command in which its lock may move
	// and its entry be dated. An answer that a suspended process recorded later does not
	// count.
	longestInterval = 5 * time.Minute
	// readAround is how far around commands or entries others are read first: those that
	// overlap are examined together.
	readAround = 2 * longestInterval
	// readTogether is how soon after an open command the next one must have been begun to
	// be read together with it: reading the commands between them costs less than further
	// queries.
	readTogether = time.Hour
	// proofFor is how long after a command its entry is searched for.
	proofFor = 48 * time.Hour
	// allEntries is a Limit that omits no command. The entry of an omitted command
	// would be taken for that of another one.
	allEntries = 1 << 20
)

// movement is an action at a lock.
type movement struct {
	lock   string
	action access.Action
}

// sentCommand is a command that was or may have been carried out.
type sentCommand struct {
	storage.JournalEntry
	interval
	actor string
}

// prove settles the Unconfirmed commands that the stored entries show to have
// moved their lock.
func (g *Gate) prove(ctx context.Context, reader VendorReader) (settled []Receipt, err error) {
	query := storage.JournalQuery{Site: g.c.Site, Outcome: Unconfirmed, BegunSince: g.clock().Add(-proofFor), Limit: allEntries}
	open, err := g.c.Records.Entries(ctx, query)
	if err != nil {
		return nil, err
	}
	var groups []commandGroup
	for len(open) > 0 {
		n := 1
		for n < len(open) && open[n].Begun.Sub(open[n-1].Begun) < readTogether {
			n++
		}
		list, err := g.groupsAround(ctx, open[0].Begun, open[n-1].Begun)
		if err != nil {
			return nil, err
		}
		groups, open = append(groups, list...), open[n:]
	}
	sortByBegun(groups)
	for _, group := range groups {
		receipt, ok, err := g.proveGroup(ctx, reader, group)
		if err != nil {
			return settled, err
		}
		if ok {
			settled = append(settled, receipt)
		}
	}
	slices.SortFunc(settled, func(a, b Receipt) int { return a.At.Compare(b.At) })
	return settled, nil
}

// sortByBegun sorts groups by their open commands. In this order, the settlement of one
// does not affect the proof of the next.
func sortByBegun(groups []commandGroup) {
	slices.SortFunc(groups, func(a, b commandGroup) int {
		x, y := a.commands[a.open], b.commands[b.open]
		return cmp.Or(x.Begun.Compare(y.Begun), cmp.Compare(x.RequestID, y.RequestID))
	})
}

// groupsAround returns the groups whose Unconfirmed command was begun from first to
// last. It reads the commands around that span, and further ones if a group may have
// commands that were not read: older ones than proofFor are never searched for.
func (g *Gate) groupsAround(ctx context.Context, first, last time.Time) ([]commandGroup, error) {
	for around := readAround; ; around *= 2 {
		since, before := first.Add(-around), last.Add(around)
		sent, err := g.sentBetween(ctx, since, before)
		if err != nil {
			return nil, err
		}
		groups := slices.DeleteFunc(groupsOf(sent), func(c commandGroup) bool {
			return c.open < 0 || c.commands[c.open].Begun.Before(first) || c.commands[c.open].Begun.After(last)
		})
		complete := interval{since.Add(longestInterval), before.Add(-longestInterval)}
		incomplete := func(c commandGroup) bool {
			return !complete.contains(c.commands[0].from) || !complete.contains(c.until())
		}
		if around > proofFor || !slices.ContainsFunc(groups, incomplete) {
			return groups, nil
		}
	}
}

// sentBetween returns the commands that were begun since an instant, and had to be sent
// before another one if that is not zero: by lock and action, each list sorted by time.
// The zero movement has the commands whose document does not name the lock.
func (g *Gate) sentBetween(ctx context.Context, since, before time.Time) (map[movement][]sentCommand, error) {
	sent := map[movement][]sentCommand{}
	for _, o := range []Outcome{Sending, Unconfirmed, Accepted} { // in the order in which commands proceed, so that none is missed
		query := storage.JournalQuery{Site: g.c.Site, Outcome: o, BegunSince: since, SendByBefore: before, Limit: allEntries}
		list, err := g.c.Records.Entries(ctx, query)
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			doc, err := readDoc(&e)
			lock := cmp.Or(doc.Lock, doc.Link.Lock)
			what := movement{lock, e.Action}
			c := sentCommand{e, interval{e.Begun.Add(-entryBefore), e.SendBy.Add(entryAfter)}, doc.Actor}
			switch {
			case err != nil || lock == "":
				what = movement{}
			case o == Accepted:
				c.until = cmp.Or(doc.At, e.Settled).Add(entryBefore) // the lock had moved when the answer came
			}
			sent[what] = append(sent[what], c)
		}
	}
	for _, list := range sent {
		slices.SortFunc(list, func(a, b sentCommand) int {
			return cmp.Or(a.from.Compare(b.from), cmp.Compare(a.RequestID, b.RequestID))
		})
	}
	return sent, nil
}

// proveGroup settles the open command of a group if every command of the group has
// an entry.
func (g *Gate) proveGroup(ctx context.Context, reader VendorReader, group commandGroup) (r Receipt, ok bool, err error) {
	list, err := g.readings(ctx, reader, group.lock, group.commands[0].from, group.until().Add(time.Microsecond))
	if err != nil {
		return Receipt{}, false, err
	}
	var entries []VendorEntry // of this movement, by the gate's own user
	var times []time.Time
	for _, e := range list {
		if e.Ours && e.action() == group.action {
			entries, times = append(entries, e.VendorEntry), append(times, e.At)
		}
	}
	first, last, ok := matchOpen(group.intervals(), group.open, times)
	if !ok {
		return Receipt{}, false, nil
	}
	stillOpen := false
	if group.action == access.OfficeMode { // the door may still be open
		if stillOpen, err = g.notLockedSince(ctx, reader, entries[last]); err != nil {
			return Receipt{}, false, err
		}
	}
	r, err = g.settleAsMoved(ctx, group.commands[group.open].JournalEntry, entries[first], stillOpen)
	if errors.Is(err, ErrConflict) { // it was settled meanwhile
		return Receipt{}, false, nil
	}
	return r, err == nil, err
}

// reading is an entry of the lock system's log and its meaning.
type reading struct {
	VendorEntry
	Meaning
}

// readings returns the entries of a lock, dated from one instant until another, the
// latter not included.
func (g *Gate) readings(ctx context.Context, reader VendorReader, lock string, from, until time.Time) ([]reading, error) {
	entries, err := g.c.Records.VendorEntries(ctx, storage.VendorQuery{Site: g.c.Site, Lock: lock, From: from, Until: until})
	if err != nil {
		return nil, err
	}
	list := make([]reading, len(entries))
	for i, e := range entries {
		m, err := containValue("VendorReader", func() (Meaning, error) { return reader.Meaning(ctx, e) })
		if err != nil {
			return nil, err
		}
		list[i] = reading{e, m}
	}
	return list, nil
}

// notLockedSince reports whether nothing is known to have locked the lock after the
// movement of an entry. The clocks of locks are inexact, and an entry dated in the
// future does not count.
func (g *Gate) notLockedSince(ctx context.Context, reader VendorReader, moved VendorEntry) (bool, error) {
	sent, err := g.sentBetween(ctx, moved.At.Add(entryBefore+time.Microsecond), time.Time{})
	locks := sent[movement{moved.Lock, access.Lock}]
	if err != nil || slices.ContainsFunc(locks, func(c sentCommand) bool { return c.Outcome == Accepted }) {
		return false, err
	}
	list, err := g.readings(ctx, reader, moved.Lock, moved.At.Add(time.Microsecond), g.clock().Add(entryBefore))
	return err == nil && !slices.ContainsFunc(list, func(r reading) bool { return r.action() == access.Lock }), err
}

// settleAsMoved settles a command as Accepted, because an entry proves that it moved
// its lock. stillOpen reports that nothing has locked it since.
func (g *Gate) settleAsMoved(ctx context.Context, e storage.JournalEntry, proof VendorEntry, stillOpen bool) (Receipt, error) {
	c, err := g.reopen(e)
	if err != nil {
		return Receipt{}, err
	}
	moved := proof.At
	if moved.Before(e.Begun) { // the lock's clock, or its whole seconds
		moved = e.Begun
	}
	r := c.receipt(Accepted, moved)
	r.Err = fmt.Errorf("proven by entry %s of %s", proof.ID, proof.At.Format(time.RFC3339))
	s := g.settlement(c, &r, g.clock())
	s.RestartHold = stillOpen
	checkIn, err := g.c.Records.Settle(ctx, s)
	if err != nil {
		return Receipt{}, err
	}
	r.Recorded, r.CheckIn, r.Err = true, checkIn, nil
	g.report(ctx, c.link, r, true)
	return r, nil
}
