package reservation

import (
	"iter"
	"slices"
	"strings"
)

// Overlap is two confirmed reservations of one resource that hold it at the same
// time. First starts no later than Second.
type Overlap struct {
	First  Reservation `json:"first"`
	Second Reservation `json:"second"`
}

// Overlaps yields every pair of reservations of the same resource that hold it at
// the same instant: double bookings. Buffers do not count, and ending where
// another starts is no overlap. The order is that of the resources' ids and the
// starts.
func Overlaps(all []Reservation) iter.Seq[Overlap] {
	return func(yield func(Overlap) bool) {
		byStart := slices.DeleteFunc(slices.Clone(all), func(r Reservation) bool { return !r.HoldsTime() })
		slices.SortStableFunc(byStart, func(a, b Reservation) int {
			if a.Resource != b.Resource {
				return strings.Compare(a.Resource, b.Resource)
			}
			return a.Start.Compare(b.Start)
		})
		var running []Reservation // of the same resource, not ended when r starts
		for _, r := range byStart {
			running = slices.DeleteFunc(running, func(o Reservation) bool {
				return o.Resource != r.Resource || !r.Start.Before(o.EffectiveEnd())
			})
			for _, o := range running {
				if !yield(Overlap{o, r}) {
					return
				}
			}
			running = append(running, r)
		}
	}
}

// Conflicts returns those of others that overlap r as in [Overlaps]. A
// reservation with the id of r is skipped, and the status of r does not matter:
// use it before r is confirmed, moved or extended. A reservation that holds no
// time overlaps nothing.
func (r Reservation) Conflicts(others []Reservation) []Reservation {
	if !r.Start.Before(r.EffectiveEnd()) {
		return nil
	}
	var conflicts []Reservation
	for _, o := range others {
		if o.ID != r.ID && o.Resource == r.Resource && o.HoldsTime() &&
			o.Start.Before(r.EffectiveEnd()) && r.Start.Before(o.EffectiveEnd()) {
			conflicts = append(conflicts, o)
		}
	}
	return conflicts
}
