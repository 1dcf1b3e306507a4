package access

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/reservation"
)

// checker reports what RULES.md, section 1, refuses. Its methods return whether
// the value is without a fault.
type checker struct {
	faults *faults
}

// fault reports what is wrong at a path and returns false.
func (c *checker) fault(at path, what string) bool {
	c.faults.follow(at.String(), what)
	return false
}

// all reports whether each of some checks, which all were made, found no fault.
func all(checks ...bool) bool {
	for _, ok := range checks {
		if !ok {
			return false
		}
	}
	return true
}

// rows says where each id of a list is, and which rows are good: of rows that share
// an id none is.
type rows struct {
	index map[string]int32
	good  []bool
}

func (r rows) allGood() bool { return !slices.Contains(r.good, false) }

// checkRows checks the rows of a list, whose ids, if they have any, must differ.
func checkRows[T any](c *checker, in path, list []T, id func(*T) string, check func(at path, row *T) bool) rows {
	if len(list) == 0 {
		return rows{}
	}
	r := rows{make(map[string]int32, len(list)), make([]bool, len(list))}
	for i := range list {
		at := in.item(i)
		if r.good[i] = check(at, &list[i]); id == nil {
			continue
		}
		s := id(&list[i])
		r.good[i] = all(c.id(at.field("id"), s), r.good[i])
		if first, taken := r.index[s]; taken {
			r.good[first], r.good[i] = false, c.fault(at.field("id"), fmt.Sprintf("%q is the id of [%d] already", s, first))
		} else if s != "" {
			r.index[s] = int32(i)
		}
	}
	return r
}

// indexes are the places of the ids of facts.
type indexes struct{ doors, types, members, resources map[string]int32 }

// checkFacts reports every fault of a document's values.
func checkFacts(f *Facts, faults *faults) (x indexes, l *time.Location) {
	c := &checker{faults}
	site := path{key: "site"}
	c.id(site.field("id"), f.Site.ID)
	l, _ = c.zone(site.field("time_zone"), f.Site.TimeZone, f.Location)
	c.settings(path{key: "settings"}, &f.Settings)
	known := func(what, list string, index map[string]int32) *references {
		return &references{what: what, known: index, any: !faults.readable(list)}
	}
	x.doors = checkRows(c, path{key: "doors"}, f.Doors, func(d *Door) string { return d.ID }, c.door).index
	doors := known("door", "doors", x.doors)
	x.types = c.membershipTypes(f.MembershipTypes, doors, "").index
	types := known("membership type", "membership_types", x.types)
	x.members = checkRows(c, path{key: "members"}, f.Members, func(m *Member) string { return m.ID }, func(at path, m *Member) bool {
		c.memberships(at, m.Memberships, types)
		return c.standing(at.field("standing"), m.Standing)
	}).index
	members := known("member", "members", x.members)
	x.resources = c.resources(f.Resources, doors).index
	c.grants(f.Grants, members, doors)
	c.reservations(f.Reservations, known("resource", "resources", x.resources), members)
	c.exceptions(f.Exceptions, doors)
	c.closures(f.Closures, doors)
	return x, l
}

func (c *checker) id(at path, id string) bool {
	if id == "" {
		return c.fault(at, "an id is required and not empty")
	}
	return true
}

// references are the ids that values may name.
type references struct {
	what  string // what has these ids
	known map[string]int32
	any   bool // any id is taken: the list was not read, or is not part of a Question

	folded map[string]string // the known ids by foldID, made for the first unknown one
}

// reference checks that an id is known.
func (c *checker) reference(at path, id string, to *references) bool {
	if id == "" {
		return c.fault(at, "the id of a "+to.what+" is required")
	}
	if _, ok := to.known[id]; ok || to.any {
		return true
	}
	what := fmt.Sprintf("no %s %q", to.what, id)
	if to.folded == nil {
		to.folded = make(map[string]string, len(to.known))
		for known := range to.known {
			to.folded[foldID(known)] = known
		}
	}
	if similar, ok := to.folded[foldID(id)]; ok {
		what += fmt.Sprintf(": it differs from %+q only in case, surrounding space or Unicode form, being %+q", similar, id)
	}
	return c.fault(at, what)
}

