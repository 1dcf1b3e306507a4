package storage

import (
	"context"
	"encoding/json"

	"github.com/doorkit/doorkit/access"
)

// Rules are what a manager decides for a whole site: small, read whole and
// written whole.
type Rules struct {
	// Revision is set by the host; decisions contain it.
	Revision string `json:"revision,omitempty"`
	// Site contains the time zone; Site.ID is the key.
	Site            access.Site             `json:"site"`
	Settings        access.Settings         `json:"settings"`
	MembershipTypes []access.MembershipType `json:"membership_types"`
	Resources       []access.Resource       `json:"resources"`
	Exceptions      []access.Exception      `json:"exceptions"`
	Closures        []access.Closure        `json:"closures"`
	Version         uint64                  `json:"version"` // see RuleStore.PutRules
}

// MarshalJSON writes empty lists as [].
func (r Rules) MarshalJSON() ([]byte, error) {
	type rules Rules // without this method
	all := rules(r)
	all.MembershipTypes, all.Resources = listed(r.MembershipTypes), listed(r.Resources)
	all.Exceptions, all.Closures = listed(r.Exceptions), listed(r.Closures)
	return json.Marshal(all)
}

func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Grant is a grant as stored. A host that reads grants from tables of its own
// leaves Version 0.
type Grant struct {
	access.Grant
	Version uint64 `json:"version,omitempty"` // see RuleStore.PutGrant
}

// RuleReader reads the rules of a site and the grants of its members.
type RuleReader interface {
	// Rules returns the rules of one site as one snapshot. For a site without rules,
	// the error is an *UnknownSiteError, which wraps ErrNotFound.
	Rules(ctx context.Context, site string) (Rules, error)
	// Grants returns the grants of one member, or of all members when member is
	// empty, in byte order of their ids.
	Grants(ctx context.Context, site, member string) ([]Grant, error)
}

// RuleStore keeps rules and grants.
type RuleStore interface {
	RuleReader
	// PutRules writes the rules of r.Site.ID in one commit, if the stored Version
	// is r.Version: 0 for a site that has none. Otherwise ErrConflict. The first
	// Version is 1; each write adds one. Refused with a *RequestError: what
	// Normalize refuses, and doors that the site does not have, if this store
	// keeps doors of the site.
	PutRules(ctx context.Context, r Rules) error
	// Grant returns one grant or ErrNotFound.
	Grant(ctx context.Context, site, grant string) (Grant, error)
	// PutGrant writes a grant if the stored Version is g.Version: 0 adds a new
	// grant. Otherwise ErrConflict. Refused with a *RequestError: what Normalize
	// refuses, and a member or door that the site does not have, if this store
	// keeps members or doors of the site.
	PutGrant(ctx context.Context, site string, g Grant) error
	// DeleteGrant removes a grant; ErrNotFound: there is none.
	DeleteGrant(ctx context.Context, site, grant string) error
}
