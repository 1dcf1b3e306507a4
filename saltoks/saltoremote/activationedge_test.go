package saltoremote

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

func TestAdoptLeavesAnActivationAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.activate()
		s, err := r.act.Adopt(t.Context(), r.site, r.iq, saltoks.NewOTP("zzzzz"))
		if want := []string{"GET /v1.2/sites/S/iqs/Q", "GET /v1.2/me/S/activated_iqs"}; err != nil || s.Step != StepActivated || !cmp.Equal(want, r.sent()) {
			t.Errorf("%+v, %v, requests %v", s, err, r.sent())
		}
	})
}

// A confirmation without an answer is settled before another PIN is asked for:
// the one that was sent may work.
func TestRequestPINSettlesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ctx := t.Context()
		r.requestPIN()
		r.loseConfirmation()
		r.sim.ForgetRequests()
		s, err := r.act.RequestPIN(ctx, r.site, r.iq, saltoks.PINByMail)
		if e, ok := errors.AsType[*saltoks.APIError](err); !errors.Is(err, saltoks.ErrIQAlreadyActivated) || !ok || !e.NotSent() || s.Step != StepActivated {
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
		r := newRig(t)
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

// Two people type at once, one of them wrongly, while the right one is under way.
func TestAWrongPINDoesNotSpoilTheRightOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ctx := t.Context()
		r.requestPIN()
		r.sim.Fault(saltokstest.Slow, saltokstest.On("PUT "), saltokstest.Delay(5*time.Second))
		done := make(chan error)
		go func() { _, err := r.act.Confirm(ctx, r.site, r.iq, r.pin()); done <- err }()
		time.Sleep(time.Second)
		_, err := r.act.Confirm(ctx, r.site, r.iq, r.wrongPIN())
		if e, ok := errors.AsType[*saltoks.APIError](err); !errors.Is(err, errUnderWay) || !ok || !e.NotSent() {
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

// What SALTO says of one IQ settles nothing at another.
func TestSettlingLooksAtItsOwnIQ(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
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

// conflictStore loses its lease once, after fn has run for an IQ's document.
type conflictStore struct {
	saltostate.Store
	left int
}

type conflict struct{}

func (conflict) Error() string  { return "the lease was lost" }
func (conflict) Conflict() bool { return true }

func (s *conflictStore) Update(ctx context.Context, key string, fn func(context.Context, []byte) ([]byte, error)) error {
	return s.Store.Update(ctx, key, func(ctx context.Context, current []byte) ([]byte, error) {
		next, err := fn(ctx, current)
		if err == nil && strings.HasPrefix(key, "saltoks/iq/") && s.left > 0 {
			s.left--
			return nil, conflict{}
		}
		return next, err
	})
}

func TestTheSecretSurvivesALostLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigWith(t, saltokstest.Config{Switches: saltokstest.Switches{FirstSecretOnce: true}})
		act := r.newRemote(r.client, r.newState(&conflictStore{r.store, 2})).Activation()
		if s := r.must(act.Begin(t.Context(), r.site, r.iq)); s.Step != StepSecretStored {
			t.Fatalf("%+v", s)
		}
		r.must(act.RequestPIN(t.Context(), r.site, r.iq, saltoks.PINByMail))
		r.must(act.Confirm(t.Context(), r.site, r.iq, r.pin()))
		want := []string{"GET /v1.2/sites/S/iqs/Q", "GET /v1.2/sites/S/iqs/Q/secret", "GET /v1.2/sites/S/iqs/Q/pin", "PUT /v1.2/sites/S/iqs/Q/pin"}
		if diff := cmp.Diff(want, r.sent()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

// SALTO's block is of the user at the IQ, whatever secret comes next.
func TestANewSecretDoesNotCloseTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.activate()
		ctx := t.Context()
		r.sim.Fault(saltokstest.OTPBlocked)
		if err := r.remote.Unlock(ctx, r.target); !errors.Is(err, saltoks.ErrOTPBlocked) {
			t.Fatal(err)
		}
		r.sim.Fault(saltokstest.RestoreRequired)
		if err := r.client.IQs.Restore(ctx, r.site, r.iq); err != nil {
			t.Fatal(err)
		}
		until := r.sim.Now().Add(21 * time.Minute)
		if s := r.must(r.act.Restart(ctx, r.site, r.iq)); !s.BlockedUntil.Equal(until) {
			t.Errorf("after Restart: %+v", s)
		}
		r.must(r.act.RequestPIN(ctx, r.site, r.iq, saltoks.PINByMail))
		if _, err := r.act.Confirm(ctx, r.site, r.iq, r.pin()); !errors.Is(err, saltoks.ErrOTPBlocked) {
			t.Errorf("got %v", err)
		}
	})
}

// A wrong code is remembered although its caller has gone.
func TestAWrongCodeOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.activate()
		r.sim.Fault(saltokstest.ClockSkew)
		for range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			slow := &slowStore{Store: r.store, before: cancel, d: time.Second}
			if err := r.newRemote(r.client, r.newState(slow)).Unlock(ctx, r.target); !errors.Is(err, saltoks.ErrOTPInvalid) {
				t.Fatal(err)
			}
		}
		if s := r.must(r.act.State(t.Context(), r.site, r.iq)); s.BlockedUntil.IsZero() {
			t.Errorf("%+v", s)
		}
	})
}

func TestDeactivateThroughTheBreakerAndALostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.activate()
		ctx := t.Context()
		act := r.newRemote(r.newClient(func(cfg *saltoks.Config) { cfg.UnverifiedEndpoints = true }), r.state).Activation()
		r.sim.Fault(saltokstest.ClockSkew)
		for range 2 {
			if s, err := act.Deactivate(ctx, r.site, r.iq); !errors.Is(err, saltoks.ErrOTPInvalid) || s.Step != StepActivated {
				t.Fatalf("%+v, %v", s, err)
			}
		}
		r.sim.ClearFaults()
		r.sim.ForgetRequests()
		if _, err := act.Deactivate(ctx, r.site, r.iq); !errors.Is(err, saltoks.ErrOTPBlocked) || len(r.sent()) != 0 {
			t.Fatalf("%v, %d requests", err, len(r.sent()))
		}
		time.Sleep(21 * time.Minute)
		r.sim.Fault(saltokstest.AnswerLostBeforeMove, saltokstest.On("DELETE "))
		if s, err := act.Deactivate(ctx, r.site, r.iq); !isUnconfirmed(err) || s.Step != StepActivated {
			t.Fatalf("lost before: %+v, %v", s, err)
		}
		r.sim.Fault(saltokstest.AnswerLostAfterMove, saltokstest.On("DELETE "))
		if s, err := act.Deactivate(ctx, r.site, r.iq); err != nil || s.Step != StepNotStarted {
			t.Fatalf("lost after: %+v, %v", s, err)
		}
	})
}

// A 2203 that means a missing right is not mistaken for an activation.
func TestMissingRightIsNotAnActivation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		forbid := func(_ *http.Request) *http.Response {
			return faulttest.Reply(403, `{"ErrorCode":"2203","Message":"User does not have permission."}`)
		}
		client := r.newClient(func(cfg *saltoks.Config) { cfg.Middleware = []saltoks.Middleware{answerOn("/secret", forbid)} })
		_, err := r.newRemote(client, r.state).Activation().Begin(t.Context(), r.site, r.iq)
		if _, elsewhere := errors.AsType[*ActivatedElsewhereError](err); elsewhere || !errors.Is(err, saltoks.ErrForbidden) {
			t.Errorf("got %v", err)
		}
		// The same refusal with a record of this user at SALTO is one.
		r.must(r.newRemote(r.client, r.newState(saltostate.NewMemoryStore())).Activation().Begin(t.Context(), r.site, r.iq))
		_, err = r.newRemote(client, r.state).Activation().Begin(t.Context(), r.site, r.iq)
		if _, elsewhere := errors.AsType[*ActivatedElsewhereError](err); !elsewhere {
			t.Errorf("got %v", err)
		}
	})
}

// A bare 403 to Adopt was seen for a wrong code, so it counts as one.
func TestBare403ToAdoptCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		bare := func(_ *http.Request) *http.Response { return faulttest.Reply(403, "") }
		act := r.newRemote(r.newClient(func(cfg *saltoks.Config) { cfg.Middleware = []saltoks.Middleware{answerOn("/secret", bare)} }), r.state).Activation()
		for i := range 3 {
			_, err := act.Adopt(t.Context(), r.site, r.iq, saltoks.NewOTP("zzzzz"))
			if want := []error{saltoks.ErrOTPInvalid, saltoks.ErrOTPInvalid, saltoks.ErrOTPBlocked}[i]; !errors.Is(err, want) {
				t.Errorf("try %d: %v, want %v", i+1, err, want)
			}
		}
	})
}

// answerOn answers requests to paths that end in suffix, without the network.
func answerOn(suffix string, answer func(*http.Request) *http.Response) saltoks.Middleware {
	return func(next http.RoundTripper) http.RoundTripper {
		return faulttest.RoundTripper(func(q *http.Request) (*http.Response, error) {
			if !strings.HasSuffix(q.URL.Path, suffix) {
				return next.RoundTrip(q)
			}
			resp := answer(q)
			resp.Request = q
			return resp, nil
		})
	}
}
