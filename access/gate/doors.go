package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// DoorsConfig configures Doors. All but Now is required.
type DoorsConfig struct {
	// Site is the host's id of the site, as in Config.Site.
	Site string
	// Store stores the doors: a memstore, a sqlstore, or the host's own.
	Store storage.DoorStore
	// Catalog lists the locks of the site. saltolocks.NewLocks returns one for SALTO KS.
	Catalog Catalog
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Doors links locks to doors. It never writes to the lock system. It is safe for
// concurrent use. Make one with NewDoors. storage.UpdateDoor changes a door's name,
// access type or open time, and takes it out of use.
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

// Link links a lock to a door, after checking with the lock system that the lock
// exists. ErrNotFound: it does not. ErrConflict: the door already has a lock, or the
// lock has a door (a *storage.LockTakenError). ErrNoGateway: nothing can move the lock
// remotely.
func (d *Doors) Link(ctx context.Context, r LinkRequest) (linked Door, err error) {
	defer containIn("Link", &err)
	if err := r.check(); err != nil {
		return Door{}, err
	}
	lock, err := d.c.Catalog.Lock(ctx, r.Lock)
	if err != nil {
		return Door{}, err
	}
	if lock.Link.Gateway == "" {
		return Door{}, fmt.Errorf("gate: lock %q: %w", r.Lock, ErrNoGateway)
	}
	link := func(door *Door) error {
		if !door.Link.IsZero() {
			return fmt.Errorf("gate: door %q has the lock %q already; unlink it first: %w", r.Door, door.Link.Lock, ErrConflict)
		}
		door.Link = lock.Link
		door.Link.Name = short(lock.Link.Name)
		door.Link.LinkedAt, door.Link.LinkedBy = micro(d.c.Now()), r.By
		door.Name = cmp.Or(r.Name, door.Name, door.Link.Name)
		door.AccessType = cmp.Or(r.AccessType, door.AccessType)
		return nil
	}
	err = storage.UpdateDoor(ctx, d.c.Store, d.c.Site, r.Door, link)
	if errors.Is(err, ErrNotFound) { // a new door
		door := Door{Door: access.Door{ID: r.Door}}
		_ = link(&door)
		err = d.c.Store.PutDoor(ctx, d.c.Site, door)
		if _, taken := errors.AsType[*storage.LockTakenError](err); errors.Is(err, ErrConflict) && !taken { // added meanwhile
			err = storage.UpdateDoor(ctx, d.c.Store, d.c.Site, r.Door, link)
		}
	}
	if err != nil {
		return Door{}, err
	}
	return d.c.Store.Door(ctx, d.c.Site, r.Door)
}

// RefreshLinks reads the locks of all linked doors from the lock system. If the gateway
// of a lock, or its need for a one-time code, changed since it was linked
// (CauseLinkOutdated), RefreshLinks stores the new values and returns the door; name
// and rules stay. Call it once a day.
func (d *Doors) RefreshLinks(ctx context.Context) (changed []Door, err error) {
	defer containIn("RefreshLinks", &err)
	doors, _, err := d.List(ctx)
	if err != nil {
		return nil, err
	}
	changed = []Door{}
	for _, status := range doors {
		if status.Lock == nil || status.Lock.Link.Gateway == "" || !outdated(status.Door.Link, status.Lock.Link) {
			continue
		}
		x, now := status.Door, status.Lock.Link
		err := storage.UpdateDoor(ctx, d.c.Store, d.c.Site, x.ID, func(door *Door) error {
			if lockIDOf(door.Link) == lockIDOf(now) { // not linked to another lock meanwhile
				door.Link.Gateway, door.Link.NeedsCode = now.Gateway, now.NeedsCode
			}
			x = *door
			return nil
		})
		if err != nil {
			return changed, err
		}
		x.Version++
		changed = append(changed, x)
	}
	return changed, nil
}

// Unlink removes the lock from a door. The door and the rules about it stay; it does
// not open until it is linked again. Unlinking twice is no error. Lock a door in
// office mode first: no command reaches its lock afterwards.
func (d *Doors) Unlink(ctx context.Context, door string) (err error) {
	defer containIn("Unlink", &err)
	return storage.UpdateDoor(ctx, d.c.Store, d.c.Site, door, func(x *Door) error {
		x.Link = Link{}
		return nil
	})
}

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
	return compare(ctx, known, d.c.Catalog)
}

// compare returns the doors, each with its lock, and the locks that no door uses.
func compare(ctx context.Context, known []Door, c Catalog) (doors []DoorStatus, free []CatalogLock, err error) {
	doors, free = make([]DoorStatus, len(known)), []CatalogLock{}
	at := map[lockID]*DoorStatus{}
	for i, x := range known {
		doors[i] = DoorStatus{Door: x, Problem: CauseNotLinked}
		if !x.Link.IsZero() {
			doors[i].Problem = CauseLockGone
			at[lockIDOf(x.Link)] = &doors[i]
		}
	}
	for lock, err := range c.Locks(ctx) {
		if err != nil {
			return nil, nil, err
		}
		lock.Alarms = orEmpty(lock.Alarms)
		x, linked := at[lockIDOf(lock.Link)]
		if !linked {
			free = append(free, lock)
			continue
		}
		x.Lock, x.Problem = &lock, lock.Problem
		if x.Problem == "" && outdated(x.Door.Link, lock.Link) {
			x.Problem = CauseLinkOutdated
		}
	}
	return doors, free, nil
}

