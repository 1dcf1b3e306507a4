package storage

import (
	"context"
	"time"
)

// Holds keeps which member holds which door open. Journal.Settle starts, renews and
// ends holds; EndHolds ends them without a command.
type Holds interface {
	// Holds returns the holds of the site by door, then Since, then member.
	Holds(ctx context.Context, site string) ([]Hold, error)
	// EndHolds ends every hold of the door with Since at or before until, appends
	// the log row in the same commit, and returns the holds it ended. If there are
	// none it writes nothing.
	EndHolds(ctx context.Context, site, door string, until time.Time, e LogEntry) ([]Hold, error)
}

// Hold records that a member put a door into office mode and that, as far as the
// gate knows, office mode has not ended since.
type Hold struct {
	Door   string `json:"door"`
	Member string `json:"member,omitempty"` // empty once erased
	// RequestID is the latest command that started office mode, Since when that
	// command was claimed. Starting office mode again renews both.
	RequestID string    `json:"request_id"`
	Since     time.Time `json:"since,omitzero"`
	// Uncertain: no command that started it was Accepted, so the door may never
	// have opened.
	Uncertain bool `json:"uncertain,omitempty"`
}
