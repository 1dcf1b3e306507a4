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
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

func TestLostAnswers(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault string
		on    string
		also  bool // SALTO cannot be asked either
		// the error of the method, and the step afterwards
		lost bool
		step ActivationStep
	}{
		{"confirmed, answer lost", saltokstest.AnswerLostAfterMove, "PUT ", false, false, StepActivated},
		{"confirmed, no answer to anything", saltokstest.AnswerLostAfterMove, "PUT ", true, true, StepConfirming},
		{"not confirmed, answer lost", saltokstest.AnswerLostBeforeMove, "PUT ", false, true, StepConfirming},
		{"confirmed, 500", saltokstest.HTTP500, "PUT ", false, true, StepConfirming},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t)
				ctx := t.Context()
				r.requestPIN()
				r.sim.Fault(c.fault, saltokstest.On(c.on))
				if c.also {
					r.sim.Fault(saltokstest.HTTP500, saltokstest.On("activated_iqs"), saltokstest.Count(-1))
				}
				s, err := r.act.Confirm(ctx, r.site, r.iq, r.pin())
				if isUnconfirmed(err) != c.lost || (err != nil) != c.lost || s.Step != c.step {
					t.Fatalf("got %+v, %v", s, err)
				}
				r.sim.ClearFaults()
				// Another process continues.
				act := r.newRemote(r.newClient(), r.newState(r.store.Store)).Activation()
				if s := r.must(act.Resume(ctx, r.site, r.iq)); c.also && s.Step != StepActivated {
					t.Fatalf("Resume: %+v", s)
				}
				if s := r.must(act.Confirm(ctx, r.site, r.iq, r.pin())); s.Step != StepActivated {
					t.Fatalf("Confirm: %+v", s)
				}
				if err := r.remote.Unlock(ctx, r.target); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

func TestLostConfirmationIsGivenUpAfterAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		ctx := t.Context()
		r.requestPIN()
		r.sim.Fault(saltokstest.AnswerLostBeforeMove, saltokstest.On("PUT "))
		if _, err := r.act.Confirm(ctx, r.site, r.iq, r.wrongPIN()); !isUnconfirmed(err) {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		if s := r.must(r.act.Resume(ctx, r.site, r.iq)); s.Step != StepConfirming {
			t.Errorf("after 30 s: %+v", s)
		}
		time.Sleep(31 * time.Second)
		if s := r.must(r.act.Resume(ctx, r.site, r.iq)); s.Step != StepPINRequested {
			t.Errorf("after 61 s: %+v", s)
		}
		r.must(r.act.Confirm(ctx, r.site, r.iq, r.pin()))
	})
}

func TestPINRequestWithLostAnswerCanBeConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		ctx := t.Context()
		r.must(r.act.Begin(ctx, r.site, r.iq))
		r.sim.Fault(saltokstest.AnswerLostAfterMove, saltokstest.On("/pin"))
		s, err := r.act.RequestPIN(ctx, r.site, r.iq, saltoks.PINByMail)
		if !isUnconfirmed(err) || s.Step != StepPINRequested {
			t.Fatalf("got %+v, %v", s, err)
		}
		r.must(r.act.Confirm(ctx, r.site, r.iq, r.pin()))

		q := newFixture(t)
		q.must(q.act.Begin(ctx, q.site, q.iq))
		q.sim.Fault(saltokstest.IQOffline)
		s, err = q.act.RequestPIN(ctx, q.site, q.iq, saltoks.PINByMail)
		if err == nil || s.Step == StepActivated {
			t.Fatalf("an offline IQ sends a PIN: %+v, %v", s, err)
		}
		q.must(q.act.RequestPIN(ctx, q.site, q.iq, saltoks.PINByMail))
	})
}

func TestWrongPINKeepsTheStepAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		ctx := t.Context()
		r.requestPIN()
		for i := range 2 {
			s, err := r.act.Confirm(ctx, r.site, r.iq, r.wrongPIN())
			if !errors.Is(err, saltoks.ErrOTPInvalid) || s.Step != StepPINRequested {
				t.Fatalf("wrong PIN: %+v, %v", s, err)
			}
			if !strings.Contains(err.Error(), "enter the PIN of the newest message") {
				t.Errorf("the error does not name what to do: %v", err)
			}
			if blocked := !s.BlockedUntil.IsZero(); blocked != (i == 1) {
				t.Fatalf("after %d wrong PINs: blocked until %v", i+1, s.BlockedUntil)
			}
		}
		r.sim.ForgetRequests()
		s, err := r.act.Confirm(ctx, r.site, r.iq, r.pin())
		held, ok := errors.AsType[*saltoks.APIError](err)
		if !ok || !errors.Is(err, saltoks.ErrOTPBlocked) || held.RetryAfter != 21*time.Minute || s.Step != StepPINRequested {
			t.Fatalf("while held back: %+v, %v", s, err)
		}
		if n := len(r.sent()); n != 0 {
			t.Fatalf("%d requests while held back", n)
		}
		time.Sleep(21 * time.Minute)
		if s := r.must(r.act.Confirm(ctx, r.site, r.iq, r.pin())); s.Step != StepActivated || !s.BlockedUntil.IsZero() {
			t.Fatalf("at last: %+v", s)
		}
	})
}

