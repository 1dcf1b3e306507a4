package access

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

// newOccupancy marks n windows, sorted by from; some may be empty. Of a few it
// makes nothing: to look at them is as quick.
func newOccupancy(n int, window func(i int) (from, until int64)) occupancy {
	first, last := int64(forever), int64(never)
	for i := range n {
		if from, until := window(i); from < until {
			first, last = min(first, from), max(last, until)
		}
	}
	if n <= 2*block || first >= last {
		return occupancy{}
	}
	o := occupancy{base: first}
	for (last-first)>>o.shift >= int64(max(1024, 4*n)) {
		o.shift++
	}
	o.marks = make([]uint64, (last-first)>>o.shift/32+1)
	start, end := first, first // of the windows so far that touch each other
	for i := range n {
		from, until := window(i)
		if from >= until {
			continue
		}
		if from > end {
			o.mark(start, end)
			start, end = from, from
		}
		end = max(end, until)
	}
	o.mark(start, end)
	return o
}

// mark marks a span of time that touches no other one.
func (o *occupancy) mark(from, until int64) {
	first, last := (from-o.base)>>o.shift, (until-1-o.base)>>o.shift
	for k := first + 1; k < last; k++ {
		o.marks[k/32] |= booked << (k % 32 * 2)
	}
	o.marks[first/32] |= partly << (first % 32 * 2)
	o.marks[last/32] |= partly << (last % 32 * 2)
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
