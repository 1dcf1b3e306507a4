package sqlstore

import (
	"context"
	"database/sql"
	_ "embed"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// question reads all that a question needs in ONE statement: one round trip, and one
// snapshot on either database, without a transaction. The arguments are the site, the
// member, the span of the member's reservations ($3, $4), the span of a day either side
// of the instant ($5, $6) and, in the statement for one door, the door ($7).
//
// rooms are the resources that list the door; own are the member's reservations of
// them, as booker or guest; spots are the time spans in which reservations of others
// matter: those that start or end within a day of one of the member's, or of the
// instant. This also finds a reservation that was ended before it began.
//
// Each room is searched separately and by index, and the past of a room, which only
// grows, is not read. SQLite joins a CROSS JOIN from left to right regardless of the
// table sizes, and {unindexed} prevents it from using an index on the start for the long
// ones. For PostgreSQL the statement has a search for each room, in the order of the
// index to use; otherwise it may read the whole table once, or the past of each room.
//
//go:embed queries/question.sql
var question string

// others selects other members' reservations of a resource.
const others = "n.site = $1 AND n.resource = o.resource AND n.member <> $2 AND n.status IN ('', 'confirmed')"

var (
	questionOfDoor  = strings.NewReplacer("{others}", others, "{and id}", " AND id = $7", "{and door}", " AND door = $7").Replace(question)
	questionOfDoors = strings.NewReplacer("{others}", others, "{and id}", "", "{and door}", "").Replace(question)
)

// Load implements storage.Facts.
func (s *Store) Load(ctx context.Context, q storage.FactsQuery) (storage.Snapshot, error) {
	raw, err := s.load(ctx, &s.reads, q, questionOfDoor, q.Door)
	return raw.Snapshot(), err
}

// LoadAll implements storage.Facts.
func (s *Store) LoadAll(ctx context.Context, q storage.FactsQuery) ([]storage.Snapshot, error) {
	raw, err := s.load(ctx, &s.lists, q, questionOfDoors)
	return raw.Snapshots(), err
}

func (s *Store) load(
	ctx context.Context, t *turns, q storage.FactsQuery, statement string, door ...any,
) (raw storage.RawFacts, err error) {
	end, err := s.reading(ctx, t, q.Site)
	if err != nil {
		return raw, fail(ctx, "Load", err)
	}
	defer end()
	from, until := q.Span()
	const day = 24 * time.Hour
	args := []any{q.Site, q.Member, from.UnixMicro(), until.UnixMicro(), q.At.Add(-day).UnixMicro(), q.At.Add(day).UnixMicro()}
	rows, err := s.read.query(ctx, statement, append(args, door...)...)
	if err == nil {
		raw, err = readFacts(rows)
	}
	if err == nil && raw.Rules.Version == 0 {
		err = storage.NotFound(storage.KindSite, q.Site)
	}
	if err != nil {
		return storage.RawFacts{}, fail(ctx, "Load", err)
	}
	return raw, nil
}

// The kinds of rows that a question selects, in the order in which they are read.
const (
	siteRow = iota
	doorRow
	memberRow
	membershipTypeRow
	grantRow
	resourceRow
	reservationRow
)

// readFacts collects the rows of a question. Membership types follow the member, whose
// types are the only ones that matter.
func readFacts(rows *sql.Rows) (raw storage.RawFacts, err error) {
	defer rows.Close()
	for rows.Next() {
		var kind, pos int64
		var id string
		var doc []byte
		if err := rows.Scan(&kind, &pos, &id, &doc); err != nil {
			return raw, err
		}
		switch kind {
		case siteRow:
			err = readDoc(doc, &raw.Rules)
		case doorRow:
			err = add(&raw.Doors, doc)
		case memberRow:
			raw.Member = new(access.Member)
			err = readDoc(doc, raw.Member)
		case membershipTypeRow:
			named := func(m access.Membership) bool { return m.Type == id }
			if raw.Member != nil && slices.ContainsFunc(raw.Member.Memberships, named) {
				err = add(&raw.Rules.MembershipTypes, doc)
			}
		case grantRow:
			err = add(&raw.Grants, doc)
		case resourceRow:
			err = add(&raw.Rules.Resources, doc)
		case reservationRow: // several parts of the question may select the same reservation
			if n := len(raw.Reservations); n == 0 || raw.Reservations[n-1].ID != id {
				err = add(&raw.Reservations, doc)
			}
		}
		if err != nil {
			return raw, err
		}
	}
	return raw, rows.Err()
}

func add[T any](list *[]T, doc []byte) error {
	var v T
	err := readDoc(doc, &v)
	*list = append(*list, v)
	return err
}
