package saltoremote

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// TestActivatedBetweenTheSteps: another installation was faster.
func TestActivatedBetweenTheSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.must(r.act.Begin(t.Context(), r.site, r.iq))
		faster := *r
		faster.act = r.newRemote(r.client, r.newState(saltostate.NewMemoryStore())).Activation()
		faster.activate()
		s, err := r.act.RequestPIN(t.Context(), r.site, r.iq, saltoks.PINByMail)
		if _, ok := errors.AsType[*ActivatedElsewhereError](err); !ok || s.Step != StepSecretStored {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// TestAStoreThatIsStuckAfterTheAnswer: the secret is there and the store takes
// for ever: the step ends in some seconds and says what to do.
func TestAStoreThatIsStuckAfterTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		stuck := &slowStore{Store: r.store, before: func() {}, d: time.Hour}
		act := r.newRemote(r.client, r.newState(stuck)).Activation()
		start := time.Now()
		s, err := act.Begin(t.Context(), r.site, r.iq)
		if took := time.Since(start); !isUnconfirmed(err) || s.Step != StepNotStarted || took > 2*saltostate.WriteLimit {
			t.Errorf("after %v: %+v, %v", took, s, err)
		}
		if s := r.must(r.act.Begin(t.Context(), r.site, r.iq)); s.Step != StepSecretStored {
			t.Errorf("mended: %+v", s)
		}
	})
}
