package memstore

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// Reservations implements storage.ReservationStore.
func (s *Store) Reservations(ctx context.Context, q storage.ReservationQuery) iter.Seq2[storage.Reservation, error] {
	return func(yield func(storage.Reservation, error) bool) {
		var list []storage.Reservation
		err := s.read(ctx, q.Site, func(st *site) error { list = deepCopy(st.bookings.find(q)); return nil })
		slices.SortFunc(list, func(a, b storage.Reservation) int {
			return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
		})
		each(ctx, list, err, yield)
	}
}

// Reservation implements storage.ReservationStore.
func (s *Store) Reservation(ctx context.Context, siteID, id string) (r storage.Reservation, err error) {
	err = s.read(ctx, siteID, func(st *site) error {
		have, ok := st.bookings.byID[id]
		if !ok {
			return missing("reservation", id)
		}
		r = deepCopy(have)
		return nil
	})
	return r, err
}

// PutReservation implements storage.ReservationStore.
func (s *Store) PutReservation(ctx context.Context, siteID string, r storage.Reservation) error {
	r, err := storage.Normalize(siteID, r)
	if err != nil {
		return err
	}
	r = deepCopy(r)
	return s.write(ctx, siteID, func(st *site) (err error) {
		stored := st.bookings.byID[r.ID]
		if err := storage.CheckReferences(r, func() (storage.Reservation, error) { return stored, nil }, st.missing); err != nil {
			return err
		}
		if r.Version, err = next("reservation", r.ID, r.Version, stored.Version); err != nil {
			return err
		}
		st.bookings.drop(r.ID)
		st.bookings.put(r)
		return nil
	})
}

// DeleteReservation implements storage.ReservationStore.
func (s *Store) DeleteReservation(ctx context.Context, siteID, id string) error {
	return s.write(ctx, siteID, func(st *site) error {
		if !st.bookings.drop(id) {
			return missing("reservation", id)
		}
		return nil
	})
}

// bookings are the reservations of a site, indexed by resource and by member in order
// of their last instant.
type bookings struct {
	byID       map[string]storage.Reservation
	byResource map[string][]booking
	byMember   map[string][]booking
}

type booking struct {
	last time.Time
	id   string
}

func bookingOf(r storage.Reservation) booking {
	_, last := storage.Instants(r.Reservation)
	return booking{last, r.ID}
}

func newBookings() bookings {
	return bookings{map[string]storage.Reservation{}, map[string][]booking{}, map[string][]booking{}}
}

func (a booking) compare(b booking) int {
	return cmp.Or(a.last.Compare(b.last), cmp.Compare(a.id, b.id))
}

func (b *bookings) put(r storage.Reservation) {
	b.byID[r.ID] = r
	at := bookingOf(r)
	for _, index := range []struct {
		m   map[string][]booking
		key string
	}{{b.byResource, r.Resource}, {b.byMember, r.Member}} {
		list := index.m[index.key]
		i, _ := slices.BinarySearchFunc(list, at, booking.compare)
		index.m[index.key] = slices.Insert(list, i, at)
	}
}

func (b *bookings) drop(id string) bool {
	r, ok := b.byID[id]
	if !ok {
		return false
	}
	delete(b.byID, id)
	at := bookingOf(r)
	for _, index := range []struct {
		m   map[string][]booking
		key string
	}{{b.byResource, r.Resource}, {b.byMember, r.Member}} {
		list := index.m[index.key]
		if i, found := slices.BinarySearchFunc(list, at, booking.compare); found {
			index.m[index.key] = slices.Delete(list, i, i+1)
		}
	}
	return true
}

func (b *bookings) find(q storage.ReservationQuery) (list []storage.Reservation) {
	rest := q
	rest.Resources = nil // the loop below selects each resource
	add := func(index []booking) {
		from := 0
		if !q.EndAfter.IsZero() {
			from, _ = slices.BinarySearchFunc(index, q.EndAfter, func(a booking, t time.Time) int {
				if a.last.After(t) {
					return 1
				}
				return -1
			})
		}
		for _, at := range index[from:] {
			if r := b.byID[at.id]; rest.Selects(r.Reservation) {
				list = append(list, r)
			}
		}
	}
	switch {
	case q.Resources != nil:
		ids := slices.Clone(q.Resources)
		slices.Sort(ids)
		for _, id := range slices.Compact(ids) {
			add(b.byResource[id])
		}
	case q.Member != "":
		add(b.byMember[q.Member])
	default:
		for _, index := range b.byResource {
			add(index)
		}
	}
	return list
}
