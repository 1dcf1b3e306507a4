package storage

import (
	"context"
	"time"
)

// Records keeps everything that a gate writes. One storage implements all of it,
// because one commit writes to several parts; the facts may be in other storages.
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
	// Erase removes in ONE commit
	//
	//   - the details and salts of all log rows whose Member or Actor is the
	//     person; the rows and their hashes stay,
	//   - the person's check-ins,
	//   - the person's journal entries that are not Sending and have SendBy and
	//     Begun before the given instant,
	//   - the person's name from holds, which stay with an empty member, and from
	//     KillSwitch.By.
	//
	// It returns the number of log rows that lost their detail.
	Erase(ctx context.Context, site, person string, before time.Time) (int, error)
}
