package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// The kinds of rows a question's statement returns.
const (
	kindSite = iota + 1
	kindDoor
	kindMember
	kindMembership
	kindType
	kindGrant
	kindResource
	kindReservation
)

// questionOne reads all that a question needs, in ONE statement: one round trip,
// and one snapshot on either database, without a transaction. Every branch goes
// by an index. Its rows have a kind, eight texts and five numbers.
//
// Of other members' reservations it reads those that access.Evaluate asks for:
// around the instant, and around the member's own. Those are the ones that start
// or end within a day of it, which is how one that was ended before it began is
// found, and the few long ones that lie around both days.
//
// The arguments are site, member, the span of the member's reservations, the span
// of a day either side of the instant, and the door unless all are asked for.
const questionOne = `
WITH rooms AS MATERIALIZED (SELECT DISTINCT resource FROM doorkit_resource_doors WHERE site = $1 AND door = $7),
own AS MATERIALIZED (SELECT id, resource, status, starts, ends, ended_at, effective FROM doorkit_reservations
	WHERE site = $1 AND member = $2 AND effective >= $3 AND starts <= $4 AND resource IN (SELECT resource FROM rooms)),
spots AS MATERIALIZED (
	SELECT resource, starts AS start_from, effective + 86400000000 AS start_to, starts - 86400000000 AS end_from, effective AS end_to FROM own
	UNION ALL SELECT resource, $5, $6, $5, $6 FROM rooms)
SELECT 1 AS kind, revision AS a, name AS b, time_zone AS c, settings AS d, exceptions AS e, '' AS f, '' AS g, '' AS h, version AS i, {null int} AS j, {null int} AS k, {null int} AS l, {null int} AS m
	FROM doorkit_sites WHERE site = $1
UNION ALL SELECT 2, id, name, access_type, link_site, link_gateway, link_lock, link_name, linked_by, added, disabled + 2 * link_needs_code, open_time, linked_at, version
	FROM doorkit_doors WHERE site = $1 AND id = $7
UNION ALL SELECT 3, standing, standing_reason, '', '', '', '', '', '', standing_until, {null int}, {null int}, {null int}, {null int}
	FROM doorkit_members WHERE site = $1 AND id = $2
UNION ALL SELECT 4, id, type, '', '', '', '', '', '', pos, starts, ends, paused, {null int}
	FROM doorkit_memberships WHERE site = $1 AND member = $2
UNION ALL SELECT 5, id, doors, '', '', '', '', '', '', pos, {null int}, {null int}, {null int}, {null int}
	FROM doorkit_membership_types WHERE site = $1 AND id IN (SELECT type FROM doorkit_memberships WHERE site = $1 AND member = $2)
UNION ALL SELECT 6, id, door, hours, '', '', '', '', '', starts, ends, requires_membership, requires_standing, {null int}
	FROM doorkit_grants WHERE site = $1 AND member = $2 AND door = $7
UNION ALL SELECT 7, resource, door, '', '', '', '', '', '', pos, door_pos, {null int}, {null int}, {null int}
	FROM doorkit_resource_doors WHERE site = $1 AND door = $7
UNION ALL SELECT 8, id, resource, $2, status, '', '', '', '', starts, ends, ended_at, {null int}, {null int}
	FROM own
UNION ALL SELECT 8, n.id, n.resource, n.member, n.status, '', '', '', '', n.starts, n.ends, n.ended_at, {null int}, {null int}
	FROM rooms o CROSS JOIN {each (}doorkit_reservations n WHERE ` + others + ` AND n.effective > $6 AND {unindexed}n.starts < $5{) by effective}
UNION ALL SELECT 8, n.id, n.resource, n.member, n.status, '', '', '', '', n.starts, n.ends, n.ended_at, {null int}, {null int}
	FROM own o CROSS JOIN {each (}doorkit_reservations n WHERE ` + others + ` AND n.effective > o.effective AND {unindexed}n.starts < o.starts{) by effective}
UNION ALL SELECT 8, n.id, n.resource, n.member, n.status, '', '', '', '', n.starts, n.ends, n.ended_at, {null int}, {null int}
	FROM spots o CROSS JOIN {each (}doorkit_reservations n WHERE ` + others + ` AND n.starts >= o.start_from AND n.starts <= o.start_to{) by starts}
UNION ALL SELECT 8, n.id, n.resource, n.member, n.status, '', '', '', '', n.starts, n.ends, n.ended_at, {null int}, {null int}
	FROM spots o CROSS JOIN {each (}doorkit_reservations n WHERE ` + others + ` AND n.effective >= o.end_from AND n.effective <= o.end_to{) by effective}`

