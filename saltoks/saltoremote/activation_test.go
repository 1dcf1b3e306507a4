package saltoremote

import (
	"encoding/json"
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
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

func TestActivationWalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
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
		s := r.must(r.act.RequestPIN(ctx, r.site, r.iq, saltoks.PINByMail))
		if s.Step != StepPINRequested || s.Channel != saltoks.PINByMail || !s.PINRequestedAt.Equal(r.sim.Now()) {
			t.Fatalf("after RequestPIN: %+v", s)
		}
		if text, err := json.Marshal(s); err != nil || !strings.Contains(string(text), `"channel":"mail"`) {
			t.Errorf("as JSON: %s, %v", text, err)
		}
		if text, err := json.Marshal(iqDoc{Channel: storedChannel(saltoks.PINBySMS)}); err != nil || string(text) != `{"channel":2}` {
			t.Errorf("as it is stored: %s, %v", text, err)
		}
		r.must(r.act.RequestPIN(ctx, r.site, r.iq, saltoks.PINBySMS)) // resent, by SMS
		if inbox := r.sim.Inbox(); len(inbox) != 2 || inbox[0].Channel == inbox[1].Channel {
			t.Fatalf("messages: %+v", inbox)
		}
		// The PINs are not read: the IQ stays unactivated, and no command is sent.
		if s := r.must(r.act.State(ctx, r.site, r.iq)); s.Step != StepPINRequested {
			t.Errorf("without a PIN: %+v", s)
		}
		if err := r.remote.Unlock(ctx, r.target); !errors.Is(err, saltoks.ErrIQNotActivated) {
			t.Errorf("without a PIN: %v", err)
		}
		if s := r.must(r.act.Confirm(ctx, r.site, r.iq, r.pin())); s.Step != StepActivated || !s.ActivatedAt.Equal(r.sim.Now()) {
			t.Fatalf("after Confirm: %+v", s)
		}
		r.must(r.act.Confirm(ctx, r.site, r.iq, r.pin())) // a double click
		want := []string{
			"GET /v1.2/sites/S/iqs/Q", "GET /v1.2/sites/S/iqs/Q/secret", "GET /v1.2/sites/S/iqs/Q/pin", "GET /v1.2/sites/S/iqs/Q/pin",
			"PUT /v1.2/sites/S/iqs/Q/pin",
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
		// Forget finds what is stored.
		owner, err := saltostate.Load(ctx, r.state, userindex.Docs, userindex.ID("simulator", r.tokens.user.Subject))
		if err != nil || owner == nil || len(owner.IQs) != 1 || owner.IQs[0].IQ != r.iq {
			t.Errorf("the owner's documents: %+v, %v", owner, err)
		}
	})
}

func TestActivationOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
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

// The process ends at its n-th write, before or after the write took effect; another
// one continues from what is stored.
func TestActivationSurvivesACrashAtEveryWrite(t *testing.T) {
	walk := func(r *fixture, act *Activation) error {
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
				r := newFixture(t)
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

// No PIN, right or wrong, seems to activate an IQ that SALTO has reset.
func TestResetIQIsNotActivated(t *testing.T) {
	for _, c := range []struct {
		name  string
		reset func(r *fixture)
		want  error
	}{
		{"SALTO has it as not activated", func(r *fixture) {
			r.sim.Fault(saltokstest.RestoreRequired)
			if err := r.client.IQs.Restore(r.t.Context(), r.site, r.iq); err != nil {
				r.t.Fatal(err)
			}
		}, ErrActivationLost},
		{"a restore is required", func(r *fixture) { r.sim.Fault(saltokstest.RestoreRequired) }, saltoks.ErrRestoreRequired},
		{"SALTO does not answer", func(r *fixture) { r.sim.Fault(saltokstest.HTTP500, saltokstest.Count(-1)) }, nil},
		{"SALTO does not list what is activated", func(r *fixture) {
			r.sim.Fault(saltokstest.HTTP500, saltokstest.On("activated_iqs"), saltokstest.Count(-1))
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t)
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
					if c.want == nil && errors.Is(err, ErrActivationLost) {
						t.Errorf("%s reports what is not known: %v", name, err)
					}
					if c.want != nil && !strings.Contains(err.Error(), "Restart") {
						t.Errorf("%s does not name Restart: %v", name, err)
					}
				}
			})
		})
	}
}

