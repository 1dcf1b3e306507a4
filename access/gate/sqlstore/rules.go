package sqlstore

import (
	"context"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// Rules implements storage.RuleReader.
func (f facts) Rules(ctx context.Context, site string) (storage.Rules, error) {
	// One statement is one snapshot.
	rows, err := f.read.query(ctx, `SELECT 0 AS kind, 0 AS pos, id, doc FROM doorkit_sites WHERE site = $1
		UNION ALL SELECT 3, pos, id, doc FROM doorkit_membership_types WHERE site = $1
		UNION ALL SELECT 5, pos, id, doc FROM doorkit_resources WHERE site = $1 ORDER BY 1, 2`, site)
	raw, err := readFacts(rows, err)
	if err == nil && raw.Rules.Version == 0 {
		err = storage.NotFound(storage.KindSite, site)
	}
	return raw.Rules, fail(ctx, "Rules", err)
}

// PutRules implements storage.RuleStore.
func (f facts) PutRules(ctx context.Context, r storage.Rules) error {
	r, err := storage.Normalize("", r)
	if err != nil {
		return err
	}
	site := r.Site.ID
	return f.in(ctx, "PutRules", func(run runner) error {
		stored := func() (storage.Rules, error) { return facts{read: run}.Rules(ctx, site) }
		if err := storage.CheckReferences(r, stored, absent(ctx, run, site)); err != nil {
			return err
		}
		alone := r
		alone.MembershipTypes, alone.Resources = nil, nil
		if err := sites.write(ctx, run, site, alone); err != nil {
			return err
		}
		for _, table := range []string{"doorkit_membership_types", "doorkit_resources", "doorkit_resource_doors"} {
			if _, err := run.exec(ctx, "DELETE FROM "+table+" WHERE site = $1", site); err != nil {
				return err
			}
		}
		for i, t := range r.MembershipTypes {
			if _, err := run.exec(ctx, "INSERT INTO doorkit_membership_types (site, id, pos, doc) VALUES ($1, $2, $3, $4)",
				site, t.ID, i, document(t)); err != nil {
				return err
			}
		}
		return putResources(ctx, run, site, r.Resources)
	})
}

func putResources(ctx context.Context, run runner, site string, list []access.Resource) error {
	for i, x := range list {
		if _, err := run.exec(ctx, "INSERT INTO doorkit_resources (site, id, pos, doc) VALUES ($1, $2, $3, $4)",
			site, x.ID, i, document(x)); err != nil {
			return err
		}
		for _, door := range x.Doors {
			if _, err := run.exec(ctx, "INSERT INTO doorkit_resource_doors (site, resource, door) VALUES ($1, $2, $3)",
				site, x.ID, door); err != nil {
				return err
			}
		}
	}
	return nil
}

// Grants implements storage.RuleReader.
func (f facts) Grants(ctx context.Context, site, member string) ([]storage.Grant, error) {
	if member == "" {
		return grants.list(ctx, f.read, "site = $1 ORDER BY id", site)
	}
	return grants.list(ctx, f.read, "site = $1 AND member = $2 ORDER BY id", site, member)
}

// Grant implements storage.RuleStore.
func (f facts) Grant(ctx context.Context, site, grant string) (storage.Grant, error) {
	return grants.get(ctx, f.read, site, grant)
}

// PutGrant implements storage.RuleStore.
func (f facts) PutGrant(ctx context.Context, site string, g storage.Grant) error {
	return grants.put(ctx, f, site, g, nil)
}

// DeleteGrant implements storage.RuleStore.
func (f facts) DeleteGrant(ctx context.Context, site, grant string) error {
	return grants.delete(ctx, f, site, grant)
}
