package memstore

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

func missing(kind, id string) error {
	return fmt.Errorf("memstore: no %s %q: %w", kind, id, storage.ErrNotFound)
}

func conflict(kind, id, why string) error {
	return fmt.Errorf("memstore: %s %q %s: %w", kind, id, why, storage.ErrConflict)
}

func (st *site) door(id string) int {
	return slices.IndexFunc(st.doors, func(d storage.Door) bool { return d.ID == id })
}

// Doors implements storage.DoorStore.
func (s *Store) Doors(ctx context.Context, siteID string) (list []storage.Door, err error) {
	err = s.read(ctx, siteID, func(st *site) error { list = slices.Clone(st.doors); return nil })
	return list, err
}

// Door implements storage.DoorStore.
func (s *Store) Door(ctx context.Context, siteID, id string) (d storage.Door, err error) {
	err = s.read(ctx, siteID, func(st *site) error {
		i := st.door(id)
		if i < 0 {
			return missing("door", id)
		}
		d = st.doors[i]
		return nil
	})
	return d, err
}

func (st *site) lockTaken(d storage.Door) error {
	if d.Link.IsZero() {
		return nil
	}
	for _, other := range st.doors {
		if other.ID != d.ID && other.Link.Site == d.Link.Site && other.Link.Lock == d.Link.Lock {
			return conflict("lock", d.Link.Lock, fmt.Sprintf("is linked to door %q", other.ID))
		}
	}
	return nil
}

// AddDoor implements storage.DoorStore.
func (s *Store) AddDoor(ctx context.Context, siteID string, d storage.Door) error {
	if err := storage.CheckFact(siteID, d); err != nil {
		return err
	}
	d = microDoor(d)
	return s.write(ctx, siteID, func(st *site) error {
		if st.door(d.ID) >= 0 {
			return conflict("door", d.ID, "is there already")
		}
		if err := st.lockTaken(d); err != nil {
			return err
		}
		d.Version = 1
		// A list that was handed out is not changed under its reader.
		st.doors = append(slices.Clip(st.doors), d)
		return nil
	})
}

// UpdateDoor implements storage.DoorStore.
func (s *Store) UpdateDoor(ctx context.Context, siteID string, d storage.Door) error {
	if err := storage.CheckFact(siteID, d); err != nil {
		return err
	}
	d = microDoor(d)
	return s.write(ctx, siteID, func(st *site) error {
		i := st.door(d.ID)
		if i < 0 {
			return missing("door", d.ID)
		}
		if st.doors[i].Version != d.Version {
			return conflict("door", d.ID, "was changed meanwhile")
		}
		if err := st.lockTaken(d); err != nil {
			return err
		}
		d.Version++
		st.doors = slices.Clone(st.doors)
		st.doors[i] = d
		return nil
	})
}

// DeleteDoor implements storage.DoorStore.
func (s *Store) DeleteDoor(ctx context.Context, siteID, id string) error {
	return s.write(ctx, siteID, func(st *site) error {
		i := st.door(id)
		if i < 0 {
			return missing("door", id)
		}
		st.doors = slices.Delete(slices.Clone(st.doors), i, i+1)
		return nil
	})
}

// Rules implements storage.RuleStore.
func (s *Store) Rules(ctx context.Context, siteID string) (r storage.Rules, err error) {
	err = s.read(ctx, siteID, func(st *site) error {
		if st.rules.Version == 0 {
			return missing("site", siteID)
		}
		r = st.rules
		return nil
	})
	return r, err
}

// PutRules implements storage.RuleStore.
func (s *Store) PutRules(ctx context.Context, r storage.Rules) error {
	if err := storage.CheckFact(r.Site.ID, r); err != nil {
		return err
	}
	return s.write(ctx, r.Site.ID, func(st *site) error {
		if st.rules.Version != r.Version {
			return conflict("site", r.Site.ID, "has other rules by now")
		}
		r.Version++
		st.rules = r
		return nil
	})
}

// Grants implements storage.RuleStore.
func (s *Store) Grants(ctx context.Context, siteID, member string) (list []access.Grant, err error) {
	err = s.read(ctx, siteID, func(st *site) error {
		if member != "" {
			list = slices.Clone(st.granted[member])
			return nil
		}
		for _, id := range slices.Sorted(maps.Keys(st.grants)) {
			list = append(list, st.grants[id])
		}
		return nil
	})
	return list, err
}

