package gate

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
)

// Observer receives what happens at the doors: for metrics, alerts and screens.
// It is called during the request, so it must return quickly; a panic in it is
// contained.
//
// A Gate reports a problem once, on the first request that encounters it, and reports
// its end when a command succeeds there again. It keeps open problems in memory: each
// process reports the problems that it encounters, a new process reports a lasting
// problem again, and the end of a problem that ended while no process ran is not
// reported. To have one alert for all processes, use Site, Cause, Gateway and Door as
// its key, and close it by hand or by age. Doctor reports the problems of the moment.
type Observer interface {
	Observe(ctx context.Context, e Event)
}

// EventKind is the kind of an Event.
type EventKind string

const (
	// RequestCompleted reports one answered request; Event.Receipt is its receipt.
	// Count only those that are neither Repeated nor Late.
	RequestCompleted EventKind = "request_completed"
	// ProblemRaised reports the beginning of a problem that requires a person. It is
	// reported once, however many requests encounter it.
	ProblemRaised EventKind = "problem_raised"
	// ProblemResolved reports that the problem is over.
	ProblemResolved EventKind = "problem_resolved"
	// JobCompleted reports one run of a job of a Runner: Job, Took, Next, and Err if it
	// failed.
	JobCompleted EventKind = "job_completed"
)

