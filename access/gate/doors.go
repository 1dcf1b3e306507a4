package gate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// DoorsConfig configures Doors. All but Now is required.
type DoorsConfig struct {
	Site    string
	Store   storage.DoorStore
	Catalog Catalog
	Now     func() time.Time // nil is time.Now
}

// Doors links locks to doors and sets the names of doors. It never writes to the lock
// system. It is safe for concurrent use. Make one with NewDoors.
type Doors struct {
	c DoorsConfig
}

// NewDoors returns Doors, or a *ConfigError that names every fault.
func NewDoors(c DoorsConfig) (*Doors, error) {
	var f faultList
	f.add(!storage.ValidID(c.Site), "Site", badID)
	f.add(isNil(c.Store), "Store", "required: a memstore, a sqlstore, or your own")
	f.add(isNil(c.Catalog), "Catalog", "required: saltolocks.NewLocks returns one for SALTO KS")
	if f != nil {
		return nil, &ConfigError{f}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Doors{c}, nil
}

// LinkRequest names the lock that becomes a door.
type LinkRequest struct {
	Door string `json:"door"` // the host's id; a door that was unlinked may be linked again
	Lock string `json:"lock"` // the lock system's id
	// Name is what members see. Empty keeps the name of a door that was unlinked; a
	// new door takes the lock's name in the lock system.
	Name string `json:"name,omitempty"`
	// AccessType is required for a new door; empty keeps that of a door that was
	// unlinked.
	AccessType access.AccessType `json:"access_type,omitempty"`
	By         string            `json:"by,omitempty"` // who links it, as the host names them
}

func (r *LinkRequest) check() error {
	var f faultList
	f.add(!storage.ValidID(r.Door), "Door", badID)
	f.add(!storage.ValidID(r.Lock), "Lock", badID)
	f.add(r.Name != "" && !goodName(r.Name), "Name", badName)
	f.add(r.AccessType != "" && !goodAccessType(r.AccessType), "AccessType", badAccessType)
	if f != nil {
		return &RequestError{Faults: f}
	}
	return nil
}

// LinkConflictError reports why a lock could not be linked to a door. It wraps
// ErrConflict.
type LinkConflictError struct {
	Wanted string // the door that was to be linked
	Door   string // the door that has a lock already
	Lock   string // the lock that it has
}

// Error names the door and the cause.
func (e *LinkConflictError) Error() string {
	if e.Door == e.Wanted {
		return fmt.Sprintf("gate: door %q has the lock %q already: unlink it first", e.Door, e.Lock)
	}
	return fmt.Sprintf("gate: door %q cannot have the lock %q, which is linked to door %q: unlink it there first", e.Wanted, e.Lock, e.Door)
}

// Unwrap returns ErrConflict.
func (e *LinkConflictError) Unwrap() error { return ErrConflict }

// Link links a lock to a door, after checking with the lock system that the lock
// exists. ErrNotFound: it does not. A *LinkConflictError: the door already has a lock,
// or the lock already has a door. ErrNoGateway: nothing can move the lock remotely.
func (d *Doors) Link(ctx context.Context, r LinkRequest) (linked Door, err error) {
	defer containIn("Link", &err)
	if err := r.check(); err != nil {
		return Door{}, err
	}
	door, err := d.c.Store.Door(ctx, d.c.Site, r.Door)
	isNew := errors.Is(err, ErrNotFound)
	switch {
	case err != nil && !isNew:
		return Door{}, err
	case isNew && r.AccessType == "":
		return Door{}, &RequestError{Faults: []Fault{{Field: "AccessType", What: badAccessType}}}
	case !isNew && !door.Link.IsZero():
		return Door{}, &LinkConflictError{Wanted: r.Door, Door: r.Door, Lock: door.Link.Lock}
	}
	lock, err := d.c.Catalog.Lock(ctx, r.Lock)
	if err != nil {
		return Door{}, err
	}
	if lock.Link.Gateway == "" {
		return Door{}, fmt.Errorf("gate: lock %q: %w", r.Lock, ErrNoGateway)
	}
	door.ID = r.Door
	door.Link = lock.Link
	door.Link.Name = short(lock.Link.Name)
	door.Link.LinkedAt, door.Link.LinkedBy = micro(d.c.Now()), r.By
	if r.Name != "" {
		door.Name = r.Name
	} else if door.Name == "" {
		door.Name = door.Link.Name
	}
	if r.AccessType != "" {
		door.AccessType = r.AccessType
	}
	if err := d.c.Store.PutDoor(ctx, d.c.Site, door); err != nil {
		return Door{}, d.linkConflict(ctx, door, err)
	}
	return d.c.Store.Door(ctx, d.c.Site, r.Door)
}

// linkConflict returns an error that names the door that prevents the link.
func (d *Doors) linkConflict(ctx context.Context, wanted Door, err error) error {
	if !errors.Is(err, ErrConflict) {
		return err
	}
	doors, listErr := d.c.Store.Doors(ctx, d.c.Site)
	if listErr != nil {
		return err
	}
	for _, x := range doors {
		if !x.Link.IsZero() && (lockIDOf(x.Link) == lockIDOf(wanted.Link) || x.ID == wanted.ID) {
			return &LinkConflictError{Wanted: wanted.ID, Door: x.ID, Lock: x.Link.Lock}
		}
	}
	return fmt.Errorf("gate: door %q was changed at the same time: read it again: %w", wanted.ID, err)
}

// RefreshLinks reads the locks of all linked doors from the lock system. If the gateway
// of a lock, or its need for a one-time code, changed since it was linked
// (CauseLinkOutdated), RefreshLinks stores the new values and returns the door; name
// and rules stay. Call it once a day.
func (d *Doors) RefreshLinks(ctx context.Context) (changed []Door, err error) {
	defer containIn("RefreshLinks", &err)
	doors, err := d.c.Store.Doors(ctx, d.c.Site)
	if err != nil {
		return nil, err
	}
	shown := map[lockID]Link{}
	for lock, err := range d.c.Catalog.Locks(ctx) {
		if err != nil {
			return nil, err
		}
		shown[lockIDOf(lock.Link)] = lock.Link
	}
	changed = []Door{}
	for _, x := range doors {
		now := shown[lockIDOf(x.Link)]
		if x.Link.IsZero() || now.Gateway == "" || now.Gateway == x.Link.Gateway && now.NeedsCode == x.Link.NeedsCode {
			continue
		}
		door, err := d.change(ctx, x.ID, func(door *Door) bool {
			if lockIDOf(door.Link) != lockIDOf(now) { // linked to another lock meanwhile
				return false
			}
			door.Link.Gateway, door.Link.NeedsCode = now.Gateway, now.NeedsCode
			return true
		})
		if err != nil {
			return changed, err
		}
		changed = append(changed, door)
	}
	return changed, nil
}

// Unlink removes the lock from a door. The door and the rules about it stay; it does
// not open until it is linked again. Unlinking twice is no error. Lock a door in
// office mode first: no command reaches its lock afterwards.
func (d *Doors) Unlink(ctx context.Context, door string) (Door, error) {
	return d.change(ctx, door, func(x *Door) bool {
		was := x.Link
		x.Link = Link{}
		return !was.IsZero()
	})
}

// Rename changes the name that members see. The lock system keeps its own.
func (d *Doors) Rename(ctx context.Context, door, name string) (Door, error) {
	if !goodName(name) {
		return Door{}, &RequestError{Faults: []Fault{{Field: "Name", What: badName}}}
	}
	return d.change(ctx, door, func(x *Door) bool {
		was := x.Name
		x.Name = name
		return was != name
	})
}

// SetAccessType sets whether members may start office mode at the door.
func (d *Doors) SetAccessType(ctx context.Context, door string, t access.AccessType) (Door, error) {
	if !goodAccessType(t) {
		return Door{}, &RequestError{Faults: []Fault{{Field: "AccessType", What: badAccessType}}}
	}
	return d.change(ctx, door, func(x *Door) bool {
		was := x.AccessType
		x.AccessType = t
		return was != t
	})
}

// SetDisabled takes a door out of use, or puts it back into use.
func (d *Doors) SetDisabled(ctx context.Context, door string, disabled bool) (Door, error) {
	return d.change(ctx, door, func(x *Door) bool {
		was := x.Disabled
		x.Disabled = disabled
		return was != disabled
	})
}

// change reads, changes and writes a door. It starts again if another write came in
// between.
func (d *Doors) change(ctx context.Context, id string, fn func(*Door) bool) (changed Door, err error) {
	defer containIn("Doors", &err)
	err = storage.UpdateDoor(ctx, d.c.Store, d.c.Site, id, func(door *Door) error {
		differs := fn(door)
		changed = *door
		if !differs {
			return errUnchanged
		}
		return nil
	})
	switch {
	case errors.Is(err, errUnchanged):
		return changed, nil
	case err != nil:
		return Door{}, err
	}
	changed.Version++
	return changed, nil
}

var errUnchanged = errors.New("gate: nothing to change")

// DoorStatus is a door and its lock as the lock system reports it.
type DoorStatus struct {
	Door Door `json:"door"`
	// Lock is nil when the door is not linked, or its lock no longer exists.
	Lock *CatalogLock `json:"lock,omitempty"`
	// Problem is why the door cannot be moved now: CauseNotLinked, CauseLockGone,
	// CauseLinkOutdated, or what the catalog reports; empty if no problem is known.
	Problem Cause `json:"problem,omitempty"`
}

// List returns the doors of the site in their order, each with its lock as the lock
// system reports it, and the locks that no door uses.
func (d *Doors) List(ctx context.Context) (doors []DoorStatus, free []CatalogLock, err error) {
	defer containIn("List", &err)
	known, err := d.c.Store.Doors(ctx, d.c.Site)
	if err != nil {
		return nil, nil, err
	}
	doors, free = make([]DoorStatus, 0, len(known)), []CatalogLock{}
	at := map[lockID]int{}
	for i, x := range known {
		doors = append(doors, DoorStatus{Door: x, Problem: CauseNotLinked})
		if !x.Link.IsZero() {
			at[lockIDOf(x.Link)] = i
			doors[i].Problem = CauseLockGone
		}
	}
	for lock, err := range d.c.Catalog.Locks(ctx) {
		if err != nil {
			return nil, nil, err
		}
		i, linked := at[lockIDOf(lock.Link)]
		if !linked {
			free = append(free, lock)
			continue
		}
		x := &doors[i]
		x.Lock, x.Problem = &lock, lock.Problem
		if outdated := lock.Link.Gateway != x.Door.Link.Gateway || lock.Link.NeedsCode != x.Door.Link.NeedsCode; outdated && x.Problem == "" {
			x.Problem = CauseLinkOutdated
		}
	}
	return doors, free, nil
}

const badName = badID + ", and not only spaces"

func goodName(name string) bool { return storage.ValidID(name) && strings.TrimSpace(name) != "" }

const badAccessType = `must be "access_only" or "access_and_office_mode"`

func goodAccessType(t access.AccessType) bool {
	return t == access.AccessOnly || t == access.AccessAndOfficeMode
}
