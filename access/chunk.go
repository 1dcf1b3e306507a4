package access

import "slices"

// chunkSize is how many members lie together. A change copies one chunk and the
// list of chunks.
const chunkSize = 32

// chunk holds what its members have in common lists: a member's part of each is
// from his offset to that of the next. The last entry of members is nobody: the
// ends of the lists.
type chunk struct {
	members     []member
	memberships []membership
	grants      []grant // by door
	bookings    []booking
	windows     []window // by door and from
	odd         []oddWindow
}

// member is a Member made ready.
type member struct {
	id       string
	standing int64 // the first instant at which it does not hold any more

	memberships, grants, bookings, windows, odd uint32 // offsets in the chunk
}

// draft is a member while a chunk is put together. Windows left nil are worked
// out from the bookings.
type draft struct {
	id          string
	standing    int64
	memberships []membership
	grants      []grant
	bookings    []booking
	windows     []window
	odd         []oddWindow
	ready       bool // windows and odd are right
}

// draft returns member i of the chunk.
func (c *chunk) draft(i int) draft {
	m, n := &c.members[i], &c.members[i+1]
	return draft{
		id: m.id, standing: m.standing,
		memberships: c.memberships[m.memberships:n.memberships],
		grants:      c.grants[m.grants:n.grants],
		bookings:    c.bookings[m.bookings:n.bookings],
		windows:     c.windows[m.windows:n.windows],
		odd:         c.odd[m.odd:n.odd],
		ready:       true,
	}
}

// newChunk puts members together; the first of them has the place base.
func (p *Policy) newChunk(base int32, drafts []draft, scratch *scratch) *chunk {
	windows, odd := scratch.windows[:0], scratch.odd[:0]
	var memberships, grants, bookings int
	for i := range drafts {
		d := &drafts[i]
		if !d.ready {
			w, o := len(windows), len(odd)
			windows, odd = p.windows(base+int32(i), d.bookings, windows, odd)
			d.windows, d.odd = windows[w:], odd[o:]
		} else {
			windows, odd = append(windows, d.windows...), append(odd, d.odd...)
		}
		memberships += len(d.memberships)
		grants += len(d.grants)
		bookings += len(d.bookings)
	}
	scratch.windows, scratch.odd = windows, odd
	c := &chunk{
		members:     make([]member, 0, len(drafts)+1),
		memberships: make([]membership, 0, memberships),
		grants:      make([]grant, 0, grants),
		bookings:    make([]booking, 0, bookings),
		windows:     slices.Clone(windows),
		odd:         slices.Clone(odd),
	}
	var w, o int
	for i := 0; ; i++ {
		m := member{
			memberships: uint32(len(c.memberships)), grants: uint32(len(c.grants)),
			bookings: uint32(len(c.bookings)), windows: uint32(w), odd: uint32(o),
		}
		if i == len(drafts) {
			c.members = append(c.members, m)
			return c
		}
		d := &drafts[i]
		m.id, m.standing = d.id, d.standing
		c.members = append(c.members, m)
		c.memberships = append(c.memberships, d.memberships...)
		c.grants = append(c.grants, d.grants...)
		c.bookings = append(c.bookings, d.bookings...)
		w, o = w+len(d.windows), o+len(d.odd)
	}
}

// scratch is memory to be used again from one chunk to the next.
type scratch struct {
	windows []window
	odd     []oddWindow
}

// windows works out the windows of a member's bookings and appends them.
func (p *Policy) windows(member int32, bookings []booking, windows []window, odd []oddWindow) ([]window, []oddWindow) {
	first := len(windows)
	for _, b := range bookings {
		r := p.resources[b.resource]
		from, until := p.window(r, member, b.start, b.end)
		for _, d := range r.doors {
			w := window{from, until, d}
			if b.status == confirmed && from < until {
				windows = append(windows, w)
			} else {
				odd = append(odd, oddWindow{w, b.status})
			}
		}
	}
	own := windows[first:]
	if len(own) < 2 {
		return windows, odd
	}
	slices.SortFunc(own, func(a, b window) int {
		if a.door != b.door {
			return int(a.door) - int(b.door)
		}
		return compare(a.from, b.from)
	})
	last := 0
	for _, w := range own[1:] {
		if l := &own[last]; l.door == w.door && w.from <= l.until {
			l.until = max(l.until, w.until)
		} else {
			last++
			own[last] = w
		}
	}
	return windows[:first+last+1], odd
}
