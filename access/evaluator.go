package access

// question is what the rules look at for one member at one door. [Policy] and
// [Evaluate] both ask it: it is the only evaluator.
//
// A basis is asked for its state at an instant: whether it opens the door, and
// until when that holds. What a basis requires are states too, and the basis opens
// while all of them are open. Standing is a parameter, so that it can be ignored.
type question struct {
	p      *Policy
	door   *door
	place  int32 // the index of the door
	member *member
	grants []grant // of the member for the door

	t, limit int64 // the instant asked about, and the last one within the horizon
}

// question returns what the rules look at for a member at an instant, for turnTo.
func (p *Policy) question(member int32, t int64) question {
	return question{p: p, member: p.members.at(member), t: t, limit: t + horizon}
}

// turnTo sets the door.
func (q *question) turnTo(door int32) {
	q.door, q.place, q.grants = &q.p.doors[door], door, q.member.grantsFor(door)
}

// grantsFor returns the grants of a member for one door.
func (m *member) grantsFor(door int32) []grant {
	first := 0
	for first < len(m.grants) && m.grants[first].door < door {
		first++
	}
	last := first
	for last < len(m.grants) && m.grants[last].door == door {
		last++
	}
	return m.grants[first:last]
}

// RULES.md, section 3: what opens a door.

// membership returns the state of a membership as a basis.
func (q *question) membership(m *membership, t, standing int64) state {
	hours := m.typ.hours[q.place]
	if m.paused || hours == nil {
		return state{false, forever}
	}
	s := m.span.at(t)
	if s.open {
		s = s.and(holds(standing, t))
	}
	if s.open {
		s = s.and(hours.at(t, q.limit))
	}
	if s.open {
		s = s.and(q.closed(t).not())
	}
	return s
}

// grant returns the state of a grant as a basis.
func (q *question) grant(g *grant, t, standing int64) state {
	s := g.span.at(t)
	if s.open && g.requiresStanding {
		s = s.and(holds(standing, t))
	}
	if s.open && g.requiresMembership {
		s = s.and(q.member.inForce(t))
	}
	if s.open {
		s = s.and(g.hours.at(t, q.limit))
	}
	if s.open && !g.duringClosures {
		s = s.and(q.closed(t).not())
	}
	return s
}

// reservations returns the state of all reservations of the member together, as
// one basis.
func (q *question) reservations(t, standing int64) state {
	return q.whileBooked(q.member.windowAt(q.place, t), t, standing)
}

// reservation returns the state of one confirmed reservation as a basis.
func (q *question) reservation(b *booking, t, standing int64) state {
	return q.whileBooked(b.window.at(t), t, standing)
}

func (q *question) whileBooked(s state, t, standing int64) state {
	if s.open && q.p.settings.requireStanding {
		s = s.and(holds(standing, t))
	}
	if s.open && q.p.settings.requireMembership {
		s = s.and(q.member.inForce(t))
	}
	if s.open {
		s = s.and(q.closed(t).not())
	}
	return s
}

// holds returns the state of a standing that ends at an instant.
func holds(standing, t int64) state { return span{never, standing}.at(t) }

// closed returns the state of the door's closures.
func (q *question) closed(t int64) state { return q.door.closures.at(t) }

