package reservation

import (
	"iter"
	"slices"
	"strings"
)

// Overlap is two confirmed reservations of one resource that hold it at the same
// time. First starts no later than Second.
type Overlap struct{ First, Second Reservation }

// Overlaps yields every pair of confirmed reservations of the same resource whose
// reserved times [Start, E) share an instant, E being the effective end: double
// bookings. Buffers do not count, and ending where another starts is no overlap.
// The order is that of the resources' ids and the starts.
func Overlaps(all []Reservation) iter.Seq[Overlap] {
	return func(yield func(Overlap) bool) {
		byStart := slices.DeleteFunc(slices.Clone(all), func(r Reservation) bool { return !r.occupies() })
		slices.SortStableFunc(byStart, func(a, b Reservation) int {
			if a.Resource != b.Resource {
				return strings.Compare(a.Resource, b.Resource)
			}
			return a.Start.Compare(b.Start)
		})
		var running []Reservation // of the resource, that may not have ended yet
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

// Conflicts returns those of others that overlap r as in [Overlaps]; r itself, by
// its id, is none, whatever its status: ask before confirming, moving or
// extending. One that ended before it began overlaps nothing.
func (r Reservation) Conflicts(others []Reservation) []Reservation {
	if !r.Start.Before(r.EffectiveEnd()) {
		return nil
	}
	var conflicts []Reservation
	for _, o := range others {
		if o.ID != r.ID && o.Resource == r.Resource && o.occupies() &&
			o.Start.Before(r.EffectiveEnd()) && r.Start.Before(o.EffectiveEnd()) {
			conflicts = append(conflicts, o)
		}
	}
	return conflicts
}

// occupies reports whether r holds its resource at any instant.
func (r Reservation) occupies() bool {
	return r.Status.OrDefault() == Confirmed && r.Start.Before(r.EffectiveEnd())
}
