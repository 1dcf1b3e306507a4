package access

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/internal/strictjson"
	"github.com/doorkit/doorkit/reservation"
)

// checker reports what RULES.md, section 1, refuses. Its methods return whether
// the value is without a fault.
type checker struct {
	faults *strictjson.Faults
}

// fault reports what is wrong at a path and returns false.
func (c *checker) fault(at strictjson.Path, what string) bool {
	c.faults.Follow(at.String(), what)
	return false
}

// all reports whether each of some checks, which all were made, found no fault.
func all(checks ...bool) bool {
	return !slices.Contains(checks, false)
}

// rows says where each id of a list is, and which rows are good: of rows that share
// an id none is.
type rows struct {
	index map[string]int32
	good  []bool
}

func (r rows) allGood() bool { return !slices.Contains(r.good, false) }

// checkRows checks the rows of a list: check returns the id of a row, nil if such rows
// have none, and whether the rest of the row is good.
func checkRows[T any](c *checker, in strictjson.Path, list []T, check func(at strictjson.Path, row *T) (id *string, good bool)) rows {
	if len(list) == 0 {
		return rows{}
	}
	r := rows{make(map[string]int32, len(list)), make([]bool, len(list))}
	for i := range list {
		at := in.Item(i)
		id, good := check(at, &list[i])
		if r.good[i] = good; id == nil {
			continue
		}
		r.good[i] = all(c.id(at.Field("id"), *id), good)
		if first, taken := r.index[*id]; taken {
			r.good[first], r.good[i] = false, c.fault(at.Field("id"), fmt.Sprintf("%q is the id of [%d] already", *id, first))
		} else if *id != "" {
			r.index[*id] = int32(i)
		}
	}
	return r
}

// indexes are the places of the ids of facts.
type indexes struct{ doors, types, members, resources map[string]int32 }

// checkFacts reports every fault of a document's values.
func checkFacts(f *Facts, faults *strictjson.Faults) (x indexes, l *time.Location) {
	c := &checker{faults}
	site := strictjson.Key("site")
	c.id(site.Field("id"), f.Site.ID)
	l, _ = c.zone(site.Field("time_zone"), f.Site.TimeZone, f.Location)
	c.settings(strictjson.Key("settings"), &f.Settings)
	known := func(what, list string, index map[string]int32) *references {
		return &references{what: what, known: index, any: !faults.Readable(list)}
	}
	x.doors = checkRows(c, strictjson.Key("doors"), f.Doors, func(at strictjson.Path, d *Door) (*string, bool) {
		return &d.ID, c.door(at, d)
	}).index
	doors := known("door", "doors", x.doors)
	x.types = c.membershipTypes(f.MembershipTypes, doors, "").index
	types := known("membership type", "membership_types", x.types)
	x.members = checkRows(c, strictjson.Key("members"), f.Members, func(at strictjson.Path, m *Member) (*string, bool) {
		c.memberships(at, m.Memberships, types)
		return &m.ID, c.standing(at.Field("standing"), m.Standing)
	}).index
	members := known("member", "members", x.members)
	x.resources = c.resources(f.Resources, doors).index
	c.grants(f.Grants, members, doors)
	c.reservations(f.Reservations, known("resource", "resources", x.resources), members)
	c.exceptions(f.Exceptions, doors)
	c.closures(f.Closures, doors)
	return x, l
}

func (c *checker) id(at strictjson.Path, id string) bool {
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

	fold   func(id string) string // see folding; made for the first unknown id
	folded map[string]string      // the known ids by what they fold to
}

func refs(what string, known map[string]int32) *references {
	return &references{what: what, known: known}
}

func anyOf(what string) *references { return &references{what: what, any: true} }

