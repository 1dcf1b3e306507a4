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
	// d.Version: 0 adds a new door. Otherwise ErrConflict. If another door of the site
	// links the lock, the error is a *LockTakenError, which wraps ErrConflict: a unique
	// index on (site, link site, lock) for rows that have a link. Refused with a
	// *RequestError: what Normalize refuses.
	PutDoor(ctx context.Context, site string, d Door) error
	// DeleteDoor removes a door and its link; ErrNotFound: there is none.
	DeleteDoor(ctx context.Context, site, door string) error
}

// Link identifies the lock behind a door, by the lock system's ids.
type Link struct {
	Site    string `json:"site"`    // its site: for SALTO KS the site's UUID
	Gateway string `json:"gateway"` // what connects the lock: for SALTO KS the IQ's UUID
	Lock    string `json:"lock"`
	// NeedsCode reports whether every command requires a one-time code (for SALTO KS
	// the IQ's otp_enabled).
	NeedsCode bool `json:"needs_code,omitempty"`
	// Name is the lock's name in the lock system when it was linked.
	Name     string    `json:"name"`
	LinkedAt time.Time `json:"linked_at,omitzero"`
	// LinkedBy is who linked it, as the host names them. It is stored only here, not in
	// receipts or the log; Erase does not remove it, so the host has to.
	LinkedBy string `json:"linked_by,omitempty"`
}

// IsZero reports whether no lock is linked.
func (l Link) IsZero() bool { return l.Lock == "" }
