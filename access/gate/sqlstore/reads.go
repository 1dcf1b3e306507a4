package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

const doorColumns = "id, version, name, access_type, disabled, open_time, link_site, link_gateway, link_lock, link_name, link_needs_code, linked_at, linked_by"

func scanDoor(row scanner) (d storage.Door, err error) {
	var disabled, code int64
	var open, linked sql.NullInt64
	l := &d.Link
	err = row.Scan(&d.ID, &d.Version, &d.Name, &d.AccessType, &disabled, &open, &l.Site, &l.Gateway, &l.Lock, &l.Name, &code, &linked, &l.LinkedBy)
	d.Disabled, d.OpenTime, l.NeedsCode, l.LinkedAt = disabled != 0, maybeDuration(open), code != 0, instant(linked)
	return d, err
}

// Doors is storage.DoorStore's.
func (s *Store) Doors(ctx context.Context, site string) ([]storage.Door, error) {
	rows, err := s.prepared.query(ctx, "SELECT "+doorColumns+" FROM doorkit_doors WHERE site = $1 ORDER BY added", site)
	list, err := collect(rows, err, scanDoor)
	return list, fail(ctx, "Doors", err)
}

// Door is storage.DoorStore's.
func (s *Store) Door(ctx context.Context, site, door string) (storage.Door, error) {
	d, err := scanDoor(s.prepared.row(ctx, "SELECT "+doorColumns+" FROM doorkit_doors WHERE site = $1 AND id = $2", site, door))
	if missing(err) {
		return storage.Door{}, notFound("door", door)
	}
	return d, fail(ctx, "Door", err)
}

// Rules is storage.RuleStore's.
func (s *Store) Rules(ctx context.Context, site string) (storage.Rules, error) {
	// One statement is one snapshot. Sites first, then types and resources.
	rows, err := s.prepared.query(ctx, `
		SELECT 0 AS kind, 0 AS pos, 0 AS sub, version, revision AS a, name AS b, time_zone AS c, settings AS d, exceptions AS e FROM doorkit_sites WHERE site = $1
		UNION ALL SELECT 1, pos, 0, 0, id, doors, '', '', '' FROM doorkit_membership_types WHERE site = $1
		UNION ALL SELECT 2, pos, door_pos, 0, resource, door, '', '', '' FROM doorkit_resource_doors WHERE site = $1
		ORDER BY 1, 2, 3`, site)
	if err != nil {
		return storage.Rules{}, fail(ctx, "Rules", err)
	}
	defer rows.Close()
	var r storage.Rules
	last := -1
	for rows.Next() {
		var kind, pos, sub int
		var version uint64
		var a, b, c, d, e string
		if err := rows.Scan(&kind, &pos, &sub, &version, &a, &b, &c, &d, &e); err != nil {
			return storage.Rules{}, fail(ctx, "Rules", err)
		}
		var err error
		switch kind {
		case 0:
			r.Version, r.Revision, r.Site = version, a, access.Site{ID: site, Name: b, TimeZone: c}
			if r.Settings, err = readSettings(d); err == nil {
				r.Exceptions, err = readExceptions(e)
			}
		case 1:
			t := access.MembershipType{ID: a}
			t.Doors, err = readTypeDoors(b)
			r.MembershipTypes = append(r.MembershipTypes, t)
		case 2:
			if pos != last {
				r.Resources, last = append(r.Resources, access.Resource{ID: a}), pos
			}
			if b != "" {
				res := &r.Resources[len(r.Resources)-1]
				res.Doors = append(res.Doors, b)
			}
		}
		if err != nil {
			return storage.Rules{}, &Error{"Rules", Unreadable, err}
		}
	}
	if err := rows.Err(); err != nil {
		return storage.Rules{}, fail(ctx, "Rules", err)
	}
	if r.Version == 0 {
		return storage.Rules{}, notFound("site", site)
	}
	return r, nil
}

// Grants is storage.RuleStore's.
func (s *Store) Grants(ctx context.Context, site, member string) ([]access.Grant, error) {
	q, args := "SELECT id, member, door, hours, starts, ends, requires_membership, requires_standing FROM doorkit_grants WHERE site = $1", []any{site}
	if member != "" {
		q, args = q+" AND member = $2", append(args, member)
	}
	rows, err := s.prepared.query(ctx, q+" ORDER BY id", args...)
	list, err := collect(rows, err, scanGrant)
	return list, fail(ctx, "Grants", err)
}

func scanGrant(row scanner) (g access.Grant, err error) {
	var hours string
	var from, until, m, st sql.NullInt64
	if err = row.Scan(&g.ID, &g.Member, &g.Door, &hours, &from, &until, &m, &st); err != nil {
		return g, err
	}
	g.From, g.Until, g.RequiresMembership, g.RequiresStanding = instant(from), instant(until), maybeBool(m), maybeBool(st)
	g.Hours, err = readHours(hours)
	return g, err
}

// memberRows joins a member with the memberships: one statement, one instant.
const memberRows = `SELECT m.id, m.standing, m.standing_until, m.standing_reason, s.id, s.type, s.starts, s.ends, s.paused
	FROM doorkit_members m LEFT JOIN doorkit_memberships s ON s.site = m.site AND s.member = m.id WHERE m.site = $1 AND `

