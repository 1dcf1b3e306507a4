// Package reservation defines a booking and the window of time it opens.
//
//	buffers := reservation.Buffers{Before: 15 * time.Minute, After: 15 * time.Minute}
//	open := buffers.Window(r).Contains(now)
//	shorter, err := r.EndEarly(now) // or UndoEndEarly, Extend, Move, Cancel: changed copies
//
// It is pure: it holds no clock and stores nothing. All its types are plain
// values. A change that is not possible fails with a [*ChangeError]; nothing else
// fails.
//
// The rules are section 3 of access/RULES.md; package access applies them.
package reservation

import "time"

// Reservation is one booking of one resource by one member. Its zero value is
// not valid: ID, Resource, Member, Start and End are required. A Reservation is
// a plain value; its methods return a changed copy.
//
// The field tags are those of the facts document (access.Facts).
type Reservation struct {
	ID       string `json:"id"`       // the host's id, unique within a site
	Resource string `json:"resource"` // the id of the booked resource
	Member   string `json:"member"`   // the id of the booker, the member who made it

	Start time.Time `json:"start,omitzero"` // the first instant of the reserved time
	End   time.Time `json:"end,omitzero"`   // the first instant after it, later than Start

	// EndedAt is when the booking ended, if it was ended early; else zero. It may
	// be any instant, also before Start or after End: EffectiveEnd decides.
	EndedAt time.Time `json:"ended_at,omitzero" null:"absent"`

	Status Status `json:"status,omitempty"` // "" is Confirmed

	// Guests are the ids of members whom the booking admits beside its booker,
	// each once, where the site's settings admit guests.
	Guests []string `json:"guests,omitempty"`
}

// Status is the state of a reservation. The zero value is Confirmed.
type Status string

// The states of a reservation. Only Confirmed opens a door.
const (
	Confirmed Status = "confirmed"
	Pending   Status = "pending"
	Cancelled Status = "cancelled"
)

// OrDefault returns s, or Confirmed if s is empty.
func (s Status) OrDefault() Status {
	if s == "" {
		return Confirmed
	}
	return s
}

// EffectiveEnd is the earlier of End and EndedAt, or End if EndedAt is zero
// (E in section 3 of RULES.md).
func (r Reservation) EffectiveEnd() time.Time {
	if !r.EndedAt.IsZero() && r.EndedAt.Before(r.End) {
		return r.EndedAt
	}
	return r.End
}

// HoldsTime reports whether r is confirmed and holds its resource at any instant:
// one that was ended at or before its start does not.
func (r Reservation) HoldsTime() bool {
	return r.Status.OrDefault() == Confirmed && r.Start.Before(r.EffectiveEnd())
}
