package saltoremote

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

func TestDeactivate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := saltokstest.DefaultWorld()
		world.Users = append(world.Users, saltokstest.User{Email: "other@harbour.example", Password: "Quay-Rope-19", Phone: "+31200000043", FirstName: "Other", LastName: "Hand"})
		r := newRigWith(t, saltokstest.Config{World: world})
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
		// The right one, without the permission to make unmeasured calls.
		if s, err := r.act.Deactivate(ctx, r.site, r.iq); !errors.Is(err, saltoks.ErrUnverified) || s.Step != StepActivated {
			t.Errorf("without the option: %+v, %v", s, err)
		}
		act := r.newRemote(r.newClient(func(cfg *saltoks.Config) { cfg.UnverifiedEndpoints = true }), r.state).Activation()
		if s := r.must(act.Deactivate(ctx, r.site, r.iq)); s.Step != StepNotStarted {
			t.Errorf("after: %+v", s)
		}
		if err := r.remote.Unlock(ctx, r.target); !errors.Is(err, saltoks.ErrIQNotActivated) {
			t.Errorf("unlocking afterwards: %v", err)
		}
		r.activate() // and once more from the start
		if err := r.remote.Unlock(ctx, r.target); err != nil {
			t.Error(err)
		}
	})
}

func TestListShowsAllIQs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := saltokstest.DefaultWorld()
		world.Sites[0].IQs = append(world.Sites[0].IQs, saltokstest.IQ{Name: "IQ Shed", WithoutOTP: true}, saltokstest.IQ{Name: "IQ Attic"}, saltokstest.IQ{Name: "IQ Roof"})
		r := newRigWith(t, saltokstest.Config{World: world})
		ctx := t.Context()
		byName := make(map[string]saltoks.IQID)
		list := func(act *Activation) map[string]Readiness {
			got := make(map[string]Readiness)
			for s, err := range act.List(ctx, r.site) {
				if err != nil {
					t.Fatal(err)
				}
				got[s.IQ.Name], byName[s.IQ.Name] = s.Readiness, s.IQ.ID
				if s.Usable() != (s.Readiness == IQReady || s.Readiness == IQNeedsNoCode) {
					t.Errorf("%s: usable %v", s.Readiness, s.Usable())
				}
			}
			return got
		}
		first := "IQ Ground Floor"
		want := map[string]Readiness{first: IQNotActivated, "IQ First Floor": IQNotActivated, "IQ Shed": IQNeedsNoCode, "IQ Attic": IQNotActivated, "IQ Roof": IQNotActivated}
		if diff := cmp.Diff(want, list(r.act)); diff != "" {
			t.Fatalf("at first (-want +got):\n%s", diff)
		}
		r.iq = byName[first]
		r.activate()
		r.must(r.act.Begin(ctx, r.site, byName["IQ Attic"]))
		r.iq = byName["IQ Roof"]
		r.activate()
		r.sim.Fault(saltokstest.RestoreRequired, saltokstest.Target(string(byName["IQ Roof"])))
		want[first], want["IQ Attic"], want["IQ Roof"] = IQReady, IQInProgress, IQRestoreRequired
		if diff := cmp.Diff(want, list(r.act)); diff != "" {
			t.Errorf("later (-want +got):\n%s", diff)
		}
		elsewhere := list(r.newRemote(r.newClient(), r.newState(saltostate.NewMemoryStore())).Activation())
		if elsewhere[first] != IQActivatedElsewhere {
			t.Errorf("on another store: %v", elsewhere)
		}
		for range r.act.List(ctx, r.site) {
			break // stops
		}
	})
}
