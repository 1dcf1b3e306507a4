package access

import (
	"fmt"
	"slices"
	"time"

	"github.com/doorkit/doorkit/reservation"
)

// checked is what check found out on its way and Compile needs again.
type checked struct {
	location  *time.Location
	doors     idTable
	types     idTable
	resources idTable
	members   idTable
	booked    []int32 // the resource of each reservation
	bookers   []int32 // the member of each reservation
}

// check looks at the values of f and reports every fault.
func check(f *Facts, faults *faults) *checked {
	c := &checker{faults: faults}
	c.known("site.id", f.Site.ID)
	c.checked.location = c.zone("site.time_zone", f.Site.TimeZone, f.Location)
	c.settings(f.Settings)
	c.exceptions(f.Exceptions)

	c.checked.doors = ids(c, "doors", f.Doors, func(d *Door) string { return d.ID })
	c.checked.types = ids(c, "membership_types", f.MembershipTypes, func(t *MembershipType) string { return t.ID })
	c.checked.members = ids(c, "members", f.Members, func(m *Member) string { return m.ID })
	c.checked.resources = ids(c, "resources", f.Resources, func(r *Resource) string { return r.ID })
	ids(c, "grants", f.Grants, func(g *Grant) string { return g.ID })
	ids(c, "reservations", f.Reservations, func(r *reservation.Reservation) string { return r.ID })

	doors := reference{"door", faults.readable("doors"), func(id string) int32 { return f.door(&c.checked.doors, id) }}
	types := reference{"membership type", faults.readable("membership_types"), func(id string) int32 { return f.membershipType(&c.checked.types, id) }}
	members := reference{"member", faults.readable("members"), func(id string) int32 { return f.member(&c.checked.members, id) }}
	resources := reference{"resource", faults.readable("resources"), func(id string) int32 { return f.resource(&c.checked.resources, id) }}

	for i := range f.Doors {
		c.door(f.Doors[i], "doors", i)
	}
	for i := range f.MembershipTypes {
		c.membershipType(f.MembershipTypes[i], &doors, "membership_types", i)
	}
	for i := range f.Members {
		c.member(&f.Members[i], &types, "members", i)
	}
	for i := range f.Grants {
		g := &f.Grants[i]
		if _, what := members.find(g.Member); what != "" {
			c.fault(what, nil, "grants", i, "member")
		}
		if _, what := doors.find(g.Door); what != "" {
			c.fault(what, nil, "grants", i, "door")
		}
		c.grant(g, "grants", i)
	}
	for i := range f.Resources {
		c.resource(f.Resources[i], &doors, "resources", i)
	}
	c.checked.booked = make([]int32, len(f.Reservations))
	c.checked.bookers = make([]int32, len(f.Reservations))
	for i := range f.Reservations {
		r := &f.Reservations[i]
		booked, what := resources.find(r.Resource)
		if what != "" {
			c.fault(what, nil, "reservations", i, "resource")
		}
		booker, what := members.find(r.Member)
		if what != "" {
			c.fault(what, nil, "reservations", i, "member")
		}
		c.checked.booked[i], c.checked.bookers[i] = booked, booker
		c.reservation(r, "reservations", i)
	}
	return &c.checked
}

func (f *Facts) door(t *idTable, id string) int32 {
	return t.find(id, func(i int32) string { return f.Doors[i].ID })
}

func (f *Facts) membershipType(t *idTable, id string) int32 {
	return t.find(id, func(i int32) string { return f.MembershipTypes[i].ID })
}

func (f *Facts) member(t *idTable, id string) int32 {
	return t.find(id, func(i int32) string { return f.Members[i].ID })
}

func (f *Facts) resource(t *idTable, id string) int32 {
	return t.find(id, func(i int32) string { return f.Resources[i].ID })
}

// checker reports faults; its paths are given in parts, joined only for a fault.
type checker struct {
	faults  *faults
	checked checked
}

// fault reports what at the path that base and more make.
func (c *checker) fault(what string, base []any, more ...any) {
	c.faults.follow(pathOf(append(base[:len(base):len(base)], more...)...), what)
}

func (c *checker) known(path, id string) {
	if id == "" {
		c.faults.follow(path, "an id is required and not empty")
	}
}

