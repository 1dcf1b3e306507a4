package storage

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/doorkit/doorkit/reservation"
)

// Reservation is a reservation as stored. A host that reads reservations from
// tables of its own leaves Version 0.
type Reservation struct {
	reservation.Reservation
	Version uint64 `json:"version,omitempty"` // see ReservationStore.PutReservation
}

// ReservationReader reads reservations of every status.
type ReservationReader interface {
	// Reservations yields what q selects, by start, then id. Indexes:
	// (site, member, effective end), (site, resource, effective end).
	Reservations(ctx context.Context, q ReservationQuery) iter.Seq2[Reservation, error]
}

// ReservationStore keeps reservations.
type ReservationStore interface {
	ReservationReader
	// Reservation returns one reservation or ErrNotFound.
	Reservation(ctx context.Context, site, id string) (Reservation, error)
	// PutReservation writes a reservation if the stored Version is r.Version: 0 adds a
	// new one. Otherwise ErrConflict. To end a reservation early, to extend it or to
	// cancel it is a PutReservation. Refused with a *RequestError: what Normalize
	// refuses, and a resource or member that the site does not have, if this store
	// keeps the site's rules or members.
	PutReservation(ctx context.Context, site string, r Reservation) error
	// DeleteReservation removes a reservation; ErrNotFound: there is none.
	DeleteReservation(ctx context.Context, site, id string) error
}

// ReservationQuery selects reservations.
type ReservationQuery struct {
	Site string `json:"site"`
	// Member, when set, selects the reservations that this member booked.
	Member string `json:"member"`
	// Resources, when not nil, selects those on one of these; an empty list
	// selects none.
	Resources []string `json:"resources"`
	// EndAfter and StartBefore, when not zero, select those whose effective end is
	// later, and whose start is earlier. For a reservation that was ended before it
	// began, the two instants are exchanged, because both may clip the buffers of
	// others.
	EndAfter    time.Time `json:"end_after,omitzero"`
	StartBefore time.Time `json:"start_before,omitzero"`
}

// Selects reports whether q selects a reservation of q.Site, for storages that filter
// in Go.
func (q *ReservationQuery) Selects(r reservation.Reservation) bool {
	first, last := Instants(r)
	return (q.Member == "" || r.Member == q.Member) && (q.Resources == nil || slices.Contains(q.Resources, r.Resource)) &&
		(q.EndAfter.IsZero() || last.After(q.EndAfter)) && (q.StartBefore.IsZero() || first.Before(q.StartBefore))
}

// Instants returns the start and the effective end of r, the earlier one first:
// for storages that keep reservations sorted.
func Instants(r reservation.Reservation) (first, last time.Time) {
	first, last = r.Start, r.EffectiveEnd()
	if last.Before(first) {
		return last, first
	}
	return first, last
}
