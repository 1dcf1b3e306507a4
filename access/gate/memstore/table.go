package memstore

import (
	"context"
	"iter"
	"slices"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// table holds the facts of one kind. A row is not changed in place, because Load returns
// what it points to.
type table[F storage.Fact] struct {
	rows   map[string]*F
	order  []string                   // the ids in the order in which they were added
	groups map[string]map[string]bool // the ids by group
	group  func(*F) string
}

func newTable[F storage.Fact](group func(*F) string) table[F] {
	return table[F]{rows: map[string]*F{}, groups: map[string]map[string]bool{}, group: group}
}

// ungrouped puts all rows into one group.
func ungrouped[F storage.Fact](*F) string { return "" }

func (t *table[F]) put(id string, row *F) {
	if old := t.rows[id]; old != nil {
		delete(t.groups[t.group(old)], id)
	} else {
		t.order = append(t.order, id)
	}
	group := t.group(row)
	if t.groups[group] == nil {
		t.groups[group] = map[string]bool{}
	}
	t.groups[group][id], t.rows[id] = true, row
}

func (t *table[F]) delete(id string) {
	delete(t.groups[t.group(t.rows[id])], id)
	delete(t.rows, id)
	t.order = slices.DeleteFunc(t.order, func(x string) bool { return x == id })
}

// copies returns copies of rows in the given order of their ids.
func (t *table[F]) copies(ids iter.Seq[string]) (list []F) {
	for id := range ids {
		list = append(list, storage.Clone(*t.rows[id]))
	}
	return list
}

// The functions below do what the stores of facts have in common; in returns the table
// of a site.

func get[F storage.Fact](ctx context.Context, s *Store, siteID, id string, in func(*site) *table[F]) (fact F, err error) {
	err = s.read(ctx, siteID, func(st *site) error {
		row := in(st).rows[id]
		if row == nil {
			kind, _, _ := storage.RowOf(&fact)
			return storage.NotFound(kind, id)
		}
		fact = storage.Clone(*row)
		return nil
	})
	return fact, err
}

func put[F storage.Fact](ctx context.Context, s *Store, siteID string, fact F, in func(*site) *table[F], check func(*site) error) error {
	fact, err := storage.Normalize(siteID, fact)
	if err != nil {
		return err
	}
	kind, id, _ := storage.RowOf(&fact)
	return s.write(ctx, siteID, func(st *site) error {
		var stored F
		if row := in(st).rows[id]; row != nil {
			stored = *row
		}
		if err := storage.CheckReferences(fact, func() (F, error) { return stored, nil }, st.missing); err != nil {
			return err
		}
		if check != nil {
			if err := check(st); err != nil {
				return err
			}
		}
		_, _, version := storage.RowOf(&stored)
		if based := storage.NextVersion(&fact); based != *version {
			return storage.Stale(kind, id, based)
		}
		in(st).put(id, &fact)
		return nil
	})
}

func remove[F storage.Fact](ctx context.Context, s *Store, siteID, id string, in func(*site) *table[F]) error {
	return s.write(ctx, siteID, func(st *site) error {
		if in(st).rows[id] == nil {
			var none F
			kind, _, _ := storage.RowOf(&none)
			return storage.NotFound(kind, id)
		}
		in(st).delete(id)
		return nil
	})
}

// each yields a list that was copied from a site, or an error.
func each[T any](ctx context.Context, list []T, err error, yield func(T, error) bool) {
	var none T
	for _, v := range list {
		if err = ctx.Err(); err != nil {
			break
		}
		if !yield(v, nil) {
			return
		}
	}
	if err != nil {
		yield(none, err)
	}
}