// distinct checks a list of references, each once.
func (c *checker) distinct(at path, list []string, to *references) bool {
	if len(list) == 0 {
		return true
	}
	ok, taken := true, make(map[string]int, len(list))
	for i, id := range list {
		if first, twice := taken[id]; twice {
			ok = c.fault(at.item(i), fmt.Sprintf("%q is in this list already, at [%d]", id, first))
		} else {
			taken[id] = i
			ok = all(ok, c.reference(at.item(i), id, to))
		}
	}
	return ok
}

// someDoors checks the doors of an exception or a closure; nil is every door.
func (c *checker) someDoors(at path, list []string, doors *references) bool {
	if list != nil && len(list) == 0 {
		return c.fault(at, "an empty list: leave it out for every door")
	}
	return c.distinct(at, list, doors)
}

// zone checks a time zone and returns it, UTC if it is bad.
func (c *checker) zone(at path, name string, given *time.Location) (l *time.Location, ok bool) {
	if given != nil {
		name = given.String()
		if given == time.Local {
			name = "Local"
		}
	}
	switch {
	case name == "Local" || name == "localtime" || name == "posixrules":
		return time.UTC, c.fault(at, "the zone of this machine is not the zone of a site: name one, such as Europe/Berlin")
	case name == "Factory" || strings.HasPrefix(name, "right/") || strings.HasPrefix(name, "posix/"):
		return time.UTC, c.fault(at, fmt.Sprintf("%q is not the zone of a place: name one, such as Europe/Berlin", name))
	case given != nil:
		return given, true
	case name == "":
		return time.UTC, c.fault(at, "a time zone is required, such as Europe/Berlin")
	}
	l, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC, c.fault(at, fmt.Sprintf("no time zone %q; a program without zone data imports time/tzdata", name))
	}
	return l, true
}

func (c *checker) settings(at path, s *Settings) bool {
	return all(
		c.duration(at.field("before"), s.Before, 0, 24*time.Hour),
		c.duration(at.field("after"), s.After, 0, 24*time.Hour),
		c.openTime(at.field("open_time"), s.OpenTime),
		oneOf(c, at.field("buffers"), s.Buffers, "", BuffersOverlap, BuffersClip),
		oneOf(c, at.field("guests"), s.Guests, "", GuestsRefused, GuestsAdmitted),
	)
}

// oneOf checks a value of a set; the empty one stands for the default.
func oneOf[T ~string](c *checker, at path, value T, set ...T) bool {
	if slices.Contains(set, value) {
		return true
	}
	var names []string
	for _, s := range set {
		if s != "" {
			names = append(names, string(s))
		}
	}
	return c.fault(at, fmt.Sprintf("%q is none of %s", value, strings.Join(names, ", ")))
}

func (c *checker) openTime(at path, d *time.Duration) bool {
	return c.duration(at, d, time.Second, 240*time.Second)
}

func (c *checker) duration(at path, d *time.Duration, low, high time.Duration) bool {
	switch {
	case d == nil:
	case *d < low || *d > high:
		return c.fault(at, fmt.Sprintf("%v is not between %v and %v", *d, low, high))
	case *d%time.Second != 0:
		return c.fault(at, fmt.Sprintf("%v is not in whole seconds", *d))
	}
	return true
}

func (c *checker) door(at path, d *Door) bool {
	return all(
		oneOf(c, at.field("access_type"), d.AccessType, AccessOnly, AccessAndOfficeMode),
		c.openTime(at.field("open_time"), d.OpenTime),
	)
}

