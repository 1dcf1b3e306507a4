package access

import (
	"maps"
	"slices"

	"github.com/doorkit/doorkit/reservation"
)

// This file applies changes to a policy of which nothing may be changed in place:
// every slice and every map of it may be shared with the policies it comes from.

// edit replaces a member by a changed copy. The change must not write into the
// slices of the copy.
func (p *Policy) edit(i int32, change func(*member)) {
	m := *p.members.at(i)
	change(&m)
	p.members = p.members.with(i, m)
}

func (s SetRevision) apply(p *Policy) { p.revision = string(s) }

func (s SetStanding) apply(p *Policy) {
	p.edit(p.member(s.Member), func(m *member) { m.standing = standingEnd(s.Standing) })
}

func (s SetDoorDisabled) apply(p *Policy) {
	p.doors = slices.Clone(p.doors)
	p.doors[p.door(s.Door)].disabled = s.Disabled
}

func (s SetMembership) apply(p *Policy) {
	made := p.newMembership(&s.Membership)
	p.edit(p.member(s.Member), func(m *member) {
		m.memberships = slices.DeleteFunc(slices.Clone(m.memberships), func(o membership) bool { return o.id == made.id })
		m.memberships = append(m.memberships, made)
		slices.SortStableFunc(m.memberships, byFrom)
	})
}

func (s SetGrant) apply(p *Policy) {
	RemoveGrant(s.ID).apply(p)
	p.schedules = maps.Clone(p.schedules)
	holder, made := p.member(s.Member), p.newGrant((*Grant)(&s))
	p.edit(holder, func(m *member) {
		m.grants = append(slices.Clip(m.grants), made)
		slices.SortStableFunc(m.grants, byDoor)
	})
	p.grantIDs = p.grantIDs.with(s.ID, holder)
}

func (s RemoveGrant) apply(p *Policy) {
	holder := p.grantIDs.find(string(s))
	if holder < 0 {
		return
	}
	p.edit(holder, func(m *member) {
		m.grants = slices.DeleteFunc(slices.Clone(m.grants), func(g grant) bool { return g.id == string(s) })
	})
	p.grantIDs = p.grantIDs.with(string(s), -1)
}

func (s SetReservation) apply(p *Policy) {
	made := p.newBooking((*reservation.Reservation)(&s))
	p.replaceBooking(p.bookingWith(s.ID), &made)
	p.reservationIDs = p.reservationIDs.with(s.ID, made.booker)
}

func (s RemoveReservation) apply(p *Policy) {
	p.replaceBooking(p.bookingWith(string(s)), nil)
	p.reservationIDs = p.reservationIDs.with(string(s), -1)
}

// bookingWith returns the booking with an id, nil if there is none.
func (p *Policy) bookingWith(id string) *booking {
	booker := p.reservationIDs.find(id)
	if booker < 0 {
		return nil
	}
	all := p.members.at(booker).bookings
	return all[slices.IndexFunc(all, func(b *booking) bool { return b.id == id })]
}

// replaceBooking takes a booking away, unless it is nil, and adds another one,
// unless it is nil.
func (p *Policy) replaceBooking(old, made *booking) {
	moved := map[*booking]*booking{} // those whose window changes, because buffers are clipped
	p.resources = slices.Clone(p.resources)
	if old != nil && made != nil && old.resource == made.resource {
		p.rebook(old.resource, old, made, moved)
	} else {
		if old != nil {
			p.rebook(old.resource, old, nil, moved)
		}
		if made != nil {
			p.rebook(made.resource, nil, made, moved)
		}
	}

	var members []int32
	for b := range moved {
		members = append(members, p.concerned(b)...)
	}
	if old != nil {
		members = append(members, p.concerned(old)...)
	}
	var holders []int32 // of made
	if made != nil {
		holders = p.concerned(made)
		members = append(members, holders...)
	}
	slices.Sort(members)
	for _, i := range slices.Compact(members) {
		p.edit(i, func(m *member) {
			list := make([]*booking, 0, len(m.bookings)+1)
			for _, b := range m.bookings {
				if other := moved[b]; other != nil {
					list = append(list, other)
				} else if b != old {
					list = append(list, b)
				}
			}
			if slices.Contains(holders, i) {
				list = append(list, made)
			}
			m.bookings = list
			p.setWindows(m)
		})
	}
}

// rebook replaces a resource by one with other bookings. Bookings whose window
// changes are replaced too, in moved.
func (p *Policy) rebook(resource int32, without, with *booking, moved map[*booking]*booking) {
	r := *p.resources[resource]
	r.bookings = slices.DeleteFunc(slices.Clone(r.bookings), func(b *booking) bool { return b == without })
	if with != nil {
		r.bookings = append(r.bookings, with)
		slices.SortStableFunc(r.bookings, byStart)
	}
	for i, w := range r.windows(p.settings.clip) {
		switch b := r.bookings[i]; {
		case b == with:
			with.window = w
		case b.window != w:
			copied := *b
			copied.window = w
			moved[b], r.bookings[i] = &copied, &copied
		}
	}
	r.occupy()
	p.resources[resource] = &r
}
