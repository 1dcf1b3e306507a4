package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// Tx writes facts inside a transaction of the host's own, so that the host's
// tables and the facts change together. It writes nothing of the gate's records:
// those are commits of their own by their nature.
//
// Its methods are those of the gate's stores. On PostgreSQL an error other than
// storage.ErrNotFound and storage.ErrConflict leaves the transaction aborted, and so
// does UpdateDoor's ErrConflict for a lock that is taken: roll back.
type Tx struct{ writes }

// In returns the writes inside tx, which stays the host's to commit. On SQLite
// let it begin with a write, or as immediate (see SQLiteDSN): SQLite refuses to
// turn a transaction that has read into one that writes while others write.
func (s *Store) In(tx *sql.Tx) Tx {
	return Tx{writes{dialect: s.dialect, in: func(ctx context.Context, op string, fn func(runner) error) error {
		err := fn(&txRunner{tx: tx, dialect: s.dialect})
		if err == errKeep {
			return nil
		}
		return fail(ctx, op, err)
	}}}
}

// writes is what Store and Tx write alike.
type writes struct {
	dialect Dialect
	in      func(ctx context.Context, op string, fn func(runner) error) error
}

// PutRules is storage.RuleStore's.
func (w writes) PutRules(ctx context.Context, r storage.Rules) error {
	if err := storage.CheckFact(r.Site.ID, r); err != nil {
		return err
	}
	if len(r.Closures) > 0 {
		return errors.New("sqlstore: PutRules: closures have no column yet")
	}
	settings, err := settingsText(r.Settings)
	if err != nil {
		return err
	}
	exceptions, err := exceptionsText(r.Exceptions)
	if err != nil {
		return err
	}
	types := make([]string, len(r.MembershipTypes))
	for i, t := range r.MembershipTypes {
		if types[i], err = typeDoorsText(t.Doors); err != nil {
			return err
		}
	}
	site := r.Site.ID
	return w.in(ctx, "PutRules", func(run runner) error {
		q, version := `UPDATE doorkit_sites SET version = version + 1, revision = $2, name = $3, time_zone = $4, settings = $5, exceptions = $6
			WHERE site = $1 AND version = $7`, r.Version
		if r.Version == 0 {
			q, version = `INSERT INTO doorkit_sites (site, version, revision, name, time_zone, settings, exceptions)
				VALUES ($1, $7, $2, $3, $4, $5, $6) ON CONFLICT (site) DO NOTHING`, 1
		}
		n, err := run.exec(ctx, q, site, r.Revision, r.Site.Name, r.Site.TimeZone, settings, exceptions, int64(version))
		if err != nil {
			return err
		}
		if n == 0 {
			return conflict("the rules of site %q are not at version %d any more", site, r.Version)
		}
		for _, q := range []string{"DELETE FROM doorkit_membership_types WHERE site = $1", "DELETE FROM doorkit_resource_doors WHERE site = $1"} {
			if _, err := run.exec(ctx, q, site); err != nil {
				return err
			}
		}
		for i, t := range r.MembershipTypes {
			if _, err := run.exec(ctx, `INSERT INTO doorkit_membership_types (site, id, pos, doors) VALUES ($1, $2, $3, $4)`,
				site, t.ID, i, types[i]); err != nil {
				return err
			}
		}
		for i, res := range r.Resources {
			// A resource without doors keeps its place by a row without a door.
			doors := res.Doors
			if len(doors) == 0 {
				doors = []string{""}
			}
			for j, door := range doors {
				if _, err := run.exec(ctx, `INSERT INTO doorkit_resource_doors (site, pos, door_pos, resource, door) VALUES ($1, $2, $3, $4, $5)`,
					site, i, j, res.ID, door); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// PutGrant is storage.RuleStore's.
func (w writes) PutGrant(ctx context.Context, site string, g access.Grant) error {
	if err := storage.CheckFact(site, g); err != nil {
		return err
	}
	hours, err := hoursText(g.Hours)
	if err != nil {
		return err
	}
	return w.in(ctx, "PutGrant", func(run runner) error {
		_, err := run.exec(ctx, `INSERT INTO doorkit_grants (site, id, member, door, hours, starts, ends, requires_membership, requires_standing)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (site, id) DO UPDATE SET member = excluded.member, door = excluded.door, hours = excluded.hours, starts = excluded.starts,
				ends = excluded.ends, requires_membership = excluded.requires_membership, requires_standing = excluded.requires_standing`,
			site, g.ID, g.Member, g.Door, hours, micros(g.From), micros(g.Until), maybe(g.RequiresMembership), maybe(g.RequiresStanding))
		return err
	})
}

// DeleteGrant is storage.RuleStore's.
func (w writes) DeleteGrant(ctx context.Context, site, grant string) error {
	return w.delete(ctx, "DeleteGrant", "grant", site, grant, "DELETE FROM doorkit_grants WHERE site = $1 AND id = $2")
}

// PutMember is storage.MemberStore's.
func (w writes) PutMember(ctx context.Context, site string, m access.Member) error {
	if err := storage.CheckFact(site, m); err != nil {
		return err
	}
	return w.in(ctx, "PutMember", func(run runner) error {
		// The member's row comes first: it is the lock of the memberships.
		_, err := run.exec(ctx, `INSERT INTO doorkit_members (site, id, standing, standing_until, standing_reason) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (site, id) DO UPDATE SET standing = excluded.standing, standing_until = excluded.standing_until, standing_reason = excluded.standing_reason`,
			site, m.ID, string(m.Standing.State), micros(m.Standing.Until), m.Standing.Reason)
		if err != nil {
			return err
		}
		if _, err := run.exec(ctx, "DELETE FROM doorkit_memberships WHERE site = $1 AND member = $2", site, m.ID); err != nil {
			return err
		}
		for i, s := range m.Memberships {
			if _, err := run.exec(ctx, `INSERT INTO doorkit_memberships (site, member, pos, id, type, starts, ends, paused) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
				site, m.ID, i, s.ID, s.Type, micros(s.From), micros(s.Until), truth(s.Paused)); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteMember is storage.MemberStore's.
func (w writes) DeleteMember(ctx context.Context, site, member string) error {
	return w.delete(ctx, "DeleteMember", "member", site, member, "DELETE FROM doorkit_members WHERE site = $1 AND id = $2",
		"DELETE FROM doorkit_memberships WHERE site = $1 AND member = $2")
}

// PutReservation is storage.ReservationStore's.
func (w writes) PutReservation(ctx context.Context, site string, r reservation.Reservation) error {
	if err := storage.CheckFact(site, r); err != nil {
		return err
	}
	return w.in(ctx, "PutReservation", func(run runner) error {
		_, err := run.exec(ctx, `INSERT INTO doorkit_reservations (site, id, resource, member, starts, ends, ended_at, effective, status)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (site, id) DO UPDATE SET resource = excluded.resource, member = excluded.member, starts = excluded.starts, ends = excluded.ends,
				ended_at = excluded.ended_at, effective = excluded.effective, status = excluded.status`,
			site, r.ID, r.Resource, r.Member, micros(r.Start), micros(r.End), micros(r.EndedAt), micros(r.EffectiveEnd()), string(r.Status))
		return err
	})
}

// DeleteReservation is storage.ReservationStore's.
func (w writes) DeleteReservation(ctx context.Context, site, id string) error {
	return w.delete(ctx, "DeleteReservation", "reservation", site, id, "DELETE FROM doorkit_reservations WHERE site = $1 AND id = $2")
}

// AddDoor is storage.DoorStore's.
func (w writes) AddDoor(ctx context.Context, site string, d storage.Door) error {
	if err := storage.CheckFact(site, d); err != nil {
		return err
	}
	return w.in(ctx, "AddDoor", func(run runner) error {
		n, err := run.exec(ctx, `INSERT INTO doorkit_doors (site, id, version, name, access_type, disabled, open_time, link_site, link_gateway, link_lock, link_name, link_needs_code, linked_at, linked_by)
			VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING`, doorArgs(site, d)...)
		if err == nil && n == 0 {
			err = conflict("the door %q is there already, or another one links its lock", d.ID)
		}
		return err
	})
}

// UpdateDoor is storage.DoorStore's.
func (w writes) UpdateDoor(ctx context.Context, site string, d storage.Door) error {
	if err := storage.CheckFact(site, d); err != nil {
		return err
	}
	return w.in(ctx, "UpdateDoor", func(run runner) error {
		n, err := run.exec(ctx, `UPDATE doorkit_doors SET version = version + 1, name = $3, access_type = $4, disabled = $5, open_time = $6,
				link_site = $7, link_gateway = $8, link_lock = $9, link_name = $10, link_needs_code = $11, linked_at = $12, linked_by = $13
			WHERE site = $1 AND id = $2 AND version = $14`, append(doorArgs(site, d), int64(d.Version))...)
		if err != nil && duplicate(err) {
			return conflict("another door links the lock of door %q", d.ID)
		}
		if err != nil || n == 1 {
			return err
		}
		err = run.row(ctx, "SELECT version FROM doorkit_doors WHERE site = $1 AND id = $2", site, d.ID).Scan(&n)
		switch {
		case missing(err):
			return notFound("door", d.ID)
		case err != nil:
			return err
		}
		return conflict("the door %q is at version %d, not %d", d.ID, n, d.Version)
	})
}

func doorArgs(site string, d storage.Door) []any {
	var open any
	if d.OpenTime != nil {
		open = int64(*d.OpenTime)
	}
	l := d.Link
	return []any{site, d.ID, d.Name, string(d.AccessType), truth(d.Disabled), open, l.Site, l.Gateway, l.Lock, l.Name, truth(l.NeedsCode), micros(l.LinkedAt), l.LinkedBy}
}

// DeleteDoor is storage.DoorStore's.
func (w writes) DeleteDoor(ctx context.Context, site, door string) error {
	return w.delete(ctx, "DeleteDoor", "door", site, door, "DELETE FROM doorkit_doors WHERE site = $1 AND id = $2")
}

// delete runs statements on (site, id); the first one says whether it was there.
func (w writes) delete(ctx context.Context, op, what, site, id string, statements ...string) error {
	return w.in(ctx, op, func(run runner) error {
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
