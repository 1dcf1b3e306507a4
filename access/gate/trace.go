package gate

import (
	"context"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/internal/hostcall"
)

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
	Name   string // PhaseRequest, ...
	Site   string
	Door   string
	Action access.Action
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
		return ctx, untraced
	}
	return g.startPhase(ctx, Phase{Name: name, Site: g.c.Site, Door: door, Action: action})
}

func untraced(Receipt) {}

// startPhase is not part of trace, so that a gate without a Tracer allocates nothing.
func (g *Gate) startPhase(ctx context.Context, p Phase) (context.Context, func(Receipt)) {
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
