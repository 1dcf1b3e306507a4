package access

import (
	"fmt"
	"slices"
	"time"

	"github.com/doorkit/doorkit/reservation"
)

// evaluation makes a policy of the good rows of a Question: of one door, one
// member, and the other bookers, of whom only the ids count. RULES.md, section 5,
// "One person at a door".
type evaluation struct {
	q        *Question
	t        int64
	faults   faults
	location *time.Location

	types, memberships, grants, resources, reservations, neighbours rows

	p       Policy
	members []member
	bookers map[string]int32 // the indexes of members
}

// rows says which rows of a list are good, and where each id is.
type rows struct {
	good  []bool
	index map[string]int32
}

// checkRows checks the rows of a list. Of rows that share an id none is good.
func checkRows[T any](c *checker, in path, list []T, id func(*T) string, check func(at path, row *T) bool) rows {
	r := rows{make([]bool, len(list)), make(map[string]int32, len(list))}
	for i := range list {
		at := in.item(i)
		r.good[i] = check(at, &list[i])
		if id == nil {
			continue
		}
		s := id(&list[i])
		if first, taken := r.index[s]; taken {
			r.good[first], r.good[i] = false, c.fault(at.field("id"), fmt.Sprintf("%q is the id of %s already", s, new(in.item(int(first))).String()))
			continue
		}
		if r.good[i] = all(c.id(at.field("id"), s), r.good[i]); s != "" {
			r.index[s] = int32(i)
		}
	}
	return r
}

// checkSite checks what is not a row. If it is bad, there is no decision.
func (e *evaluation) checkSite(r Request) (ok bool) {
	q, c := e.q, &checker{&e.faults}
	anyDoor := &references{what: "door", any: true}
	e.location, ok = c.zone(path{key: "time_zone"}, q.TimeZone, q.Location)
	ok = all(c.settings(path{key: "settings"}, &q.Settings), ok)
	exceptions, closures := path{key: "exceptions"}, path{key: "closures"}
	for i := range q.Exceptions {
		at, x := exceptions.item(i), &q.Exceptions[i]
		ok = all(c.exception(at, x), c.someDoors(at.field("doors"), x.Doors, anyDoor), ok)
	}
	for i := range q.Closures {
		at, x := closures.item(i), &q.Closures[i]
		ok = all(c.closure(at, x), c.someDoors(at.field("doors"), x.Doors, anyDoor), ok)
	}
	if q.Door != nil {
		at := path{key: "door"}
		ok = all(c.asked(at.field("id"), "door", q.Door.ID, r.Door), c.door(at, q.Door), ok)
	}
	if q.Member != nil {
		at := path{key: "member"}
		ok = all(c.asked(at.field("id"), "member", q.Member.ID, r.Member), c.standing(at.field("standing"), q.Member.Standing), ok)
	}
	return ok
}

// asked checks that a Question is about what the request asks about.
func (c *checker) asked(at path, what, id, asked string) bool {
	if id != "" && id != asked {
		return c.fault(at, fmt.Sprintf("the request is about %s %q, not %q", what, asked, id))
	}
	return c.id(at, id)
}

// checkRows checks all rows. References are checked to what the Question holds.
func (e *evaluation) checkRows() {
	q, c := e.q, &checker{&e.faults}
	anyDoor, anyMember := &references{what: "door", any: true}, &references{what: "member", any: true}

	door := ""
	if q.Door != nil {
		door = q.Door.ID
	}
	e.types = checkRows(c, path{key: "membership_types"}, q.MembershipTypes, func(t *MembershipType) string { return t.ID },
		func(at path, t *MembershipType) bool { return c.membershipType(at, t, anyDoor, door) })
	if q.Member != nil {
		member, types := path{key: "member"}, &references{what: "membership type", known: e.types.index}
		e.memberships = checkRows(c, member.field("memberships"), q.Member.Memberships, func(m *Membership) string { return m.ID },
			func(at path, m *Membership) bool { return c.membership(at, m, types) })
	}
	e.grants = checkRows(c, path{key: "grants"}, q.Grants, func(g *Grant) string { return g.ID }, func(at path, g *Grant) bool {
		return all(c.reference(at.field("member"), g.Member, anyMember), c.reference(at.field("door"), g.Door, anyDoor), c.grant(at, g))
	})
	e.resources = checkRows(c, path{key: "resources"}, q.Resources, func(r *Resource) string { return r.ID },
		func(at path, r *Resource) bool { return c.resource(at, r, anyDoor) })
	resources := &references{what: "resource", known: e.resources.index}
	e.reservations = checkRows(c, path{key: "reservations"}, q.Reservations, func(r *reservation.Reservation) string { return r.ID },
		func(at path, r *reservation.Reservation) bool {
			c.distinct(at.field("guests"), r.Guests, anyMember) // a bad entry is left out alone
			return all(c.reference(at.field("resource"), r.Resource, resources), c.reference(at.field("member"), r.Member, anyMember), c.reservation(at, r))
		})
	e.neighbours = checkRows(c, path{key: "neighbours"}, q.Neighbours, nil, func(at path, n *Neighbour) bool {
		return all(c.reference(at.field("resource"), n.Resource, resources), c.reference(at.field("booker"), n.Booker, anyMember),
			c.required(at, "start", n.Start, "end", n.End), c.instant(at.field("ended_at"), n.EndedAt))
	})
}

