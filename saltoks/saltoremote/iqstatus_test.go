package saltoremote

import (
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
