//go:build unix

package soak

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks"
)

// ledger is what really happened, recorded where it happened: the
// movements the gate asked for, the commands on the wire, the alerts, the runs of the
// jobs. It outlives every restart.
type ledger struct {
	mu         sync.Mutex
	moves      map[string]int            // by request
	sending    map[string][]*command     // by lock: those that may be on the wire now
	possible   map[string]map[string]int // by lock: "certain" and "unsure" movements
	injected   []injection
	faults     map[string]int       // injections, by kind
	consented  map[string]time.Time // by site, since the start
	alerts     map[gate.Cause]int
	receipts   map[string]int                              // by outcome and cause
	journal    map[storage.RequestKey]storage.JournalEntry // as last read, also what the job prune removed since
	unsettled  map[storage.RequestKey]unsettled            // that nothing has settled yet
	settled    map[string]int                              // by what settled them later
	slowest    map[string]time.Duration                    // by the same
	jobs       map[string]map[string]*jobRuns              // by job and site
	swept      int
	restarts   int
	restarted  time.Time
	violations []string
}

// unsettled is a command without an answer.
type unsettled struct {
	since time.Time
	live  bool // the site followed the event stream then
}

// jobRuns are the runs of a job at a site.
type jobRuns struct {
	runs, failures int
	ran, succeeded time.Time
	gap            time.Duration // the longest between two that succeeded
}

// command is a command that the gate is sending.
type command struct {
	request string
	wire    int // how often it was on the wire
}

func newLedger() *ledger {
	return &ledger{
		moves: map[string]int{}, sending: map[string][]*command{}, possible: map[string]map[string]int{}, faults: map[string]int{},
		alerts: map[gate.Cause]int{}, receipts: map[string]int{}, consented: map[string]time.Time{},
		journal: map[storage.RequestKey]storage.JournalEntry{}, unsettled: map[storage.RequestKey]unsettled{},
		settled: map[string]int{}, slowest: map[string]time.Duration{}, jobs: map[string]map[string]*jobRuns{},
	}
}

// consent notes that a site's connection has new tokens.
func (l *ledger) consent(site string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.consented[site] = time.Now()
}

// wrong notes a promise that was broken.
func (l *ledger) wrong(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.breach(format, args...)
}

// breach is wrong for a caller that holds l.mu.
func (l *ledger) breach(format string, args ...any) {
	l.violations = append(l.violations, fmt.Sprintf(format, args...))
}

// injection is a fault that was put in on purpose.
type injection struct {
	kind      string
	site      string // empty: all
	at, until time.Time
}

func (i injection) String() string {
	return fmt.Sprintf("%s at %q from %s until %s", i.kind, i.site, i.at.Format(time.DateTime), i.until.Format(time.DateTime))
}

func (l *ledger) inject(kind, site string, at, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults[kind]++
	l.injected = append(l.injected, injection{kind, site, at, until})
}

// forget drops the injections that explain nothing more.
func (l *ledger) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := time.Now().Add(-24 * time.Hour)
	l.injected = slices.DeleteFunc(l.injected, func(i injection) bool { return i.kind != "token lost" && i.until.Before(old) })
}

// Faults that wait for a victim are disarmed every six hours, and the longest
// consequence that ends by itself is a block of codes.
const (
	armed     = 6 * time.Hour
	aftermath = 45 * time.Minute
)

// mayExplain reports whether a fault may be why a site had trouble at an instant.
// A lost token stays lost until a person consents again, who comes when a member
// was turned away, by day or next morning.
func (l *ledger) mayExplain(i injection, site string, at time.Time) bool {
	if i.site != "" && i.site != site || at.Before(i.at.Truncate(time.Microsecond)) {
		return false
	}
	if i.kind == "token lost" {
		return i.at.Add(armed).After(l.consented[site])
	}
	return at.Before(i.until)
}

// explained reports whether a fault of one of the kinds may be why a site had trouble at
// an instant. The caller holds l.mu.
func (l *ledger) explained(site string, at time.Time, kinds ...string) bool {
	return slices.ContainsFunc(l.injected, func(i injection) bool { return slices.Contains(kinds, i.kind) && l.mayExplain(i, site, at) })
}

