package access

import (
	"fmt"
	"slices"
	"time"

	"github.com/doorkit/doorkit/internal/strictjson"
	"github.com/doorkit/doorkit/reservation"
)

// Question holds the facts that decide one request, for a host that loads facts
// per request and keeps no Policy. See [Evaluate] for what must be in it; more
// than that is allowed. The field tags are the paths of its faults.
type Question struct {
	Revision   string         `json:"revision"`
	TimeZone   string         `json:"time_zone"` // the site's IANA zone, or ...
	Location   *time.Location `json:"-"`         // ... the zone itself, which saves loading it each time
	Settings   Settings       `json:"settings"`
	Exceptions []Exception    `json:"exceptions"` // those that count for the door, or all
	Closures   []Closure      `json:"closures"`   // those that count for the door, or all

	Door   *Door   `json:"door"`   // nil: there is no such door
	Member *Member `json:"member"` // nil: there is no such member

	MembershipTypes []MembershipType          `json:"membership_types"` // the types of the member's memberships
	Grants          []Grant                   `json:"grants"`           // the member's grants for the door
	Resources       []Resource                `json:"resources"`        // those that list the door
	Reservations    []reservation.Reservation `json:"reservations"`     // of this member, as booker or guest, on those resources
	Neighbors       []Neighbor                `json:"neighbors"`        // the confirmed reservations of other bookers on those resources
}

// Neighbor is a confirmed reservation of another member: what it takes to cut a
// buffer, and no more.
type Neighbor struct {
	Resource string    `json:"resource"`
	Booker   string    `json:"booker"` // the id of the member who made it; only compared, as Reservation.Member is
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	EndedAt  time.Time `json:"ended_at,omitzero"`
}

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
	var faults strictjson.Faults
	f, x, ok := soundFacts(&q, r, &faults)
	bad := faultsOf[Question](&faults)
	if ok {
		p := build(f, x, span{t, t + horizon + 1})
		p.faults = bad
		member := int32(-1) // a booker may have the id of a member who is not there
		if q.Member != nil {
			member = 0
		}
		p.decide(&d, &r, member, p.door(r.Door))
		return d, nil
	}
	d = Decision{Revision: q.Revision, policy: &Policy{faults: bad}, member: -1, door: -1, at: t}
	if r.Action == Lock && r.Holding && q.Door != nil && q.Door.ID == r.Door && q.Member != nil && q.Member.ID == r.Member {
		d.Allowed, d.Reason = true, ReasonHolder // the safe direction stays possible, whatever else is bad
		return d, nil
	}
	return d, errorOf(bad)
}

// soundFacts returns the facts of a Question without its bad rows: of one door, one
// member, and the other bookers. It returns false if more than rows is bad.
func soundFacts(q *Question, r Request, faults *strictjson.Faults) (f *Facts, x indexes, ok bool) {
	c := &checker{faults}
	anyDoor, anyMember := anyOf("door"), anyOf("member")
	f = &Facts{Revision: q.Revision, Settings: q.Settings, Exceptions: q.Exceptions, Closures: q.Closures}
	x = indexes{doors: map[string]int32{}, members: map[string]int32{}}
	f.Location, ok = c.zone(strictjson.Key("time_zone"), q.TimeZone, q.Location)
	ok = all(c.settings(strictjson.Key("settings"), &q.Settings), c.exceptions(q.Exceptions, anyDoor), c.closures(q.Closures, anyDoor), ok)
	door, member := "", ""
	if q.Door != nil {
		at := strictjson.Key("door")
		ok = all(c.asked(at.Field("id"), "door", q.Door.ID, r.Door), c.door(at, q.Door), ok)
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
		at := strictjson.Key("member")
		ok = all(c.asked(at.Field("id"), "member", q.Member.ID, r.Member), c.standing(at.Field("standing"), q.Member.Standing), ok)
		memberships := c.memberships(at, q.Member.Memberships, refs("membership type", x.types))
		member, x.members[q.Member.ID] = q.Member.ID, 0
		f.Members = []Member{{member, q.Member.Standing, goodRows(q.Member.Memberships, memberships)}}
	}
	grants := goodRows(q.Grants, c.grants(q.Grants, anyMember, anyDoor))
	f.Grants = slices.DeleteFunc(grants, func(g Grant) bool { return g.Member != member || g.Door != door })
	q.soundReservations(c, f, &x, member, door)
	return f, x, ok
}

// asked checks that a Question is about what the request asks about.
func (c *checker) asked(at strictjson.Path, what, id, asked string) bool {
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
	anyMember := anyOf("member")
	resources := c.resources(q.Resources, anyOf("door"))
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
	known := refs("resource", x.resources)
	reservations := c.reservations(q.Reservations, known, anyMember)
	for i, r := range q.Reservations {
		book(r, reservations.good[i])
	}
	in := strictjson.Key("neighbors")
	for i, n := range q.Neighbors {
		at := in.Item(i)
		book(reservation.Reservation{Resource: n.Resource, Member: n.Booker, Start: n.Start, End: n.End, EndedAt: n.EndedAt}, all(
			c.reference(at.Field("resource"), n.Resource, known), c.reference(at.Field("booker"), n.Booker, anyMember),
			c.required(at, "start", n.Start, "end", n.End), c.instant(at.Field("ended_at"), n.EndedAt)))
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
