package memstore

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

func missing(kind, id string) error {
	return fmt.Errorf("memstore: no %s %q: %w", kind, id, storage.ErrNotFound)
}

func conflict(kind, id, why string) error {
	return fmt.Errorf("memstore: %s %q %s: %w", kind, id, why, storage.ErrConflict)
}

// next returns the new version of a row after a write that is based on version, or
// storage.ErrConflict if version is not the stored one; stored is 0 if there is no row.
// The first version is random, so that a row that was deleted and added again does not
// have an earlier version.
func next(kind, id string, version, stored uint64) (uint64, error) {
	switch {
	case version == 0 && stored == 0:
		return 1 + rand.Uint64N(1<<52), nil
	case version == stored:
		return version + 1, nil
	case version == 0:
		return 0, conflict(kind, id, "already exists")
	}
	return 0, conflict(kind, id, "was changed or deleted meanwhile")
}

// missing returns the ids that the site does not have; none if the site has no facts of
// the kind at all (see storage.CheckReferences).
func (st *site) missing(kind storage.Kind, ids []string) ([]string, error) {
	has, some := map[string]bool{}, false
	switch kind {
	case storage.KindDoor:
		some = len(st.doors) > 0
		for i := range st.doors {
			has[st.doors[i].ID] = true
		}
	case storage.KindMember:
		some = len(st.members) > 0
		for _, id := range ids {
			has[id] = st.members[id] != nil
		}
	case storage.KindType:
		some = st.rules.Version > 0
		for i := range st.rules.MembershipTypes {
			has[st.rules.MembershipTypes[i].ID] = true
		}
	case storage.KindResource:
		some = st.rules.Version > 0
		for i := range st.rules.Resources {
			has[st.rules.Resources[i].ID] = true
		}
	}
	if !some {
		return nil, nil
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return has[id] }), nil
}

func (st *site) door(id string) int {
	return slices.IndexFunc(st.doors, func(d storage.Door) bool { return d.ID == id })
}

// Doors implements storage.DoorReader.
func (s *Store) Doors(ctx context.Context, siteID string) (list []storage.Door, err error) {
	err = s.read(ctx, siteID, func(st *site) error { list = deepCopy(st.doors); return nil })
	return list, err
}

// Door implements storage.DoorReader.
func (s *Store) Door(ctx context.Context, siteID, id string) (d storage.Door, err error) {
	err = s.read(ctx, siteID, func(st *site) error {
		i := st.door(id)
		if i < 0 {
			return missing("door", id)
		}
		d = deepCopy(st.doors[i])
		return nil
	})
	return d, err
}

