package reservation

import "time"

// Window is a half-open span of time: From is in it, Until is not. A window
// whose Until is not after its From is empty.
type Window struct{ From, Until time.Time }

// Contains reports whether t lies in the window.
func (w Window) Contains(t time.Time) bool {
	return !t.Before(w.From) && t.Before(w.Until)
}

// Empty reports whether no instant lies in the window.
func (w Window) Empty() bool { return !w.From.Before(w.Until) }

// Buffers are the times before and after a booking in which it already, or
// still, opens the door.
type Buffers struct {
	Before, After time.Duration // not negative

	// Clip cuts the buffers where another member's confirmed booking of the
	// same resource ends before, or starts after, this one. The reserved time
	// itself is never cut.
	Clip bool
}

// Window returns [Start-Before, E+After) of r, E being the effective end. With
// Clip the leading buffer is cut at the latest E among neighbours with
// E <= r.Start and the trailing one at the earliest Start among neighbours
// with Start >= E of r. Of neighbours only confirmed reservations of the same
// resource by other members count, so passing all of a resource's reservations,
// r among them, is fine. The window of a pending or cancelled reservation is
// computed as if it were confirmed.
func (b Buffers) Window(r Reservation, neighbours ...Reservation) Window {
	end := r.EffectiveEnd()
	w := Window{From: r.Start.Add(-b.Before), Until: end.Add(b.After)}
	if !b.Clip {
		return w
	}
	for _, n := range neighbours {
		if n.Resource != r.Resource || n.Member == r.Member || n.Status.OrDefault() != Confirmed {
			continue
		}
		if e := n.EffectiveEnd(); !e.After(r.Start) && e.After(w.From) {
			w.From = e
		}
		if !n.Start.Before(end) && n.Start.Before(w.Until) {
			w.Until = n.Start
		}
	}
	return w
}