// membershipTypes checks types. Good are those whose hours for one door are, or
// for every door.
func (c *checker) membershipTypes(list []MembershipType, doors *references, door string) rows {
	return checkRows(c, path{key: "membership_types"}, list, func(t *MembershipType) string { return t.ID }, func(at path, t *MembershipType) bool {
		ok, list := true, at.field("doors")
		taken := make(map[string]int, len(t.Doors))
		for i := range t.Doors {
			d, at := &t.Doors[i], list.item(i)
			good := c.hours(at.field("hours"), d.Hours)
			if first, twice := taken[d.Door]; twice && d.Door != "" {
				good = c.fault(at.field("door"), fmt.Sprintf("the type lists this door already, in doors[%d]", first))
			} else {
				taken[d.Door] = i
				good = all(c.reference(at.field("door"), d.Door, doors), good)
			}
			ok = ok && (good || door != "" && d.Door != door)
		}
		return ok
	})
}

func (c *checker) memberships(member path, list []Membership, types *references) rows {
	return checkRows(c, member.field("memberships"), list, func(m *Membership) string { return m.ID }, func(at path, m *Membership) bool { return c.membership(at, m, types) })
}

func (c *checker) membership(at path, m *Membership, types *references) bool {
	return all(c.reference(at.field("type"), m.Type, types), c.bounds(at, "from", m.From, "until", m.Until))
}

func (c *checker) grants(list []Grant, members, doors *references) rows {
	return checkRows(c, path{key: "grants"}, list, func(g *Grant) string { return g.ID }, func(at path, g *Grant) bool { return c.grant(at, g, members, doors) })
}

func (c *checker) grant(at path, g *Grant, members, doors *references) bool {
	return all(
		c.reference(at.field("member"), g.Member, members),
		c.reference(at.field("door"), g.Door, doors),
		c.hours(at.field("hours"), g.Hours),
		c.bounds(at, "from", g.From, "until", g.Until),
	)
}

func (c *checker) resources(list []Resource, doors *references) rows {
	return checkRows(c, path{key: "resources"}, list, func(r *Resource) string { return r.ID }, func(at path, r *Resource) bool {
		return all(
			c.distinct(at.field("doors"), r.Doors, doors),
			c.duration(at.field("before"), r.Before, 0, 24*time.Hour),
			c.duration(at.field("after"), r.After, 0, 24*time.Hour),
		)
	})
}

func (c *checker) reservations(list []reservation.Reservation, resources, members *references) rows {
	return checkRows(c, path{key: "reservations"}, list, func(r *reservation.Reservation) string { return r.ID },
		func(at path, r *reservation.Reservation) bool { return c.reservation(at, r, resources, members) })
}

// reservation checks a reservation. A bad entry of its guests is a fault, and does
// not make the reservation a bad one.
func (c *checker) reservation(at path, r *reservation.Reservation, resources, members *references) bool {
	c.distinct(at.field("guests"), r.Guests, members)
	return all(
		c.reference(at.field("resource"), r.Resource, resources),
		c.reference(at.field("member"), r.Member, members),
		c.required(at, "start", r.Start, "end", r.End),
		c.instant(at.field("ended_at"), r.EndedAt),
		oneOf(c, at.field("status"), r.Status, "", reservation.Confirmed, reservation.Pending, reservation.Cancelled),
	)
}

func (c *checker) closures(list []Closure, doors *references) bool {
	return checkRows(c, path{key: "closures"}, list, nil, func(at path, x *Closure) bool {
		return all(c.required(at, "from", x.From, "until", x.Until), c.someDoors(at.field("doors"), x.Doors, doors))
	}).allGood()
}

func (c *checker) exceptions(list []Exception, doors *references) bool {
	return checkRows(c, path{key: "exceptions"}, list, nil, func(at path, x *Exception) bool {
		return all(c.exception(at, x), c.someDoors(at.field("doors"), x.Doors, doors))
	}).allGood()
}

func (c *checker) standing(at path, s Standing) bool {
	state := at.field("state")
	ok := oneOf(c, state, s.State, "", StandingGood, StandingGrace, StandingBlocked)
	switch until := at.field("until"); {
	case !ok || s.State == "" && c.faults.at[state.String()]: // nothing is known of the state
		return all(false, c.instant(until, s.Until))
	case s.State == StandingGrace && s.Until.IsZero():
		return c.fault(until, "grace requires the instant at which it ends")
	case s.State != StandingGrace && !s.Until.IsZero():
		return c.fault(until, "only grace has an until")
	default:
		return c.instant(until, s.Until)
	}
}

