package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// In returns the facts inside tx, a transaction that the host commits, so that the host's
// tables and the facts change together. It does not write the gate's records, which need
// their own commits.
//
// On PostgreSQL an error other than storage.ErrNotFound, storage.ErrConflict and
// *storage.RequestError leaves the transaction aborted: roll it back. On SQLite, begin it
// with a write, or as immediate (see SQLiteDSN): SQLite refuses a write in a transaction
// that began with a read while others write.
func (s *Store) In(tx *sql.Tx) storage.FactStore {
	run := runner{dialect: s.read.dialect, on: tx}
	return facts{read: run, in: func(ctx context.Context, op string, fn func(runner) error) error {
		return fail(ctx, op, fn(run))
	}}
}

// facts are the four stores of facts. They write in their own commits or in a
// transaction of the host.
type facts struct {
	read runner
	in   func(ctx context.Context, op string, fn func(runner) error) error
}

// table is where facts of one kind are stored: each row is the fact as JSON, so that a
// person can read it with any SQL client, beside the columns by which it is selected.
type table[F storage.Fact] struct {
	fact    string // as in the names of methods
	name    string
	columns []string
	values  func(*F) []any
}

var (
	sites = table[storage.Rules]{"Rules", "doorkit_sites", []string{"common"}, func(r *storage.Rules) []any {
		common := *r
		common.MembershipTypes, common.Resources = nil, nil
		return []any{document(common)}
	}}
	doors = table[storage.Door]{"Door", "doorkit_doors", []string{"link_site", "link_lock"},
		func(d *storage.Door) []any { return []any{d.Link.Site, d.Link.Lock} }}
	members = table[storage.Member]{fact: "Member", name: "doorkit_members"}
	grants  = table[storage.Grant]{"Grant", "doorkit_grants", []string{"member", "door"},
		func(g *storage.Grant) []any { return []any{g.Member, g.Door} }}
	reservations = table[storage.Reservation]{"Reservation", "doorkit_reservations",
		[]string{"member", "resource", "status", "starts", "effective"}, func(r *storage.Reservation) []any {
			return []any{r.Member, r.Resource, string(r.Status), micros(r.Start), micros(r.EffectiveEnd())}
		}}
)

// get reads one fact.
func (t table[F]) get(ctx context.Context, run runner, site, id string) (fact F, err error) {
	fact, err = scanDoc[F](run.row(ctx, "SELECT doc FROM "+t.name+" WHERE site = $1 AND id = $2", site, id))
	if noRows(err) {
		kind, _, _ := storage.RowOf(&fact)
		err = storage.NotFound(kind, id)
	}
	return fact, fail(ctx, t.fact, err)
}

// list reads facts; where selects them and sorts them.
func (t table[F]) list(ctx context.Context, run runner, where string, args ...any) ([]F, error) {
	rows, err := run.query(ctx, "SELECT doc FROM "+t.name+" WHERE "+where, args...)
	list, err := collect(rows, err, scanDoc[F])
	return list, fail(ctx, t.fact+"s", err)
}

// put checks a fact and writes it with its next version. then writes what belongs to it.
func (t table[F]) put(ctx context.Context, f facts, site string, fact F, then func(run runner, fact F) error) error {
	fact, err := storage.Normalize(site, fact)
	if err != nil {
		return err
	}
	return f.in(ctx, "Put"+t.fact, func(run runner) error {
		_, id, _ := storage.RowOf(&fact)
		stored := func() (F, error) { return t.get(ctx, run, site, id) }
		if err := storage.CheckReferences(fact, stored, missingIDs(ctx, run, site)); err != nil {
			return err
		}
		if err := t.write(ctx, run, site, fact); err != nil || then == nil {
			return err
		}
		return then(run, fact)
	})
}

func (t table[F]) write(ctx context.Context, run runner, site string, fact F) error {
	based := storage.NextVersion(&fact)
	kind, id, version := storage.RowOf(&fact)
	columns := append([]string{"site", "id", "version", "doc"}, t.columns...)
	args := []any{site, id, int64(*version), document(fact)}
	if t.values != nil {
		args = append(args, t.values(&fact)...)
	}
	q := fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s) ON CONFLICT (site, id) DO NOTHING", t.name, strings.Join(columns, ", "),
		placeholders(1, len(args)))
	if based > 0 {
		for i, column := range columns {
			columns[i] = fmt.Sprintf("%s = $%d", column, i+1)
		}
		q = fmt.Sprintf("UPDATE %s SET %s WHERE site = $1 AND id = $2 AND version = $%d", t.name, strings.Join(columns[2:], ", "), len(args)+1)
		args = append(args, int64(based))
	}
	n, err := run.exec(ctx, q, args...)
	if err == nil && n == 0 {
		err = storage.Stale(kind, id, based)
	}
	return err
}

// delete deletes a fact.
func (t table[F]) delete(ctx context.Context, f facts, site, id string) error {
	return f.in(ctx, "Delete"+t.fact, func(run runner) error {
		n, err := run.exec(ctx, "DELETE FROM "+t.name+" WHERE site = $1 AND id = $2", site, id)
		if err == nil && n == 0 {
			var none F
			kind, _, _ := storage.RowOf(&none)
			err = storage.NotFound(kind, id)
		}
		return err
	})
}

// document returns a normalized fact, or a part of one, as JSON; it always encodes.
func document(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

func scanText(row scanner) (text string, err error) {
	err = row.Scan(&text)
	return text, err
}

func scanDoc[T any](row scanner) (v T, err error) {
	var doc []byte
	if err = row.Scan(&doc); err == nil {
		err = readDoc(doc, &v)
	}
	return v, err
}

func readDoc[T any](doc []byte, into *T) error {
	if err := json.Unmarshal(doc, into); err != nil {
		return &Error{"read", Unreadable, err}
	}
	return nil
}

// placeholders returns the placeholders of n arguments: $1, $2, ... if first is 1.
func placeholders(first, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("$%d", first+i)
	}
	return strings.Join(list, ", ")
}

// missingIDs returns a function that returns the ids that the site does not have; none if the
// site has no facts of the kind at all (see storage.CheckReferences).
func missingIDs(ctx context.Context, run runner, site string) func(storage.Kind, []string) ([]string, error) {
	return func(kind storage.Kind, ids []string) ([]string, error) {
		at := referenced[kind]
		// An empty id is found if the site has any facts of the kind.
		rows, err := run.query(ctx, "SELECT id FROM "+at.table+" WHERE site = $1 AND id IN "+run.dialect.list("$2")+
			" UNION ALL SELECT '' WHERE EXISTS (SELECT 1 FROM "+at.guard+" WHERE site = $1)", site, document(ids))
		found, err := collect(rows, err, scanText)
		if err != nil || !slices.Contains(found, "") {
			return nil, err
		}
		return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(found, id) }), nil
	}
}

// referenced maps a kind of fact to its table, and to the table that has a row if the
// site has any facts of the kind.
var referenced = map[storage.Kind]struct{ table, guard string }{
	storage.KindDoor:     {"doorkit_doors", "doorkit_doors"},
	storage.KindType:     {"doorkit_membership_types", "doorkit_sites"},
	storage.KindResource: {"doorkit_resources", "doorkit_sites"},
	storage.KindMember:   {"doorkit_members", "doorkit_members"},
}
