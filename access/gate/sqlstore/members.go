package sqlstore

import (
	"context"
	"database/sql"
	"iter"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// memberRows joins a member with the memberships, so that one statement reads both at
// one instant.
const memberRows = `SELECT m.id, m.version, m.standing, m.standing_until, m.standing_reason, s.id, s.type, s.starts, s.ends, s.paused
	FROM doorkit_members m LEFT JOIN doorkit_memberships s ON s.site = m.site AND s.member = m.id WHERE m.site = $1 AND `

// readMembers collects the rows of memberRows, ordered by member and position.
func readMembers(rows *sql.Rows) (list []storage.Member, err error) {
	defer rows.Close()
	for rows.Next() {
		var m storage.Member
		var until, from, to, paused sql.NullInt64
		var id, typ sql.NullString
		if err := rows.Scan(&m.ID, &m.Version, &m.Standing.State, &until, &m.Standing.Reason, &id, &typ, &from, &to, &paused); err != nil {
			return nil, err
		}
		if len(list) == 0 || list[len(list)-1].ID != m.ID {
			m.Standing.Until = instant(until)
			list = append(list, m)
		}
		if id.Valid {
			last := &list[len(list)-1]
			last.Memberships = append(last.Memberships, access.Membership{ID: id.String, Type: typ.String, From: instant(from),
				Until: instant(to), Paused: paused.Int64 != 0})
		}
	}
	return list, rows.Err()
}

// Member implements storage.MemberReader.
func (f facts) Member(ctx context.Context, site, member string) (storage.Member, error) {
	rows, err := f.read.query(ctx, memberRows+"m.id = $2 ORDER BY s.pos", site, member)
	if err != nil {
		return storage.Member{}, fail(ctx, "Member", err)
	}
	list, err := readMembers(rows)
	switch {
	case err != nil:
		return storage.Member{}, fail(ctx, "Member", err)
	case len(list) == 0:
		return storage.Member{}, notFound("member", member)
	}
	return list[0], nil
}

// pageSize is how many rows an iterator reads at once: nothing is held between
// two pages.
const pageSize = 500

// Members implements storage.MemberReader. Each page is a separate snapshot.
func (f facts) Members(ctx context.Context, site string) iter.Seq2[storage.Member, error] {
	return func(yield func(storage.Member, error) bool) {
		for after := ""; ; {
			rows, err := f.read.query(ctx, memberRows+`m.id IN (SELECT id FROM doorkit_members WHERE site = $1 AND id > $2 ORDER BY id LIMIT $3)
				ORDER BY m.id, s.pos`, site, after, pageSize)
			var list []storage.Member
			if err == nil {
				list, err = readMembers(rows)
			}
			if err != nil {
				yield(storage.Member{}, fail(ctx, "Members", err))
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

// PutMember implements storage.MemberStore.
func (f facts) PutMember(ctx context.Context, site string, m storage.Member) error {
	m, err := storage.Normalize(site, m)
	if err != nil {
		return err
	}
	return f.in(ctx, "PutMember", func(run runner) error {
		stored := func() (storage.Member, error) { return f.on(run).Member(ctx, site, m.ID) }
		if err := storage.CheckReferences(m, stored, f.missing(ctx, run, site)); err != nil {
			return err
		}
		// The member's row comes first: it also locks the memberships.
		err := versioned{
			what: "member", id: m.ID, version: m.Version,
			insert: `INSERT INTO doorkit_members (site, id, version, standing, standing_until, standing_reason) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (site, id) DO NOTHING`,
			update: `UPDATE doorkit_members SET version = version + 1, standing = $4, standing_until = $5, standing_reason = $6
				WHERE site = $1 AND id = $2 AND version = $3`,
			columns: []any{string(m.Standing.State), micros(m.Standing.Until), m.Standing.Reason},
		}.put(ctx, run, site)
		if err != nil {
			return err
		}
		if _, err := run.exec(ctx, "DELETE FROM doorkit_memberships WHERE site = $1 AND member = $2", site, m.ID); err != nil {
			return err
		}
		for i, s := range m.Memberships {
			if _, err := run.exec(ctx, `INSERT INTO doorkit_memberships (site, member, pos, id, type, starts, ends, paused)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
				site, m.ID, i, s.ID, s.Type, micros(s.From), micros(s.Until), truth(s.Paused)); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteMember implements storage.MemberStore.
func (f facts) DeleteMember(ctx context.Context, site, member string) error {
	return f.delete(ctx, "DeleteMember", "member", site, member, "DELETE FROM doorkit_members WHERE site = $1 AND id = $2",
		"DELETE FROM doorkit_memberships WHERE site = $1 AND member = $2")
}
