package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// Rules implements storage.RuleReader.
func (f facts) Rules(ctx context.Context, site string) (storage.Rules, error) {
	// One statement is one snapshot. It returns the site first, then types, then
	// resources, each followed by its doors.
	rows, err := f.read.query(ctx, `
		SELECT 0 AS kind, 0 AS pos, -1 AS sub, version, revision AS a, name AS b, time_zone AS c, settings AS d, exceptions AS e,
			closures AS f, {null int} AS i, {null int} AS j
			FROM doorkit_sites WHERE site = $1
		UNION ALL SELECT 1, pos, -1, 0, id, doors, '', '', '', '', {null int}, {null int} FROM doorkit_membership_types WHERE site = $1
		UNION ALL SELECT 2, pos, -1, 0, id, '', '', '', '', '', before, after FROM doorkit_resources WHERE site = $1
		UNION ALL SELECT 2, r.pos, d.pos, 0, d.door, '', '', '', '', '', {null int}, {null int}
			FROM doorkit_resources r JOIN doorkit_resource_doors d ON d.site = r.site AND d.resource = r.id WHERE r.site = $1
		ORDER BY 1, 2, 3`, site)
	if err != nil {
		return storage.Rules{}, fail(ctx, "Rules", err)
	}
	defer rows.Close()
	var r storage.Rules
	for rows.Next() {
		var kind, pos, sub int
		var version uint64
		var a, b, c, settings, exceptions, closures string
		var before, after sql.NullInt64
		if err := rows.Scan(&kind, &pos, &sub, &version, &a, &b, &c, &settings, &exceptions, &closures, &before, &after); err != nil {
			return storage.Rules{}, fail(ctx, "Rules", err)
		}
		var err error
		switch {
		case kind == 0:
			r.Version, r.Revision, r.Site = version, a, access.Site{ID: site, Name: b, TimeZone: c}
			err = errors.Join(readJSON(settings, &r.Settings), readJSON(exceptions, &r.Exceptions), readJSON(closures, &r.Closures))
		case kind == 1:
			t := access.MembershipType{ID: a}
			err = readJSON(b, &t.Doors)
			r.MembershipTypes = append(r.MembershipTypes, t)
		case sub < 0:
			r.Resources = append(r.Resources, access.Resource{ID: a, Before: maybeDuration(before), After: maybeDuration(after)})
		default:
			res := &r.Resources[len(r.Resources)-1]
			res.Doors = append(res.Doors, a)
		}
		if err != nil {
			return storage.Rules{}, &Error{"Rules", Unreadable, err}
		}
	}
	if err := rows.Err(); err != nil {
		return storage.Rules{}, fail(ctx, "Rules", err)
	}
	if r.Version == 0 {
		return storage.Rules{}, &storage.UnknownSiteError{Site: site}
	}
	return r, nil
}

// PutRules implements storage.RuleStore.
func (f facts) PutRules(ctx context.Context, r storage.Rules) error {
	r, err := storage.Normalize("", r)
	if err != nil {
		return err
	}
	settings, exceptions, closures := jsonText(r.Settings), jsonText(r.Exceptions), jsonText(r.Closures)
	site := r.Site.ID
	return f.in(ctx, "PutRules", func(run runner) error {
		stored := func() (storage.Rules, error) { return f.on(run).Rules(ctx, site) }
		if err := storage.CheckReferences(r, stored, f.missing(ctx, run, site)); err != nil {
			return err
		}
		q, version := `UPDATE doorkit_sites SET version = version + 1, revision = $2, name = $3, time_zone = $4, settings = $5,
			exceptions = $6, closures = $7 WHERE site = $1 AND version = $8`, r.Version
		if r.Version == 0 {
			q, version = `INSERT INTO doorkit_sites (site, version, revision, name, time_zone, settings, exceptions, closures)
				VALUES ($1, $8, $2, $3, $4, $5, $6, $7) ON CONFLICT (site) DO NOTHING`, 1
		}
		n, err := run.exec(ctx, q, site, r.Revision, r.Site.Name, r.Site.TimeZone, settings, exceptions, closures, int64(version))
		if err != nil {
			return err
		}
		if n == 0 {
			return conflict("the rules of site %q are not at version %d", site, r.Version)
		}
		for _, table := range []string{"doorkit_membership_types", "doorkit_resources", "doorkit_resource_doors"} {
			if _, err := run.exec(ctx, "DELETE FROM "+table+" WHERE site = $1", site); err != nil {
				return err
			}
		}
		for i, t := range r.MembershipTypes {
			if _, err := run.exec(ctx, `INSERT INTO doorkit_membership_types (site, id, pos, doors) VALUES ($1, $2, $3, $4)`,
				site, t.ID, i, jsonText(t.Doors)); err != nil {
				return err
			}
		}
		return putResources(ctx, run, site, r.Resources)
	})
}