// ids checks that the ids of a list are there and differ, and returns their table.
func ids[T any](c *checker, name string, list []T, id func(*T) string) idTable {
	t := newIDTable(len(list))
	for i := range list {
		s, first := id(&list[i]), i
		if s != "" {
			if at := t.add(s, int32(i), func(j int32) string { return id(&list[j]) }); at >= 0 {
				first = int(at)
			}
		}
		c.unique(name, s, i, first)
	}
	return t
}

// unique checks the id of element i of a list; first is the first one with it.
func (c *checker) unique(name, id string, i, first int) {
	if id == "" {
		c.faults.follow(pathOf(name, i, "id"), "an id is required and not empty")
	} else if first < i {
		c.faults.follow(pathOf(name, i, "id"), fmt.Sprintf("%q is the id of %s already", id, pathOf(name, first)))
	}
}

// reference checks that an id names an element of a list. Where the list itself
// could not be read, every reference to it would be a fault that says nothing new.
type reference struct {
	what     string
	readable bool
	place    func(id string) int32
}

// find returns the place of id, or what is wrong with it.
func (r *reference) find(id string) (place int32, what string) {
	if id == "" {
		return -1, "the id of a " + r.what + " is required"
	}
	if place = r.place(id); place < 0 && r.readable {
		what = fmt.Sprintf("no %s %q", r.what, id)
	}
	return place, what
}

func (c *checker) zone(path, name string, given *time.Location) *time.Location {
	switch {
	case given != nil && (given == time.Local || ofMachine(given.String())), given == nil && ofMachine(name):
		c.faults.follow(path, "the zone of this machine is not the zone of a site: name one, such as Europe/Berlin")
	case given != nil:
		return given
	case name == "":
		c.faults.follow(path, "a time zone is required, such as Europe/Berlin")
	default:
		l, err := time.LoadLocation(name)
		if err == nil {
			return l
		}
		c.faults.follow(path, fmt.Sprintf("no time zone %q; a program without zone data imports time/tzdata", name))
	}
	return time.UTC
}

// ofMachine tells the names of what differs from machine to machine: Unix keeps
// its own zone and its own rules among the files of the others.
func ofMachine(zone string) bool {
	return zone == "Local" || zone == "localtime" || zone == "posixrules"
}

func (c *checker) settings(s Settings) {
	c.duration("settings.before", s.Before, 0, 24*time.Hour)
	c.duration("settings.after", s.After, 0, 24*time.Hour)
	c.openTime("settings.open_time", s.OpenTime)
	switch s.Buffers {
	case "", BuffersOverlap, BuffersClip:
	default:
		c.faults.follow("settings.buffers", fmt.Sprintf("%q is neither overlap nor clip", s.Buffers))
	}
}

func (c *checker) openTime(path string, d *time.Duration) {
	c.duration(path, d, time.Second, 240*time.Second)
}

func (c *checker) duration(path string, d *time.Duration, low, high time.Duration) {
	switch {
	case d == nil:
	case *d < low || *d > high:
		c.faults.follow(path, fmt.Sprintf("%v is not between %v and %v", *d, low, high))
	case *d%time.Second != 0:
		c.faults.follow(path, fmt.Sprintf("%v is not in whole seconds", *d))
	}
}

func (c *checker) door(d Door, path ...any) {
	switch d.AccessType {
	case AccessOnly, AccessAndOfficeMode:
	case "":
		c.fault("required: access_only or access_and_office_mode", path, "access_type")
	default:
		c.fault(fmt.Sprintf("%q is neither access_only nor access_and_office_mode", d.AccessType), path, "access_type")
	}
	if d.OpenTime != nil {
		c.openTime(pathOf(append(path, "open_time")...), d.OpenTime)
	}
}

func (c *checker) membershipType(t MembershipType, doors *reference, path ...any) {
	var seen map[string]int
	if len(t.Doors) > 32 { // a few are looked through
		seen = make(map[string]int, len(t.Doors))
	}
	for i, d := range t.Doors {
		if first := firstDoor(t.Doors[:i], d.Door, seen); first < i && d.Door != "" {
			c.fault(fmt.Sprintf("the type lists this door already, in doors[%d]", first), path, "doors", i, "door")
		} else if _, what := doors.find(d.Door); what != "" {
			c.fault(what, path, "doors", i, "door")
		}
		c.hours(d.Hours, path, "doors", i, "hours")
	}
}

