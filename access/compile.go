package access

import (
	"cmp"
	"slices"
	"time"
)

// The defaults of Settings.
const (
	defaultBuffer   = 15 * time.Minute
	defaultOpenTime = 7 * time.Second
)

// Compile checks facts and makes them ready to answer. Bad facts are refused
// whole: the error is a [*FactsError] that names every fault. It needs the zone
// data of the machine, or of time/tzdata if the program imports it, unless
// f.Location is given.
func Compile(f Facts) (*Policy, error) {
	faults := &faults{}
	c := check(&f, faults)
	if err := faults.err(); err != nil {
		return nil, err
	}
	p := &Policy{site: f.Site}
	p.set(f.Revision, cloneSettings(f.Settings))
	p.schedules = []*schedule{neverOpen}
	p.time = newTimeline(c.location, newCalendar(f.Exceptions))
	p.exceptions = cloneExceptions(f.Exceptions)
	p.doorIDs, p.typeIDs, p.resourceIDs, p.memberIDs = c.doors, c.types, c.resources, c.members

	b := newBuilder(p)
	for _, d := range f.Doors {
		p.addDoor(d)
	}
	for _, t := range f.MembershipTypes {
		p.types = append(p.types, b.membershipType(t, p.door))
	}
	b.resources(&f, c)
	b.members(&f, c)
	p.reservationIDs = newRefTable(len(f.Reservations), func(i int) (string, int32) { return f.Reservations[i].ID, c.bookers[i] })
	p.grantIDs = newRefTable(len(f.Grants), func(i int) (string, int32) { return f.Grants[i].ID, p.member(f.Grants[i].Member) })
	return p, nil
}

// set takes the settings, which are the policy's own from then on.
func (p *Policy) set(revision string, s Settings) {
	value := func(d *time.Duration, byDefault time.Duration) time.Duration {
		if d != nil {
			return *d
		}
		return byDefault
	}
	p.revision, p.settings = revision, s
	p.openTime = value(s.OpenTime, defaultOpenTime)
	p.before, p.after = value(s.Before, defaultBuffer).Microseconds(), value(s.After, defaultBuffer).Microseconds()
	p.clip = s.Buffers == BuffersClip
	p.bookingsFree = s.ReservationsRequireStanding != nil && !*s.ReservationsRequireStanding
}

// cloneSettings and cloneExceptions keep the policy apart from the facts.
func cloneSettings(s Settings) Settings {
	for _, d := range []**time.Duration{&s.Before, &s.After, &s.OpenTime} {
		if *d != nil {
			*d = new(**d)
		}
	}
	if s.ReservationsRequireStanding != nil {
		s.ReservationsRequireStanding = new(*s.ReservationsRequireStanding)
	}
	return s
}

func cloneExceptions(list []Exception) []Exception {
	list = slices.Clone(list)
	for i := range list {
		list[i].Hours = slices.Clone(list[i].Hours)
	}
	return list
}

func (p *Policy) addDoor(d Door) {
	p.doors = append(p.doors, p.newDoor(&d))
	if d.OpenTime != nil {
		d.OpenTime = new(*d.OpenTime)
	}
	p.about = append(p.about, d)
	p.doorNames = append(p.doorNames, d.ID)
}

func (p *Policy) newDoor(d *Door) door {
	openTime := p.openTime
	if d.OpenTime != nil {
		openTime = *d.OpenTime
	}
	return door{openTime: openTime, disabled: d.Disabled, officeMode: d.AccessType == AccessAndOfficeMode}
}

// builder makes the parts of a policy, each set of hours once.
type builder struct {
	p         *Policy
	schedules map[string]int32
	during    map[uint8][]pattern // by the weekdays of a schedule
	key       []byte
}

func newBuilder(p *Policy) *builder {
	b := &builder{p: p, schedules: map[string]int32{}, during: map[uint8][]pattern{}}
	for i, s := range p.schedules[1:] {
		b.schedules[string(b.keyOf(s.hours))] = int32(i) + 1
		b.during[s.days] = s.during
	}
	return b
}

// keyOf returns what tells hours apart, good until the next call.
func (b *builder) keyOf(h Hours) []byte {
	b.key = b.key[:0]
	for _, r := range h.Ranges {
		d := dailyOf(r)
		b.key = append(b.key, d.days, byte(r.From>>8), byte(r.From), byte(r.To>>8), byte(r.To))
	}
	return b.key
}

// schedule returns the place of the schedule of h.
func (b *builder) schedule(h Hours) int32 {
	key := b.keyOf(h)
	if i, ok := b.schedules[string(key)]; ok {
		return i
	}
	ranges := slices.Clone(h.Ranges)
	for i := range ranges {
		ranges[i].Days = slices.Clone(ranges[i].Days)
	}
	s := newSchedule(Hours{h.Always, ranges})
	during, ok := b.during[s.days]
	if !ok {
		during = b.p.time.calendar.during(s.days)
		b.during[s.days] = during
	}
	s.during = during
	s.prepare(b.p.time)
	i := int32(len(b.p.schedules))
	b.p.schedules = append(b.p.schedules, s)
	b.schedules[string(key)] = i
	return i
}

