package access

import (
	"cmp"
	"slices"
)

// booking is a Reservation, prepared. Its span is the reserved time: [start,
// effective end).
type booking struct {
	id string
	span
	resource, booker int32
	status           status
	guests           *[]int32 // nil for most
}

func (b *booking) identity() string { return b.id }

type status uint8

const (
	confirmed status = iota
	pending
	cancelled
)

// holdsTime reports whether b can cut the buffers of other bookings.
func (b *booking) holdsTime() bool { return b.status == confirmed && b.from < b.until }

// resource is a Resource, prepared, with what is booked of it.
type resource struct {
	id            string
	doors         []int32
	before, after int64
	bookings      []*booking // by start
	occupied      spans      // the windows of the confirmed ones
}

// occupy sets when the resource is booked, given the windows of its bookings.
func (r *resource) occupy(windows []span) {
	list := make([]span, 0, len(windows))
	for i, b := range r.bookings {
		if b.status == confirmed {
			list = append(list, windows[i])
		}
	}
	r.occupied = shrunk(union(list))
}

// windows returns the window of each booking of a resource: RULES.md, section 3,
// reservation.
func (r *resource) windows(clip bool) []span {
	all := make([]span, len(r.bookings))
	for i, b := range r.bookings {
		all[i] = span{b.from - r.before, b.until + r.after}
	}
	if !clip {
		return all
	}
	// On a clock that runs backwards a trailing buffer is a leading one.
	for i, at := range cuts(r.bookings, func(b *booking) span { return b.span }) {
		all[i].from = max(all[i].from, at)
	}
	for i, at := range cuts(r.bookings, func(b *booking) span { return span{-b.until, -b.from} }) {
		all[i].until = min(all[i].until, -at)
	}
	return all
}

// cuts returns where the leading buffer of each booking begins at the earliest:
// at the latest min(end', start) of the other bookings with start' < start.
func cuts(bookings []*booking, reserved func(*booking) span) []int64 {
	order := make([]int, len(bookings))
	for i := range order {
		order[i] = i
	}
	start := func(i int) int64 { return reserved(bookings[i]).from }
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(start(i), start(j)) })

	all := make([]int64, len(bookings))
	ends := latest{-1, -forever, -forever}
	for n := 0; n < len(order); {
		first := n
		for ; n < len(order) && start(order[n]) == start(order[first]); n++ {
			i := order[n]
			all[i] = min(ends.except(bookings[i].booker), start(i))
		}
		for _, i := range order[first:n] {
			if bookings[i].holdsTime() {
				ends.add(bookings[i].booker, reserved(bookings[i]).until)
			}
		}
	}
	return all
}

// latest is the latest instant of any booker, and that of all others.
type latest struct {
	booker     int32
	at, others int64
}

func (l *latest) add(booker int32, at int64) {
	switch {
	case booker == l.booker:
		l.at = max(l.at, at)
	case at > l.at:
		l.booker, l.at, l.others = booker, at, l.at
	default:
		l.others = max(l.others, at)
	}
}

// except returns the latest instant of other bookers than one.
func (l *latest) except(booker int32) int64 {
	if l.booker != booker {
		return l.at
	}
	return l.others
}