// recent returns the faults of the hour before an instant, for messages. The caller holds
// l.mu.
func (l *ledger) recent(site string, at time.Time) (list []injection) {
	for _, i := range l.injected {
		if (i.site == "" || i.site == site) && at.Sub(i.at).Abs() < time.Hour {
			list = append(list, i)
		}
	}
	return list
}

// explains lists which faults may raise which alert; anything else must not occur.
var explains = map[gate.Cause][]string{
	gate.CauseStoreUnavailable: {"database"},
	gate.CauseCloudUnavailable: {"network", "identity"},
	gate.CauseReauthorize:      {"token lost"},
	gate.CauseReauthorizeDue:   {"token lost"},
	gate.CauseRateLimited:      {"http_429"},
	gate.CauseIQOffline:        {"iq_offline"},
	gate.CauseLockOffline:      {"lock_offline"},
	gate.CauseOTPBlocked:       {"otp_blocked"},
	gate.CauseForbidden:        {"truncated_body"}, // a refusal that lost its code: the 403 is all there is
}

// soon is when a command without an answer is settled at the latest while the event stream
// is open, unless one of offStream happened until then. One call to the database that
// fails also ends the job that follows the stream.
const soon = 45 * time.Second

var offStream = []string{
	"network", "identity", "token lost", "database", "stream cut", "stream unreachable", "stream refused", "stream entries lost",
}

// asked travels in the context of one request, down to the command.
type asked struct {
	id     string
	member *member // nil: the guardian
	door   string
}

type askedKey struct{}

func with(ctx context.Context, a asked) context.Context { return context.WithValue(ctx, askedKey{}, a) }

// watched observes the gate of a site: its events, and each command before it is sent.
type watched struct {
	*ledger
	site *site
}

var (
	_ gate.Observer = watched{}
	_ gate.Tracer   = watched{}
)

// Observe holds alerts and jobs against the faults that were put in.
func (w watched) Observe(_ context.Context, e gate.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e.Kind {
	case gate.ProblemRaised:
		w.alerts[e.Cause]++
		if !w.explained(e.Site, e.At, explains[e.Cause]...) {
			w.breach("site %s: alert %q at %s and nothing was done to cause it: %v", e.Site, e.Cause, e.At, e.Err)
		}
	case gate.RequestCompleted:
		w.completed(e)
	case gate.JobCompleted:
		w.ran(e)
	}
}

// completed records commands that nothing has answered, and what settles them.
func (w watched) completed(e gate.Event) {
	r, now := e.Receipt, time.Now()
	key := storage.RequestKey{Site: e.Site, Member: r.Member, RequestID: r.RequestID}
	if strings.HasPrefix(r.RequestID, "close-") && r.Outcome == gate.Accepted && !e.Late {
		w.swept++
	}
	if !e.Late {
		if r.Outcome == gate.Unconfirmed && !r.Shared && !r.Repeated {
			w.unsettled[key] = unsettled{now, w.site.net.live()}
		}
		return
	}
	u, known := w.unsettled[key]
	delete(w.unsettled, key)
	how, took := "by a poll", now.Sub(u.since)
	switch {
	case !known:
		how, took = "after Recover", 0
	case took <= time.Second && u.live:
		how = "by the stream"
	case u.live && took > soon && w.restarted.Before(u.since) && !w.streamFailed(u.since):
		w.breach("site %s: request %s was settled %s after its answer was lost at %s, although the stream was open: %v",
			e.Site, r.RequestID, took, u.since, w.recent(e.Site, u.since))
	}
	w.settled[how]++
	w.slowest[how] = max(w.slowest[how], took)
}

// streamFailed reports whether a fault may be why no entry arrived soon after an instant.
// The caller holds l.mu.
func (w watched) streamFailed(at time.Time) bool {
	return w.explained(w.site.id, at, offStream...) || w.explained(w.site.id, at.Add(soon), offStream...)
}