// PutDoor implements storage.DoorStore.
func (s *Store) PutDoor(ctx context.Context, siteID string, d storage.Door) error {
	d, err := storage.Normalize(siteID, d)
	if err != nil {
		return err
	}
	d = deepCopy(d)
	return s.write(ctx, siteID, func(st *site) (err error) {
		i, stored := st.door(d.ID), uint64(0)
		if i >= 0 {
			stored = st.doors[i].Version
		}
		for _, other := range st.doors {
			if !d.Link.IsZero() && other.ID != d.ID && other.Link.Site == d.Link.Site && other.Link.Lock == d.Link.Lock {
				return &storage.LockTakenError{Lock: d.Link.Lock, Door: other.ID}
			}
		}
		if d.Version, err = next("door", d.ID, d.Version, stored); err != nil {
			return err
		}
		// Load returns this list, so it is not changed in place.
		st.doors = slices.Clone(st.doors)
		if i < 0 {
			st.doors = append(st.doors, d)
		} else {
			st.doors[i] = d
		}
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

// Rules implements storage.RuleReader.
func (s *Store) Rules(ctx context.Context, siteID string) (r storage.Rules, err error) {
	err = s.read(ctx, siteID, func(st *site) error {
		if st.rules.Version == 0 {
			return &storage.UnknownSiteError{Site: siteID}
		}
		r = deepCopy(st.rules)
		return nil
	})
	return r, err
}

// PutRules implements storage.RuleStore.
func (s *Store) PutRules(ctx context.Context, r storage.Rules) error {
	r, err := storage.Normalize("", r)
	if err != nil {
		return err
	}
	r = deepCopy(r)
	return s.write(ctx, r.Site.ID, func(st *site) error {
		if err := storage.CheckReferences(r, func() (storage.Rules, error) { return st.rules, nil }, st.missing); err != nil {
			return err
		}
		if st.rules.Version != r.Version {
			return conflict("site", r.Site.ID, fmt.Sprintf("has rules of version %d, not %d", st.rules.Version, r.Version))
		}
		r.Version++
		st.rules = r
		return nil
	})
}

// Grants implements storage.RuleReader.
func (s *Store) Grants(ctx context.Context, siteID, member string) (list []storage.Grant, err error) {
	err = s.read(ctx, siteID, func(st *site) error {
		if member != "" {
			for _, g := range st.granted[member] {
				list = append(list, deepCopy(st.grants[g.ID]))
			}
			return nil
		}
		for _, id := range slices.Sorted(maps.Keys(st.grants)) {
			list = append(list, deepCopy(st.grants[id]))
		}
		return nil
	})
	return list, err
}

// Grant implements storage.RuleStore.
func (s *Store) Grant(ctx context.Context, siteID, id string) (g storage.Grant, err error) {
	err = s.read(ctx, siteID, func(st *site) error {
		have, ok := st.grants[id]
		if !ok {
			return missing("grant", id)
		}
		g = deepCopy(have)
		return nil
	})
	return g, err
}

// PutGrant implements storage.RuleStore.
func (s *Store) PutGrant(ctx context.Context, siteID string, g storage.Grant) error {
	g, err := storage.Normalize(siteID, g)
	if err != nil {
		return err
	}
	g = deepCopy(g)
	return s.write(ctx, siteID, func(st *site) (err error) {
		if err := storage.CheckReferences(g, func() (storage.Grant, error) { return st.grants[g.ID], nil }, st.missing); err != nil {
			return err
		}
		if g.Version, err = next("grant", g.ID, g.Version, st.grants[g.ID].Version); err != nil {
			return err
		}
		st.dropGrant(g.ID)
		st.grants[g.ID] = g
		list := st.granted[g.Member]
		i, _ := slices.BinarySearchFunc(list, g.ID, func(g access.Grant, id string) int { return cmp.Compare(g.ID, id) })
		st.granted[g.Member] = slices.Insert(slices.Clip(list), i, g.Grant)
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

// Member implements storage.MemberReader.
func (s *Store) Member(ctx context.Context, siteID, id string) (m storage.Member, err error) {
	err = s.read(ctx, siteID, func(st *site) error {
		have := st.members[id]
		if have == nil {
			return missing("member", id)
		}
		m = deepCopy(*have)
		return nil
	})
	return m, err
}

// Members implements storage.MemberReader. It yields the members that exist when the
// iteration starts.
func (s *Store) Members(ctx context.Context, siteID string) iter.Seq2[storage.Member, error] {
	return func(yield func(storage.Member, error) bool) {
		var list []storage.Member
		err := s.read(ctx, siteID, func(st *site) error {
			for _, id := range slices.Sorted(maps.Keys(st.members)) {
				list = append(list, deepCopy(*st.members[id]))
			}
			return nil
		})
		each(ctx, list, err, yield)
	}
}

// PutMember implements storage.MemberStore.
func (s *Store) PutMember(ctx context.Context, siteID string, m storage.Member) error {
	m, err := storage.Normalize(siteID, m)
	if err != nil {
		return err
	}
	m = deepCopy(m)
	return s.write(ctx, siteID, func(st *site) (err error) {
		var stored storage.Member
		if have := st.members[m.ID]; have != nil {
			stored = *have
		}
		if err := storage.CheckReferences(m, func() (storage.Member, error) { return stored, nil }, st.missing); err != nil {
			return err
		}
		if m.Version, err = next("member", m.ID, m.Version, stored.Version); err != nil {
			return err
		}
		st.members[m.ID] = &m
		return nil
	})
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
