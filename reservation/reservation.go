// Package reservation says what a booking is and which window it opens.
//
//	buffers := reservation.Buffers{Before: 15 * time.Minute, After: 15 * time.Minute}
//	open := buffers.Window(r).Contains(now)
//	shorter, err := r.EndEarly(now) // or Extend, Move, Cancel: changed copies
//
// It is pure: no clock, no storage, no locks, and nothing but values, which
// goroutines may share as long as nobody writes to them. A change that makes no
// sense is a [*ChangeError]; nothing else fails.
//
// The rules are in access/RULES.md, section 3; package access applies them.
package reservation

import "time"

// Reservation is one booking of one resource by one member. Its zero value is
// not a valid reservation: ID, Resource, Member, Start and End are required.
// A Reservation is a plain value; its methods return a changed copy.
type Reservation struct {
	ID       string // the host's id, unique within a site
	Resource string // the id of the booked resource
	Member   string // the id of the member who made it: the only one it lets in

	Start time.Time // the first instant of the reserved time
	End   time.Time // the first instant after it, later than Start

	// EndedAt is when the booking really ended, if it was ended early; zero
	// if it was not. It may be any instant, also one before Start or after
	// End: what counts is EffectiveEnd.
	EndedAt time.Time

	Status Status // "" is Confirmed
}

// Status is the state of a reservation. The zero value is Confirmed.
type Status string

// The states of a reservation. Only Confirmed opens a door.
const (
	Confirmed Status = "confirmed"
	Pending   Status = "pending"
	Cancelled Status = "cancelled"
)

// Valid reports whether s is one of the known states or empty.
func (s Status) Valid() bool {
	switch s {
	case "", Confirmed, Pending, Cancelled:
		return true
	}
	return false
}

// OrDefault returns s, or Confirmed if s is empty.
func (s Status) OrDefault() Status {
	if s == "" {
		return Confirmed
	}
	return s
}

// EffectiveEnd is the earlier of End and EndedAt, or End if EndedAt is zero
// (RULES.md, section 3: E).
func (r Reservation) EffectiveEnd() time.Time {
	if !r.EndedAt.IsZero() && r.EndedAt.Before(r.End) {
		return r.EndedAt
	}
	return r.End
}
