package access

import (
	"fmt"
	"maps"
	"slices"

	"github.com/doorkit/doorkit/internal/strictjson"
	"github.com/doorkit/doorkit/reservation"
)

// Change is one change of facts, for [Policy.With]: [SetRevision],
// [SetReservation], [RemoveReservation], [SetMembership], [SetStanding], [SetGrant],
// [RemoveGrant] or [SetDoorDisabled].
type Change interface {
	// apply makes the change in a policy, unless it has a fault. Only the list
	// of resources is its own: all other lists and maps may be shared.
	apply(p *Policy, c *checker, at strictjson.Path)
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
	changed.resources = slices.Clone(p.resources)
	c, list := newChecker(), strictjson.Key("changes")
	c.doors.index, c.types.index, c.members.index, c.resources.index = p.doorIndex, p.typeIndex, p.memberIndex, p.resourceIndex
	for i, change := range changes {
		change.apply(&changed, c, list.Item(i))
	}
	if c.faults.Len() > 0 {
		return nil, errorOf(faultsOf[[]Change](&c.faults))
	}
	return &changed, nil
}

// edit replaces a member by a changed copy.
func (p *Policy) edit(i int32, change func(*member)) {
	m := *p.members.at(i)
	change(&m)
	p.members = p.members.with(i, m)
}

func (s SetRevision) apply(p *Policy, _ *checker, _ strictjson.Path) { p.revision = string(s) }

func (s SetStanding) apply(p *Policy, c *checker, at strictjson.Path) {
	if all(c.reference(at.Field("member"), s.Member, &c.members), c.standing(at.Field("standing"), s.Standing)) {
		p.edit(p.member(s.Member), func(m *member) { m.standing = standingEnd(s.Standing) })
	}
}

func (s SetDoorDisabled) apply(p *Policy, c *checker, at strictjson.Path) {
	if c.reference(at.Field("door"), s.Door, &c.doors) {
		p.doors = slices.Clone(p.doors)
		p.doors[p.door(s.Door)].disabled = s.Disabled
	}
}

func (s SetMembership) apply(p *Policy, c *checker, at strictjson.Path) {
	if !all(c.reference(at.Field("member"), s.Member, &c.members), c.membership(at.Field("membership"), &s.Membership)) {
		return
	}
	made := p.newMembership(&s.Membership)
	p.edit(p.member(s.Member), func(m *member) {
		m.memberships = append(without(m.memberships, func(o *membership) bool { return o.id == made.id }), made)
		slices.SortStableFunc(m.memberships, byFrom)
	})
}

func (s SetGrant) apply(p *Policy, c *checker, at strictjson.Path) {
	if !c.grant(at, (*Grant)(&s)) {
		return
	}
	p.schedules = maps.Clone(p.schedules)
	made := p.newGrant((*Grant)(&s))
	p.replaceGrant(p.grants.find(s.ID), &made)
}

func (s RemoveGrant) apply(p *Policy, c *checker, at strictjson.Path) {
	if old := p.grants.find(string(s)); old != nil {
		p.replaceGrant(old, nil)
	} else {
		c.fault(at, fmt.Sprintf("no grant %q", string(s)))
	}
}

// replaceGrant takes a grant away and adds another one; either may be nil.
func (p *Policy) replaceGrant(old, made *grant) {
	p.grants = p.grants.with(old, made)
	if old != nil {
		p.edit(old.member, func(m *member) { m.grants = without(m.grants, func(g **grant) bool { return *g == old }) })
	}
	if made != nil {
		p.edit(made.member, func(m *member) { m.grants = append(slices.Clip(m.grants), made) })
	}
}

// without returns a copy of a list without some items.
func without[T any](list []T, drop func(*T) bool) []T {
	kept := make([]T, 0, len(list)+1)
	for i := range list {
		if !drop(&list[i]) {
			kept = append(kept, list[i])
		}
	}
	return kept
}

func (s SetReservation) apply(p *Policy, c *checker, at strictjson.Path) {
	before, r := c.faults.Len(), (*reservation.Reservation)(&s)
	if c.reservation(at, r); c.faults.Len() > before { // a bad guest too
		return
	}
	made := p.newBooking(r)
	p.replaceBooking(p.bookings.find(s.ID), &made)
}

func (s RemoveReservation) apply(p *Policy, c *checker, at strictjson.Path) {
	if old := p.bookings.find(string(s)); old != nil {
		p.replaceBooking(old, nil)
	} else {
		c.fault(at, fmt.Sprintf("no reservation %q", string(s)))
	}
}

// replaceBooking takes a booking away and adds another one; either may be nil.
func (p *Policy) replaceBooking(old, made *booking) {
	p.bookings = p.bookings.with(old, made)
	windows := map[*booking]span{} // of made, and of those whose window changes because buffers are clipped
	if old != nil {
		p.rebook(old.resource, old, nil, windows)
		p.hold(old, func(others []held) []held { return others })
	}
	if made != nil {
		p.rebook(made.resource, nil, made, windows)
	}
	for b, w := range windows {
		p.hold(b, func(others []held) []held { return append(others, held{b, w}) })
	}
}

// hold changes what the members hold whose reservation b is, given what they hold
// beside it.
func (p *Policy) hold(b *booking, change func(others []held) []held) {
	p.concerned(b, func(i int32) {
		p.edit(i, func(m *member) {
			m.bookings = change(without(m.bookings, func(h *held) bool { return h.booking == b }))
			p.setWindows(m)
		})
	})
}

// rebook replaces a booking of a resource and notes the windows that are new.
func (p *Policy) rebook(resource int32, old, made *booking, windows map[*booking]span) {
	clip, r := p.clip, *p.resources[resource]
	before := make(map[*booking]span, len(r.bookings))
	for i, w := range r.windows(clip) {
		before[r.bookings[i]] = w
	}
	r.bookings = without(r.bookings, func(b **booking) bool { return *b == old })
	if made != nil {
		r.bookings = append(r.bookings, made)
		slices.SortStableFunc(r.bookings, byStart)
	}
	after := r.windows(clip)
	for i, b := range r.bookings {
		if w, was := before[b]; !was || w != after[i] {
			windows[b] = after[i]
		}
	}
	r.occupy(after)
	p.resources[resource] = &r
}
