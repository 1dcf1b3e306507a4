package access

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"github.com/doorkit/doorkit/reservation"
)

// The defaults of Settings.
const (
	defaultBuffer   = 15 * time.Minute
	defaultOpenTime = 7 * time.Second
)

// ready is the time for which a policy's schedules are prepared: 1970 to 2100.
// Requests about other times are answered too, more slowly.
var ready = span{-2 * day, 4_133_980_800 * second}

// Compile checks facts and makes them ready to answer. Bad facts are refused
// whole: the error is a [*FactsError] that names every fault. Unless f.Location is
// given, it reads the zone data of the machine, or of time/tzdata if the program
// imports that.
func Compile(f Facts) (*Policy, error) {
	c := newChecker()
	f.Location = c.facts(&f)
	if err := errorOf(faultsOf[Facts](&c.faults)); err != nil {
		return nil, err
	}
	p := build(&f, c, ready, map[scheduleKey]*schedule{})
	var bookings []*booking
	for _, r := range p.resources {
		bookings = append(bookings, r.bookings...)
	}
	var grants []*grant
	for i := range int32(p.members.len) {
		grants = append(grants, p.members.at(i).grants...)
	}
	p.bookings, p.grants = newIDs(bookings), newIDs(grants)
	return p, nil
}

// build makes a policy of good facts, whose Location is set. Schedules is nil for one
// that answers once and need not share them.
func build(f *Facts, c *checker, ready span, schedules map[scheduleKey]*schedule) *Policy {
	s := &f.Settings
	p := &Policy{
		revision: f.Revision, clip: s.Buffers == BuffersClip, guests: s.Guests == GuestsAdmitted,
		booked: basis{
			kind: byReservation, requiresStanding: valueOr(s.ReservationsRequireStanding, true),
			requiresMembership: valueOr(s.ReservationsRequireMembership, false),
		},
		doorIndex: c.doors.index, typeIndex: c.types.index, memberIndex: c.members.index, resourceIndex: c.resources.index,
		schedules: schedules, ready: ready,
	}
	p.addDoors(f)
	p.types = make([]membershipType, len(f.MembershipTypes))
	for i := range p.types {
		p.types[i] = p.newMembershipType(&f.MembershipTypes[i])
	}
	for i := range f.Resources {
		p.addResource(&f.Resources[i], s)
	}
	p.addMembers(f)
	return p
}

func valueOr[T any](v *T, absent T) T {
	if v != nil {
		return *v
	}
	return absent
}

// addDoors adds the doors. Those for which the same exceptions count share a
// calendar, so that they share schedules.
func (p *Policy) addDoors(f *Facts) {
	for i := range f.Doors {
		d := &f.Doors[i]
		c := newCalendar(f.Location, f.Exceptions, d.ID)
		for j := range p.doors {
			if p.doors[j].calendar.same(c) {
				c = p.doors[j].calendar
				break
			}
		}
		made := door{
			id: d.ID, name: d.Name, access: d.AccessType, disabled: d.Disabled,
			openTime: valueOr(cmp.Or(d.OpenTime, f.Settings.OpenTime), defaultOpenTime), calendar: c,
		}
		for _, e := range f.Closures {
			if e.Doors == nil || slices.Contains(e.Doors, d.ID) {
				made.closures = append(made.closures, span{micros(e.From), micros(e.Until)})
			}
		}
		made.closures = union(made.closures)
		p.doors = append(p.doors, made)
	}
}

func (p *Policy) newMembershipType(t *MembershipType) membershipType {
	made := membershipType{hours: make([]*schedule, len(p.doors)), doors: len(t.Doors)}
	for i := range t.Doors {
		door := p.door(t.Doors[i].Door)
		made.hours[door] = p.schedule(t.Doors[i].Hours, p.doors[door].calendar)
	}
	return made
}

func (p *Policy) addResource(r *Resource, s *Settings) {
	before, after := valueOr(cmp.Or(r.Before, s.Before), defaultBuffer), valueOr(cmp.Or(r.After, s.After), defaultBuffer)
	made := &resource{id: r.ID, before: before.Microseconds(), after: after.Microseconds()}
	for _, id := range r.Doors {
		door := p.door(id)
		made.doors = append(made.doors, door)
		p.doors[door].resources = append(p.doors[door].resources, int32(len(p.resources)))
	}
	p.resources = append(p.resources, made)
}

// addMembers adds the members with all they hold.
func (p *Policy) addMembers(f *Facts) {
	members, grants, bookings := make([]member, len(f.Members)), make([]grant, len(f.Grants)), make([]booking, len(f.Reservations))
	for i := range members {
		members[i] = p.newMember(&f.Members[i])
	}
	for i := range grants {
		grants[i] = p.newGrant(&f.Grants[i])
		m := &members[grants[i].member]
		m.grants = append(m.grants, &grants[i])
	}
	for i := range bookings {
		bookings[i] = p.newBooking(&f.Reservations[i])
		r := p.resources[bookings[i].resource]
		r.bookings = append(r.bookings, &bookings[i])
	}
	for _, r := range p.resources {
		slices.SortFunc(r.bookings, byStart)
		windows := r.windows(p.clip)
		r.occupy(windows)
		for i, b := range r.bookings {
			p.concerned(b, func(m int32) { members[m].bookings = append(members[m].bookings, held{b, windows[i]}) })
		}
	}
	for i := range members {
		m := &members[i]
		m.bookings = shrunk(m.bookings)
		p.setWindows(m)
	}
	p.members = newTable(members)
}