// outdated reports whether the gateway of a lock, or its need for a one-time code,
// changed since it was linked.
func outdated(link, now Link) bool {
	return now.Gateway != link.Gateway || now.NeedsCode != link.NeedsCode
}

const badName = badID + ", and not only spaces"

func goodName(name string) bool { return storage.ValidID(name) && strings.TrimSpace(name) != "" }

const badAccessType = `must be "access_only" or "access_and_office_mode"`

func goodAccessType(t access.AccessType) bool {
	return t == access.AccessOnly || t == access.AccessAndOfficeMode
}

// Catalog lists the locks of the site in the lock system. It only reads. It must be
// safe for concurrent use.
type Catalog interface {
	// Locks reads every lock of the site from the lock system and yields it. An error
	// is ErrCloudUnavailable if the lock system could not be reached.
	Locks(ctx context.Context) iter.Seq2[CatalogLock, error]
	// Lock returns one of them, or ErrNotFound.
	Lock(ctx context.Context, lock string) (CatalogLock, error)
}

// CatalogLock is a lock as the lock system reports it.
type CatalogLock struct {
	// Link identifies the lock; LinkedAt and LinkedBy are empty.
	Link Link `json:"link"`
	// State is "locked", "unlocked", "office_mode", or another word of the lock
	// system.
	State string `json:"state"`
	// Online and GatewayOnline are what the lock system reports, which may be outdated.
	Online        bool `json:"online"`
	GatewayOnline bool `json:"gateway_online"`
	// Problem is why the lock cannot be moved now, as far as the catalog knows:
	// CauseIQOffline, CauseLockOffline, CauseIQNotActivated, ...; CauseNotLinked for a
	// lock without a gateway.
	Problem Cause `json:"problem,omitempty"`
	// Alarms is what the lock reports that requires a person: CauseLeftOpen,
	// CauseIntrusion, CauseBatteryLow, CausePrivacyMode.
	Alarms []Cause `json:"alarms"`
	// Schedule is the lock's own schedule, which locks it at the end; nil if there is
	// none.
	Schedule *LockSchedule `json:"schedule,omitempty"`
	// SeenAt is when the lock system was asked.
	SeenAt time.Time `json:"seen_at,omitzero"`
}

// LockSchedule is the schedule that the lock system keeps for a lock: when office mode
// may be on.
type LockSchedule struct {
	Days  []access.Day `json:"days"`
	Start access.Clock `json:"start"` // local time at the site
	End   access.Clock `json:"end"`
	// AutoStart reports whether the lock opens at Start without a command.
	AutoStart bool `json:"auto_start"`
}

// ErrNoGateway reports that a lock has no gateway (for SALTO KS: no IQ), so nothing
// can move it remotely.
var ErrNoGateway = errors.New("gate: the lock has no IQ; attach it to one in SALTO KS first")

// ErrCloudUnavailable reports that the lock system could not be reached. The errors of
// a Catalog and of a Checker wrap it. errors.Is reports true for ErrUnavailable as
// well.
var ErrCloudUnavailable error = cloudUnavailable{}

type cloudUnavailable struct{}

func (cloudUnavailable) Error() string { return "gate: the lock system cannot be reached" }

func (cloudUnavailable) Is(target error) bool { return target == ErrUnavailable }

// RefreshLockStates reads every lock from the lock system and returns the locks. From
// then on, Keys returns their states with the time at which they were read. It also
// reports the problems of locks that doors are linked to, and their end, to the
// Observer: gateways and locks that are offline, doors left open, low batteries, and so
// on. One call serves all members; call it in each process, every five minutes or as
// often as screens need a fresh state.
func (g *Gate) RefreshLockStates(ctx context.Context, c Catalog) (list []CatalogLock, err error) {
	defer containIn("RefreshLockStates", &err)
	list = []CatalogLock{}
	for lock, err := range c.Locks(ctx) {
		if err != nil {
			return nil, err
		}
		lock.Alarms = orEmpty(lock.Alarms)
		list = append(list, lock)
	}
	last := make(map[lockID]CatalogLock, len(list))
	for _, l := range list {
		last[lockIDOf(l.Link)] = l
	}
	g.states.Store(&last)
	return list, g.stateProblems(ctx, last)
}

type lockID struct{ site, lock string }

func lockIDOf(l Link) lockID { return lockID{l.Site, l.Lock} }

// LockDriver moves locks. The gate sends all its commands through it.
type LockDriver interface {
	// Move sends one command, once: no retry, no redirect, no replay. It obtains what
	// it needs first (token, one-time code, a connection) and calls c.Left right before
	// the first byte: if that is 0 or less, it sends nothing and returns NotSent with
	// CauseDeadline. It returns soon after ctx ends.
	//
	// The outcome is Denied (no call was made because of a rule of the lock
	// system: CauseIQNotActivated), NotSent, Accepted, Refused or Unconfirmed.
	// If it is not known whether a byte was written, it is Unconfirmed.
	Move(ctx context.Context, c Command) Result
}

// Command is one command to one lock.
type Command struct {
	Link   Link
	Action access.Action
	// SendBy is the instant, by the gate's clock, from which on nothing may be sent.
	SendBy time.Time
	// Left returns how long the command may still be sent: 0 or less means no longer. It
	// returns the shorter time of the wall clock and the elapsed time: neither a clock
	// that was set back nor a suspended machine extends it. The gate always sets it.
	Left func() time.Duration
}

// Result is the result of a Command. The zero Result counts as Unconfirmed.
type Result struct {
	Outcome Outcome
	Cause   Cause
	// Err is for staff; it must not contain a secret.
	Err error
}