func putResources(ctx context.Context, run runner, site string, resources []access.Resource) error {
	for i, res := range resources {
		if _, err := run.exec(ctx, "INSERT INTO doorkit_resources (site, id, pos, before, after) VALUES ($1, $2, $3, $4, $5)",
			site, res.ID, i, durationOrNull(res.Before), durationOrNull(res.After)); err != nil {
			return err
		}
		for j, door := range res.Doors {
			if _, err := run.exec(ctx, "INSERT INTO doorkit_resource_doors (site, resource, pos, door) VALUES ($1, $2, $3, $4)", site, res.ID, j,
				door); err != nil {
				return err
			}
		}
	}
	return nil
}

const grantColumns = "id, version, member, door, hours, starts, ends, requires_membership, requires_standing, during_closures"

func scanGrant(row scanner) (g storage.Grant, err error) {
	var hours string
	var from, until, m, st sql.NullInt64
	var during int64
	if err = row.Scan(&g.ID, &g.Version, &g.Member, &g.Door, &hours, &from, &until, &m, &st, &during); err != nil {
		return g, err
	}
	g.DuringClosures = during != 0
	g.From, g.Until, g.RequiresMembership, g.RequiresStanding = instant(from), instant(until), maybeBool(m), maybeBool(st)
	return g, readJSON(hours, &g.Hours)
}

// Grants implements storage.RuleReader.
func (f facts) Grants(ctx context.Context, site, member string) ([]storage.Grant, error) {
	q, args := "SELECT "+grantColumns+" FROM doorkit_grants WHERE site = $1", []any{site}
	if member != "" {
		q, args = q+" AND member = $2", append(args, member)
	}
	rows, err := f.read.query(ctx, q+" ORDER BY id", args...)
	list, err := collect(rows, err, scanGrant)
	return list, fail(ctx, "Grants", err)
}

// Grant implements storage.RuleStore.
func (f facts) Grant(ctx context.Context, site, grant string) (storage.Grant, error) {
	g, err := scanGrant(f.read.row(ctx, "SELECT "+grantColumns+" FROM doorkit_grants WHERE site = $1 AND id = $2", site, grant))
	if missing(err) {
		return storage.Grant{}, notFound("grant", grant)
	}
	return g, fail(ctx, "Grant", err)
}

// PutGrant implements storage.RuleStore.
func (f facts) PutGrant(ctx context.Context, site string, g storage.Grant) error {
	g, err := storage.Normalize(site, g)
	if err != nil {
		return err
	}
	return f.in(ctx, "PutGrant", func(run runner) error {
		stored := func() (storage.Grant, error) { return f.on(run).Grant(ctx, site, g.ID) }
		if err := storage.CheckReferences(g, stored, f.missing(ctx, run, site)); err != nil {
			return err
		}
		return versioned{
			what: "grant", id: g.ID, version: g.Version,
			insert: `INSERT INTO doorkit_grants (site, id, version, member, door, hours, starts, ends, requires_membership,
				requires_standing, during_closures)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (site, id) DO NOTHING`,
			update: `UPDATE doorkit_grants SET version = version + 1, member = $4, door = $5, hours = $6, starts = $7,
				ends = $8, requires_membership = $9, requires_standing = $10, during_closures = $11 WHERE site = $1 AND id = $2 AND version = $3`,
			columns: []any{
				g.Member, g.Door, jsonText(g.Hours), micros(g.From), micros(g.Until),
				maybe(g.RequiresMembership), maybe(g.RequiresStanding), truth(g.DuringClosures),
			},
		}.put(ctx, run, site)
	})
}

// DeleteGrant implements storage.RuleStore.
func (f facts) DeleteGrant(ctx context.Context, site, grant string) error {
	return f.delete(ctx, "DeleteGrant", "grant", site, grant, "DELETE FROM doorkit_grants WHERE site = $1 AND id = $2")
}

// Hours, settings, exceptions and closures are stored as in the facts document
// (access/RULES.md, section 1), so that a person can read them with any SQL client.

// jsonText returns a normalized part of the facts as JSON; it always encodes. An empty
// list is "[]".
func jsonText(v any) string {
	text, _ := json.Marshal(v)
	if string(text) == "null" {
		return "[]"
	}
	return string(text)
}

func readJSON[T any](text string, to *T) error {
	if text == "[]" || text == "{}" {
		return nil
	}
	return json.Unmarshal([]byte(text), to)
}
