package sqlstore

import (
	"context"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// Rules implements storage.RuleReader.
func (f facts) Rules(ctx context.Context, site string) (storage.Rules, error) {
	return sites.get(ctx, f.read, site, site)
}

// PutRules implements storage.RuleStore. Membership types and resources are stored again
// in tables of their own, from which a question reads those that matter.
func (f facts) PutRules(ctx context.Context, r storage.Rules) error {
	return sites.put(ctx, f, r.Site.ID, r, func(run runner, r storage.Rules) error {
		site := r.Site.ID
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
		for i, x := range r.Resources {
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
	})
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