// makePolicy makes the policy of the good rows and returns the indexes of the door
// and the member in it, -1 if unknown.
func (e *evaluation) makePolicy() (door, member int32) {
	q, p := e.q, &e.p
	p.revision, p.settings = q.Revision, newSettings(&q.Settings)
	p.ready, p.schedules = span{e.t, e.t + horizon + 1}, map[scheduleKey]*schedule{}
	door, member = -1, -1
	if q.Door != nil {
		door = 0
		p.doors = append(p.doors, newDoor(q.Door, p.settings.openTime, newCalendar(e.location, q.Exceptions, q.Door.ID), q.Closures))
	}
	if q.Member != nil {
		member = 0
		e.members = append(e.members, e.makeMember())
	}
	if q.Door == nil || q.Member == nil {
		p.members = newTable(e.members)
		return door, member
	}
	for i := range q.MembershipTypes {
		p.types = append(p.types, e.makeType(i))
	}
	m := &e.members[0]
	for i := range q.Grants {
		if g := &q.Grants[i]; e.grants.good[i] && g.Member == q.Member.ID && g.Door == q.Door.ID {
			m.grants = append(m.grants, p.newGrant(g, 0))
		}
	}
	e.makeBookings()
	p.members = newTable(e.members)
	return door, member
}

// makeMember makes the member with the good memberships.
func (e *evaluation) makeMember() member {
	m := *e.q.Member
	m.Memberships = make([]Membership, 0, len(m.Memberships))
	for i, good := range e.memberships.good {
		if good {
			m.Memberships = append(m.Memberships, e.q.Member.Memberships[i])
		}
	}
	return newMember(&m, e.types.index)
}

// makeType makes a membership type with its hours for the door, never open if
// they are bad.
func (e *evaluation) makeType(i int) membershipType {
	t := &e.q.MembershipTypes[i]
	made := membershipType{id: t.ID, hours: make([]*schedule, 1)}
	for _, d := range t.Doors {
		switch {
		case d.Door != e.q.Door.ID:
		case !e.types.good[i]:
			made.hours[0] = neverOpen
		default:
			made.hours[0] = e.p.schedule(d.Hours, e.p.doors[0].calendar)
		}
	}
	return made
}

// makeBookings makes the resources with their bookings: those of the member, and
// those of others, which may cut their buffers.
func (e *evaluation) makeBookings() {
	q, p := e.q, &e.p
	for i := range q.Resources {
		r := p.newResource(&q.Resources[i])
		if e.resources.good[i] && slices.Contains(q.Resources[i].Doors, q.Door.ID) {
			r.doors = []int32{0}
			p.doors[0].resources = append(p.doors[0].resources, int32(i))
		}
		p.resources = append(p.resources, r)
	}
	e.bookers = map[string]int32{q.Member.ID: 0}
	for i := range q.Reservations {
		r := &q.Reservations[i]
		if !e.reservations.good[i] {
			e.dropBuffers(r.Resource)
			continue
		}
		b := newBooking(r, e.resources.index[r.Resource], e.booker(r.Member))
		if slices.Contains(r.Guests, q.Member.ID) {
			b.guests = []int32{0}
		}
		e.book(&b)
	}
	for i := range q.Neighbours {
		n := &q.Neighbours[i]
		if !e.neighbours.good[i] {
			e.dropBuffers(n.Resource)
			continue
		}
		b := newBooking(&reservation.Reservation{Start: n.Start, End: n.End, EndedAt: n.EndedAt}, e.resources.index[n.Resource], e.booker(n.Booker))
		e.book(&b)
	}
	for _, r := range p.resources {
		slices.SortFunc(r.bookings, byStart)
		r.setWindows(p.settings.clip)
	}
	p.setWindows(&e.members[0])
}

// booker returns the index of a booker.
func (e *evaluation) booker(id string) int32 {
	i, known := e.bookers[id]
	if !known {
		i = int32(len(e.members))
		e.bookers[id] = i
		e.members = append(e.members, member{id: id})
	}
	return i
}

// book adds a booking. Those of other members count only if they are confirmed.
func (e *evaluation) book(b *booking) {
	of := slices.Contains(e.p.concerned(b), 0)
	if of {
		e.members[0].bookings = append(e.members[0].bookings, b)
	}
	if of || b.status == confirmed {
		r := e.p.resources[b.resource]
		r.bookings = append(r.bookings, b)
	}
}

// dropBuffers takes the buffers from the bookings of a resource of which a bad row
// cannot be placed, so that none reaches into it: from those of every resource, if
// the row names none of them.
func (e *evaluation) dropBuffers(resource string) {
	if !e.p.settings.clip {
		return
	}
	i, known := e.resources.index[resource]
	for j, r := range e.p.resources {
		if !known || i == int32(j) {
			r.before, r.after = 0, 0
		}
	}
}
