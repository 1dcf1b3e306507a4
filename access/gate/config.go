package gate

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/internal/hostcall"
)

// Limits of one unlock.
const (
	// SendWithin is how long after the tap a command may be sent.
	SendWithin = 10 * time.Second
	// AnswerWithin is how long the gate waits for the lock system, from the
	// claim on.
	AnswerWithin = 20 * time.Second
	// WriteWithin is how long one commit may take, retries included.
	WriteWithin = storage.WriteWithin
	// ShareWithin is the span in which identical taps share one command.
	ShareWithin = 2 * time.Second
	// KeepReceipts is how long receipts can be read.
	KeepReceipts = 30 * 24 * time.Hour

	// staleAfter is how long after its SendBy a command that is still Sending
	// counts as abandoned by its process.
	staleAfter = AnswerWithin + 2*WriteWithin
)

// Config configures a Gate. Site, Facts, Records and Locks are required.
type Config struct {
	// Site is the host's id of the one site this gate serves, as in
	// Rules.Site.ID. A host with many sites makes a gate for each, on the same
	// storage.
	Site    string
	Facts   storage.Facts
	Records storage.Records
	Locks   LockDriver
	// Conditions are checked, in this order, before each unlock and office mode
	// that the rules allow.
	Conditions []Condition
	// CheckIns decides what counts as a check-in; nil is OncePerDay.
	CheckIns CheckInPolicy
	// DayStart is the time of day, as the time since 00:00, at which a day of check-ins
	// begins: with 4 hours, a visit at 3 a.m. belongs to the evening before.
	DayStart time.Duration
	// Observer receives an Event per request and per change of a problem; nil for none.
	Observer Observer
	// Tracer measures the phases of each request; nil for none.
	Tracer Tracer
	// Logger receives problems and outcomes that could not be written to the
	// storage, without the member's id; nil discards them.
	Logger *slog.Logger
	// Zones loads the site's time zone; nil is one of the gate's own. A process with
	// many gates gives all of them the same.
	Zones *Zones
	// Now is the clock; nil is time.Now. While it returns the zero time, nothing
	// is sent.
	Now func() time.Time
}

// Gate is the enforcement point of one site. It is safe for concurrent use and
// keeps nothing that must survive a restart: any number of gates, in any number
// of processes, may work on the same storage. Make one with New.
type Gate struct {
	c           Config
	mu          sync.Mutex
	problems    map[problem]time.Time                  // those that this Gate encountered, and since when
	states      atomic.Pointer[map[lockID]CatalogLock] // as this Gate last read them
	entriesRead atomic.Pointer[time.Time]              // Stats.EntriesReadAt
	// unconfirmed wakes Follow when a command has become Unconfirmed.
	unconfirmed chan struct{}
}

// New returns a Gate, or a *ConfigError that names every fault. It reads and
// writes nothing.
func New(c Config) (*Gate, error) {
	var f faultList
	f.add(!storage.ValidID(c.Site), "Site", badID)
	f.add(isNil(c.Facts), "Facts", "required: a memstore, a sqlstore, or storage.JoinFacts of your own stores")
	f.add(isNil(c.Records), "Records", "required: a memstore or a sqlstore")
	f.add(isNil(c.Locks), "Locks", "required: saltolocks.NewLocks returns one for SALTO KS")
	f.add(c.Observer != nil && isNil(c.Observer), "Observer", "a nil pointer; leave the field out for no observer")
	f.add(c.Tracer != nil && isNil(c.Tracer), "Tracer", "a nil pointer; leave the field out for no tracer")
	f.add(c.DayStart < 0 || c.DayStart >= 24*time.Hour, "DayStart", badTimeOfDay)
	f.conditions(c.Conditions)
	if f != nil {
		return nil, &ConfigError{f}
	}
	if c.CheckIns == nil {
		c.CheckIns = OncePerDay
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Zones == nil {
		c.Zones = &Zones{}
	}
	c.Logger = hostcall.Logger(cmp.Or(c.Logger, slog.New(slog.DiscardHandler)))
	return &Gate{c: c, problems: map[problem]time.Time{}, unconfirmed: make(chan struct{}, 1)}, nil
}

// Now returns the time of Config.Now, zero while that clock is unusable.
func (g *Gate) Now() time.Time { return g.clock() }

// ErrRequestReused reports that a RequestID was used again with another door, action,
// source or actor. Nothing was sent. Make a new RequestID per tap.
var ErrRequestReused = errors.New("gate: this RequestID belongs to another request; make a new one per tap")

// errClock reports that the host's clock returned no time.
var errClock = errors.New("gate: Config.Now returns the zero time: fix the host's clock")

// ConfigError names every fault of a Config at once.
type ConfigError struct{ Faults []Fault }

// Error lists the faults.
func (e *ConfigError) Error() string {
	list := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		list[i] = f.String()
	}
	return "gate: bad configuration: " + strings.Join(list, "; ")
}

// PanicError is a panic in code that the host supplied, contained by the gate.
type PanicError = hostcall.PanicError

const (
	badTimeOfDay = "must be a time of day from 0 to under 24 hours"
	badCode      = "must be 1 to 50 lower-case letters, digits and underscores, a letter first"
)

const badID = "must be 1 to 200 bytes of valid UTF-8 without NUL"

// faultList collects what is wrong with a configuration or a request.
type faultList []Fault

func (f *faultList) add(bad bool, field, what string) {
	if bad {
		*f = append(*f, Fault{Field: field, What: what})
	}
}

func (f *faultList) conditions(list []Condition) {
	seen := map[string]bool{}
	for i, c := range list {
		at := fmt.Sprintf("Conditions[%d].", i)
		f.add(!goodCode(c.Code), at+"Code", badCode)
		f.add(Cause(c.Code).Valid(), at+"Code", "is a Cause of this package; choose another")
		f.add(seen[c.Code], at+"Code", "is used twice")
		f.add(!storage.ValidText(c.Message), at+"Message", "must be valid UTF-8 without NUL")
		f.add(c.Check == nil, at+"Check", "required")
		seen[c.Code] = true
	}
}

// isNil reports whether v is nil or holds a nil pointer or function.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Pointer, reflect.Func:
		return r.IsNil()
	}
	return false
}

// clock reads the host's clock, in UTC and whole microseconds. It returns the zero time
// while that clock is unusable.
func (g *Gate) clock() time.Time {
	now := micro(g.c.Now())
	if now.Year() > 9998 { // JSON could not hold the deadlines that follow from it
		return time.Time{}
	}
	return now
}

// micro truncates t to the precision that every storage keeps. It also strips the
// monotonic reading, so that comparisons are by the wall clock.
func micro(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Microsecond)
}
