package gate

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// Catalog shows the locks of the lock system's site that this site is
// connected to. It only reads.
type Catalog interface {
	// Locks yields every lock of the site, each fresh from the lock system.
	Locks(ctx context.Context) iter.Seq2[CatalogLock, error]
	// Lock returns one of them, or ErrNotFound.
	Lock(ctx context.Context, lock string) (CatalogLock, error)
}

// CatalogLock is a lock as the lock system shows it.
type CatalogLock struct {
	// Link names it; LinkedAt and LinkedBy are empty.
	Link Link
	// State is "locked", "unlocked", "office_mode", or what else it said.
	State string
	// Online and GatewayOnline are the lock system's word, which may be old.
	Online, GatewayOnline bool
	// Problem is why it cannot be moved now, as far as the catalog tells:
	// CauseIQOffline, CauseLockOffline, CauseIQNotActivated, ...; CauseNotLinked
	// for a lock that no gateway reaches.
	Problem Cause
	// Schedule is the lock's own, which locks at its end; nil for none.
	Schedule *LockSchedule
	// SeenAt is when it was asked.
	SeenAt time.Time
}

// LockSchedule is when a lock's own schedule lets office mode be on. It belongs
// to the lock system and only ever locks here.
type LockSchedule struct {
	Days       []access.Day
	Start, End access.Clock // of the wall clock at the site
	AutoStart  bool         // the lock opens at Start by itself
}

// ErrNoGateway says that a lock has no gateway (for SALTO KS: no IQ), so nothing
// can move it remotely.
var ErrNoGateway = errors.New("gate: the lock has no IQ; attach it to one in SALTO KS first")

// DoorsConfig says what Doors stands on; all but Now is required.
type DoorsConfig struct {
	Site    string
	Store   storage.DoorStore
	Catalog Catalog
	Now     func() time.Time // nil is time.Now
}

// Doors links locks to doors and names them. It never writes to the lock
// system. It is safe for concurrent use.
type Doors struct {
	c DoorsConfig
}

