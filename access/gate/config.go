package gate

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/doorkit/doorkit/access"
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
	Site string
	// Facts reads the rules, doors, members and reservations: a memstore, a sqlstore, or
	// storage.JoinFacts of the host's own stores.
	Facts storage.Facts
	// Records stores the journal, the door log, holds and check-ins: a memstore or a
	// sqlstore.
	Records storage.Records
	// Locks moves the locks. saltolocks.NewLocks returns one for SALTO KS.
	Locks LockDriver
	// Conditions are checked, in this order, before each unlock and office mode
	// that the rules allow.
	Conditions []Condition
	// CheckIns returns the key under which a movement counts as a check-in: several
	// movements of a member with the same key count once. With an empty key, the
	// movement does not count. It is not called for locking, for staff, or for requests
	// on a member's behalf. It must be safe for concurrent use. Nil counts a member once
	// per day at the site, with the key "day/" + Movement.Day.
	CheckIns func(Movement) (key string)
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
	id          string                                 // random
	problems    map[problem]openProblem                // see Problems
	unreported  []Event                                // changes of problems that another process should have reported
	mayLead     atomic.Bool                            // this process may have the lease for reporting problems
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
		c.CheckIns = oncePerDay
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Zones == nil {
		c.Zones = &Zones{}
	}
	c.Logger = hostcall.Logger(cmp.Or(c.Logger, slog.New(slog.DiscardHandler)))
	return &Gate{c: c, id: rand.Text(), problems: map[problem]openProblem{}, unconfirmed: make(chan struct{}, 1)}, nil
}

// Now returns the time of Config.Now, zero while that clock is unusable.
func (g *Gate) Now() time.Time { return g.clock() }

// ErrRequestReused reports that a RequestID was used again with another door, action,
// source or actor. Nothing was sent. Make a new RequestID per tap.
var ErrRequestReused = errors.New("gate: this RequestID belongs to another request; make a new one per tap")

// errClock reports that the host's clock returned no time.
var errClock = errors.New("gate: Config.Now returns the zero time: fix the host's clock")

// ConfigError names every fault of a Config at once.
type ConfigError struct {
	Faults []Fault `json:"faults"`
}

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
		f.add(Cause(c.Code).known(), at+"Code", "is a Cause of this package; choose another")
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

// Condition is a requirement of the host in addition to the rules: presence at the
// door, a limit of visits, credits, occupancy, "only while staff are in".
//
// Conditions are checked after the rules allowed an unlock or a start of office
// mode and before the command is claimed; they are never checked for locking.
// They are checked in order until one is not met.
//
// A check is not part of the claim's commit. Two simultaneous taps are both checked
// before either of them counts: a check that reads "9 of 10 visits used" lets both
// pass. If the limit must be exact, the check itself has to take the visit in one
// transaction, keyed by Tap.RequestID so that a repeated tap takes it once. An Observer
// then returns the visit if the receipt is neither Accepted nor Unconfirmed. The
// examples show both variants.
type Condition struct {
	// Code names the condition in receipts and in the door log: 1 to 50 lower-case
	// letters, digits and underscores, and not one of Causes. Required.
	Code string
	// Message is the sentence for the member when the condition is not met. It
	// must not contain anything that a member must not see. Empty uses the
	// sentence of CauseCondition.
	Message string
	// Check returns nil when the condition is met. Any error denies the request; it is
	// for staff and is written to the detail of the door log row. An *UnmetCondition
	// replaces Message. It must be safe for concurrent use and return soon after ctx
	// ends, at the latest SendWithin after the tap arrived. Required.
	Check func(ctx context.Context, site string, tap Tap, d access.Decision) error
}

// UnmetCondition names the Condition that denied a request. A Check may return
// one to choose the member's sentence for each case; the gate sets its Code.
type UnmetCondition struct {
	Code    string `json:"code"`
	Message string `json:"message,omitempty"` // for the member
}

// Error returns the code and the message.
func (u *UnmetCondition) Error() string {
	return "gate: condition " + u.Code + " is not met: " + u.Message
}

// ConditionCodes returns the codes of Config.Conditions, in their order. Keys checks
// none of them.
func (g *Gate) ConditionCodes() []string {
	codes := make([]string, len(g.c.Conditions))
	for i, c := range g.c.Conditions {
		codes[i] = c.Code
	}
	return codes
}

func goodCode(s string) bool {
	const letters, others = "abcdefghijklmnopqrstuvwxyz", "0123456789_"
	return len(s) >= 1 && len(s) <= 50 && strings.Trim(s, letters+others) == "" && strings.ContainsAny(s[:1], letters)
}

// check returns nil if every condition is met, otherwise the first one that is not, and
// its error.
func (g *Gate) check(ctx context.Context, d decided) (*UnmetCondition, error) {
	if d.action == access.Lock {
		return nil, nil
	}
	for _, c := range g.c.Conditions {
		err := contain("condition "+c.Code, func() error { return c.Check(ctx, g.c.Site, d.tap, d.decision) })
		if err == nil {
			continue
		}
		unmet := &UnmetCondition{Code: c.Code, Message: short(c.Message)}
		if chosen, ok := errors.AsType[*UnmetCondition](err); ok && chosen.Message != "" {
			unmet.Message = short(chosen.Message)
		}
		return unmet, err
	}
	return nil, nil
}
