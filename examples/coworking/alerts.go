package main

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/doorkit/doorkit/access/gate"
)

// alerts observes the gate and keeps its current problems for the manager's pages.
type alerts struct {
	log *slog.Logger

	mu   sync.Mutex
	open []gate.Event
}

func newAlerts(log *slog.Logger) *alerts { return &alerts{log: log} }

// Observe implements gate.Observer.
func (a *alerts) Observe(_ context.Context, e gate.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	same := func(o gate.Event) bool { return o.Cause == e.Cause && o.Gateway == e.Gateway && o.Door == e.Door }
	switch e.Kind {
	case gate.ProblemRaised:
		a.log.Warn("problem raised", "cause", e.Cause, "door", e.Door, "iq", e.Gateway)
		a.open = append(slices.DeleteFunc(a.open, same), e)
	case gate.ProblemResolved:
		a.log.Info("problem resolved", "cause", e.Cause, "door", e.Door, "iq", e.Gateway)
		a.open = slices.DeleteFunc(a.open, same)
	}
}

// active returns the problems that are not resolved.
func (a *alerts) active() []gate.Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.open)
}
