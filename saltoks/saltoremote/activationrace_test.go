package saltoremote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// lateStore loses the lease of an IQ's document once, after fn has run, and is
// slow to say so: then runs meanwhile.
type lateStore struct {
	saltostate.Store
	meanwhile func()
}

func (s *lateStore) Update(ctx context.Context, key string, fn func(context.Context, []byte) ([]byte, error)) error {
	lost := false
	err := s.Store.Update(ctx, key, func(ctx context.Context, current []byte) ([]byte, error) {
		next, err := fn(ctx, current)
		if lost = err == nil && strings.HasPrefix(key, "saltoks/iq/") && s.meanwhile != nil; lost {
			return nil, conflict{}
		}
		return next, err
	})
	if lost {
		meanwhile := s.meanwhile
		s.meanwhile = nil
		meanwhile()
	}
	return err
}

// TestALateSecretDoesNotUndoAnActivation: a process stands still with the first
// secret in its hands, and loses its lease. Meanwhile another one has gone the
// whole way: what it stored stays.
func TestALateSecretDoesNotUndoAnActivation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		late := &lateStore{r.store, r.activate}
		act := r.newRemote(r.client, r.newState(late)).Activation()
		if s, err := act.Begin(t.Context(), r.site, r.iq); err != nil || s.Step != StepActivated {
			t.Errorf("%+v, %v", s, err)
		}
		if err := r.remote.Unlock(t.Context(), r.target); err != nil {
			t.Error(err)
		}
	})
}

// heldConfirm is a rig whose next confirmations are lost; the first of them
// reaches SALTO when deliver is called.
func heldConfirm(t *testing.T) (r *rig, act *Activation, deliver func()) {
	r = newRig(t)
	r.requestPIN()
	var first func()
	next := r.sim.HTTPClient().Transport
	hold := faulttest.RoundTripper(func(q *http.Request) (*http.Response, error) {
		if q.Method != "PUT" {
			return next.RoundTrip(q)
		}
		body, err := io.ReadAll(q.Body)
		if err != nil {
			t.Error(err)
		}
		if first == nil {
			first = func() {
				again := q.Clone(context.WithoutCancel(q.Context()))
				again.Body = io.NopCloser(bytes.NewReader(body))
				resp, err := next.RoundTrip(again)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
			}
		}
		return nil, faulttest.ErrHost
	})
	act = r.newRemote(r.newClient(func(cfg *saltoks.Config) { cfg.HTTPClient = &http.Client{Transport: hold} }), r.state).Activation()
	if s, err := act.Confirm(t.Context(), r.site, r.iq, r.pin()); !isUnconfirmed(err) || s.Step != StepConfirming {
		t.Fatalf("%+v, %v", s, err)
	}
	time.Sleep(10 * time.Second)
	return r, act, func() { first() }
}

// TestOnePINAtATime: nobody knows what became of the right PIN, and the person
// tries something else. Only then SALTO carries the confirmation out: codes must
// be made of that PIN.
func TestOnePINAtATime(t *testing.T) {
	for name, other := range map[string]func(*Activation, context.Context, *rig) (ActivationState, error){
		"another PIN": func(a *Activation, ctx context.Context, r *rig) (ActivationState, error) {
			return a.Confirm(ctx, r.site, r.iq, r.wrongPIN())
		},
		"restart": func(a *Activation, ctx context.Context, r *rig) (ActivationState, error) {
			return a.Restart(ctx, r.site, r.iq)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, act, deliver := heldConfirm(t)
				s, err := other(act, t.Context(), r)
				if e, ok := errors.AsType[*saltoks.APIError](err); s.Step != StepConfirming || !ok || !e.NotSent() {
					t.Errorf("%+v, %v", s, err)
				}
				deliver()
				if s := r.must(r.act.Resume(t.Context(), r.site, r.iq)); s.Step != StepActivated {
					t.Errorf("%+v", s)
				}
				if err := r.remote.Unlock(t.Context(), r.target); err != nil {
					t.Errorf("activated, and no code is right: %v", err)
				}
			})
		})
	}
}

// TestAnotherPINAfterAMinute: a confirmation that never arrived holds nothing up
// for longer.
func TestAnotherPINAfterAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := heldConfirm(t)
		if _, err := r.act.Confirm(t.Context(), r.site, r.iq, r.wrongPIN()); !errors.Is(err, errUnderWay) {
			t.Error(err)
		}
		time.Sleep(confirmLimit)
		if _, err := r.act.Confirm(t.Context(), r.site, r.iq, r.wrongPIN()); !errors.Is(err, saltoks.ErrOTPInvalid) {
			t.Error(err)
		}
		r.must(r.act.Confirm(t.Context(), r.site, r.iq, r.pin()))
	})
}