// shrunk frees what append had in reserve.
func shrunk[T any](list []T) []T {
	if len(list) == cap(list) {
		return list
	}
	return slices.Clone(list)
}

// newMember makes a member ready, without grants and reservations.
func (p *Policy) newMember(m *Member) member {
	made := member{id: m.ID, standing: standingEnd(m.Standing), memberships: make([]membership, 0, len(m.Memberships))}
	for i := range m.Memberships {
		made.memberships = append(made.memberships, p.newMembership(&m.Memberships[i]))
	}
	slices.SortFunc(made.memberships, byFrom)
	return made
}

// standingEnd returns the first instant at which standing is neither good nor in grace.
func standingEnd(s Standing) int64 {
	switch s.State {
	case StandingBlocked:
		return never
	case StandingGrace:
		return micros(s.Until)
	}
	return forever
}

func (p *Policy) newMembership(m *Membership) membership {
	return membership{basis{
		kind: byMembership, id: m.ID, span: span{bound(m.From, never), bound(m.Until, forever)},
		paused: m.Paused, requiresStanding: true,
	}, &p.types[p.typeIndex[m.Type]]}
}

func (p *Policy) newGrant(g *Grant) grant {
	door := p.door(g.Door)
	return grant{basis{
		kind: byGrant, id: g.ID, span: span{bound(g.From, never), bound(g.Until, forever)}, duringClosures: g.DuringClosures,
		requiresMembership: valueOr(g.RequiresMembership, true), requiresStanding: valueOr(g.RequiresStanding, true),
	}, p.schedule(g.Hours, p.doors[door].calendar), p.member(g.Member), door}
}

// newBooking makes a reservation ready.
func (p *Policy) newBooking(r *reservation.Reservation) booking {
	reserved := span{micros(r.Start), micros(r.EffectiveEnd())}
	b := booking{id: r.ID, span: reserved, resource: p.resourceIndex[r.Resource], booker: p.member(r.Member)}
	switch r.Status {
	case reservation.Pending:
		b.status = pending
	case reservation.Cancelled:
		b.status = cancelled
	}
	if len(r.Guests) > 0 {
		b.guests = new([]int32)
		for _, id := range r.Guests {
			*b.guests = append(*b.guests, p.member(id))
		}
	}
	return b
}

// concerned calls a function for each member whose reservation b is: RULES.md,
// section 3.
func (p *Policy) concerned(b *booking, do func(member int32)) {
	do(b.booker)
	if p.guests && b.guests != nil {
		for _, guest := range *b.guests {
			if guest != b.booker {
				do(guest)
			}
		}
	}
}

// setWindows sorts the bookings of a member and works out when they open doors.
func (p *Policy) setWindows(m *member) {
	slices.SortFunc(m.bookings, byWindowEnd)
	list := make([]window, 0, len(m.bookings))
	for _, b := range m.bookings {
		for _, d := range p.resources[b.resource].doors {
			if b.status == confirmed && b.window.from < b.window.until {
				list = append(list, window{b.window, d})
			}
		}
	}
	slices.SortFunc(list, func(a, b window) int { return cmp.Or(cmp.Compare(a.door, b.door), cmp.Compare(a.from, b.from)) })
	joined := list[:0]
	for _, w := range list {
		if n := len(joined); n > 0 && joined[n-1].door == w.door && w.from <= joined[n-1].until {
			joined[n-1].until = max(joined[n-1].until, w.until)
		} else {
			joined = append(joined, w)
		}
	}
	slices.SortFunc(joined, func(a, b window) int { return cmp.Compare(a.until, b.until) })
	m.windows = shrunk(joined)
}

func byStart(a, b *booking) int  { return cmp.Compare(a.from, b.from) }
func byFrom(a, b membership) int { return cmp.Compare(a.from, b.from) }
func byWindowEnd(a, b held) int  { return cmp.Compare(a.window.until, b.window.until) }

// scheduleKey is equal for equal schedules.
type scheduleKey struct {
	calendar *calendar
	hours    string
}

// schedule returns the schedule of hours on a calendar, which is made once.
func (p *Policy) schedule(h Hours, c *calendar) *schedule {
	if h.Always {
		return alwaysOpen
	}
	var room [64]byte
	text := room[:0]
	for _, r := range h.Ranges {
		for _, d := range r.Days {
			text = append(text, byte(d))
		}
		text = binary.BigEndian.AppendUint16(text, 0xf000|uint16(r.From)) // no day
		text = binary.BigEndian.AppendUint16(text, uint16(r.To))
	}
	made := p.schedules[scheduleKey{c, string(text)}]
	if made == nil {
		made = newSchedule(dailyRanges(h.Ranges), c, p.ready)
		if p.schedules != nil {
			p.schedules[scheduleKey{c, string(text)}] = made
		}
	}
	return made
}
