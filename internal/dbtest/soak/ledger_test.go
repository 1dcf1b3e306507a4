//go:build unix

package soak

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks"
)

// ledger is what really happened, recorded where it happened: the
// movements the gate asked for, the commands on the wire, the alerts. It
// outlives every restart.
type ledger struct {
	mu         sync.Mutex
	moves      map[string]int            // by request
	wire       map[string]int            // by request
	outcomes   map[storage.Outcome]int   // of moves
	possible   map[string]map[string]int // by lock: "certain" and "unsure" movements
	injected   []injection
	consented  map[string]time.Time // by site, since the start
	alerts     map[gate.Cause]int
	receipts   map[string]int // by outcome and cause
	restarts   int
	violations []string
}

func newLedger() *ledger {
	return &ledger{
		moves: map[string]int{}, wire: map[string]int{}, outcomes: map[storage.Outcome]int{}, possible: map[string]map[string]int{},
		alerts: map[gate.Cause]int{}, receipts: map[string]int{},
		consented: map[string]time.Time{},
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
	l.violations = append(l.violations, fmt.Sprintf(format, args...))
}

// injection is a fault that was put in on purpose.
type injection struct {
	kind string
	site string // empty: all
	at   time.Time
}

func (l *ledger) inject(kind, site string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.injected = append(l.injected, injection{kind, site, at})
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
	return at.Sub(i.at) < armed+aftermath
}

// explains says which fault may raise which alert; anything else must not occur.
var explains = map[gate.Cause][]string{
	gate.CauseStoreUnavailable: {"database"},
	gate.CauseCloudUnavailable: {"network", "identity"},
	gate.CauseReauthorize:      {"token lost"},
	gate.CauseRateLimited:      {"http_429"},
	gate.CauseIQOffline:        {"iq_offline"},
	gate.CauseLockOffline:      {"lock_offline"},
	gate.CauseOTPBlocked:       {"otp_blocked"},
	gate.CauseForbidden:        {"truncated_body"}, // a refusal that lost its code: the 403 is all there is
}

// Observe makes the ledger a gate's observer: every alert requires its cause.
func (l *ledger) Observe(_ context.Context, e gate.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Kind != gate.ProblemRaised {
		return
	}
	l.alerts[e.Cause]++
	for _, i := range l.injected {
		for _, kind := range explains[e.Cause] {
			if i.kind == kind && l.mayExplain(i, e.Site, e.At) {
				return
			}
		}
	}
	l.violations = append(l.violations, fmt.Sprintf("site %s: alert %q at %s and nothing was done to cause it: %v", e.Site, e.Cause, e.At,
		e.Err))
}

// asked travels in the context of one request, down to the wire.
type asked struct {
	id     string
	member *member // nil: the guardian
	door   string
}

type askedKey struct{}

func with(ctx context.Context, a asked) context.Context { return context.WithValue(ctx, askedKey{}, a) }

// watched is the gate's way to the locks, with the ledger in between.
type watched struct {
	*ledger
	site  *site
	inner gate.LockDriver
}

// Move holds every command against what must be true before it is sent.
func (w watched) Move(ctx context.Context, c gate.Command) gate.Result {
	a, ok := ctx.Value(askedKey{}).(asked)
	if !ok {
		w.wrong("site %s: a command without a tap: %+v", w.site.id, c)
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
		if c.Action != access.Lock && !a.member.may(a.door, now) && !a.member.may(a.door, now.Add(-gate.SendWithin)) {
			w.wrong("request %s: %s of %s for %s at %s, who may not", a.id, c.Action, a.door, a.member.id, now)
		}
		w.traced(ctx, a)
	}
	r := w.inner.Move(ctx, c)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outcomes[r.Outcome]++
	lock := w.possible[c.Link.Lock]
	if lock == nil {
		lock = map[string]int{}
		w.possible[c.Link.Lock] = lock
	}
	switch r.Outcome {
	case storage.Accepted:
		lock["certain"]++
	case storage.Unconfirmed:
		lock["unsure"]++
	}
	return r
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

// counted is the last thing before the wire: it counts commands and cuts the
// site's network.
func (x *site) counted(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if time.Now().Before(x.cutUntil) {
			return nil, errCut
		}
		if strings.HasSuffix(r.URL.Path, "/locking") {
			a, _ := r.Context().Value(askedKey{}).(asked)
			l := x.soak.ledger
			l.mu.Lock()
			l.wire[a.id]++
			n := l.wire[a.id]
			l.mu.Unlock()
			if n > 1 && a.member != nil {
				l.wrong("request %s: %d commands on the wire", a.id, n)
			}
		}
		return next.RoundTrip(r)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

var _ saltoks.Middleware = (*site)(nil).counted