// PutGrant implements storage.RuleStore.
func (s *Store) PutGrant(ctx context.Context, siteID string, g access.Grant) error {
	if err := storage.CheckFact(siteID, g); err != nil {
		return err
	}
	g = microGrant(g)
	return s.write(ctx, siteID, func(st *site) error {
		st.dropGrant(g.ID)
		st.grants[g.ID] = g
		list := st.granted[g.Member]
		i, _ := slices.BinarySearchFunc(list, g.ID, func(g access.Grant, id string) int { return cmp.Compare(g.ID, id) })
		st.granted[g.Member] = slices.Insert(slices.Clip(list), i, g)
		return nil
	})
}

// DeleteGrant implements storage.RuleStore.
func (s *Store) DeleteGrant(ctx context.Context, siteID, id string) error {
	return s.write(ctx, siteID, func(st *site) error {
		if !st.dropGrant(id) {
			return missing("grant", id)
		}
		return nil
	})
}

func (st *site) dropGrant(id string) bool {
	old, ok := st.grants[id]
	if ok {
		delete(st.grants, id)
		st.granted[old.Member] = slices.DeleteFunc(slices.Clone(st.granted[old.Member]), func(g access.Grant) bool { return g.ID == id })
	}
	return ok
}

// Member implements storage.MemberStore.
func (s *Store) Member(ctx context.Context, siteID, id string) (m access.Member, err error) {
	err = s.read(ctx, siteID, func(st *site) error {
		have := st.members[id]
		if have == nil {
			return missing("member", id)
		}
		m = *have
		return nil
	})
	return m, err
}

// Members implements storage.MemberStore. It yields the members of the moment it
// was called.
func (s *Store) Members(ctx context.Context, siteID string) iter.Seq2[access.Member, error] {
	return func(yield func(access.Member, error) bool) {
		var list []access.Member
		err := s.read(ctx, siteID, func(st *site) error {
			for _, id := range slices.Sorted(maps.Keys(st.members)) {
				list = append(list, *st.members[id])
			}
			return nil
		})
		each(ctx, list, err, yield)
	}
}

// PutMember implements storage.MemberStore.
func (s *Store) PutMember(ctx context.Context, siteID string, m access.Member) error {
	if err := storage.CheckFact(siteID, m); err != nil {
		return err
	}
	m = microMember(m)
	return s.write(ctx, siteID, func(st *site) error { st.members[m.ID] = &m; return nil })
}

// DeleteMember implements storage.MemberStore.
func (s *Store) DeleteMember(ctx context.Context, siteID, id string) error {
	return s.write(ctx, siteID, func(st *site) error {
		if _, ok := st.members[id]; !ok {
			return missing("member", id)
		}
		delete(st.members, id)
		return nil
	})
}

// Reservations implements storage.ReservationStore.
func (s *Store) Reservations(ctx context.Context, q storage.ReservationQuery) iter.Seq2[reservation.Reservation, error] {
	return func(yield func(reservation.Reservation, error) bool) {
		var list []reservation.Reservation
		err := s.read(ctx, q.Site, func(st *site) error { list = st.bookings.find(q); return nil })
		slices.SortFunc(list, func(a, b reservation.Reservation) int {
			return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
		})
		each(ctx, list, err, yield)
	}
}

// PutReservation implements storage.ReservationStore.
func (s *Store) PutReservation(ctx context.Context, siteID string, r reservation.Reservation) error {
	if err := storage.CheckFact(siteID, r); err != nil {
		return err
	}
	r = microReservation(r)
	return s.write(ctx, siteID, func(st *site) error {
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

func each[T any](ctx context.Context, list []T, err error, yield func(T, error) bool) {
	var zero T
	if err != nil {
		yield(zero, err)
		return
	}
	for _, v := range list {
		if err := ctx.Err(); err != nil {
			yield(zero, err)
			return
		}
		if !yield(v, nil) {
			return
		}
	}
}

// bookings are the reservations of a site, found by resource or member in order
// of their last instant.
type bookings struct {
	byID       map[string]reservation.Reservation
	byResource map[string][]booking
	byMember   map[string][]booking
}

type booking struct {
	last time.Time
	id   string
}

func bookingOf(r reservation.Reservation) booking {
	_, last := storage.Instants(r)
	return booking{last, r.ID}
}

func newBookings() bookings {
	return bookings{map[string]reservation.Reservation{}, map[string][]booking{}, map[string][]booking{}}
}

func (a booking) compare(b booking) int {
	return cmp.Or(a.last.Compare(b.last), cmp.Compare(a.id, b.id))
}

func (b *bookings) put(r reservation.Reservation) {
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

func (b *bookings) find(q storage.ReservationQuery) (list []reservation.Reservation) {
	rest := q
	rest.Resources = nil // each is gone to by itself
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
			if r := b.byID[at.id]; rest.Selects(r) {
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
