package memstore

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/doorkit/doorkit/access/gate/storage"
)

func rules(st *site) *table[storage.Rules]              { return &st.rules }
func doors(st *site) *table[storage.Door]               { return &st.doors }
func members(st *site) *table[storage.Member]           { return &st.members }
func grants(st *site) *table[storage.Grant]             { return &st.grants }
func reservations(st *site) *table[storage.Reservation] { return &st.reservations }

// missing returns the ids that the site does not have; none if the site has no facts of
// the kind at all (see storage.CheckReferences).
func (st *site) missing(kind storage.Kind, ids []string) ([]string, error) {
	var has func(id string) bool
	switch kind {
	case storage.KindDoor:
		if len(st.doors.rows) > 0 {
			has = func(id string) bool { return st.doors.rows[id] != nil }
		}
	case storage.KindMember:
		if len(st.members.rows) > 0 {
			has = func(id string) bool { return st.members.rows[id] != nil }
		}
	default:
		for _, r := range st.rules.rows { // at most one
			known := map[string]bool{}
			for _, t := range r.MembershipTypes {
				known[t.ID] = kind == storage.KindType
			}
			for _, x := range r.Resources {
				known[x.ID] = known[x.ID] || kind == storage.KindResource
			}
			has = func(id string) bool { return known[id] }
		}
	}
	if has == nil {
		return nil, nil
	}
	return slices.DeleteFunc(slices.Clone(ids), has), nil
}

// Doors implements storage.DoorReader.
func (s *Store) Doors(ctx context.Context, siteID string) (list []storage.Door, err error) {
	err = s.read(ctx, siteID, func(st *site) error { list = st.doors.copies(slices.Values(st.doors.order)); return nil })
	return list, err
}

// Door implements storage.DoorReader.
func (s *Store) Door(ctx context.Context, siteID, id string) (storage.Door, error) {
	return get(ctx, s, siteID, id, doors)
}

// PutDoor implements storage.DoorStore.
func (s *Store) PutDoor(ctx context.Context, siteID string, d storage.Door) error {
	return put(ctx, s, siteID, d, doors, func(st *site) error {
		for id, other := range st.doors.rows {
			if !d.Link.IsZero() && id != d.ID && other.Link.Site == d.Link.Site && other.Link.Lock == d.Link.Lock {
				return &storage.LockTakenError{Lock: d.Link.Lock, Door: id}
			}
		}
		return nil
	})
}

// DeleteDoor implements storage.DoorStore.
func (s *Store) DeleteDoor(ctx context.Context, siteID, id string) error {
	return remove(ctx, s, siteID, id, doors)
}

// Rules implements storage.RuleReader.
func (s *Store) Rules(ctx context.Context, siteID string) (storage.Rules, error) {
	return get(ctx, s, siteID, siteID, rules)
}

// PutRules implements storage.RuleStore.
func (s *Store) PutRules(ctx context.Context, r storage.Rules) error {
	return put(ctx, s, r.Site.ID, r, rules, nil)
}

// Grants implements storage.RuleReader.
func (s *Store) Grants(ctx context.Context, siteID, member string) (list []storage.Grant, err error) {
	err = s.read(ctx, siteID, func(st *site) error {
		ids := maps.Keys(st.grants.rows)
		if member != "" {
			ids = maps.Keys(st.grants.groups[member])
		}
		list = st.grants.copies(slices.Values(slices.Sorted(ids)))
		return nil
	})
	return list, err
}

// Grant implements storage.RuleStore.
func (s *Store) Grant(ctx context.Context, siteID, id string) (storage.Grant, error) {
	return get(ctx, s, siteID, id, grants)
}

// PutGrant implements storage.RuleStore.
func (s *Store) PutGrant(ctx context.Context, siteID string, g storage.Grant) error {
	return put(ctx, s, siteID, g, grants, nil)
}

// DeleteGrant implements storage.RuleStore.
func (s *Store) DeleteGrant(ctx context.Context, siteID, id string) error {
	return remove(ctx, s, siteID, id, grants)
}

// Member implements storage.MemberReader.
func (s *Store) Member(ctx context.Context, siteID, id string) (storage.Member, error) {
	return get(ctx, s, siteID, id, members)
}

// Members implements storage.MemberReader. It yields the members that exist when the
// iteration starts.
func (s *Store) Members(ctx context.Context, siteID string) iter.Seq2[storage.Member, error] {
	return func(yield func(storage.Member, error) bool) {
		var list []storage.Member
		err := s.read(ctx, siteID, func(st *site) error {
			list = st.members.copies(slices.Values(slices.Sorted(maps.Keys(st.members.rows))))
			return nil
		})
		each(ctx, list, err, yield)
	}
}

// PutMember implements storage.MemberStore.
func (s *Store) PutMember(ctx context.Context, siteID string, m storage.Member) error {
	return put(ctx, s, siteID, m, members, nil)
}

// DeleteMember implements storage.MemberStore.
func (s *Store) DeleteMember(ctx context.Context, siteID, id string) error {
	return remove(ctx, s, siteID, id, members)
}

// Reservations implements storage.ReservationStore.
func (s *Store) Reservations(ctx context.Context, q storage.ReservationQuery) iter.Seq2[storage.Reservation, error] {
	return func(yield func(storage.Reservation, error) bool) {
		var list []storage.Reservation
		err := s.read(ctx, q.Site, func(st *site) error { list = st.selected(q); return nil })
		slices.SortFunc(list, func(a, b storage.Reservation) int {
			return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
		})
		for i, r := range list {
			list[i] = storage.Clone(r)
		}
		each(ctx, list, err, yield)
	}
}

// selected returns the reservations that q selects, in no order.
func (st *site) selected(q storage.ReservationQuery) (list []storage.Reservation) {
	for resource, ids := range st.reservations.groups {
		if q.Resources != nil && !slices.Contains(q.Resources, resource) {
			continue
		}
		for id := range ids {
			if r := st.reservations.rows[id]; q.Selects(r.Reservation) {
				list = append(list, *r)
			}
		}
	}
	return list
}

// Reservation implements storage.ReservationStore.
func (s *Store) Reservation(ctx context.Context, siteID, id string) (storage.Reservation, error) {
	return get(ctx, s, siteID, id, reservations)
}

// PutReservation implements storage.ReservationStore.
func (s *Store) PutReservation(ctx context.Context, siteID string, r storage.Reservation) error {
	return put(ctx, s, siteID, r, reservations, nil)
}

// DeleteReservation implements storage.ReservationStore.
func (s *Store) DeleteReservation(ctx context.Context, siteID, id string) error {
	return remove(ctx, s, siteID, id, reservations)
}