func (b *builder) membershipType(t MembershipType, door func(string) int32) membershipType {
	type entry struct{ door, schedule int32 }
	var list []entry
	for _, d := range t.Doors {
		list = append(list, entry{door(d.Door), b.schedule(d.Hours)})
	}
	out := membershipType{id: t.ID}
	if len(list) == 0 {
		return out
	}
	slices.SortFunc(list, func(a, b entry) int { return cmp.Compare(a.door, b.door) })
	first, last := list[0].door, list[len(list)-1].door
	if span := int(last-first) + 1; span <= 8*len(list)+64 {
		out.base, out.row = first, make([]int32, span)
		for _, e := range list {
			out.row[e.door-first] = e.schedule
		}
		return out
	}
	for _, e := range list {
		out.doors, out.hours = append(out.doors, e.door), append(out.hours, e.schedule)
	}
	return out
}

// resources makes the resources with their bookings.
func (b *builder) resources(f *Facts, c *checked) {
	p := b.p
	starts := countingStarts(c.booked, len(f.Resources))
	slots := make([]slot, len(f.Reservations))
	next := slices.Clone(starts)
	for i := range f.Reservations {
		r := &f.Reservations[i]
		at := &next[c.booked[i]]
		slots[*at] = slot{micros(r.Start), micros(r.EffectiveEnd()), c.bookers[i], statusOf(r.Status)}
		*at++
	}
	for i, r := range f.Resources {
		doors := make([]int32, 0, len(r.Doors))
		for _, d := range r.Doors {
			door := p.door(d)
			doors = append(doors, door)
			p.doors[door].resources = append(p.doors[door].resources, int32(i))
		}
		p.resources = append(p.resources, p.newResource(r.ID, doors, sortSlots(slots[starts[i]:starts[i+1]:starts[i+1]])))
	}
}

// members makes the members with all they hold, chunk by chunk.
func (b *builder) members(f *Facts, c *checked) {
	p := b.p
	p.members = len(f.Members)
	bookingStarts, bookingOrder := countingSort(c.bookers, len(f.Members))
	holders := make([]int32, len(f.Grants))
	for i := range f.Grants {
		holders[i] = p.findMember(f, f.Grants[i].Member)
	}
	grantStarts, grantOrder := countingSort(holders, len(f.Members))

	var (
		drafts []draft
		lists  draft // the lists of all members of a chunk
		buffer chunk
	)
	for base := 0; base < len(f.Members); base += chunkSize {
		drafts = drafts[:0]
		lists.memberships, lists.ids, lists.grants, lists.bookings = lists.memberships[:0], lists.ids[:0], lists.grants[:0], lists.bookings[:0]
		for i := base; i < min(base+chunkSize, len(f.Members)); i++ {
			first := lists
			m := &f.Members[i]
			for j := range m.Memberships {
				ms := &m.Memberships[j]
				lists.memberships, lists.ids = append(lists.memberships, newSpan(ms, p.membershipType(ms.Type))), append(lists.ids, ms.ID)
			}
			for _, j := range grantOrder[grantStarts[i]:grantStarts[i+1]] {
				g := &f.Grants[j]
				lists.grants = append(lists.grants, newGrant(g, p.door(g.Door), b.schedule(g.Hours)))
			}
			for _, j := range bookingOrder[bookingStarts[i]:bookingStarts[i+1]] {
				r := &f.Reservations[j]
				lists.bookings = append(lists.bookings, booking{r.ID, micros(r.Start), micros(r.EffectiveEnd()), c.booked[j], statusOf(r.Status)})
			}
			d := draft{
				id: m.ID, standing: standingEnd(m.Standing),
				memberships: lists.memberships[len(first.memberships):], ids: lists.ids[len(first.ids):],
				grants: lists.grants[len(first.grants):], bookings: lists.bookings[len(first.bookings):],
			}
			sortGrants(d.grants)
			drafts = append(drafts, d)
		}
		p.fill(&buffer, int32(base), drafts)
		p.chunks = append(p.chunks, buffer.exact())
	}
}

// findMember is member before there are chunks.
func (p *Policy) findMember(f *Facts, id string) int32 { return f.member(&p.memberIDs, id) }

func sortGrants(list []grant) {
	slices.SortStableFunc(list, func(a, b grant) int { return cmp.Compare(a.door, b.door) })
}

func newSpan(m *Membership, membershipType int32) span {
	return span{bound(m.From, never), bound(m.Until, forever), membershipType, m.Paused}
}

func newGrant(g *Grant, door, schedule int32) grant {
	return grant{
		id: g.ID, from: bound(g.From, never), until: bound(g.Until, forever),
		door: door, schedule: schedule,
		wantsMembership: g.RequiresMembership == nil || *g.RequiresMembership,
		wantsStanding:   g.RequiresStanding == nil || *g.RequiresStanding,
	}
}

// standingEnd returns the first instant at which standing does not hold.
func standingEnd(s Standing) int64 {
	switch s.State {
	case StandingGrace:
		return micros(s.Until)
	case StandingBlocked:
		return never
	}
	return forever
}

// countingStarts returns where each of n groups starts when a list is grouped.
func countingStarts(group []int32, n int) []int32 {
	starts := make([]int32, n+1)
	for _, g := range group {
		starts[g+1]++
	}
	for i := range n {
		starts[i+1] += starts[i]
	}
	return starts
}

// countingSort groups the places of a list, and keeps their order in a group.
func countingSort(group []int32, n int) (starts, order []int32) {
	starts = countingStarts(group, n)
	order = make([]int32, len(group))
	next := slices.Clone(starts)
	for i, g := range group {
		order[next[g]] = int32(i)
		next[g]++
	}
	return starts, order
}
