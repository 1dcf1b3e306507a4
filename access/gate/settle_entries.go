package gate

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// command is a command that was or may have been carried out.
type command struct {
	storage.JournalEntry
	// from and until bound when its movement may be told.
	from, until time.Time
}

func (c *command) spans(t time.Time) bool { return !t.Before(c.from) && !t.After(c.until) }

// lane is what one lock was told to do.
type lane struct {
	lock   string
	action access.Action
}

// prove settles the Unconfirmed commands whose movement the stored entries
// tell. Commands to one lock whose spans touch are looked at together: each of
// them moved the lock at most once, and each entry tells of one movement, so if
// n accepted commands and one open one have n+1 entries, one in the span of each,
// the open one moved it.
func (g *Gate) prove(ctx context.Context, reader VendorReader) (settled []Receipt, err error) {
	open, err := g.records.Entries(ctx, storage.JournalQuery{Site: g.site, Outcome: Unconfirmed, BegunSince: g.clock().Add(-proofFor), Limit: everything})
	if err != nil || len(open) == 0 {
		return nil, err
	}
	lanes, dark, err := g.lanes(ctx, open[0].Begun.Add(-proofAfter-AnswerWithin-SendWithin))
	if err != nil {
		return nil, err
	}
	for at, list := range lanes {
		if !slices.ContainsFunc(list, func(c command) bool { return c.Outcome == Unconfirmed }) {
			continue
		}
		for _, group := range together(list) {
			if slices.ContainsFunc(dark, func(d command) bool { return touches(group, d) }) {
				continue // an entry may be the other one's
			}
			receipt, ok, err := g.proveGroup(ctx, reader, at, group, lanes[lane{at.lock, access.Lock}])
			if err != nil {
				return settled, err
			}
			if ok {
				settled = append(settled, receipt)
			}
		}
	}
	slices.SortFunc(settled, func(a, b Receipt) int { return a.At.Compare(b.At) })
	return settled, nil
}

// everything is a limit that is none: a command left out would lend its entry to
// another one.
const everything = 1 << 20

// touches reports whether the span of d meets that of the group.
func touches(group []command, d command) bool {
	return slices.ContainsFunc(group, func(c command) bool { return !d.from.After(c.until) && !d.until.Before(c.from) })
}

// lanes sorts the commands since an instant by lock and action: the open ones and
// all that may be beside one, those that are not waited for any more as well.
// dark are those whose document does not tell the lock.
func (g *Gate) lanes(ctx context.Context, since time.Time) (lanes map[lane][]command, dark []command, err error) {
	var all []storage.JournalEntry
	for _, o := range []Outcome{Sending, Unconfirmed, Accepted} { // as commands go: none slips through in between
		list, err := g.records.Entries(ctx, storage.JournalQuery{Site: g.site, Outcome: o, BegunSince: since, Limit: everything})
		if err != nil {
			return nil, nil, err
		}
		all = append(all, list...)
	}
	lanes = map[lane][]command{}
	for _, e := range all {
		d, err := readDoc(&e)
		c := command{JournalEntry: e, from: e.Begun.Add(-proofBefore), until: e.SendBy.Add(proofAfter)}
		if err != nil || d.Link.IsZero() {
			dark = append(dark, c)
			continue
		}
		if e.Outcome == Accepted {
			c.until = d.At.Add(proofBefore) // it had moved when the answer came
		}
		at := lane{d.Link.Lock, e.Action}
		lanes[at] = append(lanes[at], c)
	}
	return lanes, dark, nil
}

// together splits commands into groups whose spans touch.
func together(list []command) (groups [][]command) {
	slices.SortFunc(list, func(a, b command) int { return cmp.Or(a.from.Compare(b.from), cmp.Compare(a.RequestID, b.RequestID)) })
	var until time.Time
	for _, c := range list {
		if len(groups) == 0 || c.from.After(until) {
			groups = append(groups, nil)
			until = c.until
		}
		last := len(groups) - 1
		groups[last] = append(groups[last], c)
		if c.until.After(until) {
			until = c.until
		}
	}
	return groups
}

