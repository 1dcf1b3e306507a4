package access

import (
	"math/rand/v2"
	"testing"
)

// TestOccupancy compares what the marks say with the windows, some of them empty,
// at every edge and beside it.
func TestOccupancy(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		length := int64(1) << rng.IntN(40)
		var slots []slot
		for range 2*block + 1 + rng.IntN(100) {
			start := rng.Int64N(100 * length)
			slots = append(slots, slot{start, start + rng.Int64N(2*length) - length/2, 0, status(max(0, rng.IntN(4)-1))})
		}
		p := &Policy{clip: seed%2 == 1, before: rng.Int64N(length/4 + 1), after: rng.Int64N(length/4 + 1)}
		r := p.newResource("r", nil, sortSlots(slots))
		for _, s := range slots {
			from, until := p.window(r, s.member, s.start, s.end)
			for _, at := range []int64{from - 1, from, from + 1, until - 1, until, until + 1, (from + until) / 2, from + rng.Int64N(length)} {
				want := false
				for _, o := range slots {
					from, until := p.window(r, o.member, o.start, o.end)
					want = want || o.status == confirmed && from <= at && at < until
				}
				if got := p.bookedAt(r, at); got != want {
					t.Fatalf("seed %d: booked at %d is %v (mark %d)", seed, at, got, r.occupied.at(at))
				}
			}
		}
	}
}

// TestOccupancyTells: the marks spare most looks at the bookings.
func TestOccupancyTells(t *testing.T) {
	var slots []slot
	for i := range int64(100) {
		slots = append(slots, slot{start: i * day, end: i*day + day/24})
	}
	p := &Policy{}
	r := p.newResource("r", nil, slots)
	counts := map[uint64]int{}
	for at := int64(0); at < 100*day; at += day / 240 {
		counts[r.occupied.at(at)]++
	}
	if total := counts[unbooked] + counts[partly] + counts[booked]; counts[partly] > total/5 {
		t.Errorf("marks %v", counts)
	}
	if r.occupied.at(-1) != unbooked || r.occupied.at(never/2) != unbooked || r.occupied.at(forever/2) != unbooked {
		t.Error("there is something before or after all bookings")
	}
}
