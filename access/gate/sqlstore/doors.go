package sqlstore

import (
	"context"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// Doors implements storage.DoorReader.
func (f facts) Doors(ctx context.Context, site string) ([]storage.Door, error) {
	return doors.list(ctx, f.read, "site = $1 ORDER BY added", site)
}

// Door implements storage.DoorReader.
func (f facts) Door(ctx context.Context, site, door string) (storage.Door, error) {
	return doors.get(ctx, f.read, site, door)
}

// PutDoor implements storage.DoorStore.
func (f facts) PutDoor(ctx context.Context, site string, d storage.Door) error {
	d, err := storage.Normalize(site, d)
	if err != nil {
		return err
	}
	return f.in(ctx, "PutDoor", func(run runner) error {
		taken := &storage.LockTakenError{Lock: d.Link.Lock}
		if !d.Link.IsZero() {
			// Check before the unique index refuses it: that aborts the transaction.
			err := run.row(ctx, "SELECT id FROM doorkit_doors WHERE site = $1 AND link_site = $2 AND link_lock = $3 AND link_lock <> '' "+
				"AND id <> $4", site, d.Link.Site, d.Link.Lock, d.ID).Scan(&taken.Door)
			if err == nil {
				return taken
			}
			if !noRows(err) {
				return err
			}
		}
		err := doors.write(ctx, run, site, d)
		if err != nil && duplicate(err) { // another door linked it at the same time
			return taken
		}
		return err
	})
}

// DeleteDoor implements storage.DoorStore.
func (f facts) DeleteDoor(ctx context.Context, site, door string) error {
	return doors.delete(ctx, f, site, door)
}
