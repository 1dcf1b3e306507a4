package storage

import (
	"context"
	"time"

	"github.com/doorkit/doorkit/access"
)

// CheckIns reads what Journal.Settle wrote.
type CheckIns interface {
	// CheckIns returns what q selects by At, then member, then key.
	CheckIns(ctx context.Context, q CheckInQuery) ([]CheckIn, error)
}

// CheckIn says that a member came.
type CheckIn struct {
	Member string `json:"member"`
	// Key makes it happen once: of two with the same member and key at one site
	// the first one stays.
	Key       string        `json:"key"`
	Door      string        `json:"door"`
	Action    access.Action `json:"action"`
	RequestID string        `json:"request_id"` // the request that made it
	At        time.Time     `json:"at"`         // the movement
	Day       string        `json:"day"`        // its date at the site, YYYY-MM-DD, after the cut-off hour
}

// CheckInQuery selects check-ins.
type CheckInQuery struct {
	Site   string
	Member string // empty: all
	// From and Until, when not zero, select At in [From, Until).
	From, Until time.Time
	Limit       int // 0 = no limit
}
