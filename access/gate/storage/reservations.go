package storage

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/doorkit/doorkit/reservation"
)

// ReservationStore keeps reservations of every status.
type ReservationStore interface {
	// Reservations yields what q selects, by start, then id. Indexes:
	// (site, member, effective end), (site, resource, effective end).
	Reservations(ctx context.Context, q ReservationQuery) iter.Seq2[reservation.Reservation, error]
	// PutReservation adds or replaces the reservation with this id. Ending one
	// early, extending and cancelling are puts.
	PutReservation(ctx context.Context, site string, r reservation.Reservation) error
	// DeleteReservation removes it; ErrNotFound when it is not there.
	DeleteReservation(ctx context.Context, site, id string) error
}

// ReservationQuery selects reservations.
type ReservationQuery struct {
	Site string
	// Member, when set, selects this member's.
	Member string
	// Resources, when not nil, selects those on one of these; an empty list
	// selects none.
	Resources []string
	// EndAfter and StartBefore, when not zero, select those whose effective end
	// is later, and whose start is earlier. Of one that was ended before it began
	// they look at the other: both its instants may clip somebody's buffers.
	EndAfter, StartBefore time.Time
}

// Selects reports whether q selects a reservation of q.Site: for storages that
// look at each.
func (q *ReservationQuery) Selects(r reservation.Reservation) bool {
	first, last := Instants(r)
	return (q.Member == "" || r.Member == q.Member) && (q.Resources == nil || slices.Contains(q.Resources, r.Resource)) &&
		(q.EndAfter.IsZero() || last.After(q.EndAfter)) && (q.StartBefore.IsZero() || first.Before(q.StartBefore))
}

// Instants returns the start and the effective end of r in their order, which is
// the other one if it was ended before it began: for storages that keep
// reservations sorted.
func Instants(r reservation.Reservation) (first, last time.Time) {
	first, last = r.Start, r.EffectiveEnd()
	if last.Before(first) {
		return last, first
	}
	return first, last
}
