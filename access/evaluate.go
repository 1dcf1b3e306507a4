package access

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/doorkit/doorkit/reservation"
)

// Evaluate answers a request from the facts in q alone. It gives the decision of
// [Policy.Decide] if q holds, for the asked instant t:
//
//   - every grant of the member for the door, and every type that a membership of
//     the member names, with its hours for this door;
//   - every resource that lists the door;
//   - every reservation of the member on such a resource, of any status, as booker
//     or (where guests are admitted) as guest, with start or effective end <=
//     t + 371 days and end >= t - 48 h;
//   - every confirmed reservation of another booker on such a resource with start
//     <= t + 24 h and effective end >= t - 24 h;
//   - with clipped buffers also, for each of the member's reservations above, those
//     on its resource with start <= E + 24 h and effective end >= start - 24 h,
//     start and E being those of the member's. They are in Neighbors, or in
//     Reservations if they are the member's too.
//
// Rows that have nothing to do with the request are allowed and ignored.
//
// Facts from a host's own tables may be bad (RULES.md, section 5, "One person at a
// door"). A bad row opens nothing, and the decision is made from the others;
// [Decision.Faults] names every fault. If anything else is bad, or q is not about
// the member and door of the request, the error is a [*FactsError] and the
// decision denies, with an empty Reason.
func Evaluate(q Question, r Request) (d Decision, err error) {
	t := micros(r.At)
	var faults faults
	f, x, ok := soundFacts(&q, r, &faults)
	bad := faults.err(reflect.TypeFor[Question]())
	if ok {
		p := build(f, x, span{t, t + horizon + 1})
		p.faults = faults.all
		member := int32(-1) // a booker may have the id of a member who is not there
		if q.Member != nil {
			member = 0
		}
		p.decide(&d, &r, member, p.door(r.Door))
		return d, nil
	}
	d = Decision{Revision: q.Revision, policy: &Policy{faults: faults.all}, member: -1, door: -1, at: t}
	if r.Action == Lock && r.Holding && q.Door != nil && q.Door.ID == r.Door && q.Member != nil && q.Member.ID == r.Member {
		d.Allowed, d.Reason = true, ReasonHolder // the safe direction stays possible, whatever else is bad
		return d, nil
	}
	return d, bad
}

// soundFacts returns the facts of a Question without its bad rows: of one door, one
// member, and the other bookers. It returns false if more than rows is bad.
func soundFacts(q *Question, r Request, faults *faults) (f *Facts, x indexes, ok bool) {
	c := &checker{faults}
	anyDoor, anyMember := &references{what: "door", any: true}, &references{what: "member", any: true}
	f = &Facts{Revision: q.Revision, Settings: q.Settings, Exceptions: q.Exceptions, Closures: q.Closures}
	x = indexes{doors: map[string]int32{}, members: map[string]int32{}}
	f.Location, ok = c.zone(path{key: "time_zone"}, q.TimeZone, q.Location)
	ok = all(c.settings(path{key: "settings"}, &q.Settings), c.exceptions(q.Exceptions, anyDoor), c.closures(q.Closures, anyDoor), ok)
	door, member := "", ""
	if q.Door != nil {
		at := path{key: "door"}
		ok = all(c.asked(at.field("id"), "door", q.Door.ID, r.Door), c.door(at, q.Door), ok)
		door, x.doors[q.Door.ID], f.Doors = q.Door.ID, 0, []Door{*q.Door}
	}
	types := c.membershipTypes(q.MembershipTypes, anyDoor, door)
	x.types, f.MembershipTypes = types.index, make([]MembershipType, 0, len(q.MembershipTypes))
	for i := range q.MembershipTypes {
		t := MembershipType{ID: q.MembershipTypes[i].ID}
		for _, d := range q.MembershipTypes[i].Doors {
			if types.good[i] && d.Door == door {
				t.Doors = append(t.Doors, d)
			}
		}
		f.MembershipTypes = append(f.MembershipTypes, t)
	}
	if q.Member != nil {
		at := path{key: "member"}
		ok = all(c.asked(at.field("id"), "member", q.Member.ID, r.Member), c.standing(at.field("standing"), q.Member.Standing), ok)
		memberships := c.memberships(at, q.Member.Memberships, &references{what: "membership type", known: x.types})
		member, x.members[q.Member.ID] = q.Member.ID, 0
		f.Members = []Member{{member, q.Member.Standing, goodRows(q.Member.Memberships, memberships)}}
	}
	grants := goodRows(q.Grants, c.grants(q.Grants, anyMember, anyDoor))
	f.Grants = slices.DeleteFunc(grants, func(g Grant) bool { return g.Member != member || g.Door != door })
	q.soundReservations(c, f, &x, member, door)
	return f, x, ok
}

// asked checks that a Question is about what the request asks about.
func (c *checker) asked(at path, what, id, asked string) bool {
	if id != "" && id != asked {
		return c.fault(at, fmt.Sprintf("the request is about %s %q, not %q", what, asked, id))
	}
	return c.id(at, id)
}

// goodRows returns a copy of the good rows.
func goodRows[T any](list []T, r rows) []T {
	good := make([]T, 0, len(list))
	for i := range list {
		if r.good[i] {
			good = append(good, list[i])
		}
	}
	return good
}

// soundReservations adds the resources, the reservations and the neighbors to f.
func (q *Question) soundReservations(c *checker, f *Facts, x *indexes, member, door string) {
	anyMember := &references{what: "member", any: true}
	resources := c.resources(q.Resources, &references{what: "door", any: true})
	x.resources, f.Resources = resources.index, make([]Resource, 0, len(q.Resources))
	f.Reservations = make([]reservation.Reservation, 0, len(q.Reservations)+len(q.Neighbors))
	for i, r := range q.Resources {
		if resources.good[i] && slices.Contains(r.Doors, door) {
			r.Doors = []string{door}
		} else {
			r.Doors = nil
		}
		f.Resources = append(f.Resources, r)
	}
	book := func(r reservation.Reservation, good bool) {
		if !good {
			f.dropBuffers(r.Resource, x.resources)
			return
		}
		if member != "" && slices.Contains(r.Guests, member) {
			r.Guests = []string{member}
		} else {
			r.Guests = nil
		}
		if _, known := x.members[r.Member]; !known {
			x.members[r.Member] = int32(len(f.Members))
			f.Members = append(f.Members, Member{ID: r.Member})
		}
		f.Reservations = append(f.Reservations, r)
	}
	known := &references{what: "resource", known: x.resources}
	reservations := c.reservations(q.Reservations, known, anyMember)
	for i, r := range q.Reservations {
		book(r, reservations.good[i])
	}
	in := path{key: "neighbors"}
	for i, n := range q.Neighbors {
		at := in.item(i)
		book(reservation.Reservation{Resource: n.Resource, Member: n.Booker, Start: n.Start, End: n.End, EndedAt: n.EndedAt}, all(
			c.reference(at.field("resource"), n.Resource, known), c.reference(at.field("booker"), n.Booker, anyMember),
			c.required(at, "start", n.Start, "end", n.End), c.instant(at.field("ended_at"), n.EndedAt)))
	}
}

// dropBuffers takes the buffers from the bookings of a resource, one of whose
// reservations is left out: under clip it may have cut them. If the resource is not
// known either, all lose theirs.
func (f *Facts) dropBuffers(resource string, index map[string]int32) {
	i, known := index[resource]
	for j := range f.Resources {
		if f.Settings.Buffers == BuffersClip && (!known || int(i) == j) {
			f.Resources[j].Before, f.Resources[j].After = new(time.Duration), new(time.Duration)
		}
	}
}