// readMembers gathers the rows of memberRows, ordered by member and position.
func readMembers(rows *sql.Rows) (list []access.Member, err error) {
	defer rows.Close()
	for rows.Next() {
		var m access.Member
		var until, from, to, paused sql.NullInt64
		var id, typ sql.NullString
		if err := rows.Scan(&m.ID, &m.Standing.State, &until, &m.Standing.Reason, &id, &typ, &from, &to, &paused); err != nil {
			return nil, err
		}
		if len(list) == 0 || list[len(list)-1].ID != m.ID {
			m.Standing.Until = instant(until)
			list = append(list, m)
		}
		if id.Valid {
			last := &list[len(list)-1]
			last.Memberships = append(last.Memberships, access.Membership{ID: id.String, Type: typ.String, From: instant(from), Until: instant(to), Paused: paused.Int64 != 0})
		}
	}
	return list, rows.Err()
}

// Member is storage.MemberStore's.
func (s *Store) Member(ctx context.Context, site, member string) (access.Member, error) {
	rows, err := s.prepared.query(ctx, memberRows+"m.id = $2 ORDER BY s.pos", site, member)
	if err != nil {
		return access.Member{}, fail(ctx, "Member", err)
	}
	list, err := readMembers(rows)
	switch {
	case err != nil:
		return access.Member{}, fail(ctx, "Member", err)
	case len(list) == 0:
		return access.Member{}, notFound("member", member)
	}
	return list[0], nil
}

// pageSize is how many rows an iterator reads at once: nothing is held between
// two pages.
const pageSize = 500

// Members is storage.MemberStore's. Each page is a snapshot of its own.
func (s *Store) Members(ctx context.Context, site string) iter.Seq2[access.Member, error] {
	return func(yield func(access.Member, error) bool) {
		for after := ""; ; {
			rows, err := s.prepared.query(ctx, memberRows+`m.id IN (SELECT id FROM doorkit_members WHERE site = $1 AND id > $2 ORDER BY id LIMIT $3)
				ORDER BY m.id, s.pos`, site, after, pageSize)
			var list []access.Member
			if err == nil {
				list, err = readMembers(rows)
			}
			if err != nil {
				yield(access.Member{}, fail(ctx, "Members", err))
				return
			}
			for _, m := range list {
				if !yield(m, nil) {
					return
				}
			}
			if len(list) < pageSize {
				return
			}
			after = list[len(list)-1].ID
		}
	}
}

const reservationColumns = "id, resource, member, starts, ends, ended_at, status"

func scanReservation(row scanner) (r reservation.Reservation, err error) {
	var start, end, ended sql.NullInt64
	err = row.Scan(&r.ID, &r.Resource, &r.Member, &start, &end, &ended, &r.Status)
	r.Start, r.End, r.EndedAt = instant(start), instant(end), instant(ended)
	return r, err
}

// mostRows is how far the pages of reservations grow. Each page is found and
// sorted anew, because no index has a site's reservations by start; so a long
// list, such as an export, is read in few pages.
const mostRows = 128 * pageSize

// Reservations is storage.ReservationStore's. Each page is a snapshot of its own.
func (s *Store) Reservations(ctx context.Context, q storage.ReservationQuery) iter.Seq2[reservation.Reservation, error] {
	f := filter{dialect: s.dialect}
	f.and("site = ", q.Site)
	if q.Member != "" {
		f.and("member = ", q.Member)
	}
	if q.Resources != nil {
		ids, _ := json.Marshal(q.Resources) // strings always marshal
		f.args = append(f.args, string(ids))
		f.where = append(f.where, "resource IN "+s.dialect.list("$"+strconv.Itoa(len(f.args))))
	}
	if !q.EndAfter.IsZero() {
		f.either("effective > ", "starts > ", micros(q.EndAfter))
	}
	if !q.StartBefore.IsZero() {
		f.either("starts < ", "effective < ", micros(q.StartBefore))
	}
	return func(yield func(reservation.Reservation, error) bool) {
		if q.Resources != nil && len(q.Resources) == 0 {
			return
		}
		for _, id := range q.Resources { // JSON would make another text of a bad one
			if err := unfit([]any{id}); err != nil {
				yield(reservation.Reservation{}, err)
				return
			}
		}
		size := pageSize
		for page := f; ; {
			text := "SELECT " + reservationColumns + " FROM doorkit_reservations WHERE " + strings.Join(page.where, " AND ") +
				" ORDER BY starts, id LIMIT $" + strconv.Itoa(len(page.args)+1)
			rows, err := s.prepared.query(ctx, text, append(slices.Clip(page.args), size)...) // somebody else may read the list too
			list, err := collect(rows, err, scanReservation)
			if err != nil {
				yield(reservation.Reservation{}, fail(ctx, "Reservations", err))
				return
			}
			for _, r := range list {
				if !yield(r, nil) {
					return
				}
			}
			if len(list) < size {
				return
			}
			size = min(2*size, mostRows)
			last := list[len(list)-1]
			page = f.clone()
			page.args = append(page.args, micros(last.Start), last.ID)
			n := len(page.args)
			page.where = append(page.where, "(starts, id) > ($"+strconv.Itoa(n-1)+", $"+strconv.Itoa(n)+")")
		}
	}
}

// filter gathers conditions and their arguments.
type filter struct {
	dialect Dialect
	where   []string
	args    []any
}

// and adds a condition that ends in front of its argument.
func (f *filter) and(condition string, arg any) {
	f.args = append(f.args, arg)
	f.where = append(f.where, condition+"$"+strconv.Itoa(len(f.args)))
}

// either is and with two conditions of which one is enough.
func (f *filter) either(one, other string, arg any) {
	f.args = append(f.args, arg)
	n := "$" + strconv.Itoa(len(f.args))
	f.where = append(f.where, "("+one+n+" OR "+other+n+")")
}

func (f *filter) clone() filter {
	return filter{f.dialect, append([]string(nil), f.where...), append([]any(nil), f.args...)}
}
