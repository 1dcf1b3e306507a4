package access

import (
	"strconv"

	"github.com/doorkit/doorkit/reservation"
)

// Change is one change of facts, for [Policy.With]. The changes are the types of
// this file whose names start with Set or Remove.
type Change interface {
	check(p *Policy, c *checker, at path) // reports what is wrong with it
	apply(p *Policy)                      // to a policy that is not shared yet
}

// SetRevision changes the revision that every decision repeats.
type SetRevision string

// SetReservation adds a reservation, or replaces the one with its id: moved,
// extended, ended, cancelled, given to another member, with other guests.
type SetReservation reservation.Reservation

// RemoveReservation removes the reservation with this id.
type RemoveReservation string

// SetMembership adds a membership to a member, or replaces the one with its id:
// paused, prolonged, of another type.
type SetMembership struct {
	Member     string     `json:"member"`
	Membership Membership `json:"membership"`
}

// SetStanding changes the standing of a member.
type SetStanding struct {
	Member   string   `json:"member"`
	Standing Standing `json:"standing"`
}

// SetGrant adds a grant, or replaces the one with its id.
type SetGrant Grant

// RemoveGrant removes the grant with this id.
type RemoveGrant string

// SetDoorDisabled takes a door out of service or puts it back.
type SetDoorDisabled struct {
	Door     string `json:"door"`
	Disabled bool   `json:"disabled"`
}

// With returns a policy with the changes made, in their order, as Compile would
// make it from the changed facts. It copies what the changes affect and shares the
// rest; p stays as it is. Members, doors, types, resources, settings, exceptions
// and closures stay the same: to change those, Compile again.
//
// Bad changes are refused whole with a [*FactsError] whose paths start with
// "changes[i]"; a change is checked against p and against the changes before it.
func (p *Policy) With(changes ...Change) (*Policy, error) {
	changed := *p
	faults := &faults{}
	c, list := &checker{faults}, path{key: "changes"}
	for i, change := range changes {
		n := len(faults.all)
		if change.check(&changed, c, list.item(i)); len(faults.all) == n {
			change.apply(&changed)
		}
	}
	if len(faults.all) > 0 {
		return nil, &FactsError{faults.all}
	}
	return &changed, nil
}

func (p *Policy) knownMembers() *references { return &references{what: "member", known: p.memberIndex} }
func (p *Policy) knownDoors() *references   { return &references{what: "door", known: p.doorIndex} }
func (p *Policy) knownTypes() *references {
	return &references{what: "membership type", known: p.typeIndex}
}
func (p *Policy) knownResources() *references {
	return &references{what: "resource", known: p.resourceIndex}
}

func (SetRevision) check(*Policy, *checker, path) {}

func (s SetReservation) check(p *Policy, c *checker, at path) {
	c.id(at.field("id"), s.ID)
	c.reservation(at, (*reservation.Reservation)(&s), p.knownResources(), p.knownMembers())
}

func (s RemoveReservation) check(p *Policy, c *checker, at path) {
	if p.reservationIDs.find(string(s)) < 0 {
		c.fault(at, "no reservation "+strconv.Quote(string(s)))
	}
}

func (s SetMembership) check(p *Policy, c *checker, at path) {
	membership := at.field("membership")
	c.reference(at.field("member"), s.Member, p.knownMembers())
	c.id(membership.field("id"), s.Membership.ID)
	c.membership(membership, &s.Membership, p.knownTypes())
}

func (s SetStanding) check(p *Policy, c *checker, at path) {
	c.reference(at.field("member"), s.Member, p.knownMembers())
	c.standing(at.field("standing"), s.Standing)
}

func (s SetGrant) check(p *Policy, c *checker, at path) {
	c.id(at.field("id"), s.ID)
	c.grant(at, (*Grant)(&s), p.knownMembers(), p.knownDoors())
}

func (s RemoveGrant) check(p *Policy, c *checker, at path) {
	if p.grantIDs.find(string(s)) < 0 {
		c.fault(at, "no grant "+strconv.Quote(string(s)))
	}
}

func (s SetDoorDisabled) check(p *Policy, c *checker, at path) {
	c.reference(at.field("door"), s.Door, p.knownDoors())
}
