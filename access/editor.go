package access

import "slices"

// editor makes a changed policy out of an old one: it copies a list when it
// first changes it, and shares the others.
type editor struct {
	p Policy // the new one

	ownDoors, ownResources, ownChunks, ownReservationIDs, ownGrantIDs bool

	build *builder
}

func newEditor(old *Policy) *editor {
	e := &editor{p: *old}
	e.p.schedules = slices.Clip(e.p.schedules) // so that adding one copies them
	return e
}

func (e *editor) builder() *builder {
	if e.build == nil {
		e.build = newBuilder(&e.p)
	}
	return e.build
}

// edit changes one member and puts his chunk together anew.
func (e *editor) edit(member int32, change func(*draft)) {
	own(&e.ownChunks, &e.p.chunks)
	at := member / chunkSize
	old := e.p.chunks[at]
	var drafts [chunkSize]draft
	for i, ids := 0, 0; i < old.size; i++ {
		drafts[i] = old.draftFrom(i, ids)
		ids += len(drafts[i].memberships)
	}
	change(&drafts[member%chunkSize])
	e.p.chunks[at] = old.roomy()
	e.p.fill(e.p.chunks[at], at*chunkSize, drafts[:old.size])
}

// setReservation puts a booking in the place of the reservation with its id,
// or nothing if b is nil.
func (e *editor) setReservation(id string, member int32, b *booking) {
	holder, i := e.p.reservation(id)
	var touched []*resource // as they were
	if holder >= 0 {
		gone := e.p.bookingsOf(holder)[i]
		touched = append(touched, e.book(gone.resource, &slot{gone.start, gone.end, holder, gone.status}, b, member))
	}
	if b != nil && (len(touched) == 0 || touched[0].id != e.p.resources[b.resource].id) {
		touched = append(touched, e.book(b.resource, nil, b, member))
	}
	if holder >= 0 && holder != member {
		e.edit(holder, func(d *draft) {
			d.bookings, d.ready = slices.Delete(slices.Clone(d.bookings), i, i+1), false
		})
	}
	if b != nil {
		e.edit(member, func(d *draft) {
			if d.ready = false; holder == member {
				d.bookings = slices.Clone(d.bookings)
				d.bookings[i] = *b
			} else {
				d.bookings = append(d.bookings, *b)
			}
		})
	}
	if holder != member {
		if holder >= 0 {
			e.p.reservationIDs.remove(&e.ownReservationIDs, id, holder)
		}
		if member >= 0 {
			e.p.reservationIDs.set(&e.ownReservationIDs, id, member)
		}
	}
	for _, old := range touched {
		if e.p.clip {
			e.clipNeighbours(old)
		}
	}
}

// book replaces a resource by one without the slot gone, if any, and with the
// booking b of a member, if it is of this resource. It returns the old one.
func (e *editor) book(at int32, gone *slot, b *booking, member int32) *resource {
	own(&e.ownResources, &e.p.resources)
	old := e.p.resources[at]
	from, to := len(old.slots), len(old.slots) // what is left out
	if gone != nil {
		from, _ = slices.BinarySearchFunc(old.slots, gone.start, startOf)
		for old.slots[from] != *gone {
			from++
		}
		to = from + 1
	}
	slots := append(append(make([]slot, 0, len(old.slots)+1), old.slots[:from]...), old.slots[to:]...)
	if b != nil && b.resource == at {
		i, _ := slices.BinarySearchFunc(slots, b.start, startOf)
		slots = slices.Insert(slots, i, slot{b.start, b.end, member, b.status})
	}
	e.p.resources[at] = e.p.newResource(old.id, old.doors, slots)
	return old
}

func startOf(s slot, at int64) int { return compare(s.start, at) }

// clipNeighbours works out the windows of those whose buffers are cut otherwise
// than before.
func (e *editor) clipNeighbours(old *resource) {
	now := e.p.resources[e.p.resource(old.id)]
	again := map[int32]bool{}
	for _, s := range old.slots {
		from, until := e.p.window(old, s.member, s.start, s.end)
		if f, u := e.p.window(now, s.member, s.start, s.end); f != from || u != until {
			again[s.member] = true
		}
	}
	for member := range again {
		e.edit(member, func(d *draft) { d.ready = false })
	}
}

func (e *editor) removeGrant(id string) {
	holder, i := e.p.grant(id)
	if holder < 0 {
		return
	}
	e.edit(holder, func(d *draft) { d.grants = slices.Delete(slices.Clone(d.grants), i, i+1) })
	e.p.grantIDs.remove(&e.ownGrantIDs, id, holder)
}

// reservation returns who made a reservation and its place among his bookings,
// or -1.
func (p *Policy) reservation(id string) (member int32, i int) {
	member = p.reservationIDs.find(id, func(m int32) bool {
		i = slices.IndexFunc(p.bookingsOf(m), func(b booking) bool { return b.id == id })
		return i >= 0
	})
	return member, i
}

// grant returns who holds a grant and its place among his grants, or -1.
func (p *Policy) grant(id string) (member int32, i int) {
	member = p.grantIDs.find(id, func(m int32) bool {
		i = slices.IndexFunc(p.grantsOf(m), func(g grant) bool { return g.id == id })
		return i >= 0
	})
	return member, i
}
