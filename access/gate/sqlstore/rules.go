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
		var b batch
		site := r.Site.ID
		for _, table := range []string{"doorkit_membership_types", "doorkit_resources", "doorkit_resource_doors"} {
			b.add("DELETE FROM "+table+" WHERE site = $1", []any{site})
		}
		for i, t := range r.MembershipTypes {
			b.add("INSERT INTO doorkit_membership_types (site, id, pos, doc) VALUES ($1, $2, $3, $4)", []any{site, t.ID, i, document(t)})
		}
		for i, x := range r.Resources {
			b.add("INSERT INTO doorkit_resources (site, id, pos, doc) VALUES ($1, $2, $3, $4)", []any{site, x.ID, i, document(x)})
			for _, door := range x.Doors {
				b.add("INSERT INTO doorkit_resource_doors (site, resource, door) VALUES ($1, $2, $3)", []any{site, x.ID, door})
			}
		}
		return b.runEach(ctx, run)
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
