package saltoremote

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

// activationSteps are the steps of an activation up to the first unlock, each with the
// request that may be sent only once.
var activationSteps = []struct {
	name  string
	do    func(*Activation, context.Context, *fixture) (ActivationState, error)
	after ActivationStep
	once  string // the request on the wire
}{
	{"Begin", func(a *Activation, ctx context.Context, r *fixture) (ActivationState, error) {
		return a.Begin(ctx, r.site, r.iq)
	}, StepSecretStored, "GET /v1.2/sites/S/iqs/Q/secret"},
	{"RequestPIN", func(a *Activation, ctx context.Context, r *fixture) (ActivationState, error) {
		return a.RequestPIN(ctx, r.site, r.iq, saltoks.PINByMail)
	}, StepPINRequested, "GET /v1.2/sites/S/iqs/Q/pin"},
	{"Confirm", func(a *Activation, ctx context.Context, r *fixture) (ActivationState, error) {
		return a.Confirm(ctx, r.site, r.iq, r.pin())
	}, StepActivated, "PUT /v1.2/sites/S/iqs/Q/pin"},

	// These come later.
	{"Diagnose", func(a *Activation, ctx context.Context, r *fixture) (ActivationState, error) {
		_, err := a.Diagnose(ctx, r.site, r.iq, CheckCode())
		return ActivationState{Step: StepActivated}, err
	}, StepActivated, "PUT /v1.2/sites/S/iqs/Q/pin"},
	{"Deactivate", func(a *Activation, ctx context.Context, r *fixture) (ActivationState, error) {
		return a.Deactivate(ctx, r.site, r.iq)
	}, StepNotStarted, "DELETE /v1.2/sites/S/iqs/Q/pin/"},
}

// stepsToActivate are the first steps, those of the activation.
const stepsToActivate = 3

// TestActivationUnderFaults: each fault of faultRows occurs at each step of the
// activation. The step succeeds or returns an error, its request is sent at most once,
// no state is wrongly reported as activated, and a host that continues at the step that
// State returns can open the door.
func TestActivationUnderFaults(t *testing.T) {
	for i, step := range activationSteps {
		for _, row := range faultRows() {
			t.Run(step.name+"/"+row.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { row.runActivation(t, i) })
			})
		}
	}
}

func (row faultRow) runActivation(t *testing.T, n int) {
	r := newFixture(t)
	p := newFaultCase(t, r)
	defer func() { p.stop() }()
	row.with(p)
	p.client = append(p.client, func(cfg *saltoks.Config) { cfg.UnverifiedEndpoints = true })
	remote := p.build()
	act := remote.Activation()
	for _, step := range activationSteps[:min(n, stepsToActivate)] {
		r.must(step.do(act, t.Context(), r))
	}
	cancelled := errors.Is(p.ctx.Err(), context.Canceled)
	p.stop()
	p.ctx, p.stop = context.WithTimeout(t.Context(), 20*time.Second)
	if cancelled {
		p.stop()
	}
	time.Sleep(time.Minute) // the code of the activation is an old one
	r.sim.ForgetRequests()
	step := activationSteps[n]
	p.on.Store(true)
	if p.before != nil {
		p.before()
	}
	start := time.Now()
	state, err := step.do(act, p.ctx, r)
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
	p.on.Store(false)
	if e, ok := errors.AsType[*saltoks.APIError](err); err != nil && !ok {
		t.Errorf("%T %v is no *APIError", err, err)
	} else if ok && e.NotSent() && strings.Contains(fmt.Sprint(r.sent()), step.once) {
		t.Errorf("it was sent: %v", err)
	}
	if err == nil && state.Step != step.after {
		t.Errorf("no error, and the step is %q", state.Step)
	}
	asked := 0
	for _, q := range r.sent() {
		if strings.HasPrefix(q, step.once) {
			asked++
		}
	}
	if asked > 1 {
		t.Errorf("SALTO was asked %d times", asked)
	}

	if n := r.sim.Movements(string(r.target.Lock)); n != 0 {
		t.Errorf("%d movements before there is a code", n)
	}
	time.Sleep(2 * time.Minute)
	for range 5 {
		state := r.must(act.Resume(t.Context(), r.site, r.iq))
		at := map[ActivationStep]int{StepNotStarted: 0, StepSecretStored: 1, StepPINRequested: 2, StepActivated: stepsToActivate}[state.Step]
		if known, err := act.atSALTO(t.Context(), siteIQ{r.site, r.iq}); at == stepsToActivate && err == nil && !known.Activated {
			r.must(act.Restart(t.Context(), r.site, r.iq)) // a deactivation whose answer was lost
			continue
		}
		if at == stepsToActivate {
			break
		}
		if at == 2 && len(r.sim.Inbox()) == 0 {
			at = 1 // no message came: the person requests another PIN
		}
		_, again := activationSteps[at].do(act, t.Context(), r)
		if again != nil {
			t.Errorf("repaired, %s fails: %v", activationSteps[at].name, again)
		}
	}
	if err := remote.Unlock(t.Context(), r.target); err != nil || r.sim.Movements(string(r.target.Lock)) != 1 {
		t.Errorf("repaired, the door does not open: %v", err)
	}
	seen := p.logged()
	for e := err; e != nil; e = errors.Unwrap(e) {
		seen += fmt.Sprintf("%v %+v %#v\n", e, e, e)
	}
	p.searched(seen + fmt.Sprintf("%+v", state))
}
