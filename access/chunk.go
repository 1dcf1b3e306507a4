package access

import (
	"cmp"
	"math/bits"
	"slices"
)

// chunkSize is how many members lie together. A change copies one chunk and the
// list of chunks.
const chunkSize = 64

// chunk holds what its members have in common lists: a member's part of each is
// from his offset to that of the next. A decision reads one member and his part
// of spans, which lie side by side; the rest is for evidence and changes.
type chunk struct {
	members [chunkSize + 1]member // the entry after the last member ends the lists
	lists
	size int // how many members
}

type lists struct {
	spans  []span  // a member's memberships, then his windows by doorKey and from
	grants []grant // by door

	ids      []string // of the memberships
	bookings []booking
	odd      []oddWindow // by member and as compareOdd does
}

// alone is the chunk of a policy of one member, see Evaluate.
type alone struct {
	members [2]member
	lists
}

// member is a Member made ready.
type member struct {
	id       string
	standing int64 // the first instant at which it does not hold any more

	spans, windows, grants, bookings uint32 // offsets in the chunk

	// A bit per door, see doorBit, for which he has no windows, and for which he
	// has neither grants nor odd windows: most decisions need not look for them.
	// Zero is unknown.
	noWindows, noGrants uint32
}

// span is a membership without its id, or a window: a span in which confirmed
// reservations open a door. A member's windows of one door neither touch nor
// overlap.
type span struct {
	from, until int64
	ref         int32 // the type, or the door
	paused      bool
}

// draft is a member while a chunk is put together.
type draft struct {
	id          string
	standing    int64
	memberships []span
	ids         []string
	grants      []grant
	bookings    []booking

	ready   bool // windows and odd are right; otherwise they are worked out
	windows []span
	odd     []oddWindow
}

// draft returns member i of the chunk, to be changed by replacing its lists.
func (c *chunk) draft(i int) draft { return c.draftFrom(i, c.firstID(i)) }

// draftFrom is draft, told where the ids of the memberships start.
func (c *chunk) draftFrom(i, ids int) draft {
	m, n := &c.members[i], &c.members[i+1]
	return draft{
		id: m.id, standing: m.standing,
		memberships: slices.Clip(c.spans[m.spans:m.windows]),
		ids:         slices.Clip(c.ids[ids : ids+int(m.windows-m.spans)]),
		grants:      slices.Clip(c.grants[m.grants:n.grants]),
		bookings:    slices.Clip(c.bookings[m.bookings:n.bookings]),
		windows:     c.spans[m.windows:n.spans],
		odd:         c.oddOf(i),
		ready:       true,
	}
}

// fill puts members together; the first of them has the place base. The lists of
// c are used as far as they reach.
func (p *Policy) fill(c *chunk, base int32, drafts []draft) {
	c.spans, c.grants, c.ids, c.bookings, c.odd = c.spans[:0], c.grants[:0], c.ids[:0], c.bookings[:0], c.odd[:0]
	c.members, c.size = [chunkSize + 1]member{}, len(drafts)
	for i := range drafts {
		d, m := &drafts[i], &c.members[i]
		m.id, m.standing = d.id, d.standing
		c.offsets(m)
		c.spans = append(c.spans, d.memberships...)
		m.windows = uint32(len(c.spans))
		firstOdd := len(c.odd)
		if d.ready {
			c.spans, c.odd = append(c.spans, d.windows...), append(c.odd, d.odd...)
		} else {
			c.spans, c.odd = p.windows(base+int32(i), d.bookings, c.spans, c.odd)
		}
		c.ids = append(c.ids, d.ids...)
		c.grants = append(c.grants, d.grants...)
		c.bookings = append(c.bookings, d.bookings...)
		for j := firstOdd; j < len(c.odd); j++ {
			c.odd[j].member = uint8(i)
			m.noGrants |= doorBit(c.odd[j].ref)
		}
		for _, g := range c.grants[m.grants:] {
			m.noGrants |= doorBit(g.door)
		}
		for _, w := range c.spans[m.windows:] {
			m.noWindows |= doorBit(w.ref)
		}
		m.noGrants, m.noWindows = ^m.noGrants, ^m.noWindows
	}
	c.offsets(&c.members[len(drafts)])
}

// exact returns a copy of c that wastes nothing.
func (c *chunk) exact() *chunk {
	return &chunk{
		members: c.members, size: c.size,
		lists: lists{exact(c.spans), exact(c.grants), exact(c.ids), exact(c.bookings), exact(c.odd)},
	}
}

// roomy returns an empty chunk with room for what is in c and a little more.
func (c *chunk) roomy() *chunk {
	return &chunk{lists: lists{
		spans:    make([]span, 0, len(c.spans)+4),
		grants:   make([]grant, 0, len(c.grants)+1),
		ids:      make([]string, 0, len(c.ids)+1),
		bookings: make([]booking, 0, len(c.bookings)+1),
		odd:      make([]oddWindow, 0, len(c.odd)+2),
	}}
}

