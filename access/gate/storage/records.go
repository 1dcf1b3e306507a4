package storage

import (
	"context"
	"time"
)

// Records is everything the gate writes. The parts are written together, so
// they come from one storage; the facts may come from others.
type Records interface {
	Journal
	DoorLog
	CheckIns
	Holds
	KillSwitches
	VendorLog
	Eraser
}

// Eraser removes a person.
type Eraser interface {
	// Erase removes in ONE commit: the details and salts of all log rows whose
	// Member or Actor is the person (the rows and their hashes stay), the
	// person's check-ins, and the person's journal entries that are not Sending
	// and have SendBy and Begun before the instant given. Holds stay, with an
	// empty member, and the switch without By if that was the person. It returns the number of log rows that lost their detail.
	Erase(ctx context.Context, site, person string, before time.Time) (int, error)
}
