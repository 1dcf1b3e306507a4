package storage

import (
	"context"
	"time"

	"github.com/doorkit/doorkit/access"
)

// Door is the platform's view of one door: what the rules know, and its lock. A
// door whose lock was unlinked stays, so that rules about it stay valid; no command
// reaches it.
type Door struct {
	access.Door
	Link    Link   `json:"link,omitzero"`
	Version uint64 `json:"version,omitempty"` // see DoorStore.PutDoor
}

// DoorReader reads doors and their links.
type DoorReader interface {
	// Doors returns all doors of the site in the order they were added; of an
	// unknown site none.
	Doors(ctx context.Context, site string) ([]Door, error)
	// Door returns one door or ErrNotFound.
	Door(ctx context.Context, site, door string) (Door, error)
}

// DoorStore keeps doors and their links.
type DoorStore interface {
	DoorReader
	// PutDoor writes a door and its link in one commit, if the stored Version is
	// d.Version: 0 adds a new door. Otherwise ErrConflict. A lock that another
	// door of the site links is a *LockTakenError, which is ErrConflict: a unique
	// index on (site, link site, lock) for rows that have a link. Refused with a
	// *RequestError: what Normalize refuses.
	PutDoor(ctx context.Context, site string, d Door) error
	// DeleteDoor removes a door and its link; ErrNotFound: there is none.
	DeleteDoor(ctx context.Context, site, door string) error
}

// Link names the lock behind a door, in the lock system's own words.
type Link struct {
	Site    string `json:"site"`    // its site: for SALTO KS the site's UUID
	Gateway string `json:"gateway"` // what the lock is reached through: for SALTO KS the IQ's UUID
	Lock    string `json:"lock"`
	// NeedsCode: every command carries a one-time code (for SALTO KS the IQ's
	// otp_enabled).
	NeedsCode bool `json:"needs_code,omitempty"`
	// Name is the lock's name in the lock system when it was linked.
	Name     string    `json:"name"`
	LinkedAt time.Time `json:"linked_at,omitzero"`
	// LinkedBy is who linked it, in the host's words. It is stored here alone, not
	// in receipts or the log. The host removes it.
	LinkedBy string `json:"linked_by,omitempty"`
}

// IsZero reports whether no lock is linked.
func (l Link) IsZero() bool { return l.Lock == "" }
