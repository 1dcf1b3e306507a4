package storage

import (
	"context"
	"iter"

	"github.com/doorkit/doorkit/access"
)

// MemberStore keeps members with their standing and memberships.
type MemberStore interface {
	// Member returns one member, memberships in their stored order, or
	// ErrNotFound. Standing and memberships are one snapshot.
	Member(ctx context.Context, site, member string) (access.Member, error)
	// Members yields all members of a site in byte order of their ids.
	Members(ctx context.Context, site string) iter.Seq2[access.Member, error]
	// PutMember adds or replaces a member with all memberships.
	PutMember(ctx context.Context, site string, m access.Member) error
	// DeleteMember removes a member or returns ErrNotFound. Grants and
	// reservations stay; removing them is up to the host.
	DeleteMember(ctx context.Context, site, member string) error
}