// doorBit is the bit of a door in 32 of them, by its place modulo 32. doorKey is
// the order of windows: by that bit first.
func doorBit(door int32) uint32 { return 1 << (uint32(door) % 32) }

func doorKey(door int32) uint32 { return bits.RotateLeft32(uint32(door), -5) }

// offsets notes how long the lists are so far.
func (c *lists) offsets(m *member) {
	m.spans, m.windows = uint32(len(c.spans)), uint32(len(c.spans))
	m.grants = uint32(len(c.grants))
	m.bookings = uint32(len(c.bookings))
}

// firstID returns where the ids of a member's memberships start: there are as
// many as memberships.
func (c *chunk) firstID(i int) int {
	n := uint32(0)
	for j := range i {
		n += c.members[j].windows - c.members[j].spans
	}
	return int(n)
}

// exact returns a copy that wastes nothing.
func exact[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	c := make([]T, len(list))
	copy(c, list)
	return c
}

// windows works out the windows of a member's bookings and appends them.
func (p *Policy) windows(member int32, bookings []booking, windows []span, odd []oddWindow) ([]span, []oddWindow) {
	firstWindow, firstOdd := len(windows), len(odd)
	for _, b := range bookings {
		r := p.resources[b.resource]
		from, until := p.window(r, member, b.start, b.end)
		for _, d := range r.doors {
			w := span{from: from, until: until, ref: d}
			if b.status == confirmed && from < until {
				windows = append(windows, w)
			} else {
				odd = append(odd, oddWindow{span: w, status: b.status})
			}
		}
	}
	return windows[:firstWindow+mergeWindows(windows[firstWindow:])], odd[:firstOdd+mergeOdd(odd[firstOdd:])]
}

// mergeWindows sorts windows by doorKey and from, makes one of those that touch or
// overlap, and returns how many are left.
func mergeWindows(list []span) int {
	if len(list) < 2 {
		return len(list)
	}
	slices.SortFunc(list, func(a, b span) int {
		if a.ref != b.ref {
			return cmp.Compare(doorKey(a.ref), doorKey(b.ref))
		}
		return compare(a.from, b.from)
	})
	last := 0
	for _, w := range list[1:] {
		if l := &list[last]; l.ref == w.ref && w.from <= l.until {
			l.until = max(l.until, w.until)
		} else {
			last++
			list[last] = w
		}
	}
	return last + 1
}

// mergeOdd sorts windows as compareOdd does. Of pending and of cancelled ones
// only the union counts: it makes one of those that overlap and drops the empty
// ones. It returns how many are left.
func mergeOdd(list []oddWindow) int {
	slices.SortFunc(list, func(a, b oddWindow) int { return compareOdd(&a, &b) })
	n := 0
	for _, w := range list {
		if w.status != confirmed {
			if w.from >= w.until {
				continue
			}
			// What ends later may have begun before several that end earlier.
			for n > 0 && list[n-1].ref == w.ref && list[n-1].status == w.status && list[n-1].until >= w.from {
				n--
				w.from = min(w.from, list[n].from)
			}
		}
		list[n] = w
		n++
	}
	return n
}

// place returns a member by his place, the one after him, where his lists end, and
// these lists.
func (p *Policy) place(member int32) (m, n *member, l *lists) {
	if at := uint32(member) / chunkSize; at < uint32(len(p.chunks)) {
		c, i := p.chunks[at], uint32(member)%chunkSize
		return &c.members[i], &c.members[i+1], &c.lists
	}
	return &p.alone.members[0], &p.alone.members[1], &p.alone.lists
}

// memberID, membershipID, bookingsOf and grantsOf read parts of a member given by his place.
func (p *Policy) memberID(m int32) string {
	return p.chunks[uint32(m)/chunkSize].members[uint32(m)%chunkSize].id
}

func (p *Policy) membershipID(m int32, i int) string {
	if p.alone != nil {
		return p.alone.ids[i]
	}
	c := p.chunks[m/chunkSize]
	return c.ids[c.firstID(int(m%chunkSize))+i]
}

func (p *Policy) bookingsOf(place int32) []booking {
	m, n, c := p.place(place)
	return c.bookings[m.bookings:n.bookings]
}

func (p *Policy) grantsOf(m int32) []grant {
	c := p.chunks[m/chunkSize]
	return c.grants[c.members[m%chunkSize].grants:c.members[m%chunkSize+1].grants]
}

// oddOf returns the odd windows of a member. They are few: no member has room for
// an offset.
func (c *lists) oddOf(i int) []oddWindow {
	from := 0
	for from < len(c.odd) && int(c.odd[from].member) < i {
		from++
	}
	to := from
	for to < len(c.odd) && int(c.odd[to].member) == i {
		to++
	}
	return c.odd[from:to]
}
