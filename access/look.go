package access

import (
	"math/bits"
	"slices"
)

// look looks at an instant, with standing that ends where it is told.
func (a *asked) look(t, standing int64) view {
	v := view{until: never, next: noOpening}
	// First what is known first: a wrong guess then throws away less.
	if a.windowed {
		v = a.lookAtWindows(t, standing)
	}
	p, c, m, door, limit := a.p, a.lists, a.m, a.door, a.limit
	for i := m.spans; i < m.windows; i++ {
		ms := &c.spans[i]
		until := min(ms.until, standing)
		if ms.paused || t >= until {
			continue
		}
		s := p.types[ms.ref].schedule(door) // 0 is never open
		if t < ms.from {
			next, _ := a.first(s, ms.from, until)
			v = v.later(next, notStarted)
			continue
		}
		h := p.schedules[s]
		open, changes := h.weekly.start, int64(forever)
		if h.days != 0 {
			open, changes = a.state(s, t)
		}
		v = v.with(byMembership, open, changes, until, limit)
	}
	if a.granted {
		v = a.lookAtGrants(v, t, standing)
	}
	return v
}

// lookAtWindows is look for the windows alone.
func (a *asked) lookAtWindows(t, standing int64) view {
	v := view{until: never, next: noOpening}
	if a.p.bookingsFree {
		standing = forever
	}
	windows := a.windows()
	i := windowAfter(windows, a.m.windowsBefore(a.door), a.door, t)
	if i >= len(windows) || windows[i].ref != a.door || t >= standing {
		return v
	}
	w := &windows[i]
	if w.from <= t {
		return v.with(byReservation, 1, w.until, standing, a.limit)
	}
	if w.from < standing && w.from <= a.limit {
		return v.later(w.from, tooEarly)
	}
	return v
}

func (a *asked) lookAtGrants(v view, t, standing int64) view {
	grants := a.grants()
	for i := range grants {
		g := &grants[i]
		until := g.until
		if g.wantsStanding {
			until = min(until, standing)
		}
		if t >= until {
			continue
		}
		from, stop := t, until // while it has the membership it wants
		if g.wantsMembership {
			from, stop = a.inForce(t)
			stop = min(stop, until)
		}
		if from != t || t < g.from {
			next := a.firstOfGrant(g, t, until)
			v = v.later(next, notStarted)
			continue
		}
		open, changes := a.state(g.schedule, t)
		v = v.with(byGrant, open, changes, stop, a.limit)
		if open == 0 && changes >= stop && stop < until {
			next := a.firstOfGrant(g, stop, until)
			v = v.later(next, outsideHours)
		}
	}
	return v
}

// windowsBefore returns how many windows, at least, stand before those of a door:
// mostly just as many.
func (m *member) windowsBefore(door int32) int {
	if m.noWindows == 0 {
		return 0
	}
	return bits.OnesCount32(^m.noWindows & (doorBit(door) - 1))
}

// windowAfter returns the place of the first window of a door that ends after t,
// if it is of this door. It does not look at the first ones.
func windowAfter(windows []span, first int, door int32, t int64) int {
	lo, hi := first, len(windows)
	for lo < hi {
		mid := lo
		if hi-lo > 8 {
			mid = int(uint(lo+hi) / 2)
		}
		if windows[mid].before(door, t) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// before reports whether a window stands before those of a door that end after t.
func (s *span) before(door int32, t int64) bool {
	if s.ref == door {
		return s.until <= t
	}
	return doorKey(s.ref) < doorKey(door)
}

// first returns the first instant in [start, stop) at which a schedule is open,
// forever if there is none up to the limit; if it is start itself, also when it
// closes.
func (a *asked) first(s int32, start, stop int64) (next, end int64) {
	if start > a.limit || start >= stop {
		return forever, 0
	}
	open, changes := a.state(s, start)
	switch {
	case open != 0:
		return start, min(changes, stop)
	case changes < stop && changes <= a.limit:
		return changes, 0
	}
	return forever, 0
}

// state returns whether a schedule is open at an instant, 1 or 0, and when that
// changes: after the limit if it does not up to then.
func (a *asked) state(s int32, t int64) (open int, changes int64) {
	h := a.p.schedules[s]
	if h.days == 0 {
		return h.weekly.start, forever
	}
	// Mostly the table knows the week, and nothing is called.
	if z, sec := a.p.time, floorDiv(t, second); z.knows(sec) {
		if s := z.stretchAt(sec); s.before&s.on == noException {
			open, changes = h.weekly.at(s.secondOfWeek(sec))
			if changes += sec; changes < s.end {
				return open, changes * second
			}
		}
	}
	if a.at != t {
		a.at = t
		a.p.time.at(floorDiv(t, second), &a.now)
	}
	open, changes = h.at(a.p.time, &a.now, a.limit/second)
	return open, min(changes, maxSecond) * second
}

// firstOfGrant is first for a grant, from t on, as far as it has the membership
// it wants.
func (a *asked) firstOfGrant(g *grant, t, until int64) int64 {
	start := max(t, g.from)
	if !g.wantsMembership {
		next, _ := a.first(g.schedule, start, until)
		return next
	}
	for start < until && start <= a.limit {
		from, stop := a.inForce(start)
		if from >= until {
			break
		}
		if next, _ := a.first(g.schedule, from, min(stop, until)); next != forever {
			return next
		}
		start = stop
	}
	return forever
}

// inForce returns the first span, cut to what is from t on, in which memberships
// of the member are in force without a gap.
func (a *asked) inForce(t int64) (from, until int64) {
	from, until = forever, never
	memberships := a.memberships()
	if len(memberships) == 1 {
		if m := &memberships[0]; m.paused || m.until <= t {
			return from, until
		} else {
			return max(m.from, t), m.until
		}
	}
	for i := range memberships {
		if m := &memberships[i]; !m.paused && m.until > t {
			from = min(from, max(m.from, t))
		}
	}
	for grown := from != forever; grown; {
		grown = false
		for i := range memberships {
			m := &memberships[i]
			if !m.paused && m.from <= max(from, until) && m.until > max(from, until) {
				until, grown = m.until, true
			}
		}
	}
	return from, until
}

// isMember reports whether a membership of the member, of any type, is in force.
func (a *asked) isMember(t int64) bool {
	return slices.ContainsFunc(a.memberships(), func(m span) bool { return !m.paused && m.from <= t && t < m.until })
}

// goesOn reports whether the union of all bases may go on when what opens now
// ends: where one basis opens alone and no other does before it ends, or just
// then, its end is the end.
func (a *asked) goesOn(now view) bool {
	// What is rare comes first.
	return (now.count > 1 || now.next.at() <= min(now.until, a.limit)) && now.opens != 0 && now.until <= a.limit
}

// last follows the union of all bases from a view on and returns the first
// instant at which none opens. It may be later than the limit.
func (a *asked) last(now view) int64 {
	until := now.until
	for a.goesOn(now) {
		now = a.look(until, a.standing)
		until = max(until, now.until)
	}
	return until
}
