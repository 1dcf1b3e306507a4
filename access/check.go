package access

import (
	"fmt"
	"slices"
	"time"

	"github.com/doorkit/doorkit/internal/strictjson"
	"github.com/doorkit/doorkit/reservation"
)

// checker reports what RULES.md, section 1, refuses. Its methods return whether
// the value is without a fault.
type checker struct {
	faults                           strictjson.Faults
	doors, types, members, resources references
	only                             string // the door whose hours make a membership type a bad one, "" if all do
}

// references are the ids that rows may refer to.
type references struct {
	what, list string // what has these ids, and the list of it
	index      map[string]int32
	any        bool // any id is taken: the list is not part of a Question

	fold   func(id string) string // see folding; made for the first unknown id
	folded map[string]string      // the known ids by what they fold to
}

func newChecker() *checker {
	return &checker{
		doors:     references{what: "door", list: "doors"},
		types:     references{what: "membership type", list: "membership_types"},
		members:   references{what: "member", list: "members"},
		resources: references{what: "resource", list: "resources"},
	}
}

// facts reports every fault of a document's values and returns the time zone.
func (c *checker) facts(f *Facts) *time.Location {
	site := strictjson.Key("site")
	c.id(site.Field("id"), f.Site.ID)
	l, _ := c.zone(site.Field("time_zone"), f.Site.TimeZone, f.Location)
	c.settings(strictjson.Key("settings"), &f.Settings)
	c.doors.index = make(map[string]int32, len(f.Doors))
	doors := strictjson.Key("doors")
	c.rows(doors, len(f.Doors), c.doors.index, func(i int) (string, bool) {
		return f.Doors[i].ID, c.door(doors.Item(i), &f.Doors[i])
	})
	c.checkTypes(f.MembershipTypes)
	c.members.index = make(map[string]int32, len(f.Members))
	members := strictjson.Key("members")
	c.rows(members, len(f.Members), c.members.index, func(i int) (string, bool) {
		return f.Members[i].ID, c.member(members.Item(i), &f.Members[i])
	})
	c.checkResources(f.Resources)
	c.checkGrants(f.Grants)
	c.checkReservations(f.Reservations)
	c.exceptions(f.Exceptions)
	c.closures(f.Closures)
	return l
}

// The lists that a Question also has: each returns which rows are bad.

func (c *checker) checkTypes(list []MembershipType) badRows {
	in := strictjson.Key("membership_types")
	c.types.index = make(map[string]int32, len(list))
	return c.rows(in, len(list), c.types.index, func(i int) (string, bool) { return list[i].ID, c.membershipType(in.Item(i), &list[i]) })
}

func (c *checker) checkMemberships(member strictjson.Path, list []Membership) badRows {
	in := member.Field("memberships")
	return c.rows(in, len(list), nil, func(i int) (string, bool) { return list[i].ID, c.membership(in.Item(i), &list[i]) })
}

func (c *checker) checkGrants(list []Grant) badRows {
	in := strictjson.Key("grants")
	return c.rows(in, len(list), nil, func(i int) (string, bool) { return list[i].ID, c.grant(in.Item(i), &list[i]) })
}

func (c *checker) checkResources(list []Resource) badRows {
	in := strictjson.Key("resources")
	c.resources.index = make(map[string]int32, len(list))
	return c.rows(in, len(list), c.resources.index, func(i int) (string, bool) { return list[i].ID, c.resource(in.Item(i), &list[i]) })
}

func (c *checker) checkReservations(list []reservation.Reservation) badRows {
	in := strictjson.Key("reservations")
	return c.rows(in, len(list), nil, func(i int) (string, bool) { return list[i].ID, c.reservation(in.Item(i), &list[i]) })
}

// badRows reports which rows of a list are bad; nil if none is.
type badRows []bool

func (b badRows) has(i int) bool { return b != nil && b[i] }

// rows checks the n rows of a list, given a check that returns the id of one, and that
// no two have the same id: then both are bad. It adds the place of each id to index,
// which is nil if no row refers to them.
func (c *checker) rows(in strictjson.Path, n int, index map[string]int32, check func(i int) (id string, ok bool)) (bad badRows) {
	spoil := func(i int) {
		if bad == nil {
			bad = make(badRows, n)
		}
		bad[i] = true
	}
	if index == nil && n > 1 {
		index = make(map[string]int32, n)
	}
	for i := range n {
		id, ok := check(i)
		if !ok {
			spoil(i)
		}
		if first, taken := index[id]; taken {
			at := in.Item(i)
			c.fault(at.Field("id"), fmt.Sprintf("the id %q is used twice: first in [%d]", id, first))
			spoil(int(first))
			spoil(i)
		} else if id != "" && index != nil {
			index[id] = int32(i)
		}
	}
	return bad
}

// fault reports what is wrong at a path and returns false.
func (c *checker) fault(at strictjson.Path, what string) bool {
	c.faults.Follow(at.String(), what)
	return false
}

// require reports what is wrong at a path unless ok, which it returns.
func (c *checker) require(ok bool, at strictjson.Path, what string) bool {
	return ok || c.fault(at, what)
}

// all reports whether each of some checks, which all were made, found no fault.
func all(checks ...bool) bool { return !slices.Contains(checks, false) }

func (c *checker) id(at strictjson.Path, id string) bool {
	return c.require(id != "", at, "an id is required and not empty")
}

// reference checks that an id is known.
func (c *checker) reference(at strictjson.Path, id string, to *references) bool {
	if id == "" {
		return c.fault(at, "the id of a "+to.what+" is required")
	}
	if _, ok := to.index[id]; ok || to.any || !c.faults.Readable(to.list) {
		return true
	}
	what := fmt.Sprintf("no %s %q", to.what, id)
	if to.fold == nil {
		to.fold, to.folded = folding(), make(map[string]string, len(to.index))
		for known := range to.index {
			to.folded[to.fold(known)] = known
		}
	}
	if similar, ok := to.folded[to.fold(id)]; ok {
		what += fmt.Sprintf(": it differs from %+q only in case, surrounding space or Unicode form, being %+q", similar, id)
	}
	return c.fault(at, what)
}

// distinct checks a list of references, each once.
func (c *checker) distinct(at strictjson.Path, list []string, to *references) bool {
	if len(list) == 1 {
		return c.reference(at.Item(0), list[0], to)
	}
	ok, taken := true, make(map[string]int, len(list))
	for i, id := range list {
		if first, twice := taken[id]; twice {
			ok = c.fault(at.Item(i), fmt.Sprintf("%q is listed twice: first in [%d]", id, first))
		} else {
			taken[id] = i
			ok = all(ok, c.reference(at.Item(i), id, to))
		}
	}
	return ok
}

// someDoors checks the doors of an exception or a closure; nil is every door.
func (c *checker) someDoors(at strictjson.Path, list []string) bool {
	return c.require(list == nil || len(list) > 0, at, "an empty list: leave it out for every door") && c.distinct(at, list, &c.doors)
}
