package access

import (
	"math"
	"slices"
)

// Decide answers a request. It allocates nothing, costs the same order of time
// whatever the site holds, and never panics: what the policy does not know is
// denied. An action that is none of the three is denied with
// [ReasonNoEntitlement].
func (p *Policy) Decide(r Request) (d Decision) {
	var a asked
	p.at(&a, micros(r.At))
	p.decide(&d, &a, p.member(r.Member), p.door(r.Door), r.Action, r.Holding)
	return d
}

// decide is RULES.md, sections 4 and 5, into a zero Decision; the instant is set,
// the member and the door are given by their places, -1 if unknown.
func (p *Policy) decide(d *Decision, a *asked, member, door int32, action Action, holding bool) {
	d.Revision = p.revision
	d.policy, d.member, d.door, d.at = p, member, door, a.t
	if d.Reason = p.refuses(member, door, action, holding); d.Reason != "" {
		d.Allowed = d.Reason == ReasonHolder
		return
	}
	p.ask(a, member, door)
	var now view
	a.look(&now, a.t, a.standing)
	switch {
	case now.opens != 0:
		d.Allowed, d.Reason = true, now.reason()
		if action == Unlock {
			d.RelockAfter = p.doors[door].openTime
		}
		if action == Lock && holding {
			return // never denied
		}
		if until := a.last(&now); until <= a.limit {
			d.ValidUntil = instant(until)
		}
	case action == Lock && holding:
		d.Allowed, d.Reason = true, ReasonHolder
	default:
		d.Reason = a.denial(&now)
		if next := now.next.at(); next <= a.limit {
			d.NextChange = instant(next)
		}
	}
}

// refuses returns the reason that comes before any look at what the member
// holds, or none. ReasonHolder is not a refusal.
func (p *Policy) refuses(member, door int32, action Action, holding bool) Reason {
	switch {
	case door < 0:
		return ReasonUnknownDoor
	case member < 0:
		return ReasonUnknownMember
	case p.doors[door].disabled && action == Lock && holding:
		return ReasonHolder
	case p.doors[door].disabled:
		return ReasonDoorDisabled
	}
	switch action {
	case Unlock, Lock:
		return ""
	case OfficeMode:
		if p.doors[door].officeMode {
			return ""
		}
		return ReasonOfficeModeNotOffered
	}
	return ReasonNoEntitlement
}

// asked is everything that counts for one member at one door.
type asked struct {
	p           *Policy
	door        int32
	t, limit    int64 // the asked instant, and the last one within the horizon
	standing    int64 // the first instant at which standing does not hold
	memberships []span
	windows     []span  // of every door
	grants      []grant // for this door

	free   bool   // there are neither windows nor grants for this door
	chunk  *chunk // of the member
	member int32  // his place in it

	at  int64 // the instant looked at last, and
	now moment
}

// at sets the instant that is asked about.
func (p *Policy) at(a *asked, t int64) {
	a.t, a.limit, a.at = t, t+horizon, never
}

// ask sets the member and the door, after the instant.
func (p *Policy) ask(a *asked, member, door int32) {
	c := p.chunks[member/chunkSize]
	m, n := &c.members[member%chunkSize], &c.members[member%chunkSize+1]
	a.p, a.door, a.standing = p, door, m.standing
	a.memberships, a.windows, a.grants = c.spans[m.spans:m.windows], nil, nil
	a.chunk, a.member, a.free = c, member%chunkSize, m.free&doorBit(door) != 0
	if !a.free {
		a.windows = c.spans[m.windows:n.spans]
		a.grants = grantsFor(c.grants[m.grants:n.grants], door)
	}
}

// grantsFor returns the grants for a door from a list by door.
func grantsFor(grants []grant, door int32) []grant {
	for len(grants) > 0 && grants[0].door != door {
		grants = grants[1:]
	}
	n := 0
	for n < len(grants) && grants[n].door == door {
		n++
	}
	return grants[:n]
}

// A basis that opens, by bit.
const (
	byGrant = 1 << iota
	byMembership
	byReservation
)

// The reasons of a later opening, in the order of RULES.md, section 5, rule 6.
const (
	tooEarly = iota
	outsideHours
	notStarted
)

var laterReasons = [...]Reason{ReasonTooEarly, ReasonOutsideHours, ReasonNotStarted}

// view is what a look at one instant shows.
type view struct {
	opens int     // the kinds of bases that open the door
	count int     // how many of them open it
	until int64   // opens: the latest end among them; it may be later than the limit
	next  opening // does not: the first, none if there is none up to the limit
}

// opening is an instant and, in the lowest bits, why it is not yet: the first of
// several is the least.
type opening int64

const laterBits = 2

// noOpening is later than every instant.
const noOpening opening = math.MaxInt64

func newOpening(at int64, later int) opening { return opening(at<<laterBits | int64(later)) }

func (o opening) at() int64 { return int64(o >> laterBits) }

func (o opening) reason() Reason { return laterReasons[o&(1<<laterBits-1)] }

// openReasons are the reasons by the kinds of bases that open.
var openReasons = [...]Reason{
	byGrant:                                ReasonGrant,
	byMembership:                           ReasonMembership,
	byReservation:                          ReasonReservation,
	byGrant | byMembership:                 ReasonGrant,
	byGrant | byReservation:                ReasonGrant,
	byMembership | byReservation:           ReasonMembership,
	byGrant | byMembership | byReservation: ReasonGrant,
}

