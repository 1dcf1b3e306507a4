package gate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/internal/hostcall"
)

// The limits of one unlock.
const (
	// SendWithin is how long after the tap a command may be sent.
	SendWithin = 10 * time.Second
	// AnswerWithin is how long the gate waits for the lock system, from the
	// claim on.
	AnswerWithin = 20 * time.Second
	// WriteWithin is how long one commit may take, tries included.
	WriteWithin = storage.WriteWithin
	// KeepReceipts is how long receipts can be read.
	KeepReceipts = 30 * 24 * time.Hour

	// staleAfter is when a command that is still Sending has lost its process,
	// counted from its SendBy.
	staleAfter = AnswerWithin + 2*WriteWithin
)

// Config configures a Gate. Site, Facts, Records and Locks are required.
type Config struct {
	// Site is the host's id of the one site this gate serves. A host with many
	// sites makes a gate for each, on the same storage.
	Site    string
	Facts   storage.Facts
	Records storage.Records
	Locks   LockDriver
	// Presence, when set, is one more condition of unlock and office mode.
	Presence Presence
	// CheckIns decides what counts as a check-in; nil is OncePerDay(0).
	CheckIns CheckInPolicy
	// Observer hears what happens; nil for none.
	Observer Observer
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Presence checks that a member who taps is at the door: a code to scan, a
// geofence. It is not asked for locking.
type Presence interface {
	// Present returns nil when tap.Presence proves it. Any error denies with
	// CausePresenceMissing.
	Present(ctx context.Context, site string, tap Tap) error
}

// Gate is the enforcement point of one site. It is safe for concurrent use and
// keeps nothing that must survive: any number of them, in any number of
// processes, may stand on the same storage.
type Gate struct {
	site     string
	facts    storage.Facts
	records  storage.Records
	locks    LockDriver
	presence Presence
	policy   CheckInPolicy
	watch    *watch
	now      func() time.Time
	zones    sync.Map // name -> *time.Location
	seen     sightings
}

// New returns a Gate, or a *ConfigError that names every fault.
func New(c Config) (*Gate, error) {
	var list []Fault
	add := func(bad bool, field, what string) {
		if bad {
			list = append(list, Fault{Field: field, What: what})
		}
	}
	add(!storage.ValidID(c.Site), "Site", badID)
	add(c.Facts == nil, "Facts", "required: a memstore, a sqlstore, or storage.JoinFacts of your own stores")
	add(c.Records == nil, "Records", "required: a memstore or a sqlstore")
	add(c.Locks == nil, "Locks", "required: saltolocks.New makes it of a SALTO KS client")
	if list != nil {
		return nil, &ConfigError{list}
	}
	if c.CheckIns == nil {
		c.CheckIns = OncePerDay(0)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Gate{
		site: c.Site, facts: c.Facts, records: c.Records, locks: c.Locks,
		presence: c.Presence, policy: c.CheckIns,
		watch: newWatch(c.Site, c.Observer), now: c.Now,
	}, nil
}

// Site returns the site this gate serves.
func (g *Gate) Site() string { return g.site }

const badID = "must be 1 to 200 bytes of valid UTF-8 without NUL"

// errClock is for what cannot be done without the host's clock.
var errClock = errors.New("gate: Config.Now panics or says the zero time: mend it")

// clock reads the host's clock; zero when it panics.
func (g *Gate) clock() (now time.Time) {
	defer func() {
		if recover() != nil {
			now = time.Time{}
		}
	}()
	return micro(g.now())
}

// zone loads a time zone once; nil when there is no such zone.
func (g *Gate) zone(name string) *time.Location {
	if loc, ok := g.zones.Load(name); ok {
		return loc.(*time.Location)
	}
	if name == "" || name == "Local" {
		return nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	g.zones.Store(name, loc)
	return loc
}

// write runs one commit with its own limit. The context is one that does not
// end with the caller's.
func write(ctx context.Context, fn func(context.Context) error) error {
	limited := withLimit(ctx, WriteWithin)
	defer limited.end()
	return fn(limited)
}

// writeAgain is write for a commit that may be tried again: it goes on until it
// worked, was refused for good, or WriteWithin is over.
func writeAgain(ctx context.Context, fn func(context.Context) error) error {
	return write(ctx, func(ctx context.Context) error {
		for pause := 50 * time.Millisecond; ; pause *= 2 {
			err := fn(ctx)
			if err == nil || errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound) {
				return err
			}
			if _, ok := errors.AsType[*PanicError](err); ok {
				return err
			}
			if _, ok := errors.AsType[*RequestError](err); ok {
				return err
			}
			t := time.NewTimer(pause)
			select {
			case <-ctx.Done():
				t.Stop()
				return err
			case <-t.C:
			}
		}
	})
}

// guard calls what the host supplied and turns a panic into an error.
func guard(in string, fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = hostcall.NewPanicError(in, v)
		}
	}()
	return sound(in, fn())
}

// sound returns err, or what its own methods panic with: a nil pointer that was
// returned as an error must not stop the way after the command was sent.
func sound(in string, err error) (same error) {
	if err == nil {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			same = hostcall.NewPanicError(in, v)
		}
	}()
	_ = err.Error()
	errors.Is(err, ErrConflict)
	errors.AsType[*PanicError](err)
	return err
}

// contained makes an error of a panic in what the host supplied; it is deferred
// by the methods that do not move a lock.
func contained(method string, err *error) {
	if v := recover(); v != nil {
		*err = hostcall.NewPanicError(method, v)
	}
}

func unavailable(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// micro cuts t to what every storage keeps.
func micro(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Microsecond)
}

// ShareWithin is the span within which identical taps share one command.
const ShareWithin = 2 * time.Second
