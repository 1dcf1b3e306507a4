package saltoremote

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// SALTO has answered, and the answer cannot be stored: the error reports both, the
// state is what is stored, and the activation can be finished later.
func TestAnswersThatCannotBeStored(t *testing.T) {
	for _, c := range []struct {
		name    string
		before  func(*fixture)
		do      func(*fixture) (ActivationState, error)
		left    int   // calls of the store that still work
		refusal error // SALTO's; nil if it accepted
		step    ActivationStep
		advice  string
	}{
		{
			name: "PIN requested", before: func(r *fixture) { r.must(r.act.Begin(r.t.Context(), r.site, r.iq)) },
			do: func(r *fixture) (ActivationState, error) {
				return r.act.RequestPIN(r.t.Context(), r.site, r.iq, saltoks.PINByMail)
			},
			left: 1, step: StepSecretStored, advice: "request it again",
		},
		{
			name: "PIN accepted", before: (*fixture).requestPIN,
			do: func(r *fixture) (ActivationState, error) {
				return r.act.Confirm(r.t.Context(), r.site, r.iq, r.pin())
			},
			left: 2, step: StepConfirming, advice: "call Resume",
		},
		{
			name: "PIN refused", before: (*fixture).requestPIN,
			do: func(r *fixture) (ActivationState, error) {
				return r.act.Confirm(r.t.Context(), r.site, r.iq, r.wrongPIN())
			},
			left: 2, refusal: saltoks.ErrOTPInvalid, step: StepConfirming, advice: "call Resume",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t)
				r.t = t
				c.before(r)
				if c.refusal != nil {
					r.wrongPIN() // it reads the store
					c.left++
				}
				r.store.broken, r.store.left = true, c.left
				s, err := c.do(r)
				r.store.broken = false
				if !errors.Is(err, errStore) || !errors.Is(err, c.refusal) && c.refusal != nil || isUnconfirmed(err) != (c.refusal == nil) {
					t.Errorf("got %v", err)
				}
				if s.Step != c.step || !strings.Contains(err.Error(), c.advice) {
					t.Errorf("%+v, %v", s, err)
				}
				if stored := r.must(r.act.State(t.Context(), r.site, r.iq)); stored != s {
					t.Errorf("%+v is stored, the method returned %+v", stored, s)
				}
				time.Sleep(confirmLimit + time.Second)
				if s := r.must(r.act.Resume(t.Context(), r.site, r.iq)); s.Step != StepActivated {
					r.must(r.act.RequestPIN(t.Context(), r.site, r.iq, saltoks.PINByMail))
					r.must(r.act.Confirm(t.Context(), r.site, r.iq, r.pin()))
				}
				if err := r.remote.Unlock(t.Context(), r.target); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// The answer to a confirmation was lost, and its result cannot be determined or stored:
// no PIN is requested or sent, because the one that was sent may be valid.
func TestUnsettledConfirmationSendsNoPIN(t *testing.T) {
	steps := map[string]func(context.Context, *fixture) (ActivationState, error){
		"Resume": func(ctx context.Context, r *fixture) (ActivationState, error) { return r.act.Resume(ctx, r.site, r.iq) },
		"RequestPIN": func(ctx context.Context, r *fixture) (ActivationState, error) {
			return r.act.RequestPIN(ctx, r.site, r.iq, saltoks.PINByMail)
		},
		"Confirm": func(ctx context.Context, r *fixture) (ActivationState, error) {
			return r.act.Confirm(ctx, r.site, r.iq, r.pin())
		},
	}
	faults := map[string]func(*fixture){
		"SALTO does not answer": func(r *fixture) {
			r.sim.Fault(saltokstest.HTTP500, saltokstest.On("activated_iqs"), saltokstest.Count(-1))
		},
		"the store fails": func(r *fixture) { r.store.broken, r.store.left = true, 1 },
	}
	for step, do := range steps {
		for fault, cause := range faults {
			t.Run(step+"/"+fault, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newFixture(t)
					r.requestPIN()
					r.loseConfirmation()
					r.sim.ForgetRequests()
					cause(r)
					s, err := do(t.Context(), r)
					if !isNotSent(err) || errors.Is(err, saltoks.ErrIQAlreadyActivated) || s.Step != StepConfirming {
						t.Errorf("%+v, %v", s, err)
					}
					for _, line := range r.sent() {
						if strings.HasSuffix(line, "/pin") {
							t.Errorf("sent %s", line)
						}
					}
					r.store.broken = false
					r.sim.ClearFaults()
					if s := r.must(r.act.Resume(t.Context(), r.site, r.iq)); s.Step != StepActivated {
						t.Errorf("repaired: %+v", s)
					}
				})
			})
		}
	}
}

// Without a code nothing is confirmed.
func TestConfirmWithAWrongClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.requestPIN()
		r.sim.ForgetRequests()
		unset := r.newRemote(r.client, r.state, withNow(func() time.Time { return time.Unix(100, 0) })).Activation()
		s, err := unset.Confirm(t.Context(), r.site, r.iq, r.pin())
		if !errors.Is(err, ErrClock) || !isNotSent(err) || s.Step != StepPINRequested || len(r.sent()) != 0 {
			t.Errorf("%+v, %v, requests %v", s, err, r.sent())
		}
		r.must(r.act.Confirm(t.Context(), r.site, r.iq, r.pin()))
	})
}

// A step ends if SALTO does not answer: another process may be waiting for the document.
// A secret that did not arrive is not stored.
func TestStepsWithoutAnAnswer(t *testing.T) {
	steps := map[string]func(context.Context, *fixture) (ActivationState, error){
		"/secret": func(ctx context.Context, r *fixture) (ActivationState, error) { return r.act.Begin(ctx, r.site, r.iq) },
		"/pin": func(ctx context.Context, r *fixture) (ActivationState, error) {
			return r.act.RequestPIN(ctx, r.site, r.iq, saltoks.PINByMail)
		},
	}
	for path, do := range steps {
		for _, fault := range []string{saltokstest.Hang, saltokstest.AnswerLostAfterMove, saltokstest.HTTP500} {
			t.Run(path+"/"+fault, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newFixture(t)
					want := map[string]ActivationStep{"/secret": StepNotStarted, "/pin": StepPINRequested}[path]
					if path == "/pin" {
						r.must(r.act.Begin(t.Context(), r.site, r.iq))
					}
					r.sim.Fault(fault, saltokstest.On(path), saltokstest.Count(-1))
					start := time.Now()
					s, err := do(t.Context(), r)
					if took := time.Since(start); err == nil || s.Step != want || took > stepLimit {
						t.Errorf("after %v: %+v, %v", took, s, err)
					}
					r.sim.ClearFaults()
					if s := r.must(r.act.State(t.Context(), r.site, r.iq)); s.Step != want {
						t.Errorf("stored: %+v", s)
					}
					r.activate()
					if err := r.remote.Unlock(t.Context(), r.target); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}
