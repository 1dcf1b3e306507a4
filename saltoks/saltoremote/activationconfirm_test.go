package saltoremote

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestLostAnswers(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault string
		on    string
		also  bool // SALTO cannot be asked either
		// what the verb says, and where it leaves the activation
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
				r := newRig(t)
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
				// Another process goes on.
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
		r := newRig(t)
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
		r := newRig(t)
		ctx := t.Context()
		r.must(r.act.Begin(ctx, r.site, r.iq))
		r.sim.Fault(saltokstest.AnswerLostAfterMove, saltokstest.On("/pin"))
		s, err := r.act.RequestPIN(ctx, r.site, r.iq, saltoks.PINByMail)
		if !isUnconfirmed(err) || s.Step != StepPINRequested {
			t.Fatalf("got %+v, %v", s, err)
		}
		r.must(r.act.Confirm(ctx, r.site, r.iq, r.pin()))

		q := newRig(t)
		q.must(q.act.Begin(ctx, q.site, q.iq))
		q.sim.Fault(saltokstest.IQOffline)
		s, err = q.act.RequestPIN(ctx, q.site, q.iq, saltoks.PINByMail)
		if err == nil || s.Step == StepActivated {
			t.Fatalf("an offline IQ sends a PIN: %+v, %v", s, err)
		}
		q.must(q.act.RequestPIN(ctx, q.site, q.iq, saltoks.PINByMail))
	})
}
