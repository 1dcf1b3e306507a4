package saltolocks_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// BenchmarkFollow measures the time from SALTO's entry to the settled receipt, for taps
// whose answer was lost: SALTO writes the entry before it would answer.
func BenchmarkFollow(b *testing.B) {
	sim := saltokstest.New(b, saltokstest.Config{MaxRequests: saltokstest.RecordNothing})
	site := benchSite(b, sim)
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { site.Run(ctx) })
	defer running.Wait()
	defer stop()
	var took []time.Duration
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		sim.Clock().Advance(time.Minute) // the lock is locked again
		sim.Fault(saltokstest.AnswerLostAfterMove, saltokstest.On("/locking"))
		tap := gate.Tap{RequestID: fmt.Sprintf("request-%010d", n), Member: "ada", Door: "front", TappedAt: sim.Now()}
		r, err := site.Gate.Unlock(ctx, tap)
		if err != nil || r.Opened() && r.Cause != "" {
			b.Fatal(r.Outcome, r.Cause, err)
		}
		b.StartTimer()
		began := time.Now()
		if r, err = site.Gate.Wait(ctx, "ada", tap.RequestID); err != nil || !r.Opened() {
			b.Fatal(r.Outcome, r.Cause, err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100])/1e6, "p99-ms")
}

// benchSite is a site with the door "front", which ada may open.
func benchSite(b *testing.B, sim *saltokstest.Sim) *saltolocks.Site {
	ok := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	world := sim.World()
	user, salto := world.Users[0], world.Sites[0]
	env := saltoks.Environment{Name: "simulator", Issuer: sim.Issuer(), API: sim.API(), Events: sim.Events()}
	tokens, err := saltoauth.PasswordSource(saltoauth.PasswordConfig{
		Environment: env,
		Credentials: saltoauth.Credentials{ClientID: sim.ClientID(), ClientSecret: saltoks.NewSecret(sim.ClientSecret())},
		User:        user.Email, Password: saltoauth.FixedPassword(saltoks.NewSecret(user.Password)),
		HTTPClient: sim.HTTPClient(), Now: sim.Now,
	})
	ok(err)
	store := memstore.New()
	site, err := saltolocks.Open(b.Context(), saltolocks.Config{
		Site: "loft", Environment: env, Tokens: tokens, SaltoSite: saltoks.SiteID(salto.ID), Limiter: saltoks.NoRateLimit(),
		Storage: store, State: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer(),
		HTTPClient: sim.HTTPClient(), Now: sim.Now,
	})
	ok(err)
	session, err := site.Session(b.Context())
	ok(err)
	activation, iq := session.Remote.Activation(), saltoks.IQID(salto.IQs[0].ID)
	_, err = activation.Begin(b.Context(), session.Site, iq)
	ok(err)
	_, err = activation.RequestPIN(b.Context(), session.Site, iq, saltoks.PINByMail)
	ok(err)
	pin, err := saltoks.ParseIQPIN(sim.IQPIN(user.Email))
	ok(err)
	_, err = activation.Confirm(b.Context(), session.Site, iq, pin)
	ok(err)
	ok(store.PutRules(b.Context(), gate.Rules{Site: access.Site{ID: "loft", TimeZone: salto.TimeZone}}))
	_, err = site.Doors.Link(b.Context(), gate.LinkRequest{Door: "front", Lock: salto.Locks[0].ID, AccessType: access.AccessOnly, By: "eve"})
	ok(err)
	ok(store.PutMember(b.Context(), "loft", gate.Member{Member: access.Member{ID: "ada"}}))
	ok(store.PutGrant(b.Context(), "loft", gate.Grant{Grant: access.Grant{
		ID: "g", Member: "ada", Door: "front", Hours: access.Always(), RequiresMembership: new(false),
	}}))
	return site
}
