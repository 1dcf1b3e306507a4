package storage

import (
	"context"
	"strings"
	"time"
)

// KillSwitches keeps the kill switch of each site.
type KillSwitches interface {
	// KillSwitch returns the switch of the site; its zero value if it was never set.
	KillSwitch(ctx context.Context, site string) (KillSwitch, error)
	// SetKillSwitch stores s and appends the log row in ONE commit. A Begin that starts
	// after SetKillSwitch returned uses s.
	SetKillSwitch(ctx context.Context, site string, s KillSwitch, e LogEntry) error
}

// KillSwitch is the kill switch of a site. Its zero value is a site that is on and
// was never switched.
type KillSwitch struct {
	Off bool      `json:"off"`
	By  string    `json:"by,omitempty"`  // who switched it, as the host names them
	Why string    `json:"why,omitempty"` // for staff
	At  time.Time `json:"at,omitzero"`   // when it was switched
}

// Erase removes a person, as Eraser.Erase requires, and reports whether w named them.
func (w *KillSwitch) Erase(person string) bool {
	named := w.By == person || strings.Contains(w.Why, person)
	if named {
		w.Why = ""
	}
	if w.By == person {
		w.By = ""
	}
	return named
}
