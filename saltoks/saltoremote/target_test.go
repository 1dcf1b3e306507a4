package saltoremote

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// After a wrong code the lock is read once. If its target differs from the link, the
// breaker does not count the code, and no command is sent to the old target again.
func TestOutdatedTarget(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(r *fixture)
	}{
		{"linked before the IQ required codes", func(r *fixture) { r.target.OTPRequired = false }},
		{"the link names another IQ", func(r *fixture) {
			other := r.sim.AddIQ(string(r.site), saltokstest.IQ{Name: "Cellar"})
			r.activateIQ(saltoks.IQID(other.ID))
			r.target.IQ = saltoks.IQID(other.ID)
		}},
		{"the lock was attached to another IQ", func(r *fixture) {
			other := r.sim.AddIQ(string(r.site), saltokstest.IQ{Name: "Cellar"})
			r.activateIQ(saltoks.IQID(other.ID))
			r.sim.AttachLock(string(r.target.Lock), other.ID)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t)
				r.activate()
				r.remote.local.start = 0 // the same codes in every run: none is right by chance
				ctx := t.Context()
				c.change(r)
				r.sim.ForgetRequests()
				err := r.remote.Unlock(ctx, r.target)
				e, ok := errors.AsType[*saltoks.APIError](err)
				if !ok || !e.Refused() || !errors.Is(err, ErrTargetOutdated) || !errors.Is(err, saltoks.ErrOTPInvalid) {
					t.Fatalf("got %v", err)
				}
				commands := r.commands()
				for range 3 {
					err := r.remote.Unlock(ctx, r.target)
					e, ok := errors.AsType[*saltoks.APIError](err)
					if !ok || !e.NotSent() || !errors.Is(err, ErrTargetOutdated) {
						t.Errorf("sent again: %v", err)
					}
				}
				if commands != 1 || r.commands() != 1 {
					t.Errorf("%d commands, then %d", commands, r.commands())
				}
				for _, iq := range r.sim.World().Sites[0].IQs {
					if s, err := r.act.State(ctx, r.site, saltoks.IQID(iq.ID)); err != nil || !s.BlockedUntil.IsZero() {
						t.Errorf("IQ %s: %+v, %v", iq.Name, s, err)
					}
				}
				fresh, err := r.remote.Target(ctx, r.site, r.target.Lock)
				if err != nil {
					t.Fatal(err)
				}
				if err := r.remote.Unlock(ctx, fresh); err != nil {
					t.Errorf("with the link refreshed: %v", err)
				}
			})
		})
	}
}

// A target is sent again once SALTO has forgotten the wrong code.
func TestOutdatedTargetIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.activate()
		old := r.target
		old.OTPRequired = false
		if err := r.remote.Unlock(t.Context(), old); !errors.Is(err, ErrTargetOutdated) {
			t.Fatal(err)
		}
		r.sim.SetOTPEnabled(string(r.iq), false)
		time.Sleep(outdatedFor)
		if err := r.remote.Unlock(t.Context(), old); err != nil {
			t.Error(err)
		}
	})
}

// A wrong code counts if the lock's target is that of the link, and if the lock cannot
// be read.
func TestWrongCodeStillCounts(t *testing.T) {
	for _, name := range []string{"lock unchanged", "lock unreadable"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t)
				r.activate()
				r.sim.Fault(saltokstest.ClockSkew)
				if name == "lock unreadable" {
					r.sim.Fault(saltokstest.Hang, saltokstest.On("GET "))
				}
				for range 2 {
					if err := r.remote.Unlock(t.Context(), r.target); !errors.Is(err, saltoks.ErrOTPInvalid) || errors.Is(err, ErrTargetOutdated) {
						t.Fatalf("got %v", err)
					}
				}
				if s := r.must(r.act.State(t.Context(), r.site, r.iq)); s.BlockedUntil.IsZero() {
					t.Error("two wrong codes opened no breaker")
				}
			})
		})
	}
}

// A link without an IQ names none that could be outdated.
func TestRefusedCodeWithoutAnIQ(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.sim.SetOTPEnabled(string(r.iq), false)
		target := Target{Site: r.site, Lock: r.target.Lock}
		if err := r.remote.Unlock(t.Context(), target); err != nil {
			t.Fatal(err)
		}
		wrong := func(_ *http.Request) *http.Response {
			return faulttest.Reply(400, `{"ErrorCode":"3102","Message":"Request execution failed with code: otp_invalid"}`)
		}
		client := r.newClient(func(cfg *saltoks.Config) { cfg.Middleware = []saltoks.Middleware{answerOn("/locking", wrong)} })
		remote := r.newRemote(client, r.state)
		for range 2 {
			if err := remote.Unlock(t.Context(), target); !errors.Is(err, saltoks.ErrOTPInvalid) || errors.Is(err, ErrTargetOutdated) {
				t.Errorf("got %v", err)
			}
		}
		r.sim.SetOTPEnabled(string(r.iq), true)
		if err := remote.Unlock(t.Context(), target); !errors.Is(err, ErrTargetOutdated) {
			t.Errorf("now a code is required: %v", err)
		}
	})
}
