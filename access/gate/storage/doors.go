package storage

import (
	"context"
	"time"

	"github.com/doorkit/doorkit/access"
)

// DoorStore keeps doors and their links.
type DoorStore interface {
	// Doors returns all doors of the site in the order they were added. The list is
	// empty for a site without doors and for an unknown site.
	Doors(ctx context.Context, site string) ([]Door, error)
	// Door returns one door or ErrNotFound.
	Door(ctx context.Context, site, door string) (Door, error)
	// AddDoor adds a door and its link. ErrConflict if the id exists, or if
	// another door of this site is linked to the lock of d.Link.
	AddDoor(ctx context.Context, site string, d Door) error
	// UpdateDoor replaces the door with this id if its stored Version is
	// d.Version. ErrConflict if it is not, or if another door is linked to the
	// lock, as in AddDoor; ErrNotFound if there is no such door.
	UpdateDoor(ctx context.Context, site string, d Door) error
	// DeleteDoor removes the door and its link, or returns ErrNotFound.
	DeleteDoor(ctx context.Context, site, door string) error
}

// Door is the platform's view of one door: what the rules know, and the link. A
// door whose lock was unlinked stays, so that rules about it stay valid; until it is
// linked again it opens for no one.
type Door struct {
	access.Door
	Link Link
	// Version counts the changes of this row. A new Door has 0, AddDoor stores 1,
	// UpdateDoor adds one.
	Version uint64
}

// Link names the lock behind a door by the lock system's own ids. The zero Link
// means that no lock is linked.
type Link struct {
	Site    string `json:"site"`    // the lock system's site: for SALTO KS its UUID
	Gateway string `json:"gateway"` // the gateway of the lock: for SALTO KS the IQ's UUID
	Lock    string `json:"lock"`    // the lock system's id of the lock
	// NeedsCode: every command carries a one-time code (for SALTO KS the IQ's
	// otp_enabled).
	NeedsCode bool `json:"needs_code,omitempty"`
	// Name is the lock's name in the lock system when it was linked.
	Name     string    `json:"name"`
	LinkedAt time.Time `json:"linked_at"`
	// LinkedBy is who linked it, as the host names them. It is stored only here,
	// not in receipts or the log; removing it is up to the host.
	LinkedBy string `json:"linked_by,omitempty"`
}

// IsZero reports whether no lock is linked.
func (l Link) IsZero() bool { return l.Lock == "" }
