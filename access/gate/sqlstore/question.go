package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// questions are the statements that read all that a question needs, in ONE statement
// each: one round trip, and one snapshot on either database, without a transaction.
// They are built from the branches below.
type questions struct {
	branches          []branch
	oneDoor, allDoors string
}

func newQuestions() questions {
	list := branches()
	return questions{list, statement(list, true), statement(list, false)}
}

// A row of a question's statement has the index of its branch, then texts and numbers.
const (
	rowTexts   = 8
	rowNumbers = 5
)

// branch is one SELECT of the statement; add processes a row. The columns are texts,
// then numbers; add receives them in the same order.
type branch struct {
	texts, numbers []string
	from, where    string
	door           string // the column with the door's id, for a statement about one door
	add            func(r *reading, t []string, n []sql.NullInt64) error
}

// statement reads one door, $7, or all. The other arguments are the site, the
// member, the span of the member's reservations ($3, $4), and the span of a day
// either side of the instant ($5, $6).
func statement(list []branch, oneDoor bool) string {
	ofDoor := func(column string) string {
		if !oneDoor || column == "" {
			return ""
		}
		return " AND " + column + " = $7"
	}
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(reservationTables, "{of door}", ofDoor("door")))
	for kind, br := range list {
		if kind > 0 {
			b.WriteString("\nUNION ALL ")
		}
		b.WriteString("SELECT " + strconv.Itoa(kind) + " AS kind")
		pad := func(columns []string, width int, filler, name string) {
			for i := range width {
				column := filler
				if i < len(columns) {
					column = columns[i]
				}
				fmt.Fprintf(&b, ", %s AS %s%d", column, name, i)
			}
		}
		pad(br.texts, rowTexts, "''", "t")
		pad(br.numbers, rowNumbers, "{null int}", "n")
		b.WriteString(" FROM " + br.from + " WHERE " + br.where + ofDoor(br.door))
	}
	return b.String()
}

// reservationTables are the parts that several branches read: rooms are the resources
// that list the door; own are the member's reservations of them, as booker or guest;
// spots are the time spans in which reservations of others matter: those that start or
// end within a day of one of the member's, or of the instant. This also finds a
// reservation that was ended before it began.
const reservationTables = `WITH rooms AS MATERIALIZED (SELECT DISTINCT resource FROM doorkit_resource_doors WHERE site = $1{of door}),
own AS MATERIALIZED (
	SELECT id, resource, member, status, guests, starts, ends, ended_at, effective FROM doorkit_reservations
	WHERE site = $1 AND member = $2 AND effective >= $3 AND starts <= $4 AND resource IN (SELECT resource FROM rooms)
	UNION ALL SELECT r.id, r.resource, r.member, r.status, r.guests, r.starts, r.ends, r.ended_at, r.effective
	FROM doorkit_guests g CROSS JOIN doorkit_reservations r
	WHERE g.site = $1 AND g.member = $2 AND g.effective >= $3 AND g.starts <= $4 AND g.resource IN (SELECT resource FROM rooms)
		AND r.site = $1 AND r.id = g.reservation),
spots AS MATERIALIZED (
	SELECT resource, starts AS start_from, effective + 86400000000 AS start_to, starts - 86400000000 AS end_from, effective AS end_to FROM own
	UNION ALL SELECT resource, $5, $6, $5, $6 FROM rooms)
`

// others selects other members' reservations of a resource. Each room is searched
// separately and by index, and the past of a room, which only grows, is not read.
// SQLite joins a CROSS JOIN from left to right regardless of the table sizes, and the
// plus prevents it from using an index on the start for the long ones. For PostgreSQL
// the statement has a search for each room, in the order of the index to use; otherwise
// it may read the whole table once, or the past of each room.
const others = "n.site = $1 AND n.resource = o.resource AND n.member <> $2 AND n.status IN ('', 'confirmed')"