// Two processes that activate at the same time make one activation: one secret, one set
// of credentials.
func TestTwoProcessesActivateAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
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
			if err := <-errs; err != nil && !errors.Is(err, saltoks.ErrOTPInvalid) && !errors.Is(err, errInProgress) {
				t.Error(err)
			}
		}
		// If the wrong PIN was first, the right one waited for its answer.
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
		r := newFixture(t)
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

func TestDeactivate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := saltokstest.DefaultWorld()
		world.Users = append(
			world.Users,
			saltokstest.User{Email: "other@harbour.example", Password: "Quay-Rope-19", Phone: "+31200000043", FirstName: "Other", LastName: "Hand"},
		)
		r := newFixtureWith(t, saltokstest.Config{World: world})
		ctx := t.Context()
		r.activate()

		// Another user, on the same store.
		tokens := *r
		tokens.tokens = &simTokens{sim: r.sim, user: r.sim.World().Users[1]}
		measured := tokens.newClient(func(cfg *saltoks.Config) { cfg.UnverifiedEndpoints = true })
		other := tokens.newRemote(measured, r.state).Activation()
		if _, err := other.Deactivate(ctx, r.site, r.iq); !errors.Is(err, ErrNotActivator) {
			t.Errorf("another user: %v", err)
		}
		// The right subject, but a client with another user's token.
		mixed := r.newRemote(measured, r.state).Activation()
		if _, err := mixed.Deactivate(ctx, r.site, r.iq); !errors.Is(err, ErrOtherUser) {
			t.Errorf("another user's token: %v", err)
		}
		if n := len(r.sent()); n != 0 {
			t.Errorf("%d requests for another user", n)
		}
		// The right one, without UnverifiedEndpoints.
		if s, err := r.act.Deactivate(ctx, r.site, r.iq); !errors.Is(err, saltoks.ErrUnverified) || s.Step != StepActivated {
			t.Errorf("without the option: %+v, %v", s, err)
		}
		act := r.newRemote(r.newClient(func(cfg *saltoks.Config) { cfg.UnverifiedEndpoints = true }), r.state).Activation()
		if s := r.must(act.Deactivate(ctx, r.site, r.iq)); s != (ActivationState{Site: r.site, IQ: r.iq}) {
			t.Errorf("after: %+v", s)
		}
		if err := r.remote.Unlock(ctx, r.target); !errors.Is(err, saltoks.ErrIQNotActivated) {
			t.Errorf("unlocking afterwards: %v", err)
		}
		r.activate() // again, from the start
		if err := r.remote.Unlock(ctx, r.target); err != nil {
			t.Error(err)
		}
	})
}

func TestDeactivateThroughTheBreakerAndALostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
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

// NeedSupport names only IQs for which something is stored, and their names.
func TestNeedSupportNamesWhatIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		ctx := t.Context()
		env := saltoks.Environment{Name: "simulator", Issuer: r.sim.Issuer(), API: r.sim.API()}
		auth, err := saltoauth.NewAuthorizer(saltoauth.Config{
			Environment: env,
			Credentials: saltoauth.Credentials{ClientID: "c", RedirectURL: "https://app.example/cb"},
			State:       r.state,
		})
		if err != nil {
			t.Fatal(err)
		}
		named := func(want ...saltoauth.ForgottenIQ) {
			t.Helper()
			got, err := auth.NeedSupport(ctx, r.tokens.user.Subject)
			if diff := cmp.Diff(append([]saltoauth.ForgottenIQ{}, want...), got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		}
		named()
		r.activate()
		iq := r.sim.World().Sites[0].IQs[0]
		named(saltoauth.ForgottenIQ{Site: r.site, IQ: saltoks.IQID(iq.ID), Name: iq.Name})

		act := r.newRemote(r.newClient(func(cfg *saltoks.Config) { cfg.UnverifiedEndpoints = true }), r.state).Activation()
		r.must(act.Deactivate(ctx, r.site, r.iq))
		named()
		if err := auth.Forget(ctx, r.tokens.user.Subject, nil); err != nil {
			t.Errorf("nothing is stored, and Forget says %v", err)
		}
		if r.store.broken = true; second(auth.NeedSupport(ctx, r.tokens.user.Subject)) == nil {
			t.Error("a broken store is not told")
		}
	})
}
