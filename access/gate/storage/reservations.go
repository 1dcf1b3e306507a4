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
	// Reservations yields the selected reservations by start, then id.
	Reservations(ctx context.Context, q ReservationQuery) iter.Seq2[reservation.Reservation, error]
	// PutReservation adds or replaces the reservation with this id. It also ends a
	// reservation early, extends and cancels it.
	PutReservation(ctx context.Context, site string, r reservation.Reservation) error
	// DeleteReservation removes the reservation or returns ErrNotFound.
	DeleteReservation(ctx context.Context, site, id string) error
}

// ReservationQuery selects reservations.
type ReservationQuery struct {
	Site string
	// Member, when set, selects the reservations of one member.
	Member string
	// Resources, when not nil, selects reservations of one of these resources; an
	// empty list selects none.
	Resources []string
	// EndAfter and StartBefore, when not zero, select reservations whose effective
	// end is later, and whose start is earlier. For a reservation that was ended
	// before it began, start and effective end are exchanged, as by Instants: both
	// may shorten the buffers of other reservations.
	EndAfter, StartBefore time.Time
}

// Selects reports whether q selects r, a reservation of q.Site. It serves storages
// that scan.
func (q *ReservationQuery) Selects(r reservation.Reservation) bool {
	first, last := Instants(r)
	return (q.Member == "" || r.Member == q.Member) && (q.Resources == nil || slices.Contains(q.Resources, r.Resource)) &&
		(q.EndAfter.IsZero() || last.After(q.EndAfter)) && (q.StartBefore.IsZero() || first.Before(q.StartBefore))
}

// Instants returns the start and the effective end of r, the earlier one first: a
// reservation that was ended before it began has its effective end before its start.
// It serves storages that keep reservations sorted.
func Instants(r reservation.Reservation) (first, last time.Time) {
	first, last = r.Start, r.EffectiveEnd()
	if last.Before(first) {
		return last, first
	}
	return first, last
}
