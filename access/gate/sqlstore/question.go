package sqlstore

import (
	"context"
	"database/sql"
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
const question = `WITH rooms AS MATERIALIZED (SELECT DISTINCT resource FROM doorkit_resource_doors WHERE site = $1{and door}),
own AS MATERIALIZED (
	SELECT id, resource, starts, effective, doc FROM doorkit_reservations
	WHERE site = $1 AND member = $2 AND effective >= $3 AND starts <= $4 AND resource IN (SELECT resource FROM rooms)
	UNION ALL SELECT r.id, r.resource, r.starts, r.effective, r.doc
	FROM doorkit_guests g CROSS JOIN doorkit_reservations r
	WHERE g.site = $1 AND g.member = $2 AND g.effective >= $3 AND g.starts <= $4 AND g.resource IN (SELECT resource FROM rooms)
		AND r.site = $1 AND r.id = g.reservation),
spots AS MATERIALIZED (
	SELECT resource, starts AS start_from, effective + 86400000000 AS start_to, starts - 86400000000 AS end_from, effective AS end_to FROM own
	UNION ALL SELECT resource, $5, $6, $5, $6 FROM rooms)
SELECT 0 AS kind, 0 AS pos, id, common AS doc FROM doorkit_sites WHERE site = $1
UNION ALL SELECT 1, added, id, doc FROM doorkit_doors WHERE site = $1{and id}
UNION ALL SELECT 2, 0, id, doc FROM doorkit_members WHERE site = $1 AND id = $2
UNION ALL SELECT 3, pos, id, doc FROM doorkit_membership_types WHERE site = $1
UNION ALL SELECT 4, 0, id, doc FROM doorkit_grants WHERE site = $1 AND member = $2{and door}
UNION ALL SELECT 5, pos, id, doc FROM doorkit_resources WHERE site = $1 AND id IN (SELECT resource FROM rooms)
UNION ALL SELECT 6, 0, id, doc FROM own
UNION ALL SELECT 6, 0, n.id, n.doc FROM rooms o CROSS JOIN {each (}doorkit_reservations n WHERE ` + others + `
	AND n.effective > $6 AND {unindexed}n.starts < $5{) by effective}
UNION ALL SELECT 6, 0, n.id, n.doc FROM own o CROSS JOIN {each (}doorkit_reservations n WHERE ` + others + `
	AND n.effective > o.effective AND {unindexed}n.starts < o.starts{) by effective}
UNION ALL SELECT 6, 0, n.id, n.doc FROM spots o CROSS JOIN {each (}doorkit_reservations n WHERE ` + others + `
	AND n.starts >= o.start_from AND n.starts <= o.start_to{) by starts}
UNION ALL SELECT 6, 0, n.id, n.doc FROM spots o CROSS JOIN {each (}doorkit_reservations n WHERE ` + others + `
	AND n.effective >= o.end_from AND n.effective <= o.end_to{) by effective}
ORDER BY 1, 2, 3`

// others selects other members' reservations of a resource.
const others = "n.site = $1 AND n.resource = o.resource AND n.member <> $2 AND n.status IN ('', 'confirmed')"

var (
	questionOfDoor  = strings.NewReplacer("{and id}", " AND id = $7", "{and door}", " AND door = $7").Replace(question)
	questionOfDoors = strings.NewReplacer("{and id}", "", "{and door}", "").Replace(question)
)

// Load implements storage.Facts.
func (s *Store) Load(ctx context.Context, q storage.FactsQuery) (storage.Snapshot, error) {
	list, err := s.load(ctx, q, questionOfDoor, q.Door)
	if err != nil {
		return storage.Snapshot{}, err
	}
	return list[0], nil
}

// LoadAll implements storage.Facts.
func (s *Store) LoadAll(ctx context.Context, q storage.FactsQuery) ([]storage.Snapshot, error) {
	list, err := s.load(ctx, q, questionOfDoors)
	if err != nil || list[0].Question.Door == nil {
		return nil, err
	}
	return list, nil
}

func (s *Store) load(ctx context.Context, q storage.FactsQuery, statement string, door ...any) ([]storage.Snapshot, error) {
	end, err := s.reading(ctx, q.Site)
	if err != nil {
		return nil, fail(ctx, "Load", err)
	}
	defer end()
	from, until := q.Span()
	const day = 24 * time.Hour
	args := []any{q.Site, q.Member, from.UnixMicro(), until.UnixMicro(), q.At.Add(-day).UnixMicro(), q.At.Add(day).UnixMicro()}
	rows, err := s.read.query(ctx, statement, append(args, door...)...)
	if err != nil {
		return nil, fail(ctx, "Load", err)
	}
	raw, err := readFacts(rows)
	if err != nil {
		return nil, fail(ctx, "Load", err)
	}
	if raw.Rules.Version == 0 {
		return nil, storage.NotFound(storage.KindSite, q.Site)
	}
	raw.Query = q
	return raw.Snapshots(), nil
}

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
		case 0:
			err = readDoc(doc, &raw.Rules)
		case 1:
			err = add(&raw.Doors, doc)
		case 2:
			raw.Member = new(access.Member)
			err = readDoc(doc, raw.Member)
		case 3:
			named := func(m access.Membership) bool { return m.Type == id }
			if raw.Member != nil && slices.ContainsFunc(raw.Member.Memberships, named) {
				err = add(&raw.Rules.MembershipTypes, doc)
			}
		case 4:
			err = add(&raw.Grants, doc)
		case 5:
			err = add(&raw.Rules.Resources, doc)
		case 6: // several parts of the question may select the same reservation
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
