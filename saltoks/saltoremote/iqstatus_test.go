package saltoremote

import (
	"errors"
	"iter"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

func TestListShowsAllIQs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := saltokstest.DefaultWorld()
		world.Sites[0].IQs = append(
			world.Sites[0].IQs, saltokstest.IQ{Name: "IQ Shed", WithoutOTP: true}, saltokstest.IQ{Name: "IQ Attic"},
			saltokstest.IQ{Name: "IQ Roof"},
		)
		r := newFixtureWith(t, saltokstest.Config{World: world})
		ctx := t.Context()
		byName := make(map[string]saltoks.IQID)
		list := func(act *Activation) map[string]Finding {
			got := make(map[string]Finding)
			for s, err := range act.List(ctx, r.site) {
				if err != nil {
					t.Fatal(err)
				}
				got[s.IQ.Name], byName[s.IQ.Name] = s.Finding, s.IQ.ID
				if s.Finding.Usable() != (s.Finding == FindingReady || s.Finding == FindingNeedsNoCode) {
					t.Errorf("%s: usable %v", s.Finding, s.Finding.Usable())
				}
			}
			return got
		}
		first := "IQ Ground Floor"
		want := map[string]Finding{
			first: FindingNotActivated, "IQ First Floor": FindingNotActivated, "IQ Shed": FindingNeedsNoCode, "IQ Attic": FindingNotActivated,
			"IQ Roof": FindingNotActivated,
		}
		if diff := cmp.Diff(want, list(r.act)); diff != "" {
			t.Fatalf("at first (-want +got):\n%s", diff)
		}
		r.iq = byName[first]
		r.activate()
		r.must(r.act.Begin(ctx, r.site, byName["IQ Attic"]))
		r.iq = byName["IQ Roof"]
		r.activate()
		r.sim.Fault(saltokstest.RestoreRequired, saltokstest.Target(string(byName["IQ Roof"])))
		want[first], want["IQ Attic"], want["IQ Roof"] = FindingReady, FindingUnfinished, FindingRestoreRequired
		if diff := cmp.Diff(want, list(r.act)); diff != "" {
			t.Errorf("later (-want +got):\n%s", diff)
		}
		elsewhere := list(r.newRemote(r.newClient(), r.newState(saltostate.NewMemoryStore())).Activation())
		if elsewhere[first] != FindingActivatedElsewhere {
			t.Errorf("on another store: %v", elsewhere)
		}
		for _, err := range r.act.List(ctx, r.site) {
			if err != nil {
				t.Error(err)
			}
			break // the list stops
		}
	})
}

// An activation whose result is not known, and one that was adopted, are unfinished,
// although SALTO reports the user as activated.
func TestListShowsWhatIsUnfinished(t *testing.T) {
	for name, do := range map[string]func(*fixture) *Activation{
		"confirming": func(r *fixture) *Activation {
			r.requestPIN()
			r.loseConfirmation()
			return r.act
		},
		"adopted": func(r *fixture) *Activation {
			r.activate()
			code, err := storedCodes(r.remote)(r.t.Context(), r.site, r.iq)
			if err != nil {
				r.t.Fatal(err)
			}
			act := r.newRemote(r.newClient(), r.newState(saltostate.NewMemoryStore())).Activation()
			r.must(act.Adopt(r.t.Context(), r.site, r.iq, code))
			return act
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t)
				for s, err := range do(r).List(t.Context(), r.site) {
					if err != nil {
						t.Fatal(err)
					}
					if want := s.IQ.ID == r.iq; want && s.Finding != FindingUnfinished || s.ActivatedAtSALTO != want {
						t.Errorf("%+v", s)
					}
				}
			})
		})
	}
}

// A list that fails ends with its error.
func TestListFails(t *testing.T) {
	for name, do := range map[string]func(*fixture) iter.Seq2[IQStatus, error]{
		"zero value":  func(r *fixture) iter.Seq2[IQStatus, error] { return new(Activation).List(r.t.Context(), r.site) },
		"no site":     func(r *fixture) iter.Seq2[IQStatus, error] { return r.act.List(r.t.Context(), "") },
		"activations": func(r *fixture) iter.Seq2[IQStatus, error] { return failing(r, "activated_iqs") },
		"IQs":         func(r *fixture) iter.Seq2[IQStatus, error] { return failing(r, "/iqs") },
		"store": func(r *fixture) iter.Seq2[IQStatus, error] {
			r.store.broken = true
			return r.act.List(r.t.Context(), r.site)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t)
				n := 0
				for s, err := range do(r) {
					if _, ok := errors.AsType[*saltoks.APIError](err); !ok || s != (IQStatus{}) {
						t.Errorf("%+v, %v", s, err)
					}
					n++
				}
				if n != 1 {
					t.Errorf("%d results", n)
				}
			})
		})
	}
}

func failing(r *fixture, on string) iter.Seq2[IQStatus, error] {
	r.sim.Fault(saltokstest.APIError, saltokstest.Status(403), saltokstest.On(on))
	return r.act.List(r.t.Context(), r.site)
}
