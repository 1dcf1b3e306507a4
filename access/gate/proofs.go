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
	// longestInterval is longer than the time in which the entry of a command may be
	// dated, also if the answer was slow.
	longestInterval = 5 * time.Minute
	// readTogether is how long after an open command the next one may have been begun
	// for both to be read together: the commands between them cost less than more
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

// commandGroup are commands of one movement whose entries may be mistaken for each
// other's. One of them is Unconfirmed, the others are Accepted.
type commandGroup struct {
	movement
	commands []sentCommand // sorted by from
	open     int           // the index of the Unconfirmed one
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

// sortByBegun sorts groups by their open commands. A command that is settled then
// changes nothing that the proof of a later one depends on.
func sortByBegun(groups []commandGroup) {
	slices.SortFunc(groups, func(a, b commandGroup) int { return a.commands[a.open].Begun.Compare(b.commands[b.open].Begun) })
}

// groupsAround returns the groups whose Unconfirmed command was begun from first to
// last. It reads the commands around that span, and further ones if a group may have
// commands that were not read.
func (g *Gate) groupsAround(ctx context.Context, first, last time.Time) ([]commandGroup, error) {
	for around := 2 * longestInterval; ; around *= 2 {
		since, before := first.Add(-around), last.Add(around)
		sent, err := g.sentBetween(ctx, since, before)
		if err != nil {
			return nil, err
		}
		complete := interval{since.Add(longestInterval), before.Add(-longestInterval)}
		groups, all := []commandGroup{}, true
		for what, list := range sent {
			if what == (movement{}) {
				continue
			}
			for _, commands := range overlapping(list) {
				open, ok := onlyOpen(commands)
				if !ok || commands[open].Begun.Before(first) || commands[open].Begun.After(last) ||
					overlapAny(commands, sent[movement{}]) { // an entry may belong to an unknown one
					continue
				}
				groups = append(groups, commandGroup{what, commands, open})
				all = all && complete.contains(commands[0].from) && complete.contains(latest(commands))
			}
		}
		if all || around > proofFor {
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
	intervals := make([]interval, len(group.commands))
	for i, c := range group.commands {
		intervals[i] = c.interval
	}
	list, err := g.readings(ctx, reader, group.lock, intervals[0].from, latest(group.commands).Add(time.Microsecond))
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
	first, last, ok := matchOpen(intervals, group.open, times)
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

// onlyOpen returns the index of the one Unconfirmed command; ok is false if there
// is not exactly one, or if a command is still being sent.
func onlyOpen(group []sentCommand) (index int, ok bool) {
	for i, c := range group {
		switch {
		case c.Outcome == Sending, c.Outcome == Unconfirmed && ok:
			return 0, false
		case c.Outcome == Unconfirmed:
			index, ok = i, true
		}
	}
	return index, ok
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
		list[i].VendorEntry = e
		err := contain("VendorReader", func() (err error) { list[i].Meaning, err = reader.Meaning(ctx, e); return })
		if err != nil {
			return nil, err
		}
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

// The matching of commands to the entries of the lock system's log. It compares times
// only: the entries are already filtered by lock, action and user.
//
// A command that was carried out has exactly one entry, dated within the command's
// interval. So commands to one lock whose intervals overlap are examined together, and
// if n of them have n entries, one in the interval of each, all of them were carried
// out:
//
//	accepted   a  |--------|
//	open       b       |-----------------|
//	accepted   c                 |----------|
//	entries            1           2    3
//
// Entry 1 belongs to a, which can have no other. Of 2 and 3, one belongs to b and one
// to c. In both cases b moved the lock, at the earliest at 2 and at the latest at 3.
// With one entry less, or with a second open command, nothing is proven: the missing
// entry may be b's.

// interval is when the entry of a command may be dated, both ends included.
type interval struct{ from, until time.Time }

func (i interval) contains(t time.Time) bool { return !t.Before(i.from) && !t.After(i.until) }

func (i interval) overlaps(o interval) bool { return !i.from.After(o.until) && !o.from.After(i.until) }

// latest returns when the last interval of a list ends.
func latest(list []sentCommand) time.Time {
	return slices.MaxFunc(list, func(a, b sentCommand) int { return a.until.Compare(b.until) }).until
}

// overlapping splits a list that is sorted by from into groups: intervals of different
// groups do not overlap.
func overlapping(list []sentCommand) (groups [][]sentCommand) {
	var until time.Time
	start := 0
	for i, c := range list {
		if i > start && c.from.After(until) {
			groups = append(groups, list[start:i])
			start = i
		}
		if i == start || c.until.After(until) {
			until = c.until
		}
	}
	if start < len(list) {
		groups = append(groups, list[start:])
	}
	return groups
}

// overlapAny reports whether a command of one list overlaps one of another list.
func overlapAny(a, b []sentCommand) bool {
	return slices.ContainsFunc(a, func(x sentCommand) bool {
		return slices.ContainsFunc(b, func(y sentCommand) bool { return x.overlaps(y.interval) })
	})
}

// matchOpen reports whether every command has an entry of its own, and returns
// the first and the last entry that may then be that of the open command. Both
// lists are sorted.
func matchOpen(commands []interval, open int, entries []time.Time) (first, last int, ok bool) {
	if len(commands) != len(entries) {
		return 0, 0, false
	}
	for k := range entries {
		if !slices.Contains(candidates(commands, entries, k), open) {
			continue
		}
		if !ok {
			first, ok = k, true
		}
		last = k
	}
	return first, last, ok
}

// candidates returns the commands that can have caused entry k. Unless there are fewer
// entries than commands, every other command must have one, too: with more entries, a
// command is not known any more and nothing is certain.
func candidates(commands []interval, entries []time.Time, k int) (list []int) {
	rest := slices.Delete(slices.Clone(entries), k, k+1)
	for i, c := range commands {
		if !c.contains(entries[k]) {
			continue
		}
		others := slices.Delete(slices.Clone(commands), i, i+1)
		if len(entries) < len(commands) || matchAll(others, rest) {
			list = append(list, i)
		}
	}
	return list
}

// matchAll reports whether each command can have one of the entries in its interval.
// Each entry in turn is assigned to the command whose interval ends first.
func matchAll(commands []interval, entries []time.Time) bool {
	var waiting []interval // those that have begun and have no entry yet
	for _, at := range entries {
		for len(commands) > 0 && !commands[0].from.After(at) {
			waiting, commands = append(waiting, commands[0]), commands[1:]
		}
		if len(waiting) == 0 {
			return false
		}
		next := 0
		for i, c := range waiting {
			if c.until.Before(waiting[next].until) {
				next = i
			}
		}
		if !waiting[next].contains(at) {
			return false
		}
		waiting = slices.Delete(waiting, next, next+1)
	}
	return len(commands) == 0 && len(waiting) == 0
}
