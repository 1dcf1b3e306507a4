package storage

import (
	"context"
	"time"

	"github.com/doorkit/doorkit/access"
)

// CheckIns reads the check-ins that Journal.Settle wrote.
type CheckIns interface {
	// CheckIns returns the selected check-ins by At, then member, then key.
	CheckIns(ctx context.Context, q CheckInQuery) ([]CheckIn, error)
}

// CheckIn records a visit of a member.
type CheckIn struct {
	Member string `json:"member"`
	// Key makes a check-in unique: if several have the same member and key at one site,
	// only the first is stored.
	Key       string        `json:"key"`
	Door      string        `json:"door"`
	Action    access.Action `json:"action"`
	RequestID string        `json:"request_id"`  // the request that made it
	At        time.Time     `json:"at,omitzero"` // when the lock moved
	Day       string        `json:"day"`         // the site's date of At, YYYY-MM-DD; days begin at DayStart of gate.Config
}

// CheckInQuery selects check-ins.
type CheckInQuery struct {
	Site   string `json:"site"`
	Member string `json:"member"` // empty selects all members
	// From and Until, when not zero, select At in [From, Until).
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
	Limit int       `json:"limit"` // 0 is no limit
}
