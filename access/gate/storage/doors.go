package storage

import (
	"context"
	"time"

	"github.com/doorkit/doorkit/access"
)

// DoorStore keeps doors and their links.
type DoorStore interface {
	// Doors returns all doors of the site in the order they were added; none is
	// an empty list, also for an unknown site.
	Doors(ctx context.Context, site string) ([]Door, error)
	// Door returns one door or ErrNotFound.
	Door(ctx context.Context, site, door string) (Door, error)
	// AddDoor adds a door and its link in one commit. ErrConflict when the id is
	// taken, or when d.Link names a lock that another door of this site links:
	// a unique index on (site, link site, lock) for rows that have a link.
	AddDoor(ctx context.Context, site string, d Door) error
	// UpdateDoor replaces the door with this id if its stored Version is
	// d.Version. ErrConflict when it is not or when the lock is taken (as in
	// AddDoor), ErrNotFound when there is no such door.
	UpdateDoor(ctx context.Context, site string, d Door) error
	// DeleteDoor removes the row, link and all. ErrNotFound when it is not there.
	DeleteDoor(ctx context.Context, site, door string) error
}

// Door is the platform's view of one door: what the rules know, and the link.
// A door whose lock was unlinked stays, so that rules about it stay valid; it
// opens for nobody.
type Door struct {
	access.Door
	Link Link
	// Version counts the changes of this row. A new Door has 0; AddDoor makes
	// it 1, UpdateDoor adds one.
	Version uint64
}

// Link names the lock behind a door, in the lock system's own words.
type Link struct {
	Site    string `json:"site"`    // its site: for SALTO KS the site's UUID
	Gateway string `json:"gateway"` // what the lock is reached through: for SALTO KS the IQ's UUID
	Lock    string `json:"lock"`
	// NeedsCode: every command carries a one-time code (for SALTO KS the IQ's
	// otp_enabled).
	NeedsCode bool `json:"needs_code,omitempty"`
	// Name is the lock's name over there when it was linked.
	Name     string    `json:"name"`
	LinkedAt time.Time `json:"linked_at"`
	// LinkedBy is who linked it, in the host's words. It stands here alone, not
	// in receipts or the log, and is the host's to remove.
	LinkedBy string `json:"linked_by,omitempty"`
}

// IsZero reports whether no lock is linked.
func (l Link) IsZero() bool { return l.Lock == "" }
