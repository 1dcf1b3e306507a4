package saltoremote

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/userindex"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

func TestActivationWalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ctx := t.Context()
		if s := r.must(r.act.State(ctx, r.site, r.iq)); s.Step != StepNotStarted {
			t.Fatalf("at first: %+v", s)
		}
		if s := r.must(r.act.Begin(ctx, r.site, r.iq)); s.Step != StepSecretStored {
			t.Fatalf("after Begin: %+v", s)
		}
		if s := r.must(r.act.Begin(ctx, r.site, r.iq)); s.Step != StepSecretStored {
			t.Fatalf("Begin again: %+v", s)
		}
		if s := r.must(r.act.RequestPIN(ctx, r.site, r.iq, saltoks.PINByMail)); s.Step != StepPINRequested || s.Channel != saltoks.PINByMail || !s.PINRequestedAt.Equal(r.sim.Now()) {
			t.Fatalf("after RequestPIN: %+v", s)
		}
		r.must(r.act.RequestPIN(ctx, r.site, r.iq, saltoks.PINBySMS)) // resent, another way
		if inbox := r.sim.Inbox(); len(inbox) != 2 || inbox[0].Channel == inbox[1].Channel {
			t.Fatalf("messages: %+v", inbox)
		}
		if s := r.must(r.act.Confirm(ctx, r.site, r.iq, r.pin())); s.Step != StepActivated || !s.ActivatedAt.Equal(r.sim.Now()) {
			t.Fatalf("after Confirm: %+v", s)
		}
		r.must(r.act.Confirm(ctx, r.site, r.iq, r.pin())) // a double click
		want := []string{
			"GET /v1.2/sites/S/iqs/Q", "GET /v1.2/sites/S/iqs/Q/secret", "GET /v1.2/sites/S/iqs/Q/pin", "GET /v1.2/sites/S/iqs/Q/pin", "PUT /v1.2/sites/S/iqs/Q/pin",
			"GET /v1.2/sites/S/iqs/Q", "GET /v1.2/me/S/activated_iqs", // the double click asks whether it still is
		}
		if diff := cmp.Diff(want, r.sent()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		if err := r.remote.Unlock(ctx, r.target); err != nil {
			t.Fatal(err)
		}
		if n := r.sim.Movements(string(r.target.Lock)); n != 1 {
			t.Errorf("the lock moved %d times", n)
		}
		// What is kept is found by whoever has to delete it.
		owner, err := saltostate.Load(ctx, r.state, userindex.Docs, userindex.ID("simulator", r.tokens.user.Subject))
		if err != nil || owner == nil || len(owner.IQs) != 1 || owner.IQs[0].IQ != r.iq {
			t.Errorf("the owner's documents: %+v, %v", owner, err)
		}
	})
}

func TestActivationOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ctx := t.Context()
		pin, _ := saltoks.ParseIQPIN("1234")
		refused := func(name string, want error) func(ActivationState, error) {
			return func(_ ActivationState, err error) {
				t.Helper()
				e, ok := errors.AsType[*saltoks.APIError](err)
				if !errors.Is(err, want) || !ok || !e.NotSent() {
					t.Errorf("%s: %v, want %v and NotSent", name, err, want)
				}
				if n := len(r.sent()); n != 0 {
					t.Errorf("%s: %d requests", name, n)
				}
			}
		}
		refused("PIN request at first", ErrActivationNotBegun)(r.act.RequestPIN(ctx, r.site, r.iq, saltoks.PINByMail))
		refused("PIN at first", ErrActivationNotBegun)(r.act.Confirm(ctx, r.site, r.iq, pin))
		refused("no PIN", saltoks.ErrBadIQPIN)(r.act.Confirm(ctx, r.site, r.iq, saltoks.IQPIN{}))
		refused("deactivation at first", ErrNotActivator)(r.act.Deactivate(ctx, r.site, r.iq))
		r.must(r.act.Begin(ctx, r.site, r.iq))
		r.sim.ForgetRequests()
		refused("PIN before its request", ErrPINNotRequested)(r.act.Confirm(ctx, r.site, r.iq, pin))
		for _, err := range []error{
			second(r.act.Begin(ctx, "", r.iq)), second(r.act.State(ctx, r.site, "")), second(r.act.Adopt(ctx, r.site, r.iq, saltoks.OTP{})),
		} {
			if e, ok := errors.AsType[*saltoks.APIError](err); !ok || !e.NotSent() {
				t.Errorf("got %v", err)
			}
		}
		r.must(r.act.RequestPIN(ctx, r.site, r.iq, saltoks.PINByMail))
		r.must(r.act.Confirm(ctx, r.site, r.iq, r.pin()))
		r.sim.ForgetRequests()
		_, err := r.act.RequestPIN(ctx, r.site, r.iq, saltoks.PINByMail)
		if e, ok := errors.AsType[*saltoks.APIError](err); !errors.Is(err, saltoks.ErrIQAlreadyActivated) || !ok || !e.NotSent() {
			t.Errorf("PIN request at the end: %v", err)
		}
		if diff := cmp.Diff([]string{"GET /v1.2/sites/S/iqs/Q", "GET /v1.2/me/S/activated_iqs"}, r.sent()); diff != "" {
			t.Errorf("PIN request at the end (-want +got):\n%s", diff)
		}
	})
}

func second[A, B any](_ A, b B) B { return b }

func TestWrongPINKeepsTheStepAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ctx := t.Context()
		r.requestPIN()
		for i := range 2 {
			s, err := r.act.Confirm(ctx, r.site, r.iq, r.wrongPIN())
			if !errors.Is(err, saltoks.ErrOTPInvalid) || s.Step != StepPINRequested {
				t.Fatalf("wrong PIN: %+v, %v", s, err)
			}
			if blocked := !s.BlockedUntil.IsZero(); blocked != (i == 1) {
				t.Fatalf("after %d wrong PINs: blocked until %v", i+1, s.BlockedUntil)
			}
		}
		r.sim.ForgetRequests()
		s, err := r.act.Confirm(ctx, r.site, r.iq, r.pin())
		held, ok := errors.AsType[*OTPBlockedError](err)
		if !ok || !errors.Is(err, saltoks.ErrOTPBlocked) || !held.Until.Equal(r.sim.Now().Add(21*time.Minute)) || s.Step != StepPINRequested {
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

// The process dies at its n-th write, before or after the write took effect;
// another one goes on from what is stored.
func TestActivationSurvivesACrashAtEveryWrite(t *testing.T) {
	walk := func(r *rig, act *Activation) error {
		ctx := r.t.Context()
		s, err := act.Resume(ctx, r.site, r.iq)
		for err == nil && s.Step != StepActivated {
			switch s.Step {
			case StepNotStarted:
				s, err = act.Begin(ctx, r.site, r.iq)
			case StepSecretStored:
				s, err = act.RequestPIN(ctx, r.site, r.iq, saltoks.PINByMail)
			default:
				s, err = act.Confirm(ctx, r.site, r.iq, r.pin())
			}
		}
		return err
	}
	for _, lost := range []bool{false, true} {
		crashes := 0
		for n := range 100 {
			done := false
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.store.broken, r.store.left, r.store.lost = true, n, lost
				err := walk(r, r.act)
				if done = err == nil; done {
					return
				}
				if !errors.Is(err, errStore) {
					t.Fatalf("crash at call %d: %v", n, err)
				}
				crashes++
				second := r.newRemote(r.newClient(), r.newState(r.store.Store))
				if err := walk(r, second.Activation()); err != nil {
					t.Fatalf("crash at call %d (write carried out: %v): going on: %v", n, lost, err)
				}
				if err := second.Unlock(t.Context(), r.target); err != nil {
					t.Fatalf("crash at call %d: %v", n, err)
				}
			})
			if t.Failed() || done {
				break
			}
		}
		if crashes < 8 {
			t.Errorf("only %d crashes were tried", crashes)
		}
	}
}

