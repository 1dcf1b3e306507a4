package reservation

import "time"

// Window is a half-open span of time: From is in it, Until is not. A window
// whose Until is not after its From is empty.
type Window struct {
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
}

// Contains reports whether t lies in the window.
func (w Window) Contains(t time.Time) bool {
	return !t.Before(w.From) && t.Before(w.Until)
}

// Empty reports whether no instant lies in the window.
func (w Window) Empty() bool { return !w.From.Before(w.Until) }

// Buffers are the times before and after a booking during which it opens the
// door too. The zero value adds none.
type Buffers struct {
	Before, After time.Duration // not negative

	// Clip cuts the buffers where other bookings of the same resource, by other
	// members, reach into them. The reserved time itself is never cut.
	Clip bool
}

// Override returns b with a resource's own buffers in place of Before and After;
// nil keeps the value of b.
func (b Buffers) Override(before, after *time.Duration) Buffers {
	if before != nil {
		b.Before = *before
	}
	if after != nil {
		b.After = *after
	}
	return b
}

// Window returns [Start-Before, E+After) of r, E being its effective end.
//
// With Clip, other bookings cut the buffers: those among neighbors that are of
// the same resource, by another member, and hold time. The leading buffer begins
// no earlier than the latest min(E', Start) of those that start before r; the
// trailing buffer ends no later than the earliest max(start', E) of those that
// end after r. Passing all reservations of a resource, r among them, is fine.
// The window of a pending or cancelled reservation is computed as if it were
// confirmed.
func (b Buffers) Window(r Reservation, neighbors ...Reservation) Window {
	end := r.EffectiveEnd()
	w := Window{From: r.Start.Add(-b.Before), Until: end.Add(b.After)}
	if !b.Clip {
		return w
	}
	for _, n := range neighbors {
		if n.Resource != r.Resource || n.Member == r.Member || !n.HoldsTime() {
			continue
		}
		if n.Start.Before(r.Start) {
			w.From = later(w.From, earlier(n.EffectiveEnd(), r.Start))
		}
		if n.EffectiveEnd().After(end) {
			w.Until = earlier(w.Until, later(n.Start, end))
		}
	}
	return w
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
