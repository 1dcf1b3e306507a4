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
	"github.com/doorkit/doorkit/saltoks/internal/userindex"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"
)

func TestAdoptLeavesAnActivationAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.activate()
		s, err := r.act.Adopt(t.Context(), r.site, r.iq, saltoks.NewOTP("zzzzz"))
		if want := []string{
			"GET /v1.2/sites/S/iqs/Q", "GET /v1.2/me/S/activated_iqs",
		}; err != nil || s.Step != StepActivated || !cmp.Equal(want, r.sent()) {
			t.Errorf("%+v, %v, requests %v", s, err, r.sent())
		}
	})
}

// onIQWrite returns a store in which write decides what is stored of an IQ's document.
// ctx is that of the Update.
func onIQWrite(store saltostate.Store, write func(ctx context.Context, next []byte) ([]byte, error)) *statetest.FaultyStore {
	s := &statetest.FaultyStore{Store: store}
	s.OnUpdate = func(ctx context.Context, key string, fn statetest.UpdateFunc) error {
		return s.UpdateThen(ctx, key, fn, func(next []byte) ([]byte, error) {
			if strings.HasPrefix(key, "saltoks/iq/") {
				return write(ctx, next)
			}
			return next, nil
		})
	}
	return s
}

// losingLeases loses the lease of an IQ's document the given number of times, after fn
// has run.
func losingLeases(store saltostate.Store, times int) *statetest.FaultyStore {
	return onIQWrite(store, func(_ context.Context, next []byte) ([]byte, error) {
		if times--; times >= 0 {
			return nil, conflict{}
		}
		return next, nil
	})
}

type conflict struct{}

func (conflict) Error() string  { return "the lease was lost" }
func (conflict) Conflict() bool { return true }

func TestTheSecretSurvivesALostLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixtureWith(t, saltokstest.Config{Switches: saltokstest.Switches{FirstSecretOnce: true}})
		act := r.newRemote(r.client, r.newState(losingLeases(r.store, 2))).Activation()
		if s := r.must(act.Begin(t.Context(), r.site, r.iq)); s.Step != StepSecretStored {
			t.Fatalf("%+v", s)
		}
		r.must(act.RequestPIN(t.Context(), r.site, r.iq, saltoks.PINByMail))
		r.must(act.Confirm(t.Context(), r.site, r.iq, r.pin()))
		want := []string{
			"GET /v1.2/sites/S/iqs/Q", "GET /v1.2/sites/S/iqs/Q/secret", "GET /v1.2/sites/S/iqs/Q/pin", "PUT /v1.2/sites/S/iqs/Q/pin",
		}
		if diff := cmp.Diff(want, r.sent()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

// SALTO blocks the user at the IQ, whatever secret is fetched later.
func TestANewSecretDoesNotCloseTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
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

// A 2203 that means a missing right is not mistaken for an activation.
func TestMissingRightIsNotAnActivation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		forbid := func(_ *http.Request) *http.Response {
			return faulttest.Reply(403, `{"ErrorCode":"2203","Message":"User does not have permission."}`)
		}
		client := r.newClient(func(cfg *saltoks.Config) { cfg.Middleware = []saltoks.Middleware{answerOn("/secret", forbid)} })
		_, err := r.newRemote(client, r.state).Activation().Begin(t.Context(), r.site, r.iq)
		if errors.Is(err, ErrActivatedElsewhere) || !errors.Is(err, saltoks.ErrForbidden) {
			t.Errorf("got %v", err)
		}
		// The same refusal with a record of this user at SALTO is one.
		r.must(r.newRemote(r.client, r.newState(saltostate.NewMemoryStore())).Activation().Begin(t.Context(), r.site, r.iq))
		_, err = r.newRemote(client, r.state).Activation().Begin(t.Context(), r.site, r.iq)
		if !errors.Is(err, ErrActivatedElsewhere) {
			t.Errorf("got %v", err)
		}
	})
}

// A refusal that names the cause needs no further question, which might fail.
func TestRefusalThatNamesAnActivation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.activate()
		r.sim.Fault(saltokstest.HTTP500, saltokstest.On("activated_iqs"), saltokstest.Count(-1))
		act := r.newRemote(r.client, r.newState(saltostate.NewMemoryStore())).Activation()
		if _, err := act.Begin(t.Context(), r.site, r.iq); !errors.Is(err, ErrActivatedElsewhere) {
			t.Errorf("got %v", err)
		}
	})
}

// A bare 403 to Adopt was seen for a wrong code, so it counts as one.
func TestBare403ToAdoptCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		bare := func(_ *http.Request) *http.Response { return faulttest.Reply(403, "") }
		act := r.newRemote(
			r.newClient(func(cfg *saltoks.Config) { cfg.Middleware = []saltoks.Middleware{answerOn("/secret", bare)} }), r.state,
		).Activation()
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

