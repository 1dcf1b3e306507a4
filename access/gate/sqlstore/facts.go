package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// Tx reads and writes facts inside a transaction of the host, so that the host's tables
// and the facts change together. It can be passed to storage.UpdateMember and the other
// Update functions. It does not write the gate's records, which need their own commits.
//
// On PostgreSQL an error other than storage.ErrNotFound, storage.ErrConflict and
// *storage.RequestError leaves the transaction aborted: roll it back.
type Tx struct{ facts }

var _ allFacts = Tx{}

// allFacts are the four stores of facts.
type allFacts interface {
	storage.DoorStore
	storage.RuleStore
	storage.MemberStore
	storage.ReservationStore
}

// In returns the facts inside tx, which the host commits. On SQLite, begin it with a
// write, or as immediate (see SQLiteDSN): SQLite refuses a write in a transaction that
// began with a read while others write.
func (s *Store) In(tx *sql.Tx) Tx {
	run := runner{dialect: s.dialect, on: tx}
	return Tx{facts{dialect: s.dialect, read: run, in: func(ctx context.Context, op string, fn func(runner) error) error {
		err := fn(run)
		if errors.Is(err, errKeep) {
			return nil
		}
		return fail(ctx, op, err)
	}}}
}

// facts are the four stores of facts. They write in their own commits or in a
// transaction of the host.
type facts struct {
	dialect Dialect
	read    runner
	in      func(ctx context.Context, op string, fn func(runner) error) error
}

// on returns the facts as read by run.
func (f facts) on(run runner) facts { return facts{dialect: f.dialect, read: run} }

// versioned is a row that is written with the version it is based on.
type versioned struct {
	what, id string
	version  uint64 // 0: the row is new
	// insert and update take the site, the id, the version and the other columns;
	// update must match and increment the version.
	insert, update string
	columns        []any
}

// put writes the row, or returns storage.ErrConflict.
func (r versioned) put(ctx context.Context, run runner, site string) error {
	q, version := r.update, int64(r.version)
	if r.version == 0 {
		q, version = r.insert, firstVersion()
	}
	n, err := run.exec(ctx, q, append([]any{site, r.id, version}, r.columns...)...)
	switch {
	case err != nil || n == 1:
		return err
	case r.version == 0:
		return conflict("the %s %q already exists", r.what, r.id)
	}
	return conflict("the %s %q was changed or deleted since version %d", r.what, r.id, r.version)
}

// firstVersion is the version of a new row. It is random, so that a row that was
// deleted and added again does not have an earlier version. It is small enough for a
// number in JSON.
func firstVersion() int64 { return 1 + rand.Int64N(1<<52) }

// missing returns the ids that the site does not have; none if the site has no facts of
// the kind at all (see storage.CheckReferences).
func (f facts) missing(ctx context.Context, run runner, site string) func(storage.Kind, []string) ([]string, error) {
	return func(kind storage.Kind, ids []string) ([]string, error) {
		at := references[kind]
		list, _ := json.Marshal(ids) // valid ids always encode
		rows, err := run.query(ctx, "SELECT DISTINCT "+at.column+" FROM "+at.table+" WHERE site = $1 "+
			"AND "+at.column+" IN "+f.dialect.list("$2"), site, string(list))
		found, err := collect(rows, err, func(row scanner) (id string, err error) {
			err = row.Scan(&id)
			return id, err
		})
		if err != nil || len(found) == len(ids) {
			return nil, err
		}
		var some int
		err = run.row(ctx, "SELECT COUNT(*) FROM (SELECT 1 FROM "+at.guard+" WHERE site = $1 LIMIT 1) AS first", site).Scan(&some)
		if err != nil || some == 0 {
			return nil, err
		}
		return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(found, id) }), nil
	}
}

// references maps a kind of fact to its table, and to the table that has a row if the
// site has any facts of the kind.
var references = map[storage.Kind]struct{ table, column, guard string }{
	storage.KindDoor:     {"doorkit_doors", "id", "doorkit_doors"},
	storage.KindType:     {"doorkit_membership_types", "id", "doorkit_sites"},
	storage.KindResource: {"doorkit_resources", "id", "doorkit_sites"},
	storage.KindMember:   {"doorkit_members", "id", "doorkit_members"},
}

// delete runs statements on (site, id). If the first one deletes no row, the fact does
// not exist.
func (f facts) delete(ctx context.Context, op, what, site, id string, statements ...string) error {
	return f.in(ctx, op, func(run runner) error {
		for i, q := range statements {
			n, err := run.exec(ctx, q, site, id)
			if err != nil {
				return err
			}
			if i == 0 && n == 0 {
				return notFound(what, id)
			}
		}
		return nil
	})
}

func maybe(b *bool) any {
	if b == nil {
		return nil
	}
	return truth(*b)
}

func maybeBool(n sql.NullInt64) *bool {
	if !n.Valid {
		return nil
	}
	return new(n.Int64 != 0)
}

func maybeDuration(n sql.NullInt64) *time.Duration {
	if !n.Valid {
		return nil
	}
	return new(time.Duration(n.Int64))
}

func durationOrNull(d *time.Duration) any {
	if d == nil {
		return nil
	}
	return int64(*d)
}

func notFound(what, id string) error {
	return fmt.Errorf("sqlstore: no %s %q: %w", what, id, storage.ErrNotFound)
}

func conflict(format string, args ...any) error {
	return fmt.Errorf("sqlstore: %s: %w", fmt.Sprintf(format, args...), storage.ErrConflict)
}
