package saltoremote

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestBreakerIsSharedAndKeepsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.activate()
		ctx := t.Context()
		other := r.newRemote(r.newClient(), r.newState(r.store.Store)) // another process
		r.sim.Fault(saltokstest.ClockSkew)
		for _, remote := range []*Remote{r.remote, other} {
			if err := remote.Unlock(ctx, r.target); !errors.Is(err, saltoks.ErrOTPInvalid) {
				t.Fatal(err)
			}
		}
		until := r.sim.Now().Add(21 * time.Minute)
		r.sim.ClearFaults()
		r.sim.ForgetRequests()
		for _, verb := range []func(context.Context, Target, ...CommandOption) error{r.remote.Unlock, other.Unlock, other.Lock, r.remote.StartOfficeMode} {
			err := verb(ctx, r.target)
			held, ok := errors.AsType[*OTPBlockedError](err)
			e, api := errors.AsType[*saltoks.APIError](err)
			if !ok || !api || !e.NotSent() || !errors.Is(err, saltoks.ErrOTPBlocked) || !held.Until.Equal(until) || held.IQ != r.iq {
				t.Errorf("got %v", err)
			}
		}
		if n := len(r.sent()); n != 0 {
			t.Errorf("%d requests while held back", n)
		}
		if s := r.must(r.act.State(ctx, r.site, r.iq)); !s.BlockedUntil.Equal(until) {
			t.Errorf("State: %+v", s)
		}
		time.Sleep(21*time.Minute - time.Nanosecond)
		if err := other.Unlock(ctx, r.target); !errors.Is(err, saltoks.ErrOTPBlocked) {
			t.Errorf("a nanosecond before the end: %v", err)
		}
		time.Sleep(time.Nanosecond)
		if err := other.Unlock(ctx, r.target); err != nil {
			t.Error(err)
		}
		// A right code makes the count start anew, and is the only write.
		r.sim.Fault(saltokstest.ClockSkew)
		if err := r.remote.Unlock(ctx, r.target); !errors.Is(err, saltoks.ErrOTPInvalid) {
			t.Fatal(err)
		}
		r.sim.ClearFaults()
		r.store.reset()
		if err := r.remote.Unlock(ctx, r.target); err != nil || r.store.updates != 1 {
			t.Errorf("%v, %d writes", err, r.store.updates)
		}
		r.sim.Fault(saltokstest.ClockSkew)
		if err := r.remote.Unlock(ctx, r.target); !errors.Is(err, saltoks.ErrOTPInvalid) {
			t.Fatal(err)
		}
		r.sim.ClearFaults()
		if err := r.remote.Unlock(ctx, r.target); err != nil {
			t.Errorf("after one wrong code: %v", err)
		}
	})
}

func TestBreakerOpensAtSALTOsBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.activate()
		r.sim.Fault(saltokstest.OTPBlocked)
		err := r.remote.Unlock(t.Context(), r.target)
		if e, ok := errors.AsType[*saltoks.APIError](err); !ok || !e.Refused() || !errors.Is(err, saltoks.ErrOTPBlocked) {
			t.Fatal(err)
		}
		time.Sleep(20*time.Minute + 30*time.Second)
		r.sim.ForgetRequests()
		if err := r.remote.Unlock(t.Context(), r.target); !errors.Is(err, saltoks.ErrOTPBlocked) || len(r.sent()) != 0 {
			t.Errorf("%v, %d requests", err, len(r.sent()))
		}
		time.Sleep(30 * time.Second)
		if err := r.remote.Unlock(t.Context(), r.target); err != nil {
			t.Error(err)
		}
	})
}

func TestBreakerThatCannotBeWrittenIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.activate()
		r.sim.Fault(saltokstest.ClockSkew)
		r.store.broken, r.store.left = true, 1
		err := r.remote.Unlock(t.Context(), r.target)
		e, ok := errors.AsType[*saltoks.APIError](err)
		if !errors.Is(err, saltoks.ErrOTPInvalid) || !errors.Is(err, errStore) || !ok || !e.Refused() {
			t.Errorf("got %v", err)
		}
	})
}
