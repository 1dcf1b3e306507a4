package sqlstore

import (
	"context"
	"iter"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// mostRows is the largest page of reservations. Each page searches and sorts again,
// because there is no index on a site's reservations by start. Pages grow, so that a
// long list, such as an export, is read in few of them.
const mostRows = 128 * pageSize

// Reservations implements storage.ReservationReader. Each page is a separate snapshot.
func (f facts) Reservations(ctx context.Context, q storage.ReservationQuery) iter.Seq2[storage.Reservation, error] {
	return storage.Pages(0, mostRows, func(last *storage.Reservation, size int) ([]storage.Reservation, error) {
		for _, id := range q.Resources { // encoding to JSON would change an invalid id
			if err := checkTexts([]any{id}); err != nil {
				return nil, err
			}
		}
		var c filter
		c.and("site = ?", q.Site)
		c.equal("member", q.Member)
		if q.Resources != nil {
			c.and("resource IN "+f.read.dialect.list("?"), document(q.Resources))
		}
		if !q.EndAfter.IsZero() {
			c.and("(effective > ? OR starts > ?)", micros(q.EndAfter), micros(q.EndAfter))
		}
		if !q.StartBefore.IsZero() {
			c.and("(starts < ? OR effective < ?)", micros(q.StartBefore), micros(q.StartBefore))
		}
		if last != nil {
			c.and("(starts, id) > (?, ?)", micros(last.Start), last.ID)
		}
		where, args := c.text("starts, id", size)
		return reservations.list(ctx, f.read, where, args...)
	})
}

// Reservation implements storage.ReservationStore.
func (f facts) Reservation(ctx context.Context, site, id string) (storage.Reservation, error) {
	return reservations.get(ctx, f.read, site, id)
}

// PutReservation implements storage.ReservationStore.
func (f facts) PutReservation(ctx context.Context, site string, r storage.Reservation) error {
	return reservations.put(ctx, f, site, r, func(run runner, r storage.Reservation) error {
		var b batch
		b.add("DELETE FROM doorkit_guests WHERE site = $1 AND reservation = $2", []any{site, r.ID})
		for _, guest := range r.Guests {
			b.add("INSERT INTO doorkit_guests (site, reservation, member, resource, starts, effective) VALUES ($1, $2, $3, $4, $5, $6)",
				[]any{site, r.ID, guest, r.Resource, micros(r.Start), micros(r.EffectiveEnd())})
		}
		return b.runEach(ctx, run)
	})
}

// DeleteReservation implements storage.ReservationStore.
func (f facts) DeleteReservation(ctx context.Context, site, id string) error {
	return reservations.delete(ctx, f, site, id)
}