// required checks two bounds that must be there.
func (c *checker) required(at path, from string, start time.Time, until string, end time.Time) bool {
	ok := true
	if start.IsZero() {
		ok = c.fault(at.field(from), "required")
	}
	if end.IsZero() {
		ok = c.fault(at.field(until), "required")
	}
	return all(ok, c.bounds(at, from, start, until, end))
}

// bounds checks two bounds, either of them absent if zero.
func (c *checker) bounds(at path, from string, start time.Time, until string, end time.Time) bool {
	ok := all(c.instant(at.field(from), start), c.instant(at.field(until), end))
	if !start.IsZero() && !end.IsZero() && !end.After(start) {
		ok = c.fault(at.field(until), "not later than "+from)
	}
	return ok
}

// instant checks an instant, absent if zero.
func (c *checker) instant(at path, t time.Time) bool {
	if t.IsZero() {
		return true
	}
	if err := checkInstant(t); err != nil {
		return c.fault(at, err.Error())
	}
	return true
}

const daysInException = "the ranges of an exception have no days: they count for every date it covers"

func (c *checker) hours(at path, h Hours) bool {
	ok := true
	switch {
	case h.Always && len(h.Ranges) > 0:
		ok = c.fault(at, "both always and ranges")
	case !h.Always && len(h.Ranges) == 0:
		ok = c.fault(at, "required: \"always\" or at least one range")
	}
	for i := range h.Ranges {
		r, at := &h.Ranges[i], at.item(i)
		ok = all(ok, c.days(at.field("days"), r.Days), c.times(at, r))
	}
	return ok
}

func (c *checker) days(at path, days []Day) bool {
	ok := len(days) > 0
	if !ok {
		c.fault(at, "at least one day is required")
	}
	seen := [7]bool{}
	for i, d := range days {
		switch {
		case d < Sun || d > Sat:
			ok = c.fault(at.item(i), fmt.Sprintf("%d is not a day", int(d)))
		case seen[d]:
			ok = c.fault(at.item(i), fmt.Sprintf("%s is here twice", dayNames[d]))
		default:
			seen[d] = true
		}
	}
	return ok
}

func (c *checker) times(at path, r *Range) bool {
	const midnight = 24 * 60
	ok := true
	if !r.From.valid() {
		ok = c.fault(at.field("from"), "required: a time of day, HH:MM")
	} else if r.From == midnight {
		ok = c.fault(at.field("from"), "a range cannot start at 24:00: write 00:00 and the next day")
	}
	if !r.To.valid() {
		ok = c.fault(at.field("to"), "required: a time of day, HH:MM")
	} else if r.From == r.To {
		ok = c.fault(at.field("to"), "the same as from: a whole day is 00:00 to 24:00")
	}
	return ok
}

func (c *checker) exception(at path, e *Exception) bool {
	ok, from, to := true, e.From.valid(), e.To.valid()
	if !from {
		ok = c.fault(at.field("from"), "required: a date, YYYY-MM-DD")
	}
	if !to {
		ok = c.fault(at.field("to"), "required: a date, YYYY-MM-DD")
	}
	if from && to && e.To.dayNumber() < e.From.dayNumber() {
		ok = c.fault(at.field("to"), "before from")
	}
	hours := at.field("hours")
	switch {
	case e.Closed && len(e.Hours) > 0:
		ok = c.fault(hours, "both closed and ranges")
	case !e.Closed && len(e.Hours) == 0:
		ok = c.fault(hours, "required: \"closed\" or at least one range")
	}
	for i := range e.Hours {
		r, at := &e.Hours[i], hours.item(i)
		if r.Days != nil {
			ok = c.fault(at.field("days"), daysInException)
		}
		ok = all(ok, c.times(at, r))
	}
	return ok
}