func branches() []branch {
	list := []branch{
		{
			texts: []string{"revision", "name", "time_zone", "settings", "exceptions", "closures"}, numbers: []string{"version"},
			from: "doorkit_sites", where: "site = $1", add: (*reading).site,
		},
		{
			texts:   []string{"id", "name", "access_type", "link_site", "link_gateway", "link_lock", "link_name", "linked_by"},
			numbers: []string{"added", "disabled + 2 * link_needs_code", "open_time", "linked_at", "version"},
			from:    "doorkit_doors", where: "site = $1", door: "id", add: (*reading).door,
		},
		{
			texts: []string{"standing", "standing_reason"}, numbers: []string{"standing_until"},
			from: "doorkit_members", where: "site = $1 AND id = $2", add: (*reading).member,
		},
		{
			texts: []string{"id", "type"}, numbers: []string{"pos", "starts", "ends", "paused"},
			from: "doorkit_memberships", where: "site = $1 AND member = $2", add: (*reading).membership,
		},
		{
			texts: []string{"id", "doors"}, numbers: []string{"pos"}, from: "doorkit_membership_types",
			where: "site = $1 AND id IN (SELECT type FROM doorkit_memberships WHERE site = $1 AND member = $2)", add: (*reading).membershipType,
		},
		{
			texts: []string{"id", "door", "hours"}, numbers: []string{"starts", "ends", "requires_membership", "requires_standing",
				"during_closures"},
			from: "doorkit_grants", where: "site = $1 AND member = $2", door: "door", add: (*reading).grant,
		},
		{
			texts: []string{"d.resource", "d.door"}, numbers: []string{"r.pos", "d.pos", "r.before", "r.after"},
			from:  "doorkit_resource_doors d JOIN doorkit_resources r ON r.site = d.site AND r.id = d.resource",
			where: "d.site = $1", door: "d.door", add: (*reading).resource,
		},
		{
			texts: []string{"id", "resource", "member", "status", "guests"}, numbers: []string{"starts", "ends", "ended_at"},
			from: "own", where: "1 = 1", add: (*reading).reservation,
		},
	}
	for _, near := range []struct{ from, where, order string }{
		{"rooms", "n.effective > $6 AND {unindexed}n.starts < $5", "effective"},
		{"own", "n.effective > o.effective AND {unindexed}n.starts < o.starts", "effective"},
		{"spots", "n.starts >= o.start_from AND n.starts <= o.start_to", "starts"},
		{"spots", "n.effective >= o.end_from AND n.effective <= o.end_to", "effective"},
	} {
		list = append(list, branch{
			texts: []string{"n.id", "n.resource", "n.member", "n.status", "'[]'"}, numbers: []string{"n.starts", "n.ends", "n.ended_at"},
			from:  near.from + " o CROSS JOIN {each (}doorkit_reservations n",
			where: others + " AND " + near.where + "{) by " + near.order + "}", add: (*reading).reservation,
		})
	}
	return list
}

// Load implements storage.Facts.
func (s *Store) Load(ctx context.Context, q storage.FactsQuery) (storage.Snapshot, error) {
	list, err := s.load(ctx, q, s.questions.oneDoor, q.Door)
	if err != nil {
		return storage.Snapshot{}, err
	}
	return list[0], nil
}

// LoadAll implements storage.Facts.
func (s *Store) LoadAll(ctx context.Context, q storage.FactsQuery) ([]storage.Snapshot, error) {
	list, err := s.load(ctx, q, s.questions.allDoors)
	if err != nil || list[0].Question.Door == nil {
		return nil, err
	}
	return list, nil
}

func (s *Store) load(ctx context.Context, q storage.FactsQuery, statement string, door ...any) ([]storage.Snapshot, error) {
	from, until := q.Span()
	const day = 24 * time.Hour
	args := []any{q.Site, q.Member, from.UnixMicro(), until.UnixMicro(), q.At.Add(-day).UnixMicro(), q.At.Add(day).UnixMicro()}
	rows, err := s.read.query(ctx, statement, append(args, door...)...)
	if err != nil {
		return nil, fail(ctx, "Load", err)
	}
	raw, err := s.questions.read(rows, q)
	if err != nil {
		return nil, fail(ctx, "Load", err)
	}
	if raw.Rules.Version == 0 {
		return nil, &storage.UnknownSiteError{Site: q.Site}
	}
	return raw.Snapshots(), nil
}

// reading collects the rows, which arrive in any order.
type reading struct {
	storage.RawFacts
	known       *access.Member
	doors       []placed[storage.Door]
	memberships []placed[access.Membership]
	types       []placed[access.MembershipType]
	resources   []placed[access.Resource] // each with one door
}

// placed is a row with its position in a list.
type placed[T any] struct {
	pos, sub int64
	v        T
}

func inOrder[T any](list []placed[T]) []T {
	slices.SortFunc(list, func(x, y placed[T]) int { return cmp.Or(cmp.Compare(x.pos, y.pos), cmp.Compare(x.sub, y.sub)) })
	var values []T
	for _, x := range list {
		values = append(values, x.v)
	}
	return values
}

func (s *questions) read(rows *sql.Rows, q storage.FactsQuery) (storage.RawFacts, error) {
	defer rows.Close()
	r := reading{RawFacts: storage.RawFacts{Query: q}}
	var kind int
	var texts [rowTexts]string
	var numbers [rowNumbers]sql.NullInt64
	into := []any{&kind}
	for i := range texts {
		into = append(into, &texts[i])
	}
	for i := range numbers {
		into = append(into, &numbers[i])
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return r.RawFacts, err
		}
		if err := s.branches[kind].add(&r, texts[:], numbers[:]); err != nil {
			return r.RawFacts, &Error{"Load", Unreadable, err}
		}
	}
	r.finish()
	return r.RawFacts, rows.Err()
}

