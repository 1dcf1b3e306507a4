package gate

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/doorkit/doorkit/access"
)

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
	Alarms []Cause `json:"alarms,omitempty"`
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
