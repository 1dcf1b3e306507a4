package access

import (
	"fmt"
	"slices"

	"github.com/doorkit/doorkit/reservation"
)

// Change is one change of facts, for [Policy.With]. The changes are the types of
// this file whose names start with Set or Remove.
type Change interface {
	check(p *Policy, c *checker, path []any) // reports what is wrong with it
	apply(e *editor)
}

// SetRevision changes the revision that every decision repeats.
type SetRevision string

// SetReservation adds a reservation, or replaces the one with its id: moved,
// extended, ended, cancelled, given to somebody else.
type SetReservation reservation.Reservation

// RemoveReservation removes the reservation with this id, as if it had never been.
type RemoveReservation string

// SetMembership adds a membership to a member, or replaces the one with its id:
// paused, prolonged, of another type.
type SetMembership struct {
	Member     string
	Membership Membership
}

// SetStanding changes the standing of a member.
type SetStanding struct {
	Member   string
	Standing Standing
}

// SetGrant adds a grant, or replaces the one with its id.
type SetGrant Grant

// RemoveGrant removes the grant with this id.
type RemoveGrant string

// SetDoorDisabled takes a door out of service or puts it back.
type SetDoorDisabled struct {
	Door     string
	Disabled bool
}

// With returns a policy with the changes made, in their order, as Compile would
// make it from the changed facts. Only what they touch is worked out again; the
// rest is shared, and p stays as it is. Members, doors, types and resources stay
// the same: for new ones Compile again.
//
// Bad changes are refused whole with a [*FactsError] whose paths start with
// "changes[i]"; a change is checked against p and against the changes before it.
func (p *Policy) With(changes ...Change) (*Policy, error) {
	e := newEditor(p)
	faults := &faults{}
	c := &checker{faults: faults}
	for i, change := range changes {
		n := len(faults.all)
		if change.check(&e.p, c, []any{"changes", i}); len(faults.all) == n {
			change.apply(e)
		}
	}
	if err := faults.err(); err != nil {
		return nil, err
	}
	changed := e.p
	return &changed, nil
}

// requireID and exists check what a change names.
func (c *checker) requireID(id string, path []any, key ...any) {
	if id == "" {
		c.fault("an id is required and not empty", path, key...)
	}
}

func (c *checker) exists(place int32, what, id string, path []any, key ...any) {
	if place < 0 {
		c.fault(fmt.Sprintf("no %s %q", what, id), path, key...)
	}
}

func (s SetRevision) check(*Policy, *checker, []any) {}

func (s SetReservation) check(p *Policy, c *checker, path []any) {
	c.requireID(s.ID, path, "id")
	c.exists(p.resource(s.Resource), "resource", s.Resource, path, "resource")
	c.exists(p.member(s.Member), "member", s.Member, path, "member")
	c.reservation((*reservation.Reservation)(&s), path...)
}

func (s RemoveReservation) check(p *Policy, c *checker, path []any) {
	member, _ := p.reservation(string(s))
	c.exists(member, "reservation", string(s), path)
}

func (s SetMembership) check(p *Policy, c *checker, path []any) {
	c.exists(p.member(s.Member), "member", s.Member, path, "member")
	c.requireID(s.Membership.ID, path, "membership", "id")
	c.exists(p.membershipType(s.Membership.Type), "membership type", s.Membership.Type, path, "membership", "type")
	from, until := badSpan(s.Membership.From, s.Membership.Until)
	if from != "" {
		c.fault(from, path, "membership", "from")
	}
	if until != "" {
		c.fault(until, path, "membership", "until")
	}
}

func (s SetStanding) check(p *Policy, c *checker, path []any) {
	c.exists(p.member(s.Member), "member", s.Member, path, "member")
	c.standing(s.Standing, path)
}

func (s SetGrant) check(p *Policy, c *checker, path []any) {
	c.requireID(s.ID, path, "id")
	c.exists(p.member(s.Member), "member", s.Member, path, "member")
	c.exists(p.door(s.Door), "door", s.Door, path, "door")
	c.grant((*Grant)(&s), path...)
}

func (s RemoveGrant) check(p *Policy, c *checker, path []any) {
	member, _ := p.grant(string(s))
	c.exists(member, "grant", string(s), path)
}

func (s SetDoorDisabled) check(p *Policy, c *checker, path []any) {
	c.exists(p.door(s.Door), "door", s.Door, path, "door")
}

func (s SetRevision) apply(e *editor) { e.p.revision = string(s) }

func (s SetReservation) apply(e *editor) {
	r := (*reservation.Reservation)(&s)
	e.setReservation(s.ID, e.p.member(s.Member), &booking{s.ID, micros(s.Start), micros(r.EffectiveEnd()), e.p.resource(s.Resource), statusOf(s.Status)})
}

func (s RemoveReservation) apply(e *editor) { e.setReservation(string(s), -1, nil) }

func (s SetMembership) apply(e *editor) {
	m := newSpan(&s.Membership, e.p.membershipType(s.Membership.Type))
	e.edit(e.p.member(s.Member), func(d *draft) {
		if i := slices.Index(d.ids, s.Membership.ID); i >= 0 {
			d.memberships = slices.Clone(d.memberships)
			d.memberships[i] = m
		} else {
			d.memberships, d.ids = append(d.memberships, m), append(d.ids, s.Membership.ID)
		}
	})
}

func (s SetStanding) apply(e *editor) {
	e.edit(e.p.member(s.Member), func(d *draft) { d.standing = standingEnd(s.Standing) })
}

func (s SetGrant) apply(e *editor) {
	e.removeGrant(s.ID)
	member, g := e.p.member(s.Member), newGrant((*Grant)(&s), e.p.door(s.Door), e.builder().schedule(s.Hours))
	e.edit(member, func(d *draft) {
		d.grants = append(d.grants, g)
		sortGrants(d.grants)
	})
	e.p.grantIDs.set(&e.ownGrantIDs, s.ID, member)
}

func (s RemoveGrant) apply(e *editor) { e.removeGrant(string(s)) }

func (s SetDoorDisabled) apply(e *editor) {
	own(&e.ownDoors, &e.p.doors)
	e.p.doors[e.p.door(s.Door)].disabled = s.Disabled
}
