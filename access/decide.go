package access

import "slices"

// Decide answers a request. It allocates nothing, costs the same order of time
// whatever the site holds, and never panics: what the policy does not know is
// denied. An action that is none of the three is denied with
// [ReasonNoEntitlement].
func (p *Policy) Decide(r Request) Decision {
	return p.decide(p.member(r.Member), p.door(r.Door), r.Action, r.Holding, micros(r.At))
}

// decide is RULES.md, sections 4 and 5; the members and doors are given by their
// places, -1 if unknown.
func (p *Policy) decide(member, door int32, action Action, holding bool, t int64) (d Decision) {
	d.Revision = p.revision
	d.policy, d.member, d.door, d.at = p, member, door, t
	holding = holding && action == Lock
	switch {
	case door < 0:
		return d.deny(ReasonUnknownDoor)
	case member < 0:
		return d.deny(ReasonUnknownMember)
	case holding && p.doors[door].Disabled:
		return d.allow(ReasonHolder)
	case p.doors[door].Disabled:
		return d.deny(ReasonDoorDisabled)
	}
	switch action {
	case Unlock, Lock:
	case OfficeMode:
		if p.doors[door].AccessType != AccessAndOfficeMode {
			return d.deny(ReasonOfficeModeNotOffered)
		}
	default:
		return d.deny(ReasonNoEntitlement)
	}

	a := p.ask(member, door, t)
	now := a.look(t, a.standing)
	switch {
	case now.opens != 0:
		d.allow(now.reason())
		if action == Unlock {
			d.RelockAfter = p.doors[door].openTime
		}
		if until := a.last(now); until <= a.limit && !holding {
			d.ValidUntil = instant(until)
		}
		return d
	case holding:
		return d.allow(ReasonHolder)
	}
	d.deny(a.denial(now))
	if now.next <= a.limit {
		d.NextChange = instant(now.next)
	}
	return d
}

func (d *Decision) allow(r Reason) Decision {
	d.Allowed, d.Reason = true, r
	return *d
}

func (d *Decision) deny(r Reason) Decision {
	d.Reason = r
	return *d
}

// asked is everything that counts for one member at one door.
type asked struct {
	p           *Policy
	door        int32
	t, limit    int64 // the asked instant, and the last one within the horizon
	standing    int64 // the first instant at which standing does not hold
	memberships []membership
	grants      []grant  // for this door
	windows     []window // of every door
	odd         []oddWindow
}

func (p *Policy) ask(member, door int32, t int64) asked {
	c := p.chunks[member/chunkSize]
	m, n := &c.members[member%chunkSize], &c.members[member%chunkSize+1]
	a := asked{
		p: p, door: door, t: t, limit: t + horizon, standing: m.standing,
		memberships: c.memberships[m.memberships:n.memberships],
		grants:      c.grants[m.grants:n.grants],
		windows:     c.windows[m.windows:n.windows],
		odd:         c.odd[m.odd:n.odd],
	}
	for len(a.grants) > 0 && a.grants[0].door != door {
		a.grants = a.grants[1:]
	}
	for i := range a.grants {
		if a.grants[i].door != door {
			a.grants = a.grants[:i]
			break
		}
	}
	return a
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
	opens int   // the kinds of bases that open the door
	bases int   // how many could still open it, then or later
	until int64 // opens: the latest end among them; it may be later than the limit

	next  int64 // does not: the first opening, forever if there is none up to the limit
	later int   // and why it is not yet
}

func (v *view) reason() Reason {
	switch {
	case v.opens&byGrant != 0:
		return ReasonGrant
	case v.opens&byMembership != 0:
		return ReasonMembership
	}
	return ReasonReservation
}

// open notes a basis of some kind that opens until an instant.
func (v *view) open(kind int, until int64) {
	v.opens |= kind
	v.until = max(v.until, until)
}

// later notes a basis that opens later.
func (v *view) opensAt(next int64, later int) {
	if next < v.next || next == v.next && later < v.later {
		v.next, v.later = next, later
	}
}

// look looks at an instant, with standing that ends where it is told.
func (a *asked) look(t, standing int64) view {
	v := view{until: never, next: forever, later: notStarted}
	for i := range a.memberships {
		m := &a.memberships[i]
		if m.paused {
			continue
		}
		s := a.p.types[m.typ].schedule(a.door)
		if until := min(m.until, standing); s >= 0 && t < until {
			v.bases++
			if next, end := a.first(s, max(t, m.from), until); next == t {
				v.open(byMembership, end)
			} else if t >= m.from {
				v.opensAt(next, outsideHours)
			} else {
				v.opensAt(next, notStarted)
			}
		}
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
		v.bases++
		next, end := a.firstOfGrant(g, t, until)
		if next == t {
			v.open(byGrant, end)
		} else if t >= g.from && (!g.wantsMembership || a.isMember(t)) {
			v.opensAt(next, outsideHours)
		} else {
			v.opensAt(next, notStarted)
		}
	}
	if len(a.windows) > 0 {
		a.lookAtWindows(&v, t, standing)
	}
	return v
}