// reference checks that an id is known.
func (c *checker) reference(at strictjson.Path, id string, to *references) bool {
	if id == "" {
		return c.fault(at, "the id of a "+to.what+" is required")
	}
	if _, ok := to.known[id]; ok || to.any {
		return true
	}
	what := fmt.Sprintf("no %s %q", to.what, id)
	if to.fold == nil {
		to.fold, to.folded = folding(), make(map[string]string, len(to.known))
		for known := range to.known {
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
	if len(list) == 0 {
		return true
	}
	ok, taken := true, make(map[string]int, len(list))
	for i, id := range list {
		if first, twice := taken[id]; twice {
			ok = c.fault(at.Item(i), fmt.Sprintf("%q is in this list already, at [%d]", id, first))
		} else {
			taken[id] = i
			ok = all(ok, c.reference(at.Item(i), id, to))
		}
	}
	return ok
}

// someDoors checks the doors of an exception or a closure; nil is every door.
func (c *checker) someDoors(at strictjson.Path, list []string, doors *references) bool {
	if list != nil && len(list) == 0 {
		return c.fault(at, "an empty list: leave it out for every door")
	}
	return c.distinct(at, list, doors)
}

// zone checks a time zone and returns it, UTC if it is bad.
func (c *checker) zone(at strictjson.Path, name string, given *time.Location) (l *time.Location, ok bool) {
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

func (c *checker) settings(at strictjson.Path, s *Settings) bool {
	return all(
		c.duration(at.Field("before"), s.Before, 0, 24*time.Hour),
		c.duration(at.Field("after"), s.After, 0, 24*time.Hour),
		c.duration(at.Field("open_time"), s.OpenTime, time.Second, 240*time.Second),
		oneOf(c, at.Field("buffers"), s.Buffers, "", BuffersOverlap, BuffersClip),
		oneOf(c, at.Field("guests"), s.Guests, "", GuestsRefused, GuestsAdmitted),
	)
}

// oneOf checks a value of a set; the empty one stands for the default.
func oneOf[T ~string](c *checker, at strictjson.Path, value T, set ...T) bool {
	if slices.Contains(set, value) {
		return true
	}
	return c.fault(at, fmt.Sprintf("%q is none of %s", value, strings.Trim(fmt.Sprint(slices.Clone(set)), "[ ]")))
}

func (c *checker) duration(at strictjson.Path, d *time.Duration, low, high time.Duration) bool {
	switch {
	case d == nil:
	case *d < low || *d > high:
		return c.fault(at, fmt.Sprintf("%v is not between %v and %v", *d, low, high))
	case *d%time.Second != 0:
		return c.fault(at, fmt.Sprintf("%v is not in whole seconds", *d))
	}
	return true
}

func (c *checker) door(at strictjson.Path, d *Door) bool {
	return all(
		oneOf(c, at.Field("access_type"), d.AccessType, AccessOnly, AccessAndOfficeMode),
		c.duration(at.Field("open_time"), d.OpenTime, time.Second, 240*time.Second),
	)
}

// membershipTypes checks types. Good are those whose hours for one door are, or
// for every door.
func (c *checker) membershipTypes(list []MembershipType, doors *references, door string) rows {
	return checkRows(c, strictjson.Key("membership_types"), list, func(at strictjson.Path, t *MembershipType) (*string, bool) {
		ok, list := true, at.Field("doors")
		taken := make(map[string]int, len(t.Doors))
		for i := range t.Doors {
			d, at := &t.Doors[i], list.Item(i)
			good := c.hours(at.Field("hours"), d.Hours)
			if first, twice := taken[d.Door]; twice && d.Door != "" {
				good = c.fault(at.Field("door"), fmt.Sprintf("the type lists this door already, in doors[%d]", first))
			} else {
				taken[d.Door] = i
				good = all(c.reference(at.Field("door"), d.Door, doors), good)
			}
			ok = ok && (good || door != "" && d.Door != door)
		}
		return &t.ID, ok
	})
}

func (c *checker) memberships(member strictjson.Path, list []Membership, types *references) rows {
	return checkRows(c, member.Field("memberships"), list, func(at strictjson.Path, m *Membership) (*string, bool) {
		return &m.ID, c.membership(at, m, types)
	})
}

func (c *checker) membership(at strictjson.Path, m *Membership, types *references) bool {
	return all(c.reference(at.Field("type"), m.Type, types), c.bounds(at, "from", m.From, "until", m.Until))
}

func (c *checker) grants(list []Grant, members, doors *references) rows {
	return checkRows(c, strictjson.Key("grants"), list, func(at strictjson.Path, g *Grant) (*string, bool) {
		return &g.ID, c.grant(at, g, members, doors)
	})
}

func (c *checker) grant(at strictjson.Path, g *Grant, members, doors *references) bool {
	return all(
		c.reference(at.Field("member"), g.Member, members),
		c.reference(at.Field("door"), g.Door, doors),
		c.hours(at.Field("hours"), g.Hours),
		c.bounds(at, "from", g.From, "until", g.Until),
	)
}

func (c *checker) resources(list []Resource, doors *references) rows {
	return checkRows(c, strictjson.Key("resources"), list, func(at strictjson.Path, r *Resource) (*string, bool) {
		return &r.ID, all(
			c.distinct(at.Field("doors"), r.Doors, doors),
			c.duration(at.Field("before"), r.Before, 0, 24*time.Hour),
			c.duration(at.Field("after"), r.After, 0, 24*time.Hour),
		)
	})
}

func (c *checker) reservations(list []reservation.Reservation, resources, members *references) rows {
	return checkRows(c, strictjson.Key("reservations"), list, func(at strictjson.Path, r *reservation.Reservation) (*string, bool) {
		return &r.ID, c.reservation(at, r, resources, members)
	})
}

// reservation checks a reservation. A bad entry of its guests is a fault, and does
// not make the reservation a bad one.
func (c *checker) reservation(at strictjson.Path, r *reservation.Reservation, resources, members *references) bool {
	c.distinct(at.Field("guests"), r.Guests, members)
	return all(
		c.reference(at.Field("resource"), r.Resource, resources),
		c.reference(at.Field("member"), r.Member, members),
		c.required(at, "start", r.Start, "end", r.End),
		c.instant(at.Field("ended_at"), r.EndedAt),
		oneOf(c, at.Field("status"), r.Status, "", reservation.Confirmed, reservation.Pending, reservation.Cancelled),
	)
}

func (c *checker) closures(list []Closure, doors *references) bool {
	return checkRows(c, strictjson.Key("closures"), list, func(at strictjson.Path, x *Closure) (*string, bool) {
		return nil, all(c.required(at, "from", x.From, "until", x.Until), c.someDoors(at.Field("doors"), x.Doors, doors))
	}).allGood()
}

func (c *checker) exceptions(list []Exception, doors *references) bool {
	return checkRows(c, strictjson.Key("exceptions"), list, func(at strictjson.Path, x *Exception) (*string, bool) {
		return nil, all(c.exception(at, x), c.someDoors(at.Field("doors"), x.Doors, doors))
	}).allGood()
}

func (c *checker) standing(at strictjson.Path, s Standing) bool {
	state := at.Field("state")
	ok := oneOf(c, state, s.State, "", StandingGood, StandingGrace, StandingBlocked)
	switch until := at.Field("until"); {
	case !ok || s.State == "" && c.faults.Has(state.String()): // nothing is known of the state
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
func (c *checker) required(at strictjson.Path, from string, start time.Time, until string, end time.Time) bool {
	ok := true
	if start.IsZero() {
		ok = c.fault(at.Field(from), "required")
	}
	if end.IsZero() {
		ok = c.fault(at.Field(until), "required")
	}
	return all(ok, c.bounds(at, from, start, until, end))
}

// bounds checks two bounds, either of them absent if zero.
func (c *checker) bounds(at strictjson.Path, from string, start time.Time, until string, end time.Time) bool {
	ok := all(c.instant(at.Field(from), start), c.instant(at.Field(until), end))
	if !start.IsZero() && !end.IsZero() && !end.After(start) {
		ok = c.fault(at.Field(until), "not later than "+from)
	}
	return ok
}

// instant checks an instant, absent if zero.
func (c *checker) instant(at strictjson.Path, t time.Time) bool {
	if t.IsZero() {
		return true
	}
	if err := checkInstant(t); err != nil {
		return c.fault(at, err.Error())
	}
	return true
}

const daysInException = "the ranges of an exception have no days: they count for every date it covers"

func (c *checker) hours(at strictjson.Path, h Hours) bool {
	ok := true
	switch {
	case h.Always && len(h.Ranges) > 0:
		ok = c.fault(at, "both always and ranges")
	case !h.Always && len(h.Ranges) == 0:
		ok = c.fault(at, "required: \"always\" or at least one range")
	}
	for i := range h.Ranges {
		r, at := &h.Ranges[i], at.Item(i)
		ok = all(ok, c.days(at.Field("days"), r.Days), c.times(at, r))
	}
	return ok
}

func (c *checker) days(at strictjson.Path, days []Day) bool {
	ok := len(days) > 0
	if !ok {
		c.fault(at, "at least one day is required")
	}
	seen := [7]bool{}
	for i, d := range days {
		switch {
		case d < Sun || d > Sat:
			ok = c.fault(at.Item(i), fmt.Sprintf("%d is not a day", int(d)))
		case seen[d]:
			ok = c.fault(at.Item(i), fmt.Sprintf("%s is here twice", dayNames[d]))
		default:
			seen[d] = true
		}
	}
	return ok
}

func (c *checker) times(at strictjson.Path, r *Range) bool {
	const midnight = 24 * 60
	ok := true
	if !r.From.valid() {
		ok = c.fault(at.Field("from"), "required: a time of day, HH:MM")
	} else if r.From == midnight {
		ok = c.fault(at.Field("from"), "a range cannot start at 24:00: write 00:00 and the next day")
	}
	if !r.To.valid() {
		ok = c.fault(at.Field("to"), "required: a time of day, HH:MM")
	} else if r.From == r.To {
		ok = c.fault(at.Field("to"), "the same as from: a whole day is 00:00 to 24:00")
	}
	return ok
}

func (c *checker) exception(at strictjson.Path, e *Exception) bool {
	ok, from, to := true, e.From.valid(), e.To.valid()
	if !from {
		ok = c.fault(at.Field("from"), "required: a date, YYYY-MM-DD")
	}
	if !to {
		ok = c.fault(at.Field("to"), "required: a date, YYYY-MM-DD")
	}
	if from && to && e.To.dayNumber() < e.From.dayNumber() {
		ok = c.fault(at.Field("to"), "before from")
	}
	hours := at.Field("hours")
	switch {
	case e.Closed && len(e.Hours) > 0:
		ok = c.fault(hours, "both closed and ranges")
	case !e.Closed && len(e.Hours) == 0:
		ok = c.fault(hours, "required: \"closed\" or at least one range")
	}
	for i := range e.Hours {
		r, at := &e.Hours[i], hours.Item(i)
		if r.Days != nil {
			ok = c.fault(at.Field("days"), daysInException)
		}
		ok = all(ok, c.times(at, r))
	}
	return ok
}
