package saltoremote

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"
)

// Every method that may wait is called with a context that has ended, and with one that
// ends after 50 ms while SALTO does not answer.
func TestRemoteAndActivationHonorTheContext(t *testing.T) {
	type verb func(context.Context, *fixture) error
	state := func(_ ActivationState, err error) error { return err }
	verbs := map[string]struct {
		do        verb
		activated bool
		local     bool // it makes no call: the store is what takes long
	}{
		"Remote.Unlock":          {func(ctx context.Context, r *fixture) error { return r.remote.Unlock(ctx, r.target) }, true, false},
		"Remote.Lock":            {func(ctx context.Context, r *fixture) error { return r.remote.Lock(ctx, r.target) }, true, false},
		"Remote.StartOfficeMode": {func(ctx context.Context, r *fixture) error { return r.remote.StartOfficeMode(ctx, r.target) }, true, false},
		"Remote.Target": {func(ctx context.Context, r *fixture) error {
			return second(r.remote.Target(ctx, r.site, r.target.Lock))
		}, true, false},
		"Activation.Begin": {func(ctx context.Context, r *fixture) error { return state(r.act.Begin(ctx, r.site, r.iq)) }, false, false},
		"Activation.RequestPIN": {func(ctx context.Context, r *fixture) error {
			return state(r.act.RequestPIN(ctx, r.site, r.iq, saltoks.PINByMail))
		}, false, false},
		"Activation.Confirm": {
			func(ctx context.Context, r *fixture) error { return state(r.act.Confirm(ctx, r.site, r.iq, r.pin())) }, false, false,
		},
		"Activation.Adopt": {func(ctx context.Context, r *fixture) error {
			return state(r.act.Adopt(ctx, r.site, r.iq, saltoks.NewOTP("zzzzz")))
		}, false, false},
		"Activation.Restart":    {func(ctx context.Context, r *fixture) error { return state(r.act.Restart(ctx, r.site, r.iq)) }, true, false},
		"Activation.Deactivate": {func(ctx context.Context, r *fixture) error { return state(r.act.Deactivate(ctx, r.site, r.iq)) }, true, false},
		"Activation.Diagnose": {func(ctx context.Context, r *fixture) error {
			return second(r.act.Diagnose(ctx, r.site, r.iq, CheckCode()))
		}, true, false},
		"Activation.List": {func(ctx context.Context, r *fixture) error {
			for _, err := range r.act.List(ctx, r.site) {
				return err
			}
			return nil
		}, true, false},
		"a local code": {func(ctx context.Context, r *fixture) error {
			for {
				if _, err := storedCodes(r.remote)(ctx, r.site, r.iq); err != nil {
					return err
				}
			}
		}, true, false},
		"Activation.State":  {do: func(ctx context.Context, r *fixture) error { return state(r.act.State(ctx, r.site, r.iq)) }, local: true},
		"Activation.Resume": {do: func(ctx context.Context, r *fixture) error { return state(r.act.Resume(ctx, r.site, r.iq)) }, local: true},
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[*Remote](), reflect.TypeFor[*Activation]()} {
		for _, name := range takeContext(typ) {
			if name = typ.Elem().Name() + "." + name; verbs[name].do == nil {
				t.Errorf("%s takes a context and is not tested with one that ends", name)
			}
		}
	}
	for name, c := range verbs {
		for _, wait := range []time.Duration{0, 50 * time.Millisecond} {
			t.Run(name+"/"+wait.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newFixture(t)
					switch {
					case c.activated:
						r.activate()
					case name == "Activation.Confirm" || name == "Activation.RequestPIN":
						r.must(r.act.Begin(t.Context(), r.site, r.iq))
						r.must(r.act.RequestPIN(t.Context(), r.site, r.iq, saltoks.PINByMail))
					}
					if c.local {
						stuck := func(ctx context.Context, _ string) ([]byte, error) { return nil, faulttest.Until(ctx) }
						store := &statetest.FaultyStore{Store: r.store, OnGet: stuck}
						r.act = r.newRemote(r.client, r.newState(store)).Activation()
					}
					r.sim.Fault(saltokstest.Hang, saltokstest.Count(-1))
					r.sim.ForgetRequests()
					ctx, cancel := context.WithTimeout(t.Context(), wait)
					defer cancel()
					start := time.Now()
					err := c.do(ctx, r)
					if err == nil {
						t.Fatal("it worked")
					}
					if took := time.Since(start); took > wait {
						t.Errorf("it took %v: %v", took, err)
					}
					if name != "a local code" {
						if _, ok := errors.AsType[*saltoks.APIError](err); !ok {
							t.Errorf("%v is no *APIError", err)
						}
					}
					if n := len(r.sent()); wait == 0 && n != 0 {
						t.Errorf("%d requests", n)
					}
				})
			})
		}
	}
}

// takeContext lists the exported methods whose first parameter is a context.
func takeContext(typ reflect.Type) (names []string) {
	for m := range typ.Methods() {
		if m.Type.NumIn() > 1 && m.Type.In(1) == reflect.TypeFor[context.Context]() {
			names = append(names, m.Name)
		}
	}
	return names
}

// A step waits for another process that has locked the document, until its context
// ends.
func TestActivationWaitsForTheOtherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		other := r.newRemote(r.newClient(), r.newState(r.store.Store)).Activation()
		r.sim.Fault(saltokstest.Slow, saltokstest.On("/secret"), saltokstest.Delay(5*time.Second))
		done := make(chan error)
		go func() { _, err := other.Begin(t.Context(), r.site, r.iq); done <- err }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := r.act.Begin(ctx, r.site, r.iq)
		if e, ok := errors.AsType[*saltoks.APIError](err); !ok || !e.NotSent() || time.Since(start) != 50*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if s := r.must(r.act.Begin(t.Context(), r.site, r.iq)); s.Step != StepSecretStored {
			t.Errorf("%+v", s)
		}
	})
}