func (a *asked) lookAtWindows(v *view, t, standing int64) {
	if a.p.bookingsFree {
		standing = forever
	}
	w := a.windowAfter(t)
	if w == nil || t >= standing {
		return
	}
	v.bases++
	if w.from <= t {
		v.open(byReservation, min(w.until, standing))
	} else if w.from < standing && w.from <= a.limit {
		v.opensAt(w.from, tooEarly)
	}
}

// windowAfter returns the first window of this door that ends after t, or nil.
func (a *asked) windowAfter(t int64) *window {
	lo, hi := 0, len(a.windows)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if w := &a.windows[mid]; w.door < a.door || w.door == a.door && w.until <= t {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == len(a.windows) || a.windows[lo].door != a.door {
		return nil
	}
	return &a.windows[lo]
}

// first returns the first instant in [start, stop) at which a schedule is open,
// forever if there is none up to the limit; if it is start itself, also when it
// closes.
func (a *asked) first(s int32, start, stop int64) (next, end int64) {
	if start > a.limit || start >= stop {
		return forever, 0
	}
	schedule := a.p.schedules[s]
	if schedule.always {
		return start, stop
	}
	open, changes := schedule.at(a.p.zone, &a.p.calendar, floorDiv(start, second), floorDiv(a.limit, second))
	switch {
	case open:
		return start, min(changes, stop)
	case changes < stop && changes <= a.limit:
		return changes, 0
	}
	return forever, 0
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
	return slices.ContainsFunc(a.memberships, func(m membership) bool { return !m.paused && m.from <= t && t < m.until })
}

// last follows the union of all bases from a view on and returns the first
// instant at which none opens. It may be later than the limit.
func (a *asked) last(v view) int64 {
	until := v.until
	for v.bases > 1 && until <= a.limit {
		if v = a.look(until, a.standing); v.opens == 0 {
			break
		}
		until = v.until
	}
	return until
}

// denial returns why nothing opens now: rules 5 to 8 of RULES.md, section 5.
func (a *asked) denial(now view) Reason {
	if a.standing != forever && (a.t >= a.standing || now.next == forever) {
		ignored := a.look(a.t, forever)
		if ignored.opens != 0 && a.t >= a.standing || now.next == forever && ignored.next != forever {
			return ReasonStandingBlocked
		}
	}
	if now.next != forever {
		return laterReasons[now.later]
	}
	return a.neverAgain()
}

// neverAgain returns the reason when nothing opens within the horizon.
func (a *asked) neverAgain() Reason {
	if r, ok := a.oddBooking(); ok {
		return r
	}
	wanting, grantEnded := false, false // a grant in force but for the membership it wants
	for i := range a.grants {
		g := &a.grants[i]
		wanting = wanting || g.wantsMembership && g.from <= a.t && a.t < g.until
		grantEnded = grantEnded || g.until <= a.t
	}
	wanting = wanting && !a.isMember(a.t)
	paused, ended := false, false
	for i := range a.memberships {
		m := &a.memberships[i]
		if wanting || a.p.types[m.typ].schedule(a.door) >= 0 {
			paused = paused || m.paused
			ended = ended || !m.paused && m.until <= a.t
		}
	}
	switch {
	case paused:
		return ReasonMembershipPaused
	case ended:
		return ReasonMembershipEnded
	case grantEnded:
		return ReasonGrantEnded
	}
	for _, r := range a.p.doors[a.door].resources {
		// The member's own bookings do not contain t: one that did would open,
		// or would with standing ignored.
		if a.p.bookedAt(a.p.resources[r], a.t) {
			return ReasonNotBooker
		}
	}
	return ReasonNoEntitlement
}

// oddBooking looks for a pending, a cancelled or a past reservation of the
// member, in this order.
func (a *asked) oddBooking() (Reason, bool) {
	cancelledNow, over := false, false
	for i := range a.odd {
		w := &a.odd[i]
		contains := w.door == a.door && w.from <= a.t && a.t < w.until
		switch {
		case w.status == pending && contains:
			return ReasonReservationPending, true
		case w.status == cancelled && contains:
			cancelledNow = true
		case w.status == confirmed && w.door == a.door:
			over = over || w.until <= a.t && a.t <= w.until+day
		}
	}
	if cancelledNow {
		return ReasonReservationCancelled, true
	}
	for i := range a.windows {
		w := &a.windows[i]
		over = over || w.door == a.door && w.until <= a.t && a.t <= w.until+day
	}
	return ReasonReservationOver, over
}
