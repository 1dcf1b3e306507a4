package access

import (
	"slices"
	"sort"
	"time"

	"github.com/doorkit/doorkit/reservation"
)

// Policy is a site's facts, checked and made ready to answer. It is immutable
// and safe for any number of goroutines; make one with [Compile], and a changed
// one with [Policy.With]. It refers to the strings of the facts and to nothing
// else of them, so they may be changed or dropped.
type Policy struct {
	revision string
	site     Site

	time      *timeline
	schedules []*schedule // the first is never open

	settings   Settings // as given
	exceptions []Exception

	before, after int64 // microseconds
	openTime      time.Duration
	clip          bool
	bookingsFree  bool // reservations do not require standing

	doors     []door
	about     []Door // as given
	doorNames []string
	types     []membershipType
	resources []*resource // each is replaced when it changes, never changed

	doorIDs, typeIDs, resourceIDs, memberIDs idTable
	reservationIDs, grantIDs                 refTable

	chunks  []*chunk // members in the order of the document, chunkSize to a chunk
	alone   *alone   // instead of chunks, the one member of Evaluate
	members int
}

// door is a Door made ready.
type door struct {
	openTime   time.Duration
	disabled   bool
	officeMode bool    // its access type offers it
	resources  []int32 // that list it
}

// membershipType is a MembershipType made ready: its schedule by door. A row has a place for
// each door between the first and the last it lists, or is a sorted list where
// that would waste too much.
type membershipType struct {
	id    string
	base  int32
	row   []int32 // 0 for none
	doors []int32
	hours []int32
}

// schedule returns the schedule of a door, 0 if the type does not list it.
func (t *membershipType) schedule(door int32) int32 {
	if i := uint32(door - t.base); i < uint32(len(t.row)) {
		return t.row[i]
	}
	return t.listed(door)
}

// listed is what is left of schedule, which is inlined without it.
//
//go:noinline
func (t *membershipType) listed(door int32) int32 {
	if i, ok := slices.BinarySearch(t.doors, door); ok {
		return t.hours[i]
	}
	return 0
}

// grant is a Grant made ready.
type grant struct {
	id              string
	from, until     int64
	door, schedule  int32
	wantsMembership bool
	wantsStanding   bool
}

// booking is a reservation made ready: its end is the effective one.
type booking struct {
	id         string
	start, end int64
	resource   int32
	status     status
}

type status uint8

const (
	confirmed status = iota
	pending
	cancelled
)

func statusOf(s reservation.Status) status {
	switch s {
	case reservation.Pending:
		return pending
	case reservation.Cancelled:
		return cancelled
	}
	return confirmed
}

// oddWindow is a window that opens nothing: of a pending or cancelled
// reservation, or an empty one of a confirmed reservation.
type oddWindow struct {
	span
	status status
	member uint8 // his place in the chunk
}

// resource is a Resource and what is booked of it.
type resource struct {
	id    string
	doors []int32
	slots []slot // every booking, by start

	// The latest effective end among the confirmed ones of slots[:block*(i+1)];
	// with clipped buffers the latest until of clipped[:block*(i+1)].
	reach    []int64
	occupied occupancy

	// With clipped buffers only: the starts and the effective ends of the
	// confirmed ones, and their windows by from.
	from, to []edge
	clipped  []span
}

// block is how many bookings share an entry of reach.
const block = 8

// slot is a booking as its resource sees it.
type slot struct {
	start, end int64
	member     int32
	status     status
}

// edge is a start or an effective end.
type edge struct {
	at     int64
	member int32
	other  int32 // the nearest edge of another member: later for starts, earlier for ends
}

// newResource makes a resource ready; the slots are sorted by start.
func (p *Policy) newResource(id string, doors []int32, slots []slot) *resource {
	r := &resource{id: id, doors: doors, slots: slots}
	if p.clip {
		p.clipSlots(r)
		return r
	}
	var last int64
	r.reach, last = reach(len(slots), func(i int) int64 { return r.slotEnd(i) }) // inlined, unlike r.slotEnd
	if last == never {
		return r // none is confirmed
	}
	o := newOccupier(len(slots), slots[0].start-p.before, last+p.after)
	for i := range slots {
		if s := &slots[i]; s.status == confirmed {
			o.add(s.start-p.before, s.end+p.after)
		}
	}
	o.flush()
	r.occupied = o.occupancy
	return r
}

func sortSlots(slots []slot) []slot {
	slices.SortFunc(slots, func(a, b slot) int { return compare(a.start, b.start) })
	return slots
}

