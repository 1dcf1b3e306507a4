package access

// question is what the rules look at for one member at one door. [Policy.Decide]
// and [Evaluate] both ask it: there is no other evaluator.
//
// A basis is asked for its state at an instant: whether it opens the door, and
// until when that holds. Standing is a parameter, so that it can be ignored.
type question struct {
	p      *Policy
	door   *door
	place  int32 // the index of the door
	member *member

	t, limit int64 // the instant asked about, and the last one within the horizon
}

// question returns what the rules look at for a member at an instant. Call turnTo
// next.
func (p *Policy) question(member int32, t int64) question {
	return question{p: p, member: p.members.at(member), t: t, limit: t + horizon}
}

// turnTo sets the door.
func (q *question) turnTo(door int32) { q.door, q.place = &q.p.doors[door], door }

// RULES.md, section 3: what opens a door.

// basis is what can open the door while its hours are open: a membership, a grant or
// a reservation.
type basis struct {
	id   string
	span // when it is in force: of a reservation, its window

	kind                                                         kind
	paused, requiresStanding, requiresMembership, duringClosures bool
}

func (b *basis) identity() string { return b.id }

// kind is the kind of a basis.
type kind uint8

const (
	byGrant kind = iota + 1
	byMembership
	byReservation
)

// reasons are the reasons for allowing what a kind of basis opens.
var reasons = [...]Reason{byGrant: ReasonGrant, byMembership: ReasonMembership, byReservation: ReasonReservation}

// bases returns how many bases the member has, of which some may be for other doors.
func (q *question) bases() int {
	return len(q.member.memberships) + len(q.member.grants) + len(q.member.bookings)
}

// basis returns one of the bases, reservations last, with its hours: nil if it is not
// for the door. Never is the reason if it opens at no time, or "".
func (q *question) basis(i int) (b basis, hours *schedule, never string) {
	memberships := len(q.member.memberships)
	switch bookings := memberships + len(q.member.grants); {
	case i < memberships:
		m := &q.member.memberships[i]
		if m.paused {
			never = "it is paused"
		}
		return m.basis, m.typ.hours[q.place], never
	case i < bookings:
		g := q.member.grants[i-memberships]
		if g.door == q.place {
			hours = g.hours
		}
		return g.basis, hours, ""
	default:
		r := &q.member.bookings[i-bookings]
		if q.lists(r) {
			hours = alwaysOpen
		}
		b = q.p.booked
		b.id, b.span = r.id, r.window
		return b, hours, r.noWindow()
	}
}

// state returns whether a basis opens the door at an instant, and until when.
func (q *question) state(b *basis, hours *schedule, t, standing int64) state {
	s := b.span.at(t)
	if !s.open {
		return s
	}
	return q.required(b, s.and(hours.at(t, q.limit)), t, standing)
}

// required returns s, the state of a basis by its hours, restricted to when the basis has
// what it requires: standing, a membership, and no closure.
func (q *question) required(b *basis, s state, t, standing int64) state {
	if s.open && b.requiresStanding {
		s = s.and(span{never, standing}.at(t))
	}
	if s.open && b.requiresMembership {
		s = s.and(q.member.inForce(t))
	}
	if s.open && !b.duringClosures {
		closed := q.closed(t)
		s = s.and(state{!closed.open, closed.until})
	}
	return s
}

// reservations returns the state of all reservations of the member as one basis.
func (q *question) reservations(t, standing int64) state {
	s := q.member.windowAt(q.place, t)
	if !s.open {
		return s
	}
	return q.required(&q.p.booked, s, t, standing)
}

// closed returns the state of the door's closures.
func (q *question) closed(t int64) state { return q.door.closures.at(t) }

// inForce returns the state of having a membership in force, of any type.
func (m *member) inForce(t int64) state {
	s := state{false, forever}
	for i := range m.memberships { // in the order of their begins
		switch ms := &m.memberships[i]; {
		case ms.paused || ms.until <= t:
		case s.open && ms.from <= s.until:
			s.until = max(s.until, ms.until)
		case s.open:
			return s
		case ms.from > t:
			return state{false, ms.from}
		default:
			s = state{true, ms.until}
		}
	}
	return s
}

// windowAt returns the state of being within a window of the member at a door.
func (m *member) windowAt(door int32, t int64) state {
	s := state{false, forever}
	for i := len(m.windows) - 1; i >= 0 && t < m.windows[i].until; i-- { // those before are over
		if w := &m.windows[i]; w.door == door {
			s = w.at(t)
		}
	}
	return s
}

// view is the union of all bases at an instant.
type view struct {
	opens kind  // the first kind of those that open, 0 if none does
	until int64 // the end of the last of those that open
	other int64 // before this instant no basis starts to open but the one that ends last
}

// at returns the union of all bases at an instant.
func (q *question) at(t, standing int64) view {
	v := view{until: never, other: forever}
	for _, g := range q.member.grants {
		if g.door == q.place {
			v.add(byGrant, q.state(&g.basis, g.hours, t, standing))
		}
	}
	for i := range q.member.memberships {
		m := &q.member.memberships[i]
		if hours := m.typ.hours[q.place]; hours != nil && !m.paused {
			v.add(byMembership, q.state(&m.basis, hours, t, standing))
		}
	}
	if v.until <= q.limit { // otherwise the door stays open without a reservation
		v.add(byReservation, q.reservations(t, standing))
	}
	return v
}

func (v *view) add(k kind, s state) {
	switch {
	case !s.open:
		v.other = min(v.other, s.until)
	case v.opens == 0:
		v.opens, v.until = k, s.until
	default: // the one that ends first may open again before the other ends
		v.other = min(v.other, v.until, s.until)
		v.until = max(v.until, s.until)
	}
}

// closes follows the union of all bases from a view in which one opens, and returns
// the first instant at which none does: forever if there is none up to the limit.
func (q *question) closes(v view) int64 {
	until := v.until
	for until <= q.limit {
		if v.other > until {
			return until
		}
		if v = q.at(until, q.member.standing); v.opens == 0 {
			return until
		}
		until = v.until
	}
	return forever
}

// opens follows the union of all bases from a view in which none opens, and returns
// the first instant at which one does: forever if there is none up to the limit.
func (q *question) opens(v view, standing int64) int64 {
	for v.other <= q.limit {
		at := v.other
		if v = q.at(at, standing); v.opens != 0 {
			return at
		}
	}
	return forever
}

// waits returns the rank of the reason why the door does not open before an instant,
// the first one at which a basis opens: rule 7.
func (q *question) waits(until int64) int {
	standing, bases := q.member.standing, q.bases()
	switch booked := q.reservations(until, standing).open; {
	case !booked:
		bases -= len(q.member.bookings)
	case !q.member.windowAt(q.place, q.t).open:
		return tooEarly
	}
	first := notStarted
	for i := range bases {
		b, hours, never := q.basis(i)
		switch {
		case hours == nil || never != "" || !q.state(&b, hours, until, standing).open:
		case b.kind == byReservation && q.t < b.from:
			return tooEarly
		case b.span.at(q.t).open && !q.lacksMembership(&b):
			first = outsideHours
		}
	}
	return first
}