// proveGroup settles the one open command of a group, if every command of it
// has its entry. locks are the commands to lock this lock.
func (g *Gate) proveGroup(ctx context.Context, reader VendorReader, at lane, group, locks []command) (Receipt, bool, error) {
	index, n := 0, 0
	from, until := group[0].from, group[0].until
	for i, c := range group {
		switch c.Outcome {
		case Sending: // its turn comes later
			return Receipt{}, false, nil
		case Unconfirmed:
			index, n = i, n+1
		}
		if c.until.After(until) {
			until = c.until
		}
	}
	if n != 1 {
		return Receipt{}, false, nil
	}
	told, err := g.records.VendorEntries(ctx, VendorQuery{Site: g.site, Lock: at.lock, From: from, Until: until.Add(time.Microsecond)})
	if err != nil {
		return Receipt{}, false, err
	}
	var proofs []VendorEntry
	for _, v := range told {
		m, err := meaning(ctx, reader, v)
		if err != nil {
			return Receipt{}, false, err
		}
		if m.Ours && m.Action == at.action {
			proofs = append(proofs, v)
		}
	}
	if len(proofs) != len(group) {
		return Receipt{}, false, nil
	}
	own, late := 0, len(proofs)-1 // the first and the last that may be the open one's
	for ; !fits(group, index, proofs, own); own++ {
		if own == late {
			return Receipt{}, false, nil
		}
	}
	last := false
	if at.action == access.OfficeMode { // the door may be open since then
		for !fits(group, index, proofs, late) {
			late--
		}
		if last, err = g.movedLast(ctx, reader, locks, at.lock, proofs[late]); err != nil {
			return Receipt{}, false, err
		}
	}
	r, err := g.settleAsMoved(ctx, group[index].JournalEntry, proofs[own], last)
	if errors.Is(err, ErrConflict) {
		return Receipt{}, false, nil // somebody knew better meanwhile
	}
	return r, err == nil, err
}

// fits reports whether entry k may tell of the open command: it lies in that one's
// span, and each of the others has one of the rest in its own.
func fits(group []command, open int, proofs []VendorEntry, k int) bool {
	if !group[open].spans(proofs[k].At) {
		return false
	}
	var waiting []int // commands that have begun and have no entry yet
	next := 0
	for i, v := range proofs {
		if i == k {
			continue
		}
		for ; next < len(group) && !group[next].from.After(v.At); next++ {
			if next != open {
				waiting = append(waiting, next)
			}
		}
		if len(waiting) == 0 {
			return false
		}
		first := slices.MinFunc(waiting, func(a, b int) int { return group[a].until.Compare(group[b].until) })
		if !group[first].spans(v.At) {
			return false
		}
		at := slices.Index(waiting, first)
		waiting = slices.Delete(waiting, at, at+1)
	}
	return true
}

// movedLast reports whether nothing is known to have locked the lock after the
// movement that proof tells. The clocks of locks are a little off, and an entry of
// the future is no end.
func (g *Gate) movedLast(ctx context.Context, reader VendorReader, locks []command, lock string, proof VendorEntry) (bool, error) {
	if slices.ContainsFunc(locks, func(c command) bool { return c.Outcome == Accepted && c.Begun.After(proof.At.Add(proofBefore)) }) {
		return false, nil
	}
	told, err := g.records.VendorEntries(ctx, VendorQuery{Site: g.site, Lock: lock, From: proof.At.Add(time.Microsecond), Until: g.clock().Add(proofBefore)})
	if err != nil {
		return false, err
	}
	for _, v := range told {
		if m, err := meaning(ctx, reader, v); err != nil || m.Action == access.Lock {
			return false, err
		}
	}
	return true, nil
}
