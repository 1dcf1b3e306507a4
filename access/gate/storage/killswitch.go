package storage

import (
	"context"
	"time"
)

// Switches keeps the kill switch of each site.
type KillSwitches interface {
	KillSwitch(ctx context.Context, site string) (KillSwitch, error)
	// SetSwitch stores it and appends the log row in ONE commit. A Begin that
	// starts after it returned sees it.
	SetKillSwitch(ctx context.Context, site string, s KillSwitch, e LogEntry) error
}

// KillSwitch is the site's kill switch; its zero value is on, by nobody.
type KillSwitch struct {
	Off bool
	By  string    // who switched it, in the host's words
	Why string    // for staff
	At  time.Time // when
}
