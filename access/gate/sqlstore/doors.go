package sqlstore

import (
	"context"
	"database/sql"

	"github.com/doorkit/doorkit/access/gate/storage"
)

const doorColumns = "id, version, name, access_type, disabled, open_time, link_site, link_gateway, link_lock, link_name, " +
	"link_needs_code, linked_at, linked_by"

func scanDoor(row scanner) (d storage.Door, err error) {
	var disabled, code int64
	var open, linked sql.NullInt64
	l := &d.Link
	err = row.Scan(&d.ID, &d.Version, &d.Name, &d.AccessType, &disabled, &open, &l.Site, &l.Gateway, &l.Lock, &l.Name, &code, &linked,
		&l.LinkedBy)
	d.Disabled, d.OpenTime, l.NeedsCode, l.LinkedAt = disabled != 0, maybeDuration(open), code != 0, instant(linked)
	return d, err
}

// Doors implements storage.DoorReader.
func (f facts) Doors(ctx context.Context, site string) ([]storage.Door, error) {
	rows, err := f.read.query(ctx, "SELECT "+doorColumns+" FROM doorkit_doors WHERE site = $1 ORDER BY added", site)
	list, err := collect(rows, err, scanDoor)
	return list, fail(ctx, "Doors", err)
}

// Door implements storage.DoorReader.
func (f facts) Door(ctx context.Context, site, door string) (storage.Door, error) {
	d, err := scanDoor(f.read.row(ctx, "SELECT "+doorColumns+" FROM doorkit_doors WHERE site = $1 AND id = $2", site, door))
	if missing(err) {
		return storage.Door{}, notFound("door", door)
	}
	return d, fail(ctx, "Door", err)
}

// PutDoor implements storage.DoorStore.
func (f facts) PutDoor(ctx context.Context, site string, d storage.Door) error {
	d, err := storage.Normalize(site, d)
	if err != nil {
		return err
	}
	l := d.Link
	return f.in(ctx, "PutDoor", func(run runner) error {
		if !l.IsZero() {
			// Check before the unique index refuses it: that aborts the transaction.
			taken := &storage.LockTakenError{Lock: l.Lock}
			err := run.row(ctx, "SELECT id FROM doorkit_doors WHERE site = $1 AND link_site = $2 AND link_lock = $3 AND link_lock <> '' "+
				"AND id <> $4",
				site, l.Site, l.Lock, d.ID).Scan(&taken.Door)
			if !missing(err) {
				if err == nil {
					err = taken
				}
				return err
			}
		}
		err := versioned{
			what: "door", id: d.ID, version: d.Version,
			insert: `INSERT INTO doorkit_doors (site, id, version, name, access_type, disabled, open_time, link_site, link_gateway,
				link_lock, link_name, link_needs_code, linked_at, linked_by)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (site, id) DO NOTHING`,
			update: `UPDATE doorkit_doors SET version = version + 1, name = $4, access_type = $5, disabled = $6, open_time = $7,
				link_site = $8, link_gateway = $9, link_lock = $10, link_name = $11, link_needs_code = $12, linked_at = $13, linked_by = $14
				WHERE site = $1 AND id = $2 AND version = $3`,
			columns: []any{
				d.Name, string(d.AccessType), truth(d.Disabled), durationOrNull(d.OpenTime),
				l.Site, l.Gateway, l.Lock, l.Name, truth(l.NeedsCode), micros(l.LinkedAt), l.LinkedBy,
			},
		}.put(ctx, run, site)
		if err != nil && duplicate(err) { // another door linked it at the same time
			return &storage.LockTakenError{Lock: l.Lock}
		}
		return err
	})
}

// DeleteDoor implements storage.DoorStore.
func (f facts) DeleteDoor(ctx context.Context, site, door string) error {
	return f.delete(ctx, "DeleteDoor", "door", site, door, "DELETE FROM doorkit_doors WHERE site = $1 AND id = $2")
}