// inForce returns the state of having a membership in force, of any type.
func (m *member) inForce(t int64) state {
	s := state{false, forever}
	for i := range m.memberships {
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
	low, high := 0, len(m.windows)
	for low < high { // the first one of the door that ends after t
		mid := low
		if high-low > 8 { // a few are walked
			mid = (low + high) / 2
		}
		if w := &m.windows[mid]; w.door < door || w.door == door && w.until <= t {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == len(m.windows) || m.windows[low].door != door {
		return state{false, forever}
	}
	return m.windows[low].at(t)
}

// The union of all bases.

// bases are kinds of bases.
type bases uint8

const (
	byMembership bases = 1 << iota
	byGrant
	byReservation
)

// view is the union of all bases at an instant.
type view struct {
	opens bases
	until int64 // the end of the last of those that open
	other int64 // before this instant no basis opens that does not do so until then
}

// at returns the union of all bases at an instant.
func (q *question) at(t, standing int64) view {
	v := view{until: never, other: forever}
	for i := range q.member.memberships {
		v.add(byMembership, q.membership(&q.member.memberships[i], t, standing))
	}
	for i := range q.grants {
		v.add(byGrant, q.grant(&q.grants[i], t, standing))
	}
	if len(q.member.windows) > 0 {
		v.add(byReservation, q.reservations(t, standing))
	}
	return v
}

func (v *view) add(kind bases, s state) {
	switch {
	case !s.open:
		v.other = min(v.other, s.until)
	case v.opens == 0:
		v.opens, v.until = kind, s.until
	default: // the one that ends first may open again before the other ends
		v.opens |= kind
		v.other = min(v.other, v.until, s.until)
		v.until = max(v.until, s.until)
	}
}

// closes returns the first instant at which no basis opens any more, following
// the union from a view on: forever if there is none up to the limit.
func (q *question) closes(v view) int64 {
	for v.opens != 0 {
		if v.until > q.limit {
			return forever
		}
		if v.other > v.until {
			return v.until
		}
		until := v.until
		if v = q.at(until, q.member.standing); v.opens == 0 {
			return until
		}
	}
	return never
}

// opening is the first instant at which a basis opens, and why it does not before:
// RULES.md, section 5, rule 7.
type opening struct {
	at   int64
	rank int // of the reason in waiting
}

// waiting are the reasons of a denial that ends, the first one wins a tie.
var waiting = [...]Reason{ReasonTooEarly, ReasonOutsideHours, ReasonNotStarted}

const (
	tooEarly = iota
	outsideHours
	notStarted
)

// opens returns the first opening up to the limit, at forever if there is none. No
// basis opens in the view, which is of the instant asked about.
func (q *question) opens(now view, standing int64) opening {
	first := opening{at: forever}
	if now.other > q.limit {
		return first
	}
	add := func(at int64, rank int) {
		if at < first.at || at == first.at && rank < first.rank {
			first = opening{at, rank}
		}
	}
	for i := range q.member.memberships {
		m := &q.member.memberships[i]
		at := firstOpen(now.other, q.limit, func(t int64) state { return q.membership(m, t, standing) })
		add(at, q.rank(m.span.at(q.t).open))
	}
	for i := range q.grants {
		g := &q.grants[i]
		at := firstOpen(now.other, q.limit, func(t int64) state { return q.grant(g, t, standing) })
		add(at, q.rank(g.span.at(q.t).open && (!g.requiresMembership || q.member.inForce(q.t).open)))
	}
	if len(q.member.windows) > 0 {
		at := firstOpen(now.other, q.limit, func(t int64) state { return q.reservations(t, standing) })
		add(at, q.rankOfReservations(at))
	}
	return first
}

// rank returns the rank of a membership or grant that is in force or not.
func (q *question) rank(inForce bool) int {
	if inForce {
		return outsideHours
	}
	return notStarted
}

// rankOfReservations returns the rank of the reservations that open at an instant.
func (q *question) rankOfReservations(at int64) int {
	if w := q.member.windowAt(q.place, at); !w.open || !q.member.windowAt(q.place, q.t).open {
		return tooEarly
	}
	// A window has begun: it lacks the membership it requires.
	for _, b := range q.member.bookings {
		if b.status == confirmed && b.window.from > q.t && b.window.at(at).open && q.lists(b) {
			return tooEarly
		}
	}
	return notStarted
}

// lists reports whether the resource of a booking lists the door.
func (q *question) lists(b *booking) bool {
	for _, d := range q.p.resources[b.resource].doors {
		if d == q.place {
			return true
		}
	}
	return false
}
