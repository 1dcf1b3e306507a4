package memstore

import (
	"context"
	"slices"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// table holds the facts of one kind. A row is not changed in place, because Load returns
// what it points to.
type table[F storage.Fact] struct {
	rows  map[string]*F
	order []string // the ids in the order in which they were added
}

func newTable[F storage.Fact]() table[F] { return table[F]{rows: map[string]*F{}} }

func (t *table[F]) put(id string, row *F) {
	if t.rows[id] == nil {
		t.order = append(t.order, id)
	}
	t.rows[id] = row
}

func (t *table[F]) delete(id string) {
	delete(t.rows, id)
	t.order = slices.DeleteFunc(t.order, func(x string) bool { return x == id })
}

// sorted returns the rows that are selected, by their ids.
func (t *table[F]) sorted(selects func(*F) bool) (list []F) {
	var ids []string
	for id, row := range t.rows {
		if selects(row) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		list = append(list, *t.rows[id])
	}
	return list
}

// copies returns copies that share nothing with the rows of a table.
func copies[F storage.Fact](rows []F) []F {
	for i, row := range rows {
		rows[i] = storage.Clone(row)
	}
	return rows
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

// each yields copies of rows that were read from a site, or an error.
func each[F storage.Fact](ctx context.Context, list []F, err error, yield func(F, error) bool) {
	var none F
	for _, v := range list {
		if err = ctx.Err(); err != nil {
			break
		}
		if !yield(storage.Clone(v), nil) {
			return
		}
	}
	if err != nil {
		yield(none, err)
	}
}
