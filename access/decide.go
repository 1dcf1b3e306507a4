package access

import (
	"slices"
	"time"
)

// Decide answers a request. It allocates nothing and never panics: what the policy
// does not know is denied. Its cost grows with the grants and memberships of the
// member and with their bookings that are not over, not with the site. An action that
// is none of the three is denied with [ReasonNoEntitlement].
func (p *Policy) Decide(r Request) (d Decision) {
	p.answer(&d, &r)
	return d
}

// answer keeps Decide so small that the compiler copies neither request nor decision.
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
		d.Allowed, d.Reason = true, reasons[now.opens]
		if !holder { // who is never denied
			d.ValidUntil = q.within(q.closes(now))
		}
	case holder:
		d.Allowed, d.Reason = true, ReasonHolder
	default:
		next := q.opens(now, q.member.standing)
		d.Reason, d.NextChange = q.denial(next), q.within(next)
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

// denial returns why no basis opens now, given the next opening: rules 5 to 9 of
// RULES.md, section 5.
func (q *question) denial(next int64) Reason {
	if q.closed(q.t).open {
		return ReasonDoorClosed
	}
	if q.member.standing != forever { // and so may be what denies
		ignored := q.at(q.t, forever)
		if ignored.opens != 0 || next == forever && q.opens(ignored, forever) != forever {
			return ReasonStandingBlocked
		}
	}
	if next != forever {
		return later[q.waits(next)]
	}
	return q.neverAgain()
}

// later are the reasons of a denial for which no rule before them applies, in the
// order of rules 7 to 9.
var later = [...]Reason{
	tooEarly: ReasonTooEarly, outsideHours: ReasonOutsideHours, notStarted: ReasonNotStarted,
	reservationPending: ReasonReservationPending, reservationCancelled: ReasonReservationCancelled, reservationOver: ReasonReservationOver,
	membershipPaused: ReasonMembershipPaused, membershipEnded: ReasonMembershipEnded, membershipRequired: ReasonMembershipRequired,
	grantEnded: ReasonGrantEnded, notBooker: ReasonNotBooker, noEntitlement: ReasonNoEntitlement,
}

const (
	tooEarly = iota
	outsideHours
	notStarted
	reservationPending
	reservationCancelled
	reservationOver
	membershipPaused
	membershipEnded
	membershipRequired
	grantEnded
	notBooker
	noEntitlement
)

// neverAgain returns the reason when nothing opens within the horizon: the first of
// rules 8 and 9 that applies.
func (q *question) neverAgain() Reason {
	first := noEntitlement
	note := func(applies bool, rank int) {
		if applies {
			first = min(first, rank)
		}
	}
	lacking := false // whether something lacks only the membership it requires
	for i := len(q.member.bookings) - 1; i >= 0 && q.member.bookings[i].window.until >= q.t-day; i-- {
		b := &q.member.bookings[i]
		over := b.window.until <= q.t // also of an empty one, which may begin later
		inside := !over && b.window.from <= q.t
		if !over && !inside || !q.lists(b) {
			continue
		}
		note(inside && b.status == pending, reservationPending)
		note(inside && b.status == cancelled, reservationCancelled)
		note(over && b.status == confirmed, reservationOver)
		lacking = lacking || inside && b.status == confirmed && q.lacksMembership(&q.p.booked)
	}
	for _, g := range q.member.grants {
		if g.door != q.place {
			continue
		}
		note(g.until <= q.t, grantEnded)
		lacking = lacking || g.at(q.t).open && q.lacksMembership(&g.basis)
	}
	note(lacking, membershipRequired)
	for i := range q.member.memberships {
		if m := &q.member.memberships[i]; lacking || m.typ.hours[q.place] != nil {
			note(m.paused, membershipPaused)
			note(!m.paused && m.until <= q.t, membershipEnded)
		}
	}
	if first != noEntitlement {
		return later[first]
	}
	// The member's own windows do not contain t: one that did has been noted.
	for _, r := range q.door.resources {
		note(q.p.resources[r].occupied.at(q.t).open, notBooker)
	}
	return later[first]
}

// lacksMembership reports whether a basis requires a membership and none is in force.
func (q *question) lacksMembership(b *basis) bool {
	return b.requiresMembership && !q.member.inForce(q.t).open
}

// lists reports whether the resource of a booking lists the door.
func (q *question) lists(b *held) bool {
	return slices.Contains(q.p.resources[b.resource].doors, q.place)
}
