package main

import (
	"context"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access/gate"
)

// alerts keeps what a manager should know: the problems that the gate reports, and the last
// result of the Doctor.
type alerts struct {
	log *slog.Logger

	mu      sync.Mutex
	open    []gate.Event
	issues  []gate.Issue
	checked time.Time // zero before the Doctor ran
}

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

// diagnosis returns the last result of the Doctor and when it was.
func (a *alerts) diagnosis() ([]gate.Issue, time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.issues, a.checked
}

// examine runs the Doctor. The Runner does so every ten minutes, because each run reads SALTO KS.
func (p *platform) examine(ctx context.Context) error {
	issues, err := p.site.Doctor(ctx)
	if err != nil {
		return err
	}
	p.alerts.mu.Lock()
	defer p.alerts.mu.Unlock()
	p.alerts.issues, p.alerts.checked = issues, p.now()
	return nil
}

var (
	word     = regexp.MustCompile(`[\w-]+`)
	quotedID = regexp.MustCompile(`"[\w-]+"`)
)

// withNames returns issues with the names of doors and people in place of their ids.
func (p *platform) withNames(ctx context.Context, issues []gate.Issue) ([]gate.Issue, error) {
	h, err := p.house(ctx)
	if err != nil {
		return nil, err
	}
	grants, err := p.store.Grants(ctx, siteID, "")
	if err != nil {
		return nil, err
	}
	keys := map[string]string{}
	for _, g := range grants {
		keys["grant "+g.ID] = "the key of " + h.Names[g.Member] + " to " + h.DoorNames[g.Door]
	}
	name := func(id string) string {
		for _, names := range []map[string]string{h.DoorNames, h.Names} {
			if known := names[strings.Trim(id, `"`)]; known != "" {
				return known
			}
		}
		return id
	}
	named := slices.Clone(issues)
	for i := range named {
		about, ok := keys[named[i].About]
		if !ok {
			about = word.ReplaceAllStringFunc(named[i].About, name)
		}
		named[i].About, named[i].What = about, quotedID.ReplaceAllStringFunc(named[i].What, name)
	}
	return named, nil
}
