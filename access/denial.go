package access

import "sort"

// denial returns why nothing opens now: rules 5 to 8 of RULES.md, section 5.
func (a *asked) denial(next opening) Reason {
	if a.standing != forever && (a.t >= a.standing || next == noOpening) {
		ignored := a.look(a.t, forever)
		if ignored.opens != 0 && a.t >= a.standing || next == noOpening && ignored.next != noOpening {
			return ReasonStandingBlocked
		}
	}
	if next != noOpening {
		return next.reason()
	}
	return a.neverAgain()
}

// neverAgain returns the reason when nothing opens within the horizon.
func (a *asked) neverAgain() Reason {
	if a.windowed || a.granted {
		if r, ok := a.pastBooking(); ok {
			return r
		}
	}
	wanting, grantEnded := false, false // a grant in force but for the membership it wants
	grants := a.grants()
	for i := range grants {
		g := &grants[i]
		wanting = wanting || g.wantsMembership && g.from <= a.t && a.t < g.until
		grantEnded = grantEnded || g.until <= a.t
	}
	paused, ended := false, false
	wanting = wanting && !a.isMember(a.t)
	memberships := a.memberships()
	for i := range memberships {
		m := &memberships[i]
		if wanting || a.p.types[m.ref].schedule(a.door) > 0 {
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

// pastBooking looks for a pending, a cancelled or a past reservation of the
// member, in this order.
func (a *asked) pastBooking() (Reason, bool) {
	if a.granted {
		odd := a.lists.oddOf(int(a.member))
		for _, status := range [...]status{pending, cancelled} {
			w := firstOdd(odd, a.door, status, a.t+1)
			if w == nil {
				continue
			}
			if contains := w.from <= a.t && a.t < w.until; contains {
				return bookedReasons[status], true
			}
		}
		if w := firstOdd(odd, a.door, confirmed, a.t-day); w != nil && w.endedAt(a.t) {
			return ReasonReservationOver, true
		}
	}
	windows := a.windows()
	i := windowAfter(windows, 0, a.door, a.t) - 1 // the last one before t
	return ReasonReservationOver, i >= 0 && windows[i].ref == a.door && windows[i].endedAt(a.t)
}

var bookedReasons = [...]Reason{pending: ReasonReservationPending, cancelled: ReasonReservationCancelled}

// firstOdd returns the first window of a door and status that ends at an instant
// or later, or nil.
func firstOdd(odd []oddWindow, door int32, status status, end int64) *oddWindow {
	i := sort.Search(len(odd), func(i int) bool {
		return compareOdd(&odd[i], &oddWindow{span: span{until: end, ref: door}, status: status}) >= 0
	})
	if i < len(odd) && odd[i].ref == door && odd[i].status == status {
		return &odd[i]
	}
	return nil
}

// compareOdd orders windows by door, status and end.
func compareOdd(a, b *oddWindow) int {
	if a.ref != b.ref {
		return int(a.ref - b.ref)
	}
	if a.status != b.status {
		return int(a.status) - int(b.status)
	}
	return compare(a.until, b.until)
}

// endedAt reports whether a window has ended, at most a day ago.
func (s *span) endedAt(t int64) bool { return s.until <= t && t <= s.until+day }
