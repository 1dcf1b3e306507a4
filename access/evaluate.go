package access

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/doorkit/doorkit/reservation"
)

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
	w := new(workspace)
	if err := w.compile([]Question{q}, r); err != nil {
		return Decision{Reason: ReasonNoEntitlement, Revision: q.Revision}, err
	}
	return w.decide(&q, 0, r), nil
}

// EvaluateEach answers the same request at the door of each question; r.Door is
// ignored, and a question without a door answers for an unknown one. It yields
// what [Evaluate] would for each, in their order, and an error for those it
// would refuse.
//
// It is for the list of a member's keys: questions that stand side by side and
// have the same Member pointer, the same types and exceptions (one list, not two
// that are equal), settings and zone are made ready together, which is much
// cheaper.
func EvaluateEach(questions []Question, r Request) iter.Seq2[Decision, error] {
	return func(yield func(Decision, error) bool) {
		for rest := questions; len(rest) > 0; {
			n := 1
			for n < len(rest) && rest[0].shares(&rest[n]) {
				n++
			}
			w := new(workspace)
			r.Door = rest[0].doorID()
			err := w.compile(rest[:n], r)
			for i := range rest[:n] {
				var d Decision
				var refused error
				if err == nil {
					d = w.decide(&rest[i], int32(i), r)
				} else { // of one of them: each by itself tells of which
					r.Door = rest[i].doorID()
					d, refused = Evaluate(rest[i], r)
				}
				if !yield(d, refused) {
					return
				}
			}
			rest = rest[n:]
		}
	}
}

func (q *Question) doorID() string {
	if q.Door == nil {
		return ""
	}
	return q.Door.ID
}

// shares reports whether all but the door and what is about it is the same in o.
func (q *Question) shares(o *Question) bool {
	return q.Door != nil && o.Door != nil && q.Member == o.Member && q.Settings == o.Settings &&
		q.Revision == o.Revision && q.TimeZone == o.TimeZone && q.Location == o.Location &&
		oneList(q.Exceptions, o.Exceptions) && oneList(q.MembershipTypes, o.MembershipTypes)
}

