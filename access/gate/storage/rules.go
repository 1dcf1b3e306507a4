package storage

import (
	"context"

	"github.com/doorkit/doorkit/access"
)

// RuleStore keeps the rules of a site and the grants of its members.
type RuleStore interface {
	// Rules returns the rules of one site as one snapshot, or ErrNotFound.
	Rules(ctx context.Context, site string) (Rules, error)
	// PutRules replaces them in one commit if the stored Version is r.Version
	// (0 for a site that is not there); else ErrConflict. The site is r.Site.ID.
	PutRules(ctx context.Context, r Rules) error
	// Grants returns the grants of one member, or of all members when member is
	// empty, in byte order of their ids.
	Grants(ctx context.Context, site, member string) ([]access.Grant, error)
	// PutGrant adds or replaces the grant with this id.
	PutGrant(ctx context.Context, site string, g access.Grant) error
	// DeleteGrant removes it; ErrNotFound when it is not there.
	DeleteGrant(ctx context.Context, site, grant string) error
}

// Rules is what a manager decides for a whole site: small, read whole, written
// whole. A storage keeps rules that contradict themselves, and whoever's access
// rests on them is denied: let access.Compile look first.
type Rules struct {
	// Revision is the host's own mark; decisions repeat it.
	Revision string
	// Site carries the time zone; Site.ID is the key.
	Site            access.Site
	Settings        access.Settings
	MembershipTypes []access.MembershipType
	Resources       []access.Resource
	Exceptions      []access.Exception
	// Version counts the changes; 0 is "not stored yet".
	Version uint64
}