func (p *Policy) clipSlots(r *resource) {
	for _, s := range r.slots {
		if s.status == confirmed {
			r.from = append(r.from, edge{s.start, s.member, -1})
			r.to = append(r.to, edge{s.end, s.member, -1})
		}
	}
	slices.SortFunc(r.to, func(a, b edge) int { return compare(a.at, b.at) })
	for i := 1; i < len(r.to); i++ {
		if e := &r.to[i]; r.to[i-1].member != e.member {
			e.other = int32(i - 1)
		} else {
			e.other = r.to[i-1].other
		}
	}
	for i := len(r.from) - 2; i >= 0; i-- {
		if e := &r.from[i]; r.from[i+1].member != e.member {
			e.other = int32(i + 1)
		} else {
			e.other = r.from[i+1].other
		}
	}
	for _, s := range r.slots {
		if s.status == confirmed {
			from, until := p.window(r, s.member, s.start, s.end)
			r.clipped = append(r.clipped, span{from: from, until: until})
		}
	}
	slices.SortFunc(r.clipped, func(a, b span) int { return compare(a.from, b.from) })
	var last int64
	if r.reach, last = reach(len(r.clipped), r.clippedEnd); last == never {
		return
	}
	o := newOccupier(len(r.clipped), r.clipped[0].from, last)
	for _, w := range r.clipped {
		o.add(w.from, w.until)
	}
	o.flush()
	r.occupied = o.occupancy
}

// window returns the window of a booking: RULES.md, section 3. It is
// reservation.Buffers.Window in numbers, with the neighbours looked up.
func (p *Policy) window(r *resource, member int32, start, end int64) (from, until int64) {
	from, until = start-p.before, end+p.after
	if !p.clip {
		return from, until
	}
	i := sort.Search(len(r.to), func(i int) bool { return r.to[i].at > start }) - 1
	if i >= 0 && r.to[i].member == member {
		i = int(r.to[i].other)
	}
	if i >= 0 {
		from = max(from, r.to[i].at)
	}
	j := sort.Search(len(r.from), func(j int) bool { return r.from[j].at >= end })
	if j < len(r.from) && r.from[j].member == member {
		if j = int(r.from[j].other); j < 0 {
			j = len(r.from)
		}
	}
	if j < len(r.from) {
		until = min(until, r.from[j].at)
	}
	return from, until
}

// bookedAt reports whether t lies in the window of a confirmed booking.
func (p *Policy) bookedAt(r *resource, t int64) bool {
	if mark := r.occupied.at(t); mark != partly {
		return mark == booked
	}
	if p.clip {
		n := sort.Search(len(r.clipped), func(i int) bool { return r.clipped[i].from > t })
		return r.reaches(n, t, r.clippedEnd)
	}
	n := sort.Search(len(r.slots), func(i int) bool { return r.slots[i].start > t+p.before })
	return r.reaches(n, t-p.after, r.slotEnd)
}

// slotEnd and clippedEnd are what reach is about.
func (r *resource) slotEnd(i int) int64 {
	if r.slots[i].status != confirmed {
		return never
	}
	return r.slots[i].end
}

func (r *resource) clippedEnd(i int) int64 { return r.clipped[i].until }

// reach returns the latest of n ends so far, at the end of each full block, and of
// all.
func reach(n int, end func(int) int64) (all []int64, latest int64) {
	all, latest = make([]int64, 0, n/block), never
	for i := range n {
		if latest = max(latest, end(i)); i%block == block-1 {
			all = append(all, latest)
		}
	}
	return all, latest
}

// reaches reports whether one of the first n ends is later than t.
func (r *resource) reaches(n int, t int64, end func(int) int64) bool {
	full := n / block
	if full > 0 && r.reach[full-1] > t {
		return true
	}
	for i := full * block; i < n; i++ {
		if end(i) > t {
			return true
		}
	}
	return false
}

// member, door, membershipType and resource return the place of what has an id,
// or -1. Every decision asks the first two: they compare the words of an id and
// call nothing, and leave what is not found at once to search.
func (p *Policy) member(id string) int32 {
	t, n := &p.memberIDs, uint(len(id))
	h, w := t.hash.words(id)
	if m := t.probe(h); m >= 0 {
		is := p.memberID(m)
		if n >= 16 && n <= 32 && uint(len(is)) == n {
			if w.a == word(is) && w.b == word(is[8:]) && w.y == word(is[n-16:]) && w.z == word(is[n-8:]) {
				return m
			}
		} else if is == id {
			return m
		}
	}
	return t.search(h, id, p.memberID)
}

func (p *Policy) door(id string) int32 {
	t, n := &p.doorIDs, uint(len(id))
	h, w := t.hash.words(id)
	if d := t.probe(h); d >= 0 {
		is := p.doorNames[d]
		if n >= 16 && n <= 32 && uint(len(is)) == n {
			if w.a == word(is) && w.b == word(is[8:]) && w.y == word(is[n-16:]) && w.z == word(is[n-8:]) {
				return d
			}
		} else if is == id {
			return d
		}
	}
	return t.search(h, id, func(i int32) string { return p.doorNames[i] })
}

func (p *Policy) membershipType(id string) int32 {
	return p.typeIDs.find(id, func(i int32) string { return p.types[i].id })
}

func (p *Policy) resource(id string) int32 {
	return p.resourceIDs.find(id, func(i int32) string { return p.resources[i].id })
}

// Revision returns the mark of the snapshot the policy was made from.
func (p *Policy) Revision() string { return p.revision }

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