// ran records a run of a job. Each failure requires its cause.
func (w watched) ran(e gate.Event) {
	if w.jobs[e.Job] == nil {
		w.jobs[e.Job] = map[string]*jobRuns{}
	}
	j := w.jobs[e.Job][e.Site]
	if j == nil {
		j = &jobRuns{}
		w.jobs[e.Job][e.Site] = j
	}
	j.runs++
	j.ran = e.At
	if e.Err == nil {
		if !j.succeeded.IsZero() {
			j.gap = max(j.gap, e.At.Sub(j.succeeded))
		}
		j.succeeded = e.At
		return
	}
	j.failures++
	var kinds []string
	switch {
	case errors.Is(e.Err, saltoks.ErrReauthorize):
		kinds = []string{"token lost"}
	case errors.Is(e.Err, storage.ErrUnavailable) && !errors.Is(e.Err, gate.ErrCloudUnavailable):
		kinds = []string{"database"}
	default:
		kinds = slices.Collect(maps.Keys(w.faults))
	}
	if !w.explained(e.Site, e.At.Add(-e.Took), kinds...) && !w.explained(e.Site, e.At, kinds...) {
		w.breach("site %s: the job %s failed at %s and nothing was done to cause it: %v", e.Site, e.Job, e.At, e.Err)
	}
}

// jobLog finds jobs that do not end when the process does.
type jobLog struct{ *ledger }

func (l jobLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }
func (l jobLog) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l jobLog) WithGroup(string) slog.Handler                    { return l }

func (l jobLog) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "job") {
		l.wrong("%s: %s", r.Time, r.Message)
	}
	return nil
}

// Start holds every command against what must be true before it is sent.
func (w watched) Start(ctx context.Context, p gate.Phase) (context.Context, func(gate.Receipt)) {
	if p.Name != gate.PhaseSend {
		return ctx, func(gate.Receipt) {}
	}
	a, ok := ctx.Value(askedKey{}).(asked)
	if !ok {
		w.wrong("site %s: a command without a tap: %+v", w.site.id, p)
	}
	if a.member != nil {
		w.mu.Lock()
		w.moves[a.id]++
		n := w.moves[a.id]
		w.mu.Unlock()
		if n > 1 {
			w.wrong("request %s: %d commands", a.id, n)
		}
		now := time.Now()
		if p.Action != access.Lock && !a.member.may(a.door, now) && !a.member.may(a.door, now.Add(-gate.SendWithin)) {
			w.wrong("request %s: %s of %s for %s at %s, who may not", a.id, p.Action, a.door, a.member.id, now)
		}
		if p.Door != a.door {
			w.wrong("request %s: a command to %s, the tap was at %s", a.id, p.Door, a.door)
		}
		w.traced(ctx, a)
	} else if p.Action != access.Lock {
		w.wrong("site %s: a command of a job: %s of %s", w.site.id, p.Action, p.Door)
	}
	lock, c := w.site.lock(p.Door), &command{request: a.id}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sending[lock] = append(w.sending[lock], c)
	return ctx, func(r gate.Receipt) { w.answered(lock, c, r.Outcome) }
}

// answered records how often a lock may have moved by a command.
func (w watched) answered(lock string, c *command, o storage.Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sending[lock] = slices.DeleteFunc(w.sending[lock], func(other *command) bool { return other == c })
	possible := w.possible[lock]
	if possible == nil {
		possible = map[string]int{}
		w.possible[lock] = possible
	}
	switch o {
	case storage.Accepted:
		possible["certain"]++
		if c.wire != 1 {
			w.breach("site %s: request %s was accepted and was %d times on the wire", w.site.id, c.request, c.wire)
		}
	case storage.Unconfirmed:
		possible["unsure"]++
	}
}

// onWire records a command on the wire. It belongs to one that the gate is sending.
func (l *ledger) onWire(site, lock string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.sending[lock] {
		if c.wire == 0 {
			c.wire++
			return
		}
	}
	l.breach("site %s: a command on the wire to lock %s; %d are being sent, each was on the wire already", site, lock, len(l.sending[lock]))
}

// traced demands the attempt's row, in the database itself, before the command.
func (w watched) traced(ctx context.Context, a asked) {
	store := w.site.soak.store
	m, err := store.Lookup(ctx, storage.RequestKey{Site: w.site.id, Member: a.member.id, RequestID: a.id}, a.door)
	if err != nil || m.Entry == nil || m.Entry.Outcome != storage.Sending {
		w.wrong("request %s: a command and no claim in the journal: %+v, %v", a.id, m.Entry, err)
		return
	}
	for row, err := range store.Rows(ctx, storage.LogQuery{Site: w.site.id, After: m.Entry.Seq - 1, Limit: 1}) {
		if err != nil || row.Seq != m.Entry.Seq || row.Outcome != storage.Sending || row.Door != a.door {
			w.wrong("request %s: a command and no attempt in the door log: %+v, %v", a.id, row, err)
		}
	}
}