func (v *view) reason() Reason { return openReasons[v.opens] }

// note adds a basis that is in force until an instant and whose state, 1 for
// open, changes at another. Nobody can foresee a state: it is reckoned with, not
// branched on.
func (v *view) note(kind, open int, changes, until, limit int64) {
	end, next := min(changes, until), newOpening(changes, outsideHours)
	if changes > min(limit, until-1) {
		next = noOpening
	}
	if open != 0 {
		next = noOpening
	}
	if open == 0 {
		end = never
	}
	v.opens |= kind & -open
	v.count += open
	v.until = max(v.until, end)
	v.next = min(v.next, next)
}

// later notes a basis that opens later, or never.
func (v *view) later(next int64, later int) {
	if next != forever {
		v.next = min(v.next, newOpening(next, later))
	}
}

// look looks at an instant, with standing that ends where it is told.
func (a *asked) look(v *view, t, standing int64) {
	*v = view{until: never, next: noOpening}
	for i := range a.memberships {
		m := &a.memberships[i]
		until := min(m.until, standing)
		if m.paused || t >= until {
			continue
		}
		s := a.p.types[m.ref].schedule(a.door)
		if s == 0 {
			continue
		}
		if t < m.from {
			next, _ := a.first(s, m.from, until)
			v.later(next, notStarted)
			continue
		}
		open, changes := a.state(s, t)
		v.note(byMembership, open, changes, until, a.limit)
	}
	for i := range a.grants {
		g := &a.grants[i]
		until := g.until
		if g.wantsStanding {
			until = min(until, standing)
		}
		if t >= until {
			continue
		}
		next, end := a.firstOfGrant(g, t, until)
		if next == t {
			v.note(byGrant, 1, end, end, a.limit)
		} else if t >= g.from && (!g.wantsMembership || a.isMember(t)) {
			v.later(next, outsideHours)
		} else {
			v.later(next, notStarted)
		}
	}
	if len(a.windows) > 0 {
		a.lookAtWindows(v, t, standing)
	}
}

func (a *asked) lookAtWindows(v *view, t, standing int64) {
	if a.p.bookingsFree {
		standing = forever
	}
	i := a.windowAfter(t)
	if i == len(a.windows) || a.windows[i].ref != a.door || t >= standing {
		return
	}
	w := &a.windows[i]
	if w.from <= t {
		v.note(byReservation, 1, w.until, standing, a.limit)
	} else if w.from < standing && w.from <= a.limit {
		v.later(w.from, tooEarly)
	}
}

// windowAfter returns the place of the first window of this door that ends after
// t, if it is of this door.
func (a *asked) windowAfter(t int64) int {
	lo, hi := 0, len(a.windows)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if hi-lo < 8 {
			mid = lo // step by step: a short search is quicker without jumps
		}
		if w := &a.windows[mid]; w.ref < a.door || w.ref == a.door && w.until <= t {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
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
	schedule := a.p.schedules[s]
	if schedule.days == 0 {
		return schedule.weekly.start, forever
	}
	if a.at != t {
		a.at = t
		a.p.time.at(floorDiv(t, second), &a.now)
	}
	open, changes = schedule.at(a.p.time, &a.now, a.limit/second)
	return open, min(changes, maxSecond) * second
}

// firstOfGrant is first for a grant, from t on, as far as it has the membership
// it wants.
func (a *asked) firstOfGrant(g *grant, t, until int64) (next, end int64) {
	start := max(t, g.from)
	if !g.wantsMembership {
		return a.first(g.schedule, start, until)
	}
	for start < until && start <= a.limit {
		from, stop := a.inForce(start)
		if from >= until {
			break
		}
		if next, end = a.first(g.schedule, from, min(stop, until)); next != forever {
			return next, end
		}
		start = stop
	}
	return forever, 0
}

// inForce returns the first span, cut to what is from t on, in which memberships
// of the member are in force without a gap.
func (a *asked) inForce(t int64) (from, until int64) {
	from, until = forever, never
	for i := range a.memberships {
		if m := &a.memberships[i]; !m.paused && m.until > t {
			from = min(from, max(m.from, t))
		}
	}
	for grown := from != forever; grown; {
		grown = false
		for i := range a.memberships {
			m := &a.memberships[i]
			if !m.paused && m.from <= max(from, until) && m.until > max(from, until) {
				until, grown = m.until, true
			}
		}
	}
	return from, until
}

// isMember reports whether a membership of the member, of any type, is in force.
func (a *asked) isMember(t int64) bool {
	return slices.ContainsFunc(a.memberships, func(m span) bool { return !m.paused && m.from <= t && t < m.until })
}

// last follows the union of all bases from a view on and returns the first
// instant at which none opens. It may be later than the limit.
func (a *asked) last(now *view) int64 {
	until := now.until
	// Where one basis opens alone and no other does before it ends, or just
	// then, its end is the end.
	for now.opens != 0 && until <= a.limit && (now.count > 1 || now.next.at() <= until) {
		a.look(now, until, a.standing)
		until = max(until, now.until)
	}
	return until
}