func (r *reading) site(t []string, n []sql.NullInt64) error {
	rules := &r.Rules
	rules.Revision, rules.Site, rules.Version = t[0], access.Site{ID: r.Query.Site, Name: t[1], TimeZone: t[2]}, uint64(n[0].Int64)
	return cmp.Or(readJSON(t[3], &rules.Settings), readJSON(t[4], &rules.Exceptions), readJSON(t[5], &rules.Closures))
}

func (r *reading) door(t []string, n []sql.NullInt64) error {
	r.doors = append(r.doors, placed[storage.Door]{n[0].Int64, 0, storage.Door{
		Door: access.Door{ID: t[0], Name: t[1], AccessType: access.AccessType(t[2]), Disabled: n[1].Int64&1 != 0, OpenTime: maybeDuration(n[2])},
		Link: storage.Link{
			Site: t[3], Gateway: t[4], Lock: t[5], Name: t[6], NeedsCode: n[1].Int64&2 != 0, LinkedAt: instant(n[3]), LinkedBy: t[7],
		},
		Version: uint64(n[4].Int64),
	}})
	return nil
}

func (r *reading) member(t []string, n []sql.NullInt64) error {
	r.known = &access.Member{ID: r.Query.Member, Standing: access.Standing{State: access.StandingState(t[0]), Reason: t[1],
		Until: instant(n[0])}}
	return nil
}

func (r *reading) membership(t []string, n []sql.NullInt64) error {
	m := access.Membership{ID: t[0], Type: t[1], From: instant(n[1]), Until: instant(n[2]), Paused: n[3].Int64 != 0}
	r.memberships = append(r.memberships, placed[access.Membership]{n[0].Int64, 0, m})
	return nil
}

func (r *reading) membershipType(t []string, n []sql.NullInt64) error {
	typ := access.MembershipType{ID: t[0]}
	err := readJSON(t[1], &typ.Doors)
	r.types = append(r.types, placed[access.MembershipType]{n[0].Int64, 0, typ})
	return err
}

func (r *reading) grant(t []string, n []sql.NullInt64) error {
	g := access.Grant{
		ID: t[0], Member: r.Query.Member, Door: t[1], From: instant(n[0]), Until: instant(n[1]),
		RequiresMembership: maybeBool(n[2]), RequiresStanding: maybeBool(n[3]), DuringClosures: n[4].Int64 != 0,
	}
	err := readJSON(t[2], &g.Hours)
	r.Grants = append(r.Grants, g)
	return err
}

func (r *reading) resource(t []string, n []sql.NullInt64) error {
	x := access.Resource{ID: t[0], Doors: []string{t[1]}, Before: maybeDuration(n[2]), After: maybeDuration(n[3])}
	r.resources = append(r.resources, placed[access.Resource]{n[0].Int64, n[1].Int64, x})
	return nil
}

func (r *reading) reservation(t []string, n []sql.NullInt64) error {
	x := reservation.Reservation{
		ID: t[0], Resource: t[1], Member: t[2], Status: reservation.Status(t[3]),
		Start: instant(n[0]), End: instant(n[1]), EndedAt: instant(n[2]),
	}
	err := readJSON(t[4], &x.Guests)
	r.Reservations = append(r.Reservations, x)
	return err
}

// finish sorts and combines the rows.
func (r *reading) finish() {
	r.Doors, r.Rules.MembershipTypes = inOrder(r.doors), inOrder(r.types)
	if r.known != nil {
		r.known.Memberships = inOrder(r.memberships)
		r.Member = r.known
	}
	for _, x := range inOrder(r.resources) {
		list := &r.Rules.Resources
		if last := len(*list) - 1; last >= 0 && (*list)[last].ID == x.ID {
			(*list)[last].Doors = append((*list)[last].Doors, x.Doors...)
		} else {
			*list = append(*list, x)
		}
	}
	slices.SortFunc(r.Grants, func(x, y access.Grant) int { return cmp.Compare(x.ID, y.ID) })
	// A reservation that matches in two ways was read twice. If only one of the two has
	// the guests, that one is kept.
	slices.SortFunc(r.Reservations, func(x, y reservation.Reservation) int {
		return cmp.Or(x.Start.Compare(y.Start), cmp.Compare(x.ID, y.ID), cmp.Compare(len(y.Guests), len(x.Guests)))
	})
	r.Reservations = slices.CompactFunc(r.Reservations, func(x, y reservation.Reservation) bool { return x.ID == y.ID })
}