func TestSecretIsKeptAlthoughTheCallerIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixtureWith(t, saltokstest.Config{Switches: saltokstest.Switches{FirstSecretOnce: true}})
		// The first try to store it fails once the secret is there.
		r.store.broken, r.store.left = true, 2 // one read, the owner's document
		_, err := r.act.Begin(t.Context(), r.site, r.iq)
		if !errors.Is(err, errStore) || !isUnconfirmed(err) || !strings.Contains(err.Error(), "could not be stored") {
			t.Fatalf("got %v", err)
		}
		r.store.broken = false
		// SALTO returns the secret only once here: then the error is typed.
		_, err = r.act.Begin(t.Context(), r.site, r.iq)
		if !errors.Is(err, ErrActivatedElsewhere) || !errors.Is(err, saltoks.ErrIQAlreadyActivated) ||
			!strings.Contains(err.Error(), string(r.iq)) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestActivatedElsewhereAndAdopt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		ctx := t.Context()
		r.activate()
		other := r.newRemote(r.newClient(), r.newState(saltostate.NewMemoryStore()))
		act := other.Activation()
		_, err := act.Begin(ctx, r.site, r.iq)
		e, api := errors.AsType[*saltoks.APIError](err)
		if !api || !e.Refused() || !errors.Is(err, ErrActivatedElsewhere) || !strings.Contains(err.Error(), "Activation.Adopt") {
			t.Fatalf("got %v", err)
		}
		if s := r.must(act.State(ctx, r.site, r.iq)); s.Step != StepNotStarted {
			t.Fatalf("after the refusal: %+v", s)
		}
		if _, err := act.Adopt(ctx, r.site, r.iq, saltoks.NewOTP("zzzzz")); !errors.Is(err, saltoks.ErrOTPInvalid) {
			t.Fatalf("a wrong code: %v", err)
		}
		code, err := storedCodes(r.remote)(ctx, r.site, r.iq)
		if err != nil {
			t.Fatal(err)
		}
		if s := r.must(act.Adopt(ctx, r.site, r.iq, code)); s.Step != StepSecretStored || !s.Adopted {
			t.Fatalf("after Adopt: %+v", s)
		}
		if _, err := act.RequestPIN(ctx, r.site, r.iq, saltoks.PINByMail); !errors.Is(err, ErrPINNotNeeded) {
			t.Fatalf("a PIN after Adopt: %v", err)
		}
		if s, err := act.Confirm(ctx, r.site, r.iq, r.wrongPIN()); !errors.Is(err, saltoks.ErrOTPInvalid) || s.Step != StepSecretStored {
			t.Fatalf("wrong PIN: %+v, %v", s, err)
		}
		// A lost answer proves nothing here: SALTO had the user activated before.
		r.sim.Fault(saltokstest.AnswerLostBeforeMove, saltokstest.On("PUT "))
		if s, err := act.Confirm(ctx, r.site, r.iq, r.wrongPIN()); !isUnconfirmed(err) || s.Step != StepConfirming {
			t.Fatalf("lost: %+v, %v", s, err)
		}
		if s := r.must(act.Confirm(ctx, r.site, r.iq, r.pin())); s.Step != StepActivated {
			t.Fatalf("after Confirm: %+v", s)
		}
		for _, remote := range []*Remote{other, r.remote} { // one secret, two installations
			if err := remote.Unlock(ctx, r.target); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestAdoptIsHeldBackByTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		ctx := t.Context()
		r.activate()
		act := r.newRemote(r.newClient(), r.newState(saltostate.NewMemoryStore())).Activation()
		for range 2 {
			if _, err := act.Adopt(ctx, r.site, r.iq, saltoks.NewOTP("zzzzz")); !errors.Is(err, saltoks.ErrOTPInvalid) {
				t.Fatal(err)
			}
		}
		r.sim.ForgetRequests()
		if _, err := act.Adopt(ctx, r.site, r.iq, saltoks.NewOTP("zzzzz")); !errors.Is(err, saltoks.ErrOTPBlocked) || len(r.sent()) != 0 {
			t.Fatalf("%v, %d requests", err, len(r.sent()))
		}
	})
}

func TestRestartAfterAReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		ctx := t.Context()
		r.activate()
		if s, err := r.act.Restart(ctx, r.site, r.iq); !errors.Is(err, saltoks.ErrIQAlreadyActivated) || s.Step != StepActivated {
			t.Fatalf("restarting what works: %+v, %v", s, err)
		}
		if got := r.sent(); len(got) != 1 || !strings.HasSuffix(got[0], "activated_iqs") {
			t.Errorf("restarting what works sent %v", got)
		}
		if err := r.remote.Unlock(ctx, r.target); err != nil {
			t.Fatal(err)
		}
		r.sim.Fault(saltokstest.RestoreRequired)
		if err := r.remote.Unlock(ctx, r.target); !errors.Is(err, saltoks.ErrRestoreRequired) && !errors.Is(err, saltoks.ErrForbidden) {
			t.Fatalf("an IQ that was reset: %v", err)
		}
		if err := r.client.IQs.Restore(ctx, r.site, r.iq); err != nil {
			t.Fatal(err)
		}
		for s, err := range r.act.List(ctx, r.site) {
			if err != nil || s.IQ.ID == r.iq && s.Finding != FindingActivationLost {
				t.Fatalf("%+v, %v", s, err)
			}
		}
		if s := r.must(r.act.Restart(ctx, r.site, r.iq)); s.Step != StepSecretStored {
			t.Fatalf("after Restart: %+v", s)
		}
		r.must(r.act.RequestPIN(ctx, r.site, r.iq, saltoks.PINByMail))
		r.must(r.act.Confirm(ctx, r.site, r.iq, r.pin()))
		if err := r.remote.Unlock(ctx, r.target); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAStoreThatIsStuckAfterTheAnswer: SALTO has returned the secret and the store does