// firstDoor returns the place of a door in a list, or that behind its end, where
// it comes next; seen, unless it is nil, knows the list.
func firstDoor(list []DoorHours, door string, seen map[string]int) int {
	if seen == nil {
		i := 0
		for i < len(list) && list[i].Door != door {
			i++
		}
		return i
	}
	first, ok := seen[door]
	if !ok {
		first = len(list)
		seen[door] = first
	}
	return first
}

func (c *checker) resource(r Resource, doors *reference, path ...any) {
	for i, d := range r.Doors {
		if first := slices.Index(r.Doors, d); first < i && d != "" {
			c.fault(fmt.Sprintf("the resource lists this door already, in doors[%d]", first), path, "doors", i)
		} else if _, what := doors.find(d); what != "" {
			c.fault(what, path, "doors", i)
		}
	}
}

func (c *checker) member(m *Member, types *reference, path ...any) {
	c.standing(m.Standing, path)
	for j := range m.Memberships {
		ms := &m.Memberships[j]
		if ms.ID == "" {
			c.fault("an id is required and not empty", path, "memberships", j, "id")
		} else if first := firstMembership(m, ms.ID); first < j {
			c.fault(fmt.Sprintf("%q is the id of memberships[%d] already", ms.ID, first), path, "memberships", j, "id")
		}
		if _, what := types.find(ms.Type); what != "" {
			c.fault(what, path, "memberships", j, "type")
		}
		from, until := badSpan(ms.From, ms.Until)
		if from != "" {
			c.fault(from, path, "memberships", j, "from")
		}
		if until != "" {
			c.fault(until, path, "memberships", j, "until")
		}
	}
}

func (c *checker) standing(s Standing, path []any) {
	state, until := badStanding(s)
	if state != "" {
		c.fault(state, path, "standing", "state")
	}
	// Of a state that could not be read nobody knows whether it wants an until.
	if until != "" && !(s.State == "" && c.faults.at[pathOf(append(path[:len(path):len(path)], "standing", "state")...)]) {
		c.fault(until, path, "standing", "until")
	}
}

func firstMembership(m *Member, id string) int {
	return slices.IndexFunc(m.Memberships, func(ms Membership) bool { return ms.ID == id })
}

func (c *checker) grant(g *Grant, path ...any) {
	from, until := badSpan(g.From, g.Until)
	if from != "" {
		c.fault(from, path, "from")
	}
	if until != "" {
		c.fault(until, path, "until")
	}
	c.hours(g.Hours, path, "hours")
}

func (c *checker) reservation(r *reservation.Reservation, path ...any) {
	start, end := badSpan(r.Start, r.End)
	if r.Start.IsZero() {
		start = "required"
	}
	if r.End.IsZero() {
		end = "required"
	}
	if start != "" {
		c.fault(start, path, "start")
	}
	if end != "" {
		c.fault(end, path, "end")
	}
	if what := badInstant(r.EndedAt); what != "" {
		c.fault(what, path, "ended_at")
	}
	if !r.Status.Valid() {
		c.fault(fmt.Sprintf("%q is none of confirmed, pending and cancelled", r.Status), path, "status")
	}
}

func badStanding(s Standing) (state, until string) {
	until = badInstant(s.Until)
	switch s.State {
	case StandingGrace:
		if s.Until.IsZero() {
			until = "grace needs the instant it runs out"
		}
	case "", StandingGood, StandingBlocked:
		if !s.Until.IsZero() {
			until = "only grace has an until"
		}
	default:
		state = fmt.Sprintf("%q is none of good, grace and blocked", s.State)
	}
	return state, until
}

// badSpan checks two bounds, either of them absent if zero.
func badSpan(from, until time.Time) (badFrom, badUntil string) {
	badFrom, badUntil = badInstant(from), badInstant(until)
	if !from.IsZero() && !until.IsZero() && !until.After(from) && badUntil == "" {
		badUntil = "not later than the start"
	}
	return badFrom, badUntil
}

// badInstant says what is wrong with t; the zero time is absent and fine.
func badInstant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	if err := checkInstant(t); err != nil {
		return err.Error()
	}
	return ""
}
