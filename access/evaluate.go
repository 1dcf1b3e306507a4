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
	Start    time.Time `json:"start,omitzero"`
	End      time.Time `json:"end,omitzero"`
	EndedAt  time.Time `json:"ended_at,omitzero"`
}

// Evaluate answers a request from the facts in q alone. It gives the decision of
// [Policy.Decide] if q holds, for the asked instant t:
//
//   - every grant of the member for the door, and every type that a membership of
//     the member names, with its hours for this door;
//   - every resource that lists the door;
//   - every reservation of the member on such a resource, of any status, as booker
//     or (if guests are admitted) as guest, with start or effective end <=
//     t + 371 days and end >= t - 48 h;
//   - every confirmed reservation of another booker on such a resource with start
//     <= t + 24 h and effective end >= t - 24 h;
//   - if buffers are clipped, for each of the member's reservations above, also
//     those on its resource with start <= E + 24 h and effective end >= S - 24 h,
//     where S is the start and E the effective end of the member's. They are in
//     Neighbors, or in Reservations if the member is their booker or guest.
//
// The effective end of a reservation is EndedAt, or End if that is zero. The limits
// are wider than the 370 days of a decision: a window begins up to 24 hours before
// its reservation (371 days), and ends up to 24 hours after it and is over for
// another 24 hours (48 h).
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
	c, f := newChecker(), Facts{}
	ok := c.question(&q, r, &f)
	bad := faultsOf[Question](&c.faults)
	if ok {
		p := build(&f, c, span{t, t + horizon + 1}, nil)
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

// question fills in the facts of a Question without its bad rows: of one door, one
// member, and the other bookers. It returns false if more than rows is bad.
func (c *checker) question(q *Question, r Request, f *Facts) (ok bool) {
	f.Revision, f.Settings, f.Exceptions, f.Closures = q.Revision, q.Settings, q.Exceptions, q.Closures
	c.doors.any, c.members.any = true, true
	c.doors.index, c.members.index = map[string]int32{}, map[string]int32{}
	f.Location, ok = c.zone(strictjson.Key("time_zone"), q.TimeZone, q.Location)
	ok = all(c.settings(strictjson.Key("settings"), &q.Settings), c.exceptions(q.Exceptions), c.closures(q.Closures), ok)
	door, member := "", ""
	if q.Door != nil {
		at := strictjson.Key("door")
		ok = all(c.asked(at.Field("id"), "door", q.Door.ID, r.Door), c.door(at, q.Door), ok)
		door, c.doors.index[q.Door.ID], f.Doors = q.Door.ID, 0, []Door{*q.Door}
	}
	c.only = door
	bad := c.checkTypes(q.MembershipTypes)
	f.MembershipTypes = slices.Clone(q.MembershipTypes)
	for i := range f.MembershipTypes {
		t := &f.MembershipTypes[i]
		t.Doors = only(t.Doors, func(d DoorHours) bool { return !bad.has(i) && d.Door == door })
	}
	if q.Member != nil {
		at := strictjson.Key("member")
		ok = all(
			c.asked(at.Field("id"), "member", q.Member.ID, r.Member), c.id(at.Field("id"), q.Member.ID),
			c.standing(at.Field("standing"), q.Member.Standing), ok,
		)
		bad := c.checkMemberships(at, q.Member.Memberships)
		member, c.members.index[q.Member.ID] = q.Member.ID, 0
		f.Members = []Member{{member, q.Member.Standing, kept(q.Member.Memberships, func(i int, _ *Membership) bool { return !bad.has(i) })}}
	}
	bad = c.checkGrants(q.Grants)
	f.Grants = kept(q.Grants, func(i int, g *Grant) bool { return !bad.has(i) && g.Member == member && g.Door == door })
	bad = c.checkResources(q.Resources)
	f.Resources = slices.Clone(q.Resources)
	for i := range f.Resources {
		r := &f.Resources[i]
		r.Doors = only(r.Doors, func(d string) bool { return !bad.has(i) && d == door })
	}
	c.addReservations(f, q, member)
	return ok
}

// asked checks that a Question is about what the request asks about.
func (c *checker) asked(at strictjson.Path, what, id, asked string) bool {
	if id != "" && id != asked {
		return c.fault(at, fmt.Sprintf("the request is about %s %q, not %q", what, asked, id))
	}
	return true
}

// kept returns a copy of some rows.
func kept[T any](list []T, keep func(i int, row *T) bool) []T {
	kept := make([]T, 0, len(list))
	for i := range list {
		if keep(i, &list[i]) {
			kept = append(kept, list[i])
		}
	}
	return kept
}

// only returns the part of a list that is its first item of a kind, nil if it has none.
func only[T any](list []T, is func(item T) bool) []T {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return list[i : i+1]
	}
	return nil
}

// addReservations adds the good reservations and neighbors.
func (c *checker) addReservations(f *Facts, q *Question, member string) {
	f.Reservations = make([]reservation.Reservation, 0, len(q.Reservations)+len(q.Neighbors))
	add := func(r reservation.Reservation, bad bool) {
		if bad {
			f.dropBuffers(r.Resource, c.resources.index)
			return
		}
		r.Guests = only(r.Guests, func(guest string) bool { return member != "" && guest == member })
		if _, known := c.members.index[r.Member]; !known {
			c.members.index[r.Member] = int32(len(f.Members))
			f.Members = append(f.Members, Member{ID: r.Member})
		}
		f.Reservations = append(f.Reservations, r)
	}
	bad := c.checkReservations(q.Reservations)
	for i, r := range q.Reservations {
		add(r, bad.has(i))
	}
	in := strictjson.Key("neighbors")
	for i, n := range q.Neighbors {
		r := reservation.Reservation{Resource: n.Resource, Member: n.Booker, Start: n.Start, End: n.End, EndedAt: n.EndedAt}
		add(r, !c.booked(in.Item(i), "booker", &r))
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
