package access

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/internal/strictjson"
	"github.com/doorkit/doorkit/reservation"
)

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
		return time.UTC, c.fault(at, fmt.Sprintf("no time zone %q; if the machine has no zone data, import time/tzdata", name))
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
	var names []string
	for _, s := range set {
		if s != "" {
			names = append(names, string(s))
		}
	}
	last := len(names) - 1
	return c.fault(at, fmt.Sprintf("must be %s or %s, not %q", strings.Join(names[:last], ", "), names[last], value))
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
		c.id(at.Field("id"), d.ID),
		oneOf(c, at.Field("access_type"), d.AccessType, AccessOnly, AccessAndOfficeMode),
		c.duration(at.Field("open_time"), d.OpenTime, time.Second, 240*time.Second),
	)
}

func (c *checker) membershipType(at strictjson.Path, t *MembershipType) bool {
	ok, in := c.id(at.Field("id"), t.ID), at.Field("doors")
	taken := make(map[string]int, len(t.Doors))
	for i := range t.Doors {
		d, at := &t.Doors[i], in.Item(i)
		good := c.hours(at.Field("hours"), d.Hours)
		if first, twice := taken[d.Door]; twice && d.Door != "" {
			good = c.fault(at.Field("door"), fmt.Sprintf("the type lists this door twice: first in doors[%d]", first))
		} else {
			taken[d.Door] = i
			good = all(c.reference(at.Field("door"), d.Door, &c.doors), good)
		}
		ok = ok && (good || c.only != "" && d.Door != c.only)
	}
	return ok
}

func (c *checker) member(at strictjson.Path, m *Member) bool {
	return all(c.id(at.Field("id"), m.ID), c.standing(at.Field("standing"), m.Standing), c.checkMemberships(at, m.Memberships) == nil)
}

func (c *checker) membership(at strictjson.Path, m *Membership) bool {
	return all(
		c.id(at.Field("id"), m.ID),
		c.reference(at.Field("type"), m.Type, &c.types),
		c.bounds(at, "from", m.From, "until", m.Until),
	)
}

func (c *checker) grant(at strictjson.Path, g *Grant) bool {
	return all(
		c.id(at.Field("id"), g.ID),
		c.reference(at.Field("member"), g.Member, &c.members),
		c.reference(at.Field("door"), g.Door, &c.doors),
		c.hours(at.Field("hours"), g.Hours),
		c.bounds(at, "from", g.From, "until", g.Until),
	)
}

func (c *checker) resource(at strictjson.Path, r *Resource) bool {
	return all(
		c.id(at.Field("id"), r.ID),
		c.distinct(at.Field("doors"), r.Doors, &c.doors),
		c.duration(at.Field("before"), r.Before, 0, 24*time.Hour),
		c.duration(at.Field("after"), r.After, 0, 24*time.Hour),
	)
}

// reservation checks a reservation. A bad entry of its guests is a fault, and does
// not make the reservation a bad one.
func (c *checker) reservation(at strictjson.Path, r *reservation.Reservation) bool {
	c.distinct(at.Field("guests"), r.Guests, &c.members)
	return all(
		c.id(at.Field("id"), r.ID),
		c.booked(at, "member", r),
		oneOf(c, at.Field("status"), r.Status, "", reservation.Confirmed, reservation.Pending, reservation.Cancelled),
	)
}

// booked checks what a reservation and a Neighbor both have.
func (c *checker) booked(at strictjson.Path, booker string, r *reservation.Reservation) bool {
	return all(
		c.reference(at.Field("resource"), r.Resource, &c.resources),
		c.reference(at.Field(booker), r.Member, &c.members),
		c.required(at, "start", r.Start, "end", r.End),
		c.instant(at.Field("ended_at"), r.EndedAt),
	)
}

func (c *checker) closures(list []Closure) bool {
	ok, in := true, strictjson.Key("closures")
	for i, x := range list {
		at := in.Item(i)
		ok = all(ok, c.required(at, "from", x.From, "until", x.Until), c.someDoors(at.Field("doors"), x.Doors))
	}
	return ok
}