// NewDoors returns Doors, or a *ConfigError that names every fault.
func NewDoors(c DoorsConfig) (*Doors, error) {
	var f faultList
	f.add(!storage.ValidID(c.Site), "Site", badID)
	f.add(isNil(c.Store), "Store", "required: a memstore, a sqlstore, or your own")
	f.add(isNil(c.Catalog), "Catalog", "required: saltolocks.New returns one for SALTO KS")
	if f != nil {
		return nil, &ConfigError{f}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Doors{c}, nil
}

// LinkRequest says which lock becomes which door.
type LinkRequest struct {
	Door string // the host's id; a door that was unlinked may be linked again
	Lock string // the lock system's id
	// Name is what members see; empty takes the lock's name over there, or
	// keeps the name of a door that was unlinked.
	Name string
	// AccessType is required for a new door; empty keeps that of a door that was
	// unlinked.
	AccessType access.AccessType
	By         string // who links it, in the host's words
}

// Link makes a door of a lock, after asking the lock system that it is still
// there. ErrNotFound: it is not. ErrConflict: the door has a lock, or the lock a
// door. ErrNoGateway: nothing reaches it.
func (d *Doors) Link(ctx context.Context, r LinkRequest) (linked Door, err error) {
	defer containIn("Link", &err)
	var list []Fault
	if !storage.ValidID(r.Door) {
		list = append(list, Fault{Field: "Door", What: badID})
	}
	if !storage.ValidID(r.Lock) {
		list = append(list, Fault{Field: "Lock", What: badID})
	}
	if r.Name != "" {
		list = append(list, checkName(r.Name)...)
	}
	if r.AccessType != "" && !goodAccessType(r.AccessType) {
		list = append(list, badAccessType)
	}
	if list != nil {
		return Door{}, &RequestError{Faults: list}
	}
	old, err := d.c.Store.Door(ctx, d.c.Site, r.Door)
	isNew := errors.Is(err, ErrNotFound)
	switch {
	case err != nil && !isNew:
		return Door{}, err
	case isNew && r.AccessType == "":
		return Door{}, &RequestError{Faults: []Fault{badAccessType}}
	case !isNew && !old.Link.IsZero():
		return Door{}, fmt.Errorf("gate: door %q has a lock already; unlink it first: %w", r.Door, ErrConflict)
	}
	lock, err := d.c.Catalog.Lock(ctx, r.Lock)
	if err != nil {
		return Door{}, err
	}
	if lock.Link.Gateway == "" {
		return Door{}, fmt.Errorf("gate: lock %q: %w", r.Lock, ErrNoGateway)
	}
	door := old
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
	if isNew {
		err = d.c.Store.AddDoor(ctx, d.c.Site, door)
	} else {
		err = d.c.Store.UpdateDoor(ctx, d.c.Site, door)
	}
	if err != nil {
		return Door{}, err
	}
	return d.c.Store.Door(ctx, d.c.Site, r.Door)
}

// Unlink takes the lock from a door. The door and the rules about it stay; it
// opens for nobody until it is linked again. Unlinking twice is no error. Lock a
// door in office mode first: nothing reaches its lock from here afterwards.
func (d *Doors) Unlink(ctx context.Context, door string) (Door, error) {
	return d.change(ctx, door, func(x *Door) bool {
		was := x.Link
		x.Link = Link{}
		return !was.IsZero()
	})
}

// Rename changes the name members see, here only: the lock system keeps its own.
func (d *Doors) Rename(ctx context.Context, door, name string) (Door, error) {
	if list := checkName(name); list != nil {
		return Door{}, &RequestError{Faults: list}
	}
	return d.change(ctx, door, func(x *Door) bool {
		was := x.Name
		x.Name = name
		return was != name
	})
}

// SetAccessType decides whether members may start office mode at the door.
func (d *Doors) SetAccessType(ctx context.Context, door string, t access.AccessType) (Door, error) {
	if !goodAccessType(t) {
		return Door{}, &RequestError{Faults: []Fault{badAccessType}}
	}
	return d.change(ctx, door, func(x *Door) bool {
		was := x.AccessType
		x.AccessType = t
		return was != t
	})
}

// SetDisabled takes a door out of use, or back into it.
func (d *Doors) SetDisabled(ctx context.Context, door string, disabled bool) (Door, error) {
	return d.change(ctx, door, func(x *Door) bool {
		was := x.Disabled
		x.Disabled = disabled
		return was != disabled
	})
}

// change reads, changes and writes a door until nobody came between; where
// somebody always does, ErrConflict.
func (d *Doors) change(ctx context.Context, id string, fn func(*Door) bool) (changed Door, err error) {
	defer containIn("Doors", &err)
	const tries = 100
	for try := 1; ; try++ {
		door, err := d.c.Store.Door(ctx, d.c.Site, id)
		if err != nil {
			return Door{}, err
		}
		if !fn(&door) {
			return door, nil
		}
		err = d.c.Store.UpdateDoor(ctx, d.c.Site, door)
		if err == nil {
			door.Version++
			return door, nil
		}
		if !errors.Is(err, ErrConflict) || try == tries {
			return Door{}, err
		}
	}
}

// DoorStatus is a door beside what the lock system says about its lock.
type DoorStatus struct {
	Door Door
	// Lock is nil when the door is not linked, or its lock is gone.
	Lock *CatalogLock
	// Problem is why the door cannot be moved now: CauseNotLinked, CauseLockGone
	// or the catalog's word; empty if nothing is known against it.
	Problem Cause
}

// List returns the doors of the site in their order, with the lock system's name
// and state beside ours, and the locks that no door uses.
func (d *Doors) List(ctx context.Context) (doors []DoorStatus, free []CatalogLock, err error) {
	defer containIn("List", &err)
	known, err := d.c.Store.Doors(ctx, d.c.Site)
	if err != nil {
		return nil, nil, err
	}
	type place struct{ site, lock string }
	at := map[place]int{}
	for i, x := range known {
		doors = append(doors, DoorStatus{Door: x, Problem: CauseNotLinked})
		if !x.Link.IsZero() {
			at[place{x.Link.Site, x.Link.Lock}] = i
			doors[i].Problem = CauseLockGone
		}
	}
	for lock, err := range d.c.Catalog.Locks(ctx) {
		if err != nil {
			return nil, nil, err
		}
		if i, ok := at[place{lock.Link.Site, lock.Link.Lock}]; ok {
			doors[i].Lock, doors[i].Problem = &lock, lock.Problem
		} else {
			free = append(free, lock)
		}
	}
	return doors, free, nil
}

func checkName(name string) []Fault {
	if !storage.ValidID(name) || strings.TrimSpace(name) == "" {
		return []Fault{{Field: "Name", What: badID + ", not only spaces"}}
	}
	return nil
}

func goodAccessType(t access.AccessType) bool {
	return t == access.AccessOnly || t == access.AccessAndOfficeMode
}

var badAccessType = Fault{Field: "AccessType", What: `must be "access_only" or "access_and_office_mode"`}
