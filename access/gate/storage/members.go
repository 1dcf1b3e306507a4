package storage

import (
	"context"
	"iter"

	"github.com/doorkit/doorkit/access"
)

// Member is a member as stored. A host that reads members from tables of its own
// leaves Version 0.
type Member struct {
	access.Member
	Version uint64 `json:"version,omitempty"` // see MemberStore.PutMember
}

// MemberReader reads members with their standing and memberships.
type MemberReader interface {
	// Member returns one member, memberships in their stored order, or
	// ErrNotFound. Standing and memberships are of one instant.
	Member(ctx context.Context, site, member string) (Member, error)
	// Members yields all members of a site in byte order of their ids.
	Members(ctx context.Context, site string) iter.Seq2[Member, error]
}

// MemberStore keeps members.
type MemberStore interface {
	MemberReader
	// PutMember writes a member, memberships included, in one commit, if the
	// stored Version is m.Version: 0 adds a new member. Otherwise ErrConflict.
	// Refused with a *RequestError: what Normalize refuses, and membership types
	// that the site's rules do not have, if this store keeps the site's rules.
	PutMember(ctx context.Context, site string, m Member) error
	// DeleteMember removes a member; ErrNotFound: there is none. Grants,
	// reservations and everything the gate wrote stay: the host removes the
	// former, Eraser the latter.
	DeleteMember(ctx context.Context, site, member string) error
}