// Event is what an Observer receives.
type Event struct {
	Kind EventKind `json:"kind"`
	Site string    `json:"site"`
	At   time.Time `json:"at,omitzero"`
	// Receipt is set for RequestCompleted. It is Late if an entry of the lock system proved
	// an Unconfirmed request to be Accepted.
	Receipt *Receipt `json:"receipt,omitempty"`
	Late    bool     `json:"late,omitempty"`
	// Cause names the problem, with Member, Gateway or Door if it concerns one; Since
	// is when it began.
	Cause   Cause     `json:"cause,omitempty"`
	Gateway string    `json:"gateway,omitempty"`
	Door    string    `json:"door,omitempty"`
	Member  string    `json:"member,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	// Job is the name of a job. Took is how long it ran, in nanoseconds in JSON; Next is
	// when it is due again.
	Job  string        `json:"job,omitempty"`
	Took time.Duration `json:"took,omitempty"`
	Next time.Time     `json:"next,omitzero"`
	Err  error         `json:"-"`
}

// scope is what a problem concerns; 0 for what is not a problem that requires a person.
type scope int

const (
	siteWide scope = iota + 1
	perGateway
	perDoor
	perMember
)

// scopeOf returns the scope of a cause. The scope of bad facts is the widest one that
// the faults name.
func scopeOf(c Cause, faults []access.Fault) scope {
	switch c {
	case CauseStoreUnavailable, CauseUnknownSite, CauseClock, CauseCloudUnavailable, CauseReauthorize, CauseClientRefused,
		CauseNoSubscription, CauseRateLimited:
		return siteWide
	case CauseIQNotActivated, CauseIQOffline, CauseRestoreRequired, CausePINNotChanged, CauseOTPInvalid, CauseOTPBlocked:
		return perGateway
	case CauseLockOffline, CauseLockGone, CauseLinkOutdated, CauseForbidden, CauseNotLinked:
		return perDoor
	case CauseBadFacts:
	default:
		return 0
	}
	widest := perMember
	for _, f := range faults {
		list, _, _ := strings.Cut(f.Path, ".")
		list, _, _ = strings.Cut(list, "[")
		switch list {
		case "member", "grants", "reservations":
		case "door", "membership_types", "resources", "neighbors":
			widest = min(widest, perDoor)
		default:
			widest = siteWide
		}
	}
	return widest
}

type problem struct {
	cause                 Cause
	gateway, door, member string // what it concerns; all empty for the whole site
}

// problemOf returns the problem that a receipt reports; the zero problem if there is
// none.
func problemOf(r *Receipt, link Link) problem {
	cause, faults := r.Cause, r.Decision.Faults()
	switch {
	case r.Repeated && r.Recorded: // reported when it happened
		return problem{}
	case cause == CauseClock && r.Outcome == Denied && !r.At.IsZero(): // the phone's clock is wrong, not ours
		return problem{}
	case r.Outcome == Accepted && !r.Recorded:
		cause = CauseStoreUnavailable
	case cause == "" && faults != nil: // bad rows, which opened nothing
		cause = CauseBadFacts
	}
	switch scopeOf(cause, faults) {
	case siteWide:
		return problem{cause: cause}
	case perGateway:
		return problem{cause: cause, gateway: link.Gateway}
	case perDoor:
		return problem{cause: cause, door: r.Door}
	case perMember:
		return problem{cause: cause, door: r.Door, member: r.Member}
	}
	return problem{}
}

// resolvedBy reports whether a command that succeeded shows that the problem is over.
func (p problem) resolvedBy(r *Receipt, link Link) bool {
	if p.cause == CauseStoreUnavailable && !r.Recorded || p.cause == CauseBadFacts && r.Decision.Faults() != nil {
		return false
	}
	concerns := func(of, is string) bool { return of == "" || of == is }
	return concerns(p.gateway, link.Gateway) && concerns(p.door, r.Door) && concerns(p.member, r.Member)
}

// Problems returns the causes of the problems that this Gate has encountered and that
// are not resolved, sorted and without repeats. See Observer.
func (g *Gate) Problems() []Cause {
	g.mu.Lock()
	defer g.mu.Unlock()
	causes := []Cause{}
	for p := range g.problems {
		causes = append(causes, p.cause)
	}
	slices.Sort(causes)
	return slices.Compact(causes)
}

// report reports a receipt, and the problems that it raises or resolves: each once, from
// its beginning to its end. If the receipt is late, the movement became known
// afterwards: it does not end a problem that began after the movement.
func (g *Gate) report(ctx context.Context, link Link, r Receipt, late bool) {
	events := []Event{{Kind: RequestCompleted, Receipt: &r, Cause: r.Cause, Door: r.Door, Gateway: link.Gateway, Late: late, Err: r.Err}}
	g.mu.Lock()
	if r.Outcome == Accepted && !r.Shared && !r.Repeated {
		for p, since := range g.problems {
			if p.resolvedBy(&r, link) && !(late && r.At.Before(since)) {
				delete(g.problems, p)
				events = append(events, p.event(ProblemResolved, since, nil))
			}
		}
	}
	slices.SortFunc(events[1:], func(a, b Event) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Cause, b.Cause), cmp.Compare(a.Door, b.Door), cmp.Compare(a.Member, b.Member))
	})
	p := problemOf(&r, link)
	if _, known := g.problems[p]; p.cause != "" && !known {
		g.problems[p] = r.At
		err := r.Err
		if faults := r.Decision.Faults(); err == nil && faults != nil {
			err = &access.FactsError{Faults: faults}
		}
		events = append(events, p.event(ProblemRaised, r.At, err))
	}
	g.mu.Unlock()
	for _, e := range events {
		e.Site, e.At = g.c.Site, r.At
		g.logEvent(ctx, e)
		g.observe(ctx, e)
	}
}

// observe calls the Observer.
func (g *Gate) observe(ctx context.Context, e Event) {
	if g.c.Observer == nil {
		return
	}
	if err := contain("Observer", func() error { g.c.Observer.Observe(ctx, e); return nil }); err != nil {
		g.c.Logger.ErrorContext(ctx, "gate: the observer panicked", "site", g.c.Site, "error", err)
	}
}

func (p problem) event(kind EventKind, since time.Time, err error) Event {
	return Event{Kind: kind, Cause: p.cause, Gateway: p.gateway, Door: p.door, Member: p.member, Since: since, Err: err}
}

// logEvent writes what staff should see in the program's log. It omits members, because they
// could not be erased from there.
func (g *Gate) logEvent(ctx context.Context, e Event) {
	l := g.c.Logger.With("site", g.c.Site, "cause", e.Cause, "gateway", e.Gateway, "door", e.Door)
	switch e.Kind {
	case ProblemRaised:
		l.WarnContext(ctx, "gate: problem raised", "error", e.Err)
	case ProblemResolved:
		l.InfoContext(ctx, "gate: problem resolved", "since", e.Since)
	case RequestCompleted:
		r := e.Receipt
		if p, ok := errors.AsType[*PanicError](r.Err); ok {
			l.ErrorContext(ctx, "gate: code of the host panicked", "in", p.In, "error", p, "stack", string(p.Stack))
		}
		if !r.Recorded && (r.Outcome == Accepted || r.Outcome == Unconfirmed) && !r.Repeated {
			l.ErrorContext(ctx, "gate: an outcome could not be written", "request_id", r.RequestID, "outcome", r.Outcome, "error", r.Err)
		}
	}
}
