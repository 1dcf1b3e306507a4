package access

import "math"

// occupancy says whether a resource is booked at an instant, mostly without a
// look at the bookings: two bits per slot of time.
type occupancy struct {
	base  int64
	shift uint // a slot is 2^shift microseconds
	marks []uint64
}

// What the mark of a slot says. Two marks of the same slot are joined by or.
const (
	unbooked = 0 // no window touches it
	partly   = 1 // look at the bookings
	booked   = 3 // windows that touch each other cover it
)

// occupier makes an occupancy.
type occupier struct {
	occupancy
	start, end int64 // of the last windows that touch each other
}

// newOccupier is for n windows in [first, last). Of a few it makes nothing: to
// look at them is as quick.
func newOccupier(n int, first, last int64) occupier {
	o := occupier{occupancy{base: first}, first, first}
	if n <= 2*block || first >= last {
		return o
	}
	for (last-first)>>o.shift >= int64(max(1024, 4*n)) {
		o.shift++
	}
	o.marks = make([]uint64, (last-first)>>o.shift/32+1)
	return o
}

// add adds a window, which may be empty; they come sorted by from.
func (o *occupier) add(from, until int64) {
	if from >= until {
		return
	}
	if from > o.end {
		o.flush()
		o.start = from
	}
	o.end = max(o.end, until)
}

// flush marks what was added last: a span of time that touches no other one.
func (o *occupier) flush() {
	if len(o.marks) == 0 || o.start >= o.end {
		return
	}
	first, last := uint64(o.start-o.base)>>o.shift, uint64(o.end-1-o.base)>>o.shift
	o.marks[first/32] |= partly << (first % 32 * 2)
	o.marks[last/32] |= partly << (last % 32 * 2)
	for k := first + 1; k < last; {
		n := min(last-k, 32-k%32) // in one word
		o.marks[k/32] |= math.MaxUint64 >> (64 - 2*n) << (k % 32 * 2)
		k += n
	}
}

// at returns the mark of an instant.
func (o *occupancy) at(t int64) uint64 {
	if len(o.marks) == 0 {
		return partly
	}
	k := uint64(t-o.base) >> o.shift // before the base it is far too much
	if k/32 >= uint64(len(o.marks)) {
		return unbooked
	}
	return o.marks[k/32] >> (k % 32 * 2) & 3
}
