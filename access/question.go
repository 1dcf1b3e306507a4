package access

import (
	"fmt"
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

// Evaluate answers a request from the facts in q alone. It is the engine of
// [Policy.Decide] on a policy of one member and one door, and gives the same
// decision if q holds, for the asked instant t:
//
//   - every grant of the member for the door, and every type his memberships
//     name, with its hours for this door;
//   - every reservation of the member on a resource that lists the door, of any
//     status, with start or effective end <= t + 371 days and end >= t - 48 h;
//   - every confirmed reservation of another member on such a resource with
//     start or effective end <= t + 24 h and end >= t - 24 h;
//   - with clipped buffers also those that start in [E, E + 24 h], or effectively
//     end in [start - 24 h, start], of one of the member's reservations above.
//
// Grants, types and reservations that have nothing to do with the request may be
// there and are left out. [Policy.Question] makes such a Question.
//
// Bad facts, or a Question about another member or door than the request, give
// a [*FactsError] and a decision that denies.
func Evaluate(q Question, r Request) (Decision, error) {
	p, err := q.compile(r)
	if err != nil {
		return Decision{Reason: ReasonNoEntitlement, Revision: q.Revision}, err
	}
	member, door := int32(-1), int32(-1)
	if q.Member != nil {
		member = 0
	}
	if q.Door != nil {
		door = 0
	}
	var d Decision
	p.decide(&d, member, door, r.Action, r.Holding, micros(r.At))
	return d, nil
}

// compile checks the Question and makes the policy of it: door 0 and member 0,
// neighbours being members without a name from 1 on.
func (q *Question) compile(r Request) (*Policy, error) {
	faults := &faults{}
	location := q.check(r, faults)
	if err := faults.err(); err != nil {
		return nil, err
	}
	p := newPolicy(q.Revision, Site{}, q.Settings)
	p.time = newTimeline(location, newCalendar(q.Exceptions), false)
	b := newBuilder(p)
	if q.Door == nil || q.Member == nil {
		return p, nil
	}
	p.addDoor(*q.Door)
	for _, t := range q.MembershipTypes {
		p.types = append(p.types, b.membershipType(t, func(id string) int32 {
			if id == q.Door.ID {
				return 0
			}
			return -1
		}))
	}
	d := draft{id: q.Member.ID, standing: standingEnd(q.Member.Standing)}
	for i := range q.Member.Memberships {
		m := &q.Member.Memberships[i]
		typ := slices.IndexFunc(q.MembershipTypes, func(t MembershipType) bool { return t.ID == m.Type })
		d.memberships = append(d.memberships, newSpan(m, int32(typ)))
		d.ids = append(d.ids, m.ID)
	}
	for i := range q.Grants {
		if g := &q.Grants[i]; g.Member == q.Member.ID && g.Door == q.Door.ID {
			d.grants = append(d.grants, b.grant(g, 0))
		}
	}
	d.bookings = q.book(p)
	p.chunks = []*chunk{{}}
	p.fill(p.chunks[0], 0, []draft{d})
	p.members = 1
	return p, nil
}

// book makes the resources of the Question, each with the one door, and returns
// the member's bookings.
func (q *Question) book(p *Policy) []booking {
	var (
		names    []string
		slots    [][]slot
		bookings []booking
	)
	add := func(name string, s slot) int32 {
		i := slices.Index(names, name)
		if i < 0 {
			i = len(names)
			names, slots = append(names, name), append(slots, nil)
		}
		slots[i] = append(slots[i], s)
		return int32(i)
	}
	for _, r := range q.Reservations {
		if r.Member != q.Member.ID {
			continue
		}
		s := slot{micros(r.Start), micros(r.EffectiveEnd()), 0, statusOf(r.Status)}
		bookings = append(bookings, booking{r.ID, s.start, s.end, add(r.Resource, s), s.status})
	}
	bookers := map[int]int32{}
	for _, n := range q.Neighbours {
		booker, ok := bookers[n.Booker]
		if !ok {
			booker = int32(len(bookers)) + 1
			bookers[n.Booker] = booker
		}
		add(n.Resource, slot{micros(n.Start), micros(n.End), booker, confirmed})
	}
	for i, name := range names {
		p.resources = append(p.resources, p.newResource(name, []int32{0}, sortSlots(slots[i])))
		p.doors[0].resources = append(p.doors[0].resources, int32(i))
	}
	return bookings
}

// check reports every fault of the Question, in the words of its fields.
func (q *Question) check(r Request, faults *faults) *time.Location {
	c := &checker{faults: faults}
	location := c.zone("time_zone", q.TimeZone, q.Location)
	c.settings(q.Settings)
	c.exceptions(q.Exceptions)
	anyDoor := reference{"door", true, func(string) int32 { return 0 }}
	types := ids(c, "membership_types", q.MembershipTypes, func(t *MembershipType) string { return t.ID })
	known := reference{"membership type", true, func(id string) int32 {
		return types.find(id, func(i int32) string { return q.MembershipTypes[i].ID })
	}}
	if q.Door != nil {
		c.known("door.id", q.Door.ID)
		c.door(*q.Door, "door")
		if q.Door.ID != r.Door {
			c.faults.follow("door.id", fmt.Sprintf("the request is about door %q, not %q", r.Door, q.Door.ID))
		}
	}
	for i := range q.MembershipTypes {
		c.membershipType(q.MembershipTypes[i], &anyDoor, "membership_types", i)
	}
	if q.Member != nil {
		c.known("member.id", q.Member.ID)
		c.member(q.Member, &known, "member")
		if q.Member.ID != r.Member {
			c.faults.follow("member.id", fmt.Sprintf("the request is about member %q, not %q", r.Member, q.Member.ID))
		}
	}
	ids(c, "grants", q.Grants, func(g *Grant) string { return g.ID })
	for i := range q.Grants {
		c.grant(&q.Grants[i], "grants", i)
	}
	ids(c, "reservations", q.Reservations, func(r *reservation.Reservation) string { return r.ID })
	for i := range q.Reservations {
		c.known(pathOf("reservations", i, "resource"), q.Reservations[i].Resource)
		c.reservation(&q.Reservations[i], "reservations", i)
	}
	for i, n := range q.Neighbours {
		c.known(pathOf("neighbours", i, "resource"), n.Resource)
		for _, at := range []struct {
			key string
			t   time.Time
		}{{"start", n.Start}, {"end", n.End}} {
			if what := badInstant(at.t); what != "" {
				c.fault(what, nil, "neighbours", i, at.key)
			} else if at.t.IsZero() {
				c.fault("required", nil, "neighbours", i, at.key)
			}
		}
	}
	return location
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
		if s := typ.schedule(d); s >= 0 {
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