// A confirmation without an answer is settled before another PIN is requested: the PIN
// that was sent may be valid.
func TestRequestPINSettlesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		ctx := t.Context()
		r.requestPIN()
		r.loseConfirmation()
		r.sim.ForgetRequests()
		s, err := r.act.RequestPIN(ctx, r.site, r.iq, saltoks.PINByMail)
		e, ok := errors.AsType[*saltoks.APIError](err)
		if !errors.Is(err, saltoks.ErrIQAlreadyActivated) || !ok || !e.NotSent() || s.Step != StepActivated {
			t.Errorf("%+v, %v", s, err)
		}
		for _, line := range r.sent() {
			if strings.HasSuffix(line, "/pin") {
				t.Errorf("sent %s", line)
			}
		}
	})
}

// The PIN that was sent counts, not what is typed while its answer is missing.
func TestConfirmSettlesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		ctx := t.Context()
		r.requestPIN()
		r.loseConfirmation()
		if s := r.must(r.act.Confirm(ctx, r.site, r.iq, r.wrongPIN())); s.Step != StepActivated {
			t.Errorf("%+v", s)
		}
		if err := r.remote.Unlock(ctx, r.target); err != nil {
			t.Error(err)
		}
	})
}

// Two people enter a PIN at the same time, one of them a wrong one, while the right one
// is being confirmed.
func TestWrongPINAfterALostConfirmation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		ctx := t.Context()
		r.requestPIN()
		r.sim.Fault(saltokstest.Slow, saltokstest.On("PUT "), saltokstest.Delay(5*time.Second))
		done := make(chan error)
		go func() { _, err := r.act.Confirm(ctx, r.site, r.iq, r.pin()); done <- err }()
		time.Sleep(time.Second)
		_, err := r.act.Confirm(ctx, r.site, r.iq, r.wrongPIN())
		if e, ok := errors.AsType[*saltoks.APIError](err); !errors.Is(err, errInProgress) || !ok || !e.NotSent() {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := r.remote.Unlock(ctx, r.target); err != nil {
			t.Error(err)
		}
	})
}

// SALTO's report about one IQ does not settle another.
func TestSettlingLooksAtItsOwnIQ(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		ctx := t.Context()
		r.activate()
		for _, iq := range r.sim.World().Sites[0].IQs {
			if saltoks.IQID(iq.ID) == r.iq {
				continue
			}
			r.must(r.act.Begin(ctx, r.site, saltoks.IQID(iq.ID)))
			r.must(r.act.RequestPIN(ctx, r.site, saltoks.IQID(iq.ID), saltoks.PINByMail))
			r.sim.Fault(saltokstest.AnswerLostBeforeMove, saltokstest.On("PUT "))
			if s, err := r.act.Confirm(ctx, r.site, saltoks.IQID(iq.ID), r.pin()); !isUnconfirmed(err) || s.Step != StepConfirming {
				t.Errorf("%+v, %v", s, err)
			}
		}
	})
}

// heldConfirm is a fixture whose next confirmations are lost; the first of them
// reaches SALTO when deliver is called.
func heldConfirm(t *testing.T) (r *fixture, act *Activation, deliver func()) {
	r = newFixture(t)
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

// TestOnePINAtATime: the result of the right PIN is unknown, and the person
// tries another way. Only then SALTO carries the confirmation out: codes must
// be made of that PIN.
func TestOnePINAtATime(t *testing.T) {
	for name, other := range map[string]func(*Activation, context.Context, *fixture) (ActivationState, error){
		"another PIN": func(a *Activation, ctx context.Context, r *fixture) (ActivationState, error) {
			return a.Confirm(ctx, r.site, r.iq, r.wrongPIN())
		},
		"restart": func(a *Activation, ctx context.Context, r *fixture) (ActivationState, error) {
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

// TestAnotherPINAfterAMinute: after a minute, a confirmation that never arrived no
// longer prevents another one.
func TestAnotherPINAfterAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := heldConfirm(t)
		if _, err := r.act.Confirm(t.Context(), r.site, r.iq, r.wrongPIN()); !errors.Is(err, errInProgress) {
			t.Error(err)
		}
		time.Sleep(confirmLimit)
		if _, err := r.act.Confirm(t.Context(), r.site, r.iq, r.wrongPIN()); !errors.Is(err, saltoks.ErrOTPInvalid) {
			t.Error(err)
		}
		r.must(r.act.Confirm(t.Context(), r.site, r.iq, r.pin()))
	})
}

// TestActivatedBetweenTheSteps: another installation activates the user between two
// steps.
func TestActivatedBetweenTheSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.must(r.act.Begin(t.Context(), r.site, r.iq))
		faster := *r
		faster.act = r.newRemote(r.client, r.newState(saltostate.NewMemoryStore())).Activation()
		faster.activate()
		s, err := r.act.RequestPIN(t.Context(), r.site, r.iq, saltoks.PINByMail)
		if !errors.Is(err, ErrActivatedElsewhere) || s.Step != StepSecretStored {
			t.Errorf("%+v, %v", s, err)
		}
	})
}
