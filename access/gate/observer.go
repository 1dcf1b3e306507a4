package gate

import (
	"context"
	"errors"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/internal/hostcall"
)

// Observer receives what happens at the doors: for metrics, alerts and screens.
// It is called during the request, so it must return quickly; a panic in it is
// contained.
//
// Each problem is reported once, from its beginning to its end. A problem that a request
// encounters ends when a command succeeds there again, and each process reports those
// that its requests encounter. A problem that the lock system reports
// (RefreshLockStates, ReportProblem) ends when the lock system no longer reports it. One
// process reports these for all that share the storage. If it stops, another process
// takes over within 11 minutes; until then, reports are delayed, and some may be
// repeated. If processes check less often than every 11 minutes, several may report the
// same problem.
//
// Open problems are kept in memory. If all processes were stopped, the next one reports
// a problem again that still lasts. It does not report the end of a problem that ended
// while no process ran. So use Site, Cause, Gateway and Door as the key of an alert, and
// close it by hand or by age. Doctor reports the current problems.
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

// observe calls the Observer.
func (g *Gate) observe(ctx context.Context, e Event) {
	if g.c.Observer == nil {
		return
	}
	if err := contain("Observer", func() error { g.c.Observer.Observe(ctx, e); return nil }); err != nil {
		g.c.Logger.ErrorContext(ctx, "gate: the observer panicked", "site", g.c.Site, "error", err)
	}
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

// Tracer measures the phases of requests, for instance as spans. It is called during
// the request, so it must return quickly; a panic in it is contained. It must be safe
// for concurrent use.
type Tracer interface {
	// Start is called when a phase begins. It returns ctx, or a child of ctx with values
	// only, which is the context of the phase, and a function that is called when the
	// phase ends.
	//
	// That function receives the receipt, if the request ends with the phase or is settled
	// by it; of PhaseSend the Outcome, the Cause and Err only; otherwise, because the next
	// phase follows, the zero Receipt. A receipt names a member: do not export all of it.
	Start(ctx context.Context, p Phase) (phase context.Context, end func(Receipt))
}

// Phase is a part of a request that a Tracer measures.
type Phase struct {
	Name   string        `json:"name"` // PhaseRequest, ...
	Site   string        `json:"site"`
	Door   string        `json:"door"`
	Action access.Action `json:"action"`
}

// The phases of a request. The other ones are parts of PhaseRequest.
const (
	// PhaseRequest is the whole request: of a member, or of CloseOfficeMode.
	PhaseRequest = "request"
	// PhaseFacts looks the request up, reads the facts and decides. If the request was
	// made before, it also waits for its outcome.
	PhaseFacts = "facts"
	// PhaseClaim writes the attempt into the journal and the door log.
	PhaseClaim = "claim"
	// PhaseSend moves the lock: from the call of the LockDriver to its answer.
	PhaseSend = "send"
	// PhaseSettle writes the outcome.
	PhaseSettle = "settle"
)

// trace begins a phase. The caller calls end.
func (g *Gate) trace(ctx context.Context, name string, action access.Action, door string) (phase context.Context, end func(Receipt)) {
	if g.c.Tracer == nil {
		return ctx, func(Receipt) {}
	}
	p := Phase{Name: name, Site: g.c.Site, Door: door, Action: action}
	start := func(ctx context.Context) (context.Context, func(Receipt)) { return g.c.Tracer.Start(ctx, p) }
	return hostcall.Trace(ctx, "Tracer", start, func(err error) {
		g.c.Logger.ErrorContext(ctx, "gate: the tracer panicked", "site", g.c.Site, "error", err)
	})
}

// outcome returns the receipt of a request that ended, and an empty one for nil.
func (e *ended) outcome() Receipt {
	if e == nil {
		return Receipt{}
	}
	return e.receipt
}