// others are other members' bookings of a resource. Each room is searched by
// itself and by index, and a room's past, which only grows, is left alone. SQLite
// reads a CROSS JOIN from left to right whatever it thinks of the tables' sizes,
// and the plus keeps it from going by the start of the long ones. PostgreSQL is
// given a search for each room, in the order of the index that suits it; otherwise
// it may read the whole table once, or the past of each room.
const others = "n.site = $1 AND n.resource = o.resource AND n.member <> $2 AND n.status IN ('', 'confirmed')"

// ofOneDoor are the conditions that the statement for all doors leaves out.
var ofOneDoor = []string{" AND id = $7", " AND door = $7"}

// Load is storage.Facts'.
func (s *Store) Load(ctx context.Context, ask storage.FactsQuery) (storage.Snapshot, error) {
	list, err := s.load(ctx, ask, false)
	if err != nil {
		return storage.Snapshot{}, err
	}
	return list[0], nil
}

// LoadAll is storage.Facts'.
func (s *Store) LoadAll(ctx context.Context, ask storage.FactsQuery) ([]storage.Snapshot, error) {
	list, err := s.load(ctx, ask, true)
	if err != nil || list[0].Question.Door == nil {
		return nil, err
	}
	return list, nil
}

func (s *Store) load(ctx context.Context, ask storage.FactsQuery, all bool) ([]storage.Snapshot, error) {
	from, until := ask.Span()
	const day = 24 * time.Hour
	args := []any{ask.Site, ask.Member, from.UnixMicro(), until.UnixMicro(), ask.At.Add(-day).UnixMicro(), ask.At.Add(day).UnixMicro()}
	q := questionOne
	if all {
		for _, c := range ofOneDoor {
			q = strings.ReplaceAll(q, c, "")
		}
	} else {
		args = append(args, ask.Door)
	}
	rows, err := s.prepared.query(ctx, q, args...)
	if err != nil {
		return nil, fail(ctx, "Load", err)
	}
	parts := storage.RawFacts{Query: ask}
	if err := readParts(rows, &parts); err != nil {
		return nil, fail(ctx, "Load", err)
	}
	if parts.Rules.Version == 0 {
		return nil, notFound("site", ask.Site)
	}
	return parts.Snapshots(), nil
}

