package storage

import (
	"context"

	"github.com/doorkit/doorkit/access"
)

// RuleStore keeps the rules of a site and the grants of its members.
type RuleStore interface {
	// Rules returns the rules of one site as one snapshot, or ErrNotFound.
	Rules(ctx context.Context, site string) (Rules, error)
	// PutRules replaces the rules of the site r.Site.ID if their stored Version is
	// r.Version, which is 0 for a new site; otherwise it returns ErrConflict.
	PutRules(ctx context.Context, r Rules) error
	// Grants returns the grants of one member, or of all members when member is
	// empty, in byte order of their ids.
	Grants(ctx context.Context, site, member string) ([]access.Grant, error)
	// PutGrant adds or replaces the grant with this id.
	PutGrant(ctx context.Context, site string, g access.Grant) error
	// DeleteGrant removes the grant or returns ErrNotFound.
	DeleteGrant(ctx context.Context, site, grant string) error
}

// Rules are what a manager decides for a whole site. They are small, and read and
// written as a whole. A storage accepts rules that contradict themselves, and a
// decision that depends on them denies: check them with access.Compile first.
type Rules struct {
	// Revision is the host's own label of this state; decisions repeat it.
	Revision string
	// Site has the time zone; Site.ID is the key.
	Site            access.Site
	Settings        access.Settings
	MembershipTypes []access.MembershipType
	Resources       []access.Resource
	Exceptions      []access.Exception
	Closures        []access.Closure
	// Version counts the changes; 0 means not stored yet.
	Version uint64
}