func oneList[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// workspace is a policy of one member and a few doors, in one piece of memory:
// what Evaluate does is for one decision, so making it ready is what it costs.
// Door i is that of question i, the member is 0, and neighbours are members
// without a name from 1 on.
type workspace struct {
	policy Policy
	time   timeline
	alone  alone

	doors     [1]door
	names     [1]string
	types     [1]membershipType
	row       [2]int32
	spans     [3]span
	ids       [1]string
	grants    [1]grant
	schedules [3]*schedule
}

// decide answers for door i, which is that of q.
func (w *workspace) decide(q *Question, i int32, r Request) (d Decision) {
	member := int32(-1)
	if q.Member != nil {
		member = 0
	}
	if q.Door == nil {
		i = -1
	}
	var a asked
	w.policy.at(&a, micros(r.At))
	w.policy.decide(&d, &a, member, i, r.Action, r.Holding)
	return d
}

// compile checks questions that share all but the door, and makes the policy.
func (w *workspace) compile(questions []Question, r Request) error {
	var faults faults
	c := &checker{faults: &faults}
	q, p := &questions[0], &w.policy
	if q.Door == nil {
		questions = questions[:0]
	}
	location := q.checkShared(c, r)
	if len(questions) == 0 {
		q.checkOwn(c)
	}
	for i := range questions {
		o := &questions[i]
		c.known("door.id", o.Door.ID)
		c.door(*o.Door, "door")
		if len(questions) == 1 && o.Door.ID != r.Door {
			c.faults.follow("door.id", fmt.Sprintf("the request is about door %q, not %q", r.Door, o.Door.ID))
		}
		o.checkOwn(c)
	}
	if err := faults.err(); err != nil {
		return err
	}
	p.set(q.Revision, q.Settings)
	w.time = timeline{location: location, calendar: newCalendar(q.Exceptions)}
	p.time = &w.time
	p.doors, p.doorNames, p.schedules = w.doors[:0], w.names[:0], append(w.schedules[:0], neverOpen)
	if n := len(questions); n > 1 {
		p.doors, p.doorNames = make([]door, 0, n), make([]string, 0, n)
		w.alone.grants = make([]grant, 0, n) // one each, mostly
	}
	for i := range questions {
		d := questions[i].Door
		p.doors, p.doorNames = append(p.doors, p.newDoor(d)), append(p.doorNames, d.ID)
	}
	p.alone = &w.alone
	if q.Member != nil {
		w.member(questions, q)
	}
	return nil
}

// member makes the member with all he holds for the doors.
func (w *workspace) member(questions []Question, q *Question) {
	p, c := &w.policy, &w.alone
	p.members = 1
	m := &c.members[0]
	m.id, m.standing = q.Member.ID, standingEnd(q.Member.Standing)
	c.spans, c.ids = w.spans[:0], w.ids[:0]
	if c.grants == nil {
		c.grants = w.grants[:0]
	}
	if len(questions) > 0 {
		w.membershipTypes(q.MembershipTypes)
		for i := range q.Member.Memberships {
			ms := &q.Member.Memberships[i]
			typ := slices.IndexFunc(q.MembershipTypes, func(t MembershipType) bool { return t.ID == ms.Type })
			c.spans, c.ids = append(c.spans, newSpan(ms, int32(typ))), append(c.ids, ms.ID)
		}
	}
	for door := range questions {
		o := &questions[door]
		for i := range o.Grants {
			if g := &o.Grants[i]; g.Member == m.id && g.Door == o.Door.ID {
				c.grants = append(c.grants, newGrant(g, int32(door), w.schedule(g.Hours)))
			}
		}
		o.book(p, &c.lists, int32(door))
	}
	m.windows = uint32(len(c.spans))
	c.spans, c.odd = p.windows(0, c.bookings, c.spans, nil)
	c.offsets(&c.members[1])
}

// membershipTypes makes the types, with the hours for these doors.
func (w *workspace) membershipTypes(types []MembershipType) {
	if len(types) == 0 {
		return
	}
	p := &w.policy
	n := len(p.doors)
	p.types = w.types[:0]
	rows := w.row[:]
	if n*len(types) > len(rows) {
		rows = make([]int32, n*len(types))
	}
	find := func(id string) int { return slices.Index(p.doorNames, id) }
	if n > 8 {
		table := newIDTable(n)
		at := func(i int32) string { return p.doorNames[i] }
		for i, id := range p.doorNames {
			table.add(id, int32(i), at)
		}
		find = func(id string) int { return int(table.find(id, at)) }
	}
	for _, t := range types {
		out := membershipType{id: t.ID, row: rows[:n:n]}
		rows = rows[n:]
		for _, d := range t.Doors {
			if i := find(d.Door); i >= 0 {
				out.row[i] = w.schedule(d.Hours)
			}
		}
		p.types = append(p.types, out)
	}
}

// schedule returns the place of the schedule of h. There are few of them, so
// that equal ones are found by looking.
func (w *workspace) schedule(h Hours) int32 {
	p := &w.policy
	i := slices.IndexFunc(p.schedules, func(s *schedule) bool {
		return s.hours.Always == h.Always && slices.EqualFunc(s.ranges, h.Ranges, func(d daily, r Range) bool { return d == dailyOf(r) })
	})
	if i >= 0 {
		return int32(i)
	}
	s := alwaysOpen
	if !h.Always {
		s = newSchedule(h)
		s.hours = Hours{} // the ranges stay the caller's
		s.during = p.time.calendar.during(s.days)
	}
	p.schedules = append(p.schedules, s)
	return int32(len(p.schedules) - 1)
}

// book makes the resources of the Question, which list its door, and adds the
// member's bookings.
func (q *Question) book(p *Policy, c *lists, door int32) {
	if len(q.Reservations)+len(q.Neighbours) == 0 {
		return
	}
	var (
		names []string
		slots [][]slot
		first = int32(len(p.resources))
	)
	add := func(name string, s slot) int32 {
		i := slices.Index(names, name)
		if i < 0 {
			i = len(names)
			names, slots = append(names, name), append(slots, nil)
		}
		slots[i] = append(slots[i], s)
		return first + int32(i)
	}
	for _, r := range q.Reservations {
		if r.Member != q.Member.ID {
			continue
		}
		s := slot{micros(r.Start), micros(r.EffectiveEnd()), 0, statusOf(r.Status)}
		c.bookings = append(c.bookings, booking{r.ID, s.start, s.end, add(r.Resource, s), s.status})
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
	doors := []int32{door}
	for i, name := range names {
		p.resources = append(p.resources, p.newResource(name, doors, sortSlots(slots[i])))
		p.doors[door].resources = append(p.doors[door].resources, first+int32(i))
	}
}

// checkShared reports every fault of what is not about the door, in the words of
// the Question's fields.
func (q *Question) checkShared(c *checker, r Request) *time.Location {
	location := c.zone("time_zone", q.TimeZone, q.Location)
	c.settings(q.Settings)
	c.exceptions(q.Exceptions)
	anyDoor := reference{"door", true, func(string) int32 { return 0 }}
	distinct(c, "membership_types", q.MembershipTypes, func(t *MembershipType) string { return t.ID })
	types := q.MembershipTypes // of q itself nothing is kept
	known := reference{"membership type", true, func(id string) int32 {
		return int32(slices.IndexFunc(types, func(t MembershipType) bool { return t.ID == id }))
	}}
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
	return location
}

// checkOwn reports every fault of what is about the door.
func (q *Question) checkOwn(c *checker) {
	distinct(c, "grants", q.Grants, func(g *Grant) string { return g.ID })
	for i := range q.Grants {
		c.grant(&q.Grants[i], "grants", i)
	}
	distinct(c, "reservations", q.Reservations, func(r *reservation.Reservation) string { return r.ID })
	for i := range q.Reservations {
		if q.Reservations[i].Resource == "" {
			c.known(pathOf("reservations", i, "resource"), "")
		}
		c.reservation(&q.Reservations[i], "reservations", i)
	}
	for i := range q.Neighbours {
		n := &q.Neighbours[i]
		if n.Resource == "" {
			c.known(pathOf("neighbours", i, "resource"), "")
		}
		c.neighbour(n.Start, i, "start")
		c.neighbour(n.End, i, "end")
	}
}

func (c *checker) neighbour(at time.Time, i int, key string) {
	if what := badInstant(at); what != "" {
		c.fault(what, nil, "neighbours", i, key)
	} else if at.IsZero() {
		c.fault("required", nil, "neighbours", i, key)
	}
}

// distinct is ids for a list that is looked through once: a short one without a
// table.
func distinct[T any](c *checker, name string, list []T, id func(*T) string) {
	if len(list) > 8 {
		ids(c, name, list, id)
		return
	}
	for i := range list {
		s := id(&list[i])
		first := 0
		for first < i && id(&list[first]) != s {
			first++
		}
		c.unique(name, s, i, first)
	}
}
