package storage

import (
	"context"
	"iter"

	"github.com/doorkit/doorkit/access"
)

// MemberStore keeps members with their standing and memberships.
type MemberStore interface {
	// Member returns one member, memberships in their stored order, or
	// ErrNotFound. Standing and memberships are of one instant.
	Member(ctx context.Context, site, member string) (access.Member, error)
	// Members yields all of a site in byte order of their ids.
	Members(ctx context.Context, site string) iter.Seq2[access.Member, error]
	// PutMember adds or replaces one, memberships included, in one commit.
	PutMember(ctx context.Context, site string, m access.Member) error
	// DeleteMember removes one; ErrNotFound when it is not there. Grants and
	// reservations stay: they are the host's to remove.
	DeleteMember(ctx context.Context, site, member string) error
}
