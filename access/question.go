package access

import (
	"slices"
	"time"

	"github.com/doorkit/doorkit/reservation"
)

// Question holds the facts that decide one request, for a host that loads
// facts per request instead of keeping a Policy. See [Evaluate] for what must be
// in it; more than that does no harm.
type Question struct {
	Revision   string
	TimeZone   string         // the site's IANA zone, or ...
	Location   *time.Location // ... the zone itself, which saves loading it each time
	Settings   Settings
	Exceptions []Exception

	Door   *Door   // nil: there is no such door
	Member *Member // nil: there is no such member

	MembershipTypes []MembershipType          // the types of the member's memberships
	Grants          []Grant                   // the member's grants for the door
	Reservations    []reservation.Reservation // this member's, on resources that list the door
	Neighbours      []Neighbour               // other members' confirmed reservations on those resources
}

// Neighbour is another member's confirmed reservation, without its id and
// without its member.
type Neighbour struct {
	Resource string
	Start    time.Time
	End      time.Time // the effective end: the earlier of end and ended_at

	// Booker tells bookers apart within one Question: equal for reservations
	// of one member, different for different members. It says nothing about
	// who they are.
	Booker int
}

// Question returns what [Evaluate] needs to decide about a member and a door at
// an instant just as Decide does. Reservations come with their effective end
// only, and standing without its reason.
func (p *Policy) Question(member, door string, at time.Time) Question {
	q := Question{
		Revision:   p.revision,
		TimeZone:   p.site.TimeZone,
		Location:   p.time.location,
		Settings:   p.settings,
		Exceptions: slices.Clone(p.exceptions),
	}
	m, d, t := p.member(member), p.door(door), micros(at)
	if d >= 0 {
		q.Door = new(p.about[d])
		q.Door.Disabled = p.doors[d].disabled
	}
	if m < 0 {
		return q
	}
	c := p.chunks[m/chunkSize].draft(int(m % chunkSize))
	q.Member = &Member{ID: c.id, Standing: standingUntil(c.standing)}
	for i, ms := range c.memberships {
		typ := &p.types[ms.ref]
		q.Member.Memberships = append(q.Member.Memberships, Membership{c.ids[i], typ.id, unbounded(ms.from), unbounded(ms.until), ms.paused})
		if d < 0 || slices.ContainsFunc(q.MembershipTypes, func(t MembershipType) bool { return t.ID == typ.id }) {
			continue
		}
		mt := MembershipType{ID: typ.id}
		if s := typ.schedule(d); s > 0 {
			mt.Doors = []DoorHours{{door, p.schedules[s].hours}}
		}
		q.MembershipTypes = append(q.MembershipTypes, mt)
	}
	if d < 0 {
		q.Member.Memberships = nil
		return q
	}
	for _, g := range c.grants {
		if g.door == d {
			q.Grants = append(q.Grants, Grant{
				ID: g.id, Member: member, Door: door, Hours: p.schedules[g.schedule].hours,
				From: unbounded(g.from), Until: unbounded(g.until),
				RequiresMembership: new(g.wantsMembership), RequiresStanding: new(g.wantsStanding),
			})
		}
	}
	p.askAbout(&q, m, t, c.bookings)
	return q
}

// askAbout adds the member's reservations and their neighbours.
func (p *Policy) askAbout(q *Question, member int32, t int64, bookings []booking) {
	door := &p.doors[p.door(q.Door.ID)]
	for _, ri := range door.resources {
		r := p.resources[ri]
		var own []booking
		for _, b := range bookings {
			// A booking ends at its effective end or later: that one is looked at.
			if b.resource == ri && min(b.start, b.end) <= t+horizon+day && max(b.start, b.end) >= t-2*day {
				own = append(own, b)
				q.Reservations = append(q.Reservations, b.reservation(r.id, q.Member.ID))
			}
		}
		for _, s := range r.slots {
			if s.member == member || s.status != confirmed {
				continue
			}
			near := min(s.start, s.end) <= t+day && max(s.start, s.end) >= t-day
			for _, b := range own {
				near = near || p.clip && (s.start >= b.end && s.start <= b.end+day || s.end <= b.start && s.end >= b.start-day)
			}
			if near {
				q.Neighbours = append(q.Neighbours, Neighbour{r.id, instant(s.start), instant(s.end), int(s.member)})
			}
		}
	}
}

// reservation returns a booking as a reservation with the same effective end.
func (b *booking) reservation(resource, member string) reservation.Reservation {
	r := reservation.Reservation{
		ID: b.id, Resource: resource, Member: member, Start: instant(b.start), End: instant(b.end),
		Status: [...]reservation.Status{reservation.Confirmed, reservation.Pending, reservation.Cancelled}[b.status],
	}
	if b.end <= b.start {
		r.End, r.EndedAt = instant(b.start+1), r.End
	}
	return r
}

// unbounded is the reverse of bound.
func unbounded(us int64) time.Time {
	if us == never || us == forever {
		return time.Time{}
	}
	return instant(us)
}

func standingUntil(end int64) Standing {
	switch end {
	case forever:
		return Standing{State: StandingGood}
	case never:
		return Standing{State: StandingBlocked}
	}
	return Standing{State: StandingGrace, Until: instant(end)}
}
