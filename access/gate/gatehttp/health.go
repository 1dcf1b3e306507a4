package gatehttp

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/internal/hostcall"
)

// health is what a load balancer sees: no text, no id, no secret.
type health struct {
	// Status is "live", "ready", "degraded" or "unavailable".
	Status string       `json:"status"`
	Causes []gate.Cause `json:"causes"`
}

// live reports that the process answers.
func (h *Handler) live(c *call) error {
	return c.json(http.StatusOK, health{"live", []gate.Cause{}})
}

// ready reports whether this process can handle taps: 503 if it cannot. Degraded means
// that it can, and that some taps fail, here or in any other process.
func (h *Handler) ready(c *call) error {
	result := h.health.check(c.r.Context(), h)
	if result.Status == "unavailable" {
		return c.json(http.StatusServiceUnavailable, result)
	}
	return c.json(http.StatusOK, result)
}

// readiness keeps the last result, because each check reads the storage and the route
// needs no login.
type readiness struct {
	mu      sync.Mutex
	checked time.Time
	last    health
}

const (
	checkEvery  = time.Second
	checkWithin = 2 * time.Second
)

func (r *readiness) check(ctx context.Context, h *Handler) health {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.checked.IsZero() && time.Since(r.checked) < checkEvery {
		return r.last
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkWithin) // others use the result
	defer cancel()
	r.last = h.examine(ctx)
	r.checked = time.Now()
	return r.last
}

func (h *Handler) examine(ctx context.Context) health {
	killSwitch, err := h.gate.KillSwitch(ctx)
	switch {
	case !hostcall.ClockIsSet(h.gate.Now()):
		return health{"unavailable", []gate.Cause{gate.CauseClock}}
	case err != nil:
		return health{"unavailable", []gate.Cause{gate.CauseStoreUnavailable}}
	}
	causes := slices.DeleteFunc(h.gate.Problems(), failsNoTap)
	if killSwitch.Off && !slices.Contains(causes, gate.CauseSwitchedOff) {
		causes = append(causes, gate.CauseSwitchedOff)
		slices.Sort(causes)
	}
	if len(causes) > 0 {
		return health{"degraded", causes}
	}
	return health{"ready", causes}
}

// failsNoTap reports whether taps work in spite of a problem.
func failsNoTap(c gate.Cause) bool {
	switch c {
	case gate.CauseLeftOpen, gate.CauseIntrusion, gate.CauseBatteryLow, gate.CausePrivacyMode, gate.CauseReauthorizeDue,
		gate.CauseSeatsNearlyFull:
		return true
	}
	return false
}
