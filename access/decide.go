package access

import (
	"math"
	"math/bits"
	"slices"
)

// Decide answers a request. It allocates nothing, costs the same order of time
// whatever the site holds, and never panics: what the policy does not know is
// denied. An action that is none of the three is denied with
// [ReasonNoEntitlement].
func (p *Policy) Decide(r Request) (d Decision) {
	p.answer(&d, &r) // so short that it is inlined: neither r nor d is copied
	return d
}

func (p *Policy) answer(d *Decision, r *Request) {
	var a asked
	p.at(&a, micros(r.At))
	p.decide(d, &a, p.member(r.Member), p.door(r.Door), r.Action, r.Holding)
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
	now := a.look(a.t, a.standing)
	holds := action == Lock && holding
	change, until := &d.ValidUntil, now.until // never denied, if he holds
	if now.opens != 0 {
		d.Reason = now.reason()
		if a.goesOn(now) {
			until = a.last(now)
		}
	} else if holds {
		d.Reason = ReasonHolder
	} else {
		d.Reason = a.denial(now.next)
		change, until = &d.NextChange, now.next.at()
	}
	d.Allowed = now.opens != 0 || holds
	if d.Allowed && action == Unlock {
		d.RelockAfter = p.doors[door].openTime
	}
	if holds || until > a.limit {
		until = zeroInstant
	}
	*change = instant(until)
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
	p        *Policy
	chunk    *chunk // of the member
	member   int32  // his place in it
	door     int32
	windowed bool  // he may have windows for the door
	granted  bool  // and grants or odd windows
	t, limit int64 // the asked instant, and the last one within the horizon
	standing int64 // the first instant at which standing does not hold

	at  int64 // the instant looked at last, and
	now moment
}

// at sets the instant that is asked about.
func (p *Policy) at(a *asked, t int64) {
	a.t, a.limit, a.at = t, t+horizon, never
}

// ask sets the member and the door, after the instant.
func (p *Policy) ask(a *asked, member, door int32) {
	a.p, a.chunk, a.member, a.door = p, p.chunks[uint32(member)/chunkSize], member%chunkSize, door
	m := &a.chunk.members[a.member]
	bit := doorBit(door)
	a.standing, a.windowed, a.granted = m.standing, m.noWindows&bit == 0, m.noGrants&bit == 0
}

// memberships are those of the member.
func (a *asked) memberships() []span {
	m := &a.chunk.members[a.member]
	return a.chunk.spans[m.spans:m.windows]
}

// windows are those of the member, for every door.
func (a *asked) windows() []span {
	return a.chunk.spans[a.chunk.members[a.member].windows:a.chunk.members[a.member+1].spans]
}

// grants are those of the member for the door.
func (a *asked) grants() []grant {
	if !a.granted {
		return nil
	}
	return grantsFor(a.chunk.grants[a.chunk.members[a.member].grants:a.chunk.members[a.member+1].grants], a.door)
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

// view is what a look at one instant shows. It has no more than four fields and
// nobody takes its address, so that it stays in registers.
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

func (v view) reason() Reason { return openReasons[v.opens] }

// with is v and a basis that is in force until an instant and whose state, 1 for
// open, changes at another. Nobody can foresee a state: it is reckoned with, not
// branched on.
func (v view) with(kind, open int, changes, until, limit int64) view {
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
	return view{v.opens | kind&-open, v.count + open, max(v.until, end), min(v.next, next)}
}

// later is v and a basis that opens later, or never.
func (v view) later(next int64, later int) view {
	if next != forever {
		v.next = min(v.next, newOpening(next, later))
	}
	return v
}

// look looks at an instant, with standing that ends where it is told.
func (a *asked) look(t, standing int64) view {
	v := view{until: never, next: noOpening}
	p, c, door, limit := a.p, a.chunk, a.door, a.limit
	m, n := &c.members[a.member], &c.members[a.member+1]
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
		open, changes := a.state(s, t)
		v = v.with(byMembership, open, changes, until, limit)
	}
	if a.granted && m.grants != n.grants {
		v = a.lookAtGrants(v, t, standing)
	}
	if !a.windowed {
		return v
	}
	if p.bookingsFree {
		standing = forever
	}
	windows := c.spans[m.windows:n.spans]
	if i := windowAfter(windows, m.windowsBefore(door), door, t); i < len(windows) && windows[i].ref == door && t < standing {
		w := &windows[i]
		if w.from <= t {
			v = v.with(byReservation, 1, w.until, standing, limit)
		} else if w.from < standing && w.from <= limit {
			v = v.later(w.from, tooEarly)
		}
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
		next, end := a.firstOfGrant(g, t, until)
		if next == t {
			v = v.with(byGrant, 1, end, end, a.limit)
		} else if t >= g.from && (!g.wantsMembership || a.isMember(t)) {
			v = v.later(next, outsideHours)
		} else {
			v = v.later(next, notStarted)
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
	lo, hi, key := first, len(windows), doorKey(door)
	for lo < hi {
		mid := lo
		if hi-lo > 8 {
			mid = int(uint(lo+hi) / 2)
		}
		if w := &windows[mid]; doorKey(w.ref) < key || w.ref == door && w.until <= t {
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
	h := a.p.schedules[s]
	if h.days == 0 {
		return h.weekly.start, forever
	}
	if a.at != t {
		a.at = t
		a.p.time.at(floorDiv(t, second), &a.now)
	}
	if a.now.before&a.now.on == noException {
		open, changes = h.weekly.at(a.now.second)
		if changes += a.now.sec; changes < a.now.end {
			return open, changes * second
		}
	}
	open, changes = h.at(a.p.time, &a.now, a.limit/second)
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
	return now.opens != 0 && now.until <= a.limit && (now.count > 1 || now.next.at() <= now.until)
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
