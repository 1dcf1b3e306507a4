package access

import (
	"slices"
	"time"
)

// Decide answers a request. It allocates nothing, costs about the same whatever
// the site holds, and never panics: what the policy does not know is denied. An
// action that is none of the three is denied with [ReasonNoEntitlement].
func (p *Policy) Decide(r Request) (d Decision) {
	p.answer(&d, &r)
	return d
}

func (p *Policy) answer(d *Decision, r *Request) {
	p.decide(d, r, p.member(r.Member), p.door(r.Door))
}

// decide is RULES.md, sections 4 and 5, for the indexes of a member and a door. It
// fills in a zero Decision.
func (p *Policy) decide(d *Decision, r *Request, member, door int32) {
	t := micros(r.At)
	d.Revision, d.policy, d.member, d.door, d.at = p.revision, p, member, door, t
	holder := r.Action == Lock && r.Holding
	if d.Reason = p.refusal(member, door, r.Action, holder); d.Reason != "" {
		d.Allowed = d.Reason == ReasonHolder
		return
	}
	q := p.question(member, t)
	q.turnTo(door)
	now := q.at(t, q.member.standing)
	switch {
	case now.opens != 0:
		d.Allowed, d.Reason = true, now.reason()
		if !holder { // who is never denied
			d.ValidUntil = q.within(q.closes(now))
		}
	case holder:
		d.Allowed, d.Reason = true, ReasonHolder
	default:
		next := q.opens(now, q.member.standing)
		d.Reason, d.NextChange = q.denial(next), q.within(next.at)
	}
	if d.Allowed && r.Action == Unlock {
		d.RelockAfter = q.door.openTime
	}
}

// refusal returns the reasons that need no look at what the member holds: rules 1
// to 4 of RULES.md, section 5, or "". ReasonHolder allows.
func (p *Policy) refusal(member, door int32, action Action, holder bool) Reason {
	switch {
	case door < 0:
		return ReasonUnknownDoor
	case member < 0:
		return ReasonUnknownMember
	case p.doors[door].disabled && holder:
		return ReasonHolder
	case p.doors[door].disabled:
		return ReasonDoorDisabled
	case action == OfficeMode && p.doors[door].access != AccessAndOfficeMode:
		return ReasonOfficeModeNotOffered
	case action != Unlock && action != OfficeMode && action != Lock:
		return ReasonNoEntitlement
	}
	return ""
}

// within returns an instant, zero if it is not within the horizon.
func (q *question) within(at int64) time.Time {
	if at > q.limit {
		return time.Time{}
	}
	return instant(at)
}

// reason returns why an action is allowed.
func (v *view) reason() Reason {
	switch {
	case v.opens&byGrant != 0:
		return ReasonGrant
	case v.opens&byMembership != 0:
		return ReasonMembership
	}
	return ReasonReservation
}

// denial returns why no basis opens now, given the next opening: rules 5 to 9 of
// RULES.md, section 5.
func (q *question) denial(next opening) Reason {
	if q.closed(q.t).open {
		return ReasonDoorClosed
	}
	if q.member.standing != forever { // and so may be what denies
		ignored := q.at(q.t, forever)
		if ignored.opens != 0 || next.at == forever && q.opens(ignored, forever).at != forever {
			return ReasonStandingBlocked
		}
	}
	if next.at != forever {
		return waiting[next.rank]
	}
	return q.neverAgain()
}

// neverAgain returns the reason when nothing opens within the horizon: rules 8
// and 9.
func (q *question) neverAgain() Reason {
	isPending, isCancelled, isOver, lacking := q.pastBookings() // lacking: only the membership it requires
	switch {
	case isPending:
		return ReasonReservationPending
	case isCancelled:
		return ReasonReservationCancelled
	case isOver:
		return ReasonReservationOver
	}
	grantEnded, paused, ended := false, false, false
	for i := range q.grants {
		g := &q.grants[i]
		lacking = lacking || g.requiresMembership && g.at(q.t).open && !q.member.inForce(q.t).open
		grantEnded = grantEnded || g.until <= q.t
	}
	for i := range q.member.memberships {
		m := &q.member.memberships[i]
		if lacking || m.typ.hours[q.place] != nil {
			paused = paused || m.paused
			ended = ended || !m.paused && m.until <= q.t
		}
	}
	switch {
	case paused:
		return ReasonMembershipPaused
	case ended:
		return ReasonMembershipEnded
	case lacking:
		return ReasonMembershipRequired
	case grantEnded:
		return ReasonGrantEnded
	}
	// The member's own windows do not contain t: one that did would have been
	// answered above.
	for _, r := range q.door.resources {
		if q.p.resources[r].occupied.at(q.t).open {
			return ReasonNotBooker
		}
	}
	return ReasonNoEntitlement
}

// pastBookings returns what there is among the reservations of the member: lacking is a
// confirmed one that lacks only the membership it requires.
func (q *question) pastBookings() (isPending, isCancelled, isOver, lacking bool) {
	for _, b := range slices.Backward(q.member.bookings) {
		if b.window.until < q.t-day {
			break // they are sorted by the end of their window
		}
		over := b.window.until <= q.t // also of an empty one, which may begin later
		inside := !over && b.window.from <= q.t
		if !over && !inside || !q.lists(b) {
			continue
		}
		switch b.status {
		case pending:
			isPending = isPending || inside
		case cancelled:
			isCancelled = isCancelled || inside
		case confirmed:
			isOver = isOver || over
			lacking = lacking || inside && q.p.settings.requireMembership && !q.member.inForce(q.t).open
		}
	}
	return isPending, isCancelled, isOver, lacking
}
