package gate

import (
	"slices"
	"time"
)

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

// commandGroup are commands of one movement whose entries may be mistaken for each
// other's.
type commandGroup struct {
	movement
	commands []sentCommand // sorted by from
	open     int           // the index of the one Unconfirmed command, -1 if there is not exactly one
}

// groupsOf returns the groups of commands. It omits those that overlap a command whose
// lock is not known: an entry may belong to that one.
func groupsOf(sent map[movement][]sentCommand) (groups []commandGroup) {
	for what, list := range sent {
		if what == (movement{}) {
			continue
		}
		for _, commands := range overlapping(list) {
			if !overlapAny(commands, sent[movement{}]) {
				groups = append(groups, commandGroup{what, commands, onlyOpen(commands)})
			}
		}
	}
	return groups
}

// onlyOpen returns the index of the one Unconfirmed command; -1 if there is not exactly
// one, or if a command is still being sent.
func onlyOpen(commands []sentCommand) int {
	open := -1
	for i, c := range commands {
		switch {
		case c.Outcome == Sending, c.Outcome == Unconfirmed && open >= 0:
			return -1
		case c.Outcome == Unconfirmed:
			open = i
		}
	}
	return open
}

func (g commandGroup) intervals() []interval {
	list := make([]interval, len(g.commands))
	for i, c := range g.commands {
		list[i] = c.interval
	}
	return list
}

// until returns when the last interval ends.
func (g commandGroup) until() time.Time {
	return slices.MaxFunc(g.commands, func(a, b sentCommand) int { return a.until.Compare(b.until) }).until
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
// entries than commands, every other command must also have an entry: with more entries
// than commands, a command is missing here and nothing is certain.
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