func (c *checker) exceptions(list []Exception) bool {
	ok, in := true, strictjson.Key("exceptions")
	for i := range list {
		at := in.Item(i)
		ok = all(ok, c.exception(at, &list[i]), c.someDoors(at.Field("doors"), list[i].Doors))
	}
	return ok
}

func (c *checker) standing(at strictjson.Path, s Standing) bool {
	state, until := at.Field("state"), at.Field("until")
	ok := all(oneOf(c, state, s.State, "", StandingGood, StandingGrace, StandingBlocked), c.instant(until, s.Until))
	if !ok || s.State == "" && c.faults.Len() > 0 && c.faults.Has(state.String()) { // nothing is known of the state
		return false
	}
	return all(
		c.require(s.State != StandingGrace || !s.Until.IsZero(), until, "grace requires the instant at which it ends"),
		c.require(s.State == StandingGrace || s.Until.IsZero(), until, "allowed with the state grace only"),
	)
}

// required checks two bounds that must be there.
func (c *checker) required(at strictjson.Path, from string, start time.Time, until string, end time.Time) bool {
	return all(
		c.require(!start.IsZero(), at.Field(from), "required"),
		c.require(!end.IsZero(), at.Field(until), "required"),
		c.bounds(at, from, start, until, end),
	)
}

// bounds checks two bounds, either of them absent if zero.
func (c *checker) bounds(at strictjson.Path, from string, start time.Time, until string, end time.Time) bool {
	ok := all(c.instant(at.Field(from), start), c.instant(at.Field(until), end))
	if !start.IsZero() && !end.IsZero() && !end.After(start) {
		ok = c.fault(at.Field(until), "must be later than "+from)
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

func (c *checker) hours(at strictjson.Path, h Hours) bool {
	ok := all(
		c.require(!h.Always || len(h.Ranges) == 0, at, "must be \"always\" or ranges, not both"),
		c.require(h.Always || len(h.Ranges) > 0, at, "at least one range, or \"always\", is required"),
	)
	for i := range h.Ranges {
		r, at := &h.Ranges[i], at.Item(i)
		ok = all(ok, c.days(at.Field("days"), r.Days), c.times(at, r))
	}
	return ok
}

func (c *checker) days(at strictjson.Path, days []Day) bool {
	ok, seen := c.require(len(days) > 0, at, "at least one day is required"), [7]bool{}
	for i, d := range days {
		switch {
		case d < Sun || d > Sat:
			ok = c.fault(at.Item(i), fmt.Sprintf("%d is not a day", int(d)))
		case seen[d]:
			ok = c.fault(at.Item(i), fmt.Sprintf("%s is listed twice", dayNames[d]))
		default:
			seen[d] = true
		}
	}
	return ok
}

func (c *checker) times(at strictjson.Path, r *Range) bool {
	from, to := at.Field("from"), at.Field("to")
	return all(
		c.require(r.From.valid(), from, "a time of day, HH:MM, is required"),
		c.require(r.From != At(24, 0), from, "a range cannot start at 24:00: write 00:00 and the next day"),
		c.require(r.To.valid(), to, "a time of day, HH:MM, is required"),
		c.require(r.From != r.To || !r.To.valid(), to, "equals from; write a whole day as 00:00 to 24:00"),
	)
}

func (c *checker) exception(at strictjson.Path, e *Exception) bool {
	from, to, hours := e.From.valid(), e.To.valid(), at.Field("hours")
	ok := all(
		c.require(from, at.Field("from"), "a date, YYYY-MM-DD, is required"),
		c.require(to, at.Field("to"), "a date, YYYY-MM-DD, is required"),
		c.require(!from || !to || e.From.dayNumber() <= e.To.dayNumber(), at.Field("to"), "must not be before from"),
		c.require(!e.Closed || len(e.Hours) == 0, hours, "must be \"closed\" or ranges, not both"),
		c.require(e.Closed || len(e.Hours) > 0, hours, "at least one range, or \"closed\", is required"),
	)
	for i := range e.Hours {
		r, at := &e.Hours[i], hours.Item(i)
		ok = all(ok, c.require(r.Days == nil, at.Field("days"), daysInException), c.times(at, r))
	}
	return ok
}

const daysInException = "the ranges of an exception have no days: they apply to every date it covers"
