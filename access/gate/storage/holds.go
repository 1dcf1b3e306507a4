package storage

import (
	"context"
	"time"
)

// Holds keeps who holds which door open. They begin and end in Journal.Settle
// and end here.
type Holds interface {
	// Holds returns those of the site by door, then Since, then member.
	Holds(ctx context.Context, site string) ([]Hold, error)
	// EndHolds ends every hold of the door with Since at or before until, and
	// appends the log row, in ONE commit; it returns the holds it ended. If there
	// are none it writes nothing.
	EndHolds(ctx context.Context, site, door string, until time.Time, e LogEntry) ([]Hold, error)
}

// Hold says that a member put a door into office mode and that nobody ended it
// as far as the gate knows.
type Hold struct {
	Door, Member string
	// RequestID is the latest command that started it, Since when that was
	// claimed: a door put into office mode again is held anew.
	RequestID string
	Since     time.Time
	// Uncertain: no start of it is Accepted, so the door may never have opened.
	Uncertain bool
}