func TestSecretIsKeptAlthoughTheCallerIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigWith(t, saltokstest.Config{Switches: saltokstest.Switches{FirstSecretOnce: true}})
		// The first try to store it fails once the secret is there.
		r.store.broken, r.store.left = true, 2 // one read, the owner's document
		_, err := r.act.Begin(t.Context(), r.site, r.iq)
		if !errors.Is(err, errStore) || !isUnconfirmed(err) || !strings.Contains(err.Error(), "could not be stored") {
			t.Fatalf("got %v", err)
		}
		r.store.broken = false
		// SALTO gives it only once here: now there is a typed error that says so.
		_, err = r.act.Begin(t.Context(), r.site, r.iq)
		if elsewhere, ok := errors.AsType[*ActivatedElsewhereError](err); !ok || elsewhere.IQ != r.iq || !errors.Is(err, saltoks.ErrIQAlreadyActivated) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestActivatedElsewhereAndAdopt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ctx := t.Context()
		r.activate()
		other := r.newRemote(r.newClient(), r.newState(saltostate.NewMemoryStore()))
		act := other.Activation()
		_, err := act.Begin(ctx, r.site, r.iq)
		elsewhere, ok := errors.AsType[*ActivatedElsewhereError](err)
		e, api := errors.AsType[*saltoks.APIError](err)
		if !ok || !api || !e.Refused() || elsewhere.Site != r.site || !strings.Contains(err.Error(), "Activation.Adopt") {
			t.Fatalf("got %v", err)
		}
		if s := r.must(act.State(ctx, r.site, r.iq)); s.Step != StepNotStarted {
			t.Fatalf("after the refusal: %+v", s)
		}
		if _, err := act.Adopt(ctx, r.site, r.iq, saltoks.NewOTP("zzzzz")); !errors.Is(err, saltoks.ErrOTPInvalid) {
			t.Fatalf("a wrong code: %v", err)
		}
		code, err := r.remote.local.OTP(ctx, r.site, r.iq)
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
		r := newRig(t)
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

// No PIN, right or wrong, seems to activate an IQ that SALTO has reset.
func TestResetIQIsNotActivated(t *testing.T) {
	for _, c := range []struct {
		name  string
		reset func(r *rig)
		want  error
	}{
		{"SALTO has it as not activated", func(r *rig) {
			r.sim.Fault(saltokstest.RestoreRequired)
			if err := r.client.IQs.Restore(r.t.Context(), r.site, r.iq); err != nil {
				r.t.Fatal(err)
			}
		}, ErrActivationLost},
		{"a restore is required", func(r *rig) { r.sim.Fault(saltokstest.RestoreRequired) }, saltoks.ErrRestoreRequired},
		{"SALTO does not answer", func(r *rig) { r.sim.Fault(saltokstest.HTTP500, saltokstest.Count(-1)) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				ctx := t.Context()
				r.activate()
				pin, wrong := r.pin(), r.wrongPIN()
				c.reset(r)
				for name, verb := range map[string]func() (ActivationState, error){
					"Confirm":          func() (ActivationState, error) { return r.act.Confirm(ctx, r.site, r.iq, pin) },
					"Confirm, any PIN": func() (ActivationState, error) { return r.act.Confirm(ctx, r.site, r.iq, wrong) },
					"Begin":            func() (ActivationState, error) { return r.act.Begin(ctx, r.site, r.iq) },
					"RequestPIN":       func() (ActivationState, error) { return r.act.RequestPIN(ctx, r.site, r.iq, saltoks.PINByMail) },
				} {
					_, err := verb()
					e, ok := errors.AsType[*saltoks.APIError](err)
					if err == nil || c.want != nil && !errors.Is(err, c.want) || !ok || !e.NotSent() {
						t.Errorf("%s: %v", name, err)
					}
					if c.want != nil && !strings.Contains(err.Error(), "Restart") {
						t.Errorf("%s does not name Restart: %v", name, err)
					}
				}
			})
		})
	}
}

func TestRestartAfterAReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
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
			if err != nil || s.IQ.ID == r.iq && s.Readiness != IQActivationLost {
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

// Two wizards at once are one activation: one secret, one set of credentials.
func TestTwoProcessesActivateAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ctx := t.Context()
		second := r.newRemote(r.newClient(), r.newState(r.store.Store)).Activation()
		errs := make(chan error)
		for _, act := range []*Activation{r.act, second} {
			go func() { _, err := act.Begin(ctx, r.site, r.iq); errs <- err }()
		}
		for range 2 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		secrets := slices.DeleteFunc(r.sent(), func(s string) bool { return !strings.HasSuffix(s, "/secret") })
		if len(secrets) != 1 {
			t.Errorf("the secret was fetched %d times", len(secrets))
		}
		r.must(second.RequestPIN(ctx, r.site, r.iq, saltoks.PINByMail))
		for i, act := range []*Activation{r.act, second} {
			go func() {
				pin := r.pin()
				if i == 1 {
					pin = r.wrongPIN()
				}
				_, err := act.Confirm(ctx, r.site, r.iq, pin)
				errs <- err
			}()
		}
		for range 2 {
			if err := <-errs; err != nil && !errors.Is(err, saltoks.ErrOTPInvalid) && !errors.Is(err, errUnderWay) {
				t.Error(err)
			}
		}
		// Where the wrong one came first, the right one waited for its answer.
		if s := r.must(second.Confirm(ctx, r.site, r.iq, r.pin())); s.Step != StepActivated {
			t.Errorf("at last: %+v", s)
		}
		if err := r.remote.Unlock(ctx, r.target); err != nil {
			t.Error(err)
		}
	})
}

func TestActivationKeepsItsSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ctx := t.Context()
		var seen []string
		look := func(s ActivationState, err error) { seen = append(seen, fmt.Sprintf("%+v %#v %v %+v", s, s, err, err)) }
		look(r.act.Begin(ctx, r.site, r.iq))
		look(r.act.RequestPIN(ctx, r.site, r.iq, saltoks.PINByMail))
		wrong := r.wrongPIN()
		look(r.act.Confirm(ctx, r.site, r.iq, wrong))
		r.sim.Fault(saltokstest.AnswerLostBeforeMove, saltokstest.On("PUT "))
		look(r.act.Confirm(ctx, r.site, r.iq, r.pin()))
		look(r.act.Confirm(ctx, r.site, r.iq, r.pin()))
		doc, err := r.act.load(ctx, siteIQ{r.site, r.iq})
		if err != nil || doc.Secret.IsZero() || doc.PIN.IsZero() {
			t.Fatalf("nothing is stored: %+v, %v", doc, err)
		}
		seen = append(seen, fmt.Sprintf("%+v %#v %+v %#v", doc, doc, r.remote, r.act))
		planted := []string{doc.Secret.Reveal(), doc.PIN.Reveal(), wrong.Reveal()}
		for _, q := range r.sim.Requests() {
			if i := strings.Index(string(q.Body), `"otp":"`); i >= 0 {
				planted = append(planted, string(q.Body)[i+7:i+12])
			}
		}
		if len(planted) < 6 {
			t.Fatalf("only %d secrets are looked for", len(planted))
		}
		for _, text := range seen {
			for _, p := range planted {
				// A PIN's or code's few characters may be a part of an id or a time.
				if strings.Contains(text, `"`+p) || strings.Contains(text, p+`"`) || len(p) > 8 && strings.Contains(text, p) {
					t.Errorf("a secret prints: %s", text)
				}
			}
		}
	})
}