// readParts takes the rows apart; they may come in any order.
func readParts(rows *sql.Rows, p *storage.RawFacts) error {
	defer rows.Close()
	type placed[T any] struct {
		pos, sub int64
		v        T
	}
	byPos := func(a, b int64) int { return cmp.Compare(a, b) }
	var (
		kind                   int
		a, b, c, d, e, f, g, h string
		i, j, k, l, m          sql.NullInt64
		member                 *access.Member
		doors                  []placed[storage.Door]
		memberships            []placed[access.Membership]
		types                  []placed[access.MembershipType]
		resources              []placed[[2]string]
	)
	into := []any{&kind, &a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m}
	for rows.Next() {
		err := rows.Scan(into...)
		if err != nil {
			return err
		}
		switch kind {
		case kindSite:
			r := &p.Rules
			r.Version, r.Revision, r.Site = uint64(i.Int64), a, access.Site{ID: p.Query.Site, Name: b, TimeZone: c}
			if r.Settings, err = readSettings(d); err == nil {
				r.Exceptions, err = readExceptions(e)
			}
		case kindDoor:
			doors = append(doors, placed[storage.Door]{i.Int64, 0, storage.Door{
				Door:    access.Door{ID: a, Name: b, AccessType: access.AccessType(c), Disabled: j.Int64&1 != 0, OpenTime: maybeDuration(k)},
				Link:    storage.Link{Site: d, Gateway: e, Lock: f, Name: g, NeedsCode: j.Int64&2 != 0, LinkedAt: instant(l), LinkedBy: h},
				Version: uint64(m.Int64),
			}})
		case kindMember:
			member = &access.Member{ID: p.Query.Member, Standing: access.Standing{State: access.StandingState(a), Reason: b, Until: instant(i)}}
		case kindMembership:
			memberships = append(memberships, placed[access.Membership]{i.Int64, 0, access.Membership{ID: a, Type: b, From: instant(j), Until: instant(k), Paused: l.Int64 != 0}})
		case kindType:
			t := access.MembershipType{ID: a}
			t.Doors, err = readTypeDoors(b)
			types = append(types, placed[access.MembershipType]{i.Int64, 0, t})
		case kindGrant:
			grant := access.Grant{ID: a, Member: p.Query.Member, Door: b, From: instant(i), Until: instant(j), RequiresMembership: maybeBool(k), RequiresStanding: maybeBool(l)}
			grant.Hours, err = readHours(c)
			p.Grants = append(p.Grants, grant)
		case kindResource:
			resources = append(resources, placed[[2]string]{i.Int64, j.Int64, [2]string{a, b}})
		case kindReservation:
			p.Reservations = append(p.Reservations, reservation.Reservation{
				ID: a, Resource: b, Member: c, Status: reservation.Status(d), Start: instant(i), End: instant(j), EndedAt: instant(k),
			})
		default:
			err = fmt.Errorf("kind %d", kind)
		}
		if err != nil {
			return &Error{"Load", Unreadable, err}
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	slices.SortFunc(doors, func(x, y placed[storage.Door]) int { return byPos(x.pos, y.pos) })
	for _, x := range doors {
		p.Doors = append(p.Doors, x.v)
	}
	if member != nil {
		slices.SortFunc(memberships, func(x, y placed[access.Membership]) int { return byPos(x.pos, y.pos) })
		for _, x := range memberships {
			member.Memberships = append(member.Memberships, x.v)
		}
		p.Member = member
	}
	slices.SortFunc(types, func(x, y placed[access.MembershipType]) int { return byPos(x.pos, y.pos) })
	for _, x := range types {
		p.Rules.MembershipTypes = append(p.Rules.MembershipTypes, x.v)
	}
	slices.SortFunc(resources, func(x, y placed[[2]string]) int { return cmp.Or(byPos(x.pos, y.pos), byPos(x.sub, y.sub)) })
	last := int64(-1)
	for _, x := range resources {
		if x.pos != last {
			p.Rules.Resources, last = append(p.Rules.Resources, access.Resource{ID: x.v[0]}), x.pos
		}
		if x.v[1] != "" {
			res := &p.Rules.Resources[len(p.Rules.Resources)-1]
			res.Doors = append(res.Doors, x.v[1])
		}
	}
	slices.SortFunc(p.Grants, func(x, y access.Grant) int { return cmp.Compare(x.ID, y.ID) })
	slices.SortFunc(p.Reservations, func(x, y reservation.Reservation) int {
		return cmp.Or(x.Start.Compare(y.Start), cmp.Compare(x.ID, y.ID))
	})
	// One that is near in two ways was read twice.
	p.Reservations = slices.CompactFunc(p.Reservations, func(x, y reservation.Reservation) bool { return x.ID == y.ID })
	return nil
}