// not answer: the step ends within seconds, and its error names what to do.
func TestAStoreThatIsStuckAfterTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		stuck := slowStore(r.store, time.Hour, func() {})
		act := r.newRemote(r.client, r.newState(stuck)).Activation()
		start := time.Now()
		s, err := act.Begin(t.Context(), r.site, r.iq)
		if took := time.Since(start); !isUnconfirmed(err) || s.Step != StepNotStarted || took > 2*saltostate.WriteLimit {
			t.Errorf("after %v: %+v, %v", took, s, err)
		}
		if s := r.must(r.act.Begin(t.Context(), r.site, r.iq)); s.Step != StepSecretStored {
			t.Errorf("repaired: %+v", s)
		}
	})
}

// An IQ whose name cannot be read is activated nevertheless.
func TestActivationWithoutTheName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.sim.Fault(saltokstest.APIError, saltokstest.Status(403), saltokstest.On("GET /v1.2/sites/"+string(r.site)+"/iqs/"+string(r.iq)))
		r.must(r.act.Begin(t.Context(), r.site, r.iq))
		owner, err := saltostate.Load(t.Context(), r.state, userindex.Docs, userindex.ID("simulator", r.tokens.user.Subject))
		if err != nil || owner == nil || len(owner.IQs) != 1 || owner.IQs[0].Name != "" {
			t.Errorf("%+v, %v", owner, err)
		}
	})
}

// Nor does the name delay an activation for long.
func TestTheNameIsReadForAShortTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.sim.Fault(saltokstest.Hang, saltokstest.On("GET /v1.2/sites/"+string(r.site)+"/iqs/"+string(r.iq)))
		start := time.Now()
		if r.must(r.act.Begin(t.Context(), r.site, r.iq)); time.Since(start) != nameLimit {
			t.Errorf("after %v", time.Since(start))
		}
	})
}

// losingLeaseLate loses the lease of an IQ's document once, after fn has run, and reports
// it late: meanwhile runs before that.
func losingLeaseLate(store saltostate.Store, meanwhile func()) *statetest.FaultyStore {
	lost, reported := false, false
	losing := onIQWrite(store, func(_ context.Context, next []byte) ([]byte, error) {
		if lost {
			return next, nil
		}
		lost = true
		return nil, conflict{}
	})
	return &statetest.FaultyStore{Store: losing, OnUpdate: func(ctx context.Context, key string, fn statetest.UpdateFunc) error {
		err := losing.Update(ctx, key, fn)
		if lost && !reported {
			reported = true
			meanwhile()
		}
		return err
	}}
}

// TestALateSecretDoesNotUndoAnActivation: a process stops after it got the first
// secret, and loses its lease. Another process has completed the activation: what it
// stored is kept.
func TestALateSecretDoesNotUndoAnActivation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		late := losingLeaseLate(r.store, r.activate)
		act := r.newRemote(r.client, r.newState(late)).Activation()
		if s, err := act.Begin(t.Context(), r.site, r.iq); err != nil || s.Step != StepActivated {
			t.Errorf("%+v, %v", s, err)
		}
		if err := r.remote.Unlock(t.Context(), r.target); err != nil {
			t.Error(err)
		}
	})
}

// The caller cancels while SALTO's answer is being stored: it is stored nevertheless.
func TestTheSecretOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		ctx, cancel := context.WithCancel(t.Context())
		slow := slowStore(r.store, time.Second, cancel)
		act := r.newRemote(r.client, r.newState(slow)).Activation()
		if s := r.must(act.Begin(ctx, r.site, r.iq)); s.Step != StepSecretStored || ctx.Err() == nil {
			t.Errorf("%+v, %v", s, ctx.Err())
		}
		if s := r.must(r.act.State(t.Context(), r.site, r.iq)); s.Step != StepSecretStored {
			t.Errorf("stored: %+v", s)
		}
	})
}

// slowStore takes d to write an IQ's document, as long as the context of the Update has
// not ended. It calls before first.
func slowStore(store saltostate.Store, d time.Duration, before func()) *statetest.FaultyStore {
	return onIQWrite(store, func(ctx context.Context, next []byte) ([]byte, error) {
		before()
		select {
		case <-time.After(d):
			return next, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
}
