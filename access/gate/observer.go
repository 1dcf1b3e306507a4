package gate

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Observer receives events, for metrics, alerts and screens. It is called before the
// request returns, so it returns quickly; a panic in it is contained.
//
// A Gate raises a problem once, when it first meets it, and resolves it when a command
// works there again. It keeps that in memory: several processes raise the same
// problem each, a new process raises again what persists, and a problem that ends
// while no process runs is never resolved. To merge alerts of several processes, key
// them by Site, Cause, Gateway and Door, and close them by hand or by age; Doctor
// reports what persists now.
type Observer interface {
	Observe(ctx context.Context, e Event)
}

// EventKind is the kind of an Event.
type EventKind string

const (
	// RequestCompleted: one request was answered; Event.Receipt is its receipt.
	// Count only those that are not Repeated.
	RequestCompleted EventKind = "request_completed"
	// ProblemRaised: something that requires a person began. It is raised once, for
	// any number of requests that meet it.
	ProblemRaised EventKind = "problem_raised"
	// ProblemResolved: a command worked again.
	ProblemResolved EventKind = "problem_resolved"
)

// Event is one thing that happened.
type Event struct {
	Kind EventKind
	Site string
	At   time.Time
	// Receipt is set for RequestCompleted.
	Receipt *Receipt
	// Cause names the problem, with the Gateway or Door that it is about; Since is
	// when it was raised.
	Cause         Cause
	Gateway, Door string
	Since         time.Time
	Err           error
}

type scope int

const (
	siteWide scope = iota + 1
	perGateway
	perDoor
)

// problems are the causes that require a person, with what they are about.
var problems = map[Cause]scope{
	CauseStoreUnavailable: siteWide, CauseCloudUnavailable: siteWide, CauseReauthorize: siteWide,
	CauseNoSubscription: siteWide, CauseRateLimited: siteWide, CauseClock: siteWide,
	CauseIQNotActivated: perGateway, CauseIQOffline: perGateway, CauseRestoreRequired: perGateway,
	CausePINNotChanged: perGateway, CauseOTPInvalid: perGateway, CauseOTPBlocked: perGateway,
	CauseLockOffline: perDoor, CauseLockGone: perDoor, CauseForbidden: perDoor, CauseNotLinked: perDoor, CauseBadFacts: perDoor,
}

type problem struct {
	cause         Cause
	gateway, door string
}

// watch turns receipts into events. It knows what this Gate saw, no more.
type watch struct {
	site     string
	observer Observer
	mu       sync.Mutex
	open     map[problem]time.Time
}

func newWatch(site string, o Observer) *watch {
	return &watch{site: site, observer: o, open: map[problem]time.Time{}}
}

func (w *watch) completed(ctx context.Context, link Link, r Receipt) {
	if w.observer != nil {
		w.tell(ctx, link, r, false)
	}
}

// proven is completed for a movement that is reported long after it happened: it
// resolves no problem that was raised since.
func (w *watch) proven(ctx context.Context, link Link, r Receipt) {
	if w.observer != nil {
		w.tell(ctx, link, r, true)
	}
}

func (w *watch) tell(ctx context.Context, link Link, r Receipt, late bool) {
	events := []Event{{Kind: RequestCompleted, Receipt: &r, Cause: r.Cause, Door: r.Door, Gateway: link.Gateway, Err: r.Err}}
	w.mu.Lock()
	if r.Outcome == Accepted && !r.Shared && !r.Repeated {
		for t, since := range w.open {
			over := problems[t.cause] == siteWide || t.door == r.Door || t.gateway != "" && t.gateway == link.Gateway
			if t.cause == CauseStoreUnavailable && !r.Recorded || late && r.At.Before(since) {
				over = false
			}
			if over {
				delete(w.open, t)
				events = append(events, Event{Kind: ProblemResolved, Cause: t.cause, Gateway: t.gateway, Door: t.door, Since: since})
			}
		}
	}
	slices.SortFunc(events[1:], func(a, b Event) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Cause, b.Cause), cmp.Compare(a.Door, b.Door))
	})
	cause := r.Cause
	if r.Outcome == Accepted && !r.Recorded {
		cause = CauseStoreUnavailable
	}
	if r.Repeated && r.Recorded || cause == CauseClock && r.Outcome == Denied && !r.At.IsZero() {
		cause = "" // told when it happened; the clock that is wrong is the phone's
	}
	t := problem{cause: cause}
	switch problems[cause] {
	case perGateway:
		t.gateway = link.Gateway
	case perDoor:
		t.door = r.Door
	case siteWide:
	default:
		t.cause = ""
	}
	if _, known := w.open[t]; t.cause != "" && !known {
		w.open[t] = r.At
		events = append(events, Event{Kind: ProblemRaised, Cause: t.cause, Gateway: t.gateway, Door: t.door, Since: r.At, Err: r.Err})
	}
	w.mu.Unlock()
	for _, e := range events {
		e.Site, e.At = w.site, r.At
		_ = guard("Observer", func() error { w.observer.Observe(ctx, e); return nil })
	}
}
