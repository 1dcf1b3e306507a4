package saltoremote

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

// Only what is stored is lost by Forget, and a person knows IQs by their names.
func TestNeedSupportNamesWhatIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
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
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
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
