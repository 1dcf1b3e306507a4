package saltolocks_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/internal/wiretap"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// rig is a whole house: a simulated site whose first two locks are the doors
// "front" and "office", both open to ada.
type rig struct {
	*testing.T
	sim    *saltokstest.Sim
	wire   *wiretap.Tap // between the client and the simulator
	kept   *saltostate.MemoryStore
	sealer saltostate.Sealer
	client *saltoks.Client
	state  *saltostate.State
	auth   *saltoauth.Authorizer
	conn   saltoauth.Connection
	remote *saltoremote.Remote
	locks  *saltolocks.Locks
	store  *memstore.Store
	doors  *gate.Doors
	gate   *gate.Gate
	site   saltokstest.Site
	n      int
	// heal mends a storage that was made to fail; ago is how long ago a tap was.
	heal func()
	ago  time.Duration
}

// newRig makes it; without activation the IQs of the site are as SALTO delivers
// them.
func newRig(t *testing.T, activate bool) *rig { return newRigWith(t, activate, saltokstest.Config{}) }

func newRigWith(t *testing.T, activate bool, cfg saltokstest.Config) *rig {
	t.Helper()
	ctx := t.Context()
	r := &rig{T: t, sim: saltokstest.New(t, cfg), store: memstore.New()}
	r.wire = wiretap.New(r.sim.HTTPClient().Transport)
	world := r.sim.World()
	r.site = world.Sites[0]
	user := world.Users[0]
	env := saltoks.Environment{Name: "simulator", Issuer: r.sim.Issuer(), API: r.sim.API(), Events: r.sim.Events()}
	var err error
	r.kept, r.sealer = saltostate.NewMemoryStore(), saltostate.EphemeralSealer()
	r.state, err = saltostate.New(saltostate.Config{Store: r.kept, Sealer: r.sealer})
	r.ok(err)
	r.auth, err = saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: env,
		Credentials: saltoauth.Credentials{ClientID: r.sim.ClientID(), ClientSecret: saltoks.NewSecret(r.sim.ClientSecret()), RedirectURL: r.sim.RedirectURI()},
		State:       r.state,
		HTTPClient:  &http.Client{Transport: r.wire},
		Now:         r.sim.Now,
	})
	r.ok(err)
	login, err := r.auth.Begin(ctx)
	r.ok(err)
	callback, err := r.sim.Consent(ctx, login.URL(), saltokstest.Allow())
	r.ok(err)
	r.conn, err = r.auth.Complete(ctx, login, callback.Query())
	r.ok(err)
	r.client, err = saltoks.NewClient(saltoks.Config{Environment: env, Tokens: r.auth.Tokens(r.conn), HTTPClient: &http.Client{Transport: r.wire}, Limiter: saltoks.NoRateLimit()})
	r.ok(err)
	r.remote, err = saltoremote.NewRemote(saltoremote.Config{Client: r.client, State: r.state, User: r.conn.Identity(), Now: r.sim.Now})
	r.ok(err)
	if activate {
		for _, iq := range r.site.IQs {
			if !iq.WithoutOTP {
				r.activate(saltoks.IQID(iq.ID), user.Email)
			}
		}
	}
	r.locks, err = saltolocks.New(saltolocks.Config{Client: r.client, Remote: r.remote, Site: saltoks.SiteID(r.site.ID), Now: r.sim.Now})
	r.ok(err)
	r.doors, err = gate.NewDoors(gate.DoorsConfig{Site: "loft", Store: r.store, Catalog: r.locks, Now: r.sim.Now})
	r.ok(err)
	r.gate, err = gate.New(gate.Config{Site: "loft", Facts: r.store, Records: r.store, Locks: r.locks, Now: r.sim.Now})
	r.ok(err)
	for i, door := range []string{"front", "office"} {
		_, err := r.doors.Link(ctx, gate.LinkRequest{Door: door, Lock: r.site.Locks[i].ID, AccessType: access.AccessAndOfficeMode, By: "eve"})
		r.ok(err)
		r.ok(r.store.PutGrant(ctx, "loft", gate.Grant{Grant: access.Grant{ID: door, Member: "ada", Door: door, Hours: access.Always(), RequiresMembership: new(false)}}))
	}
	r.ok(r.store.PutRules(ctx, gate.Rules{Site: access.Site{ID: "loft", TimeZone: r.site.TimeZone}}))
	r.ok(r.store.PutMember(ctx, "loft", gate.Member{Member: access.Member{ID: "ada"}}))
	r.sim.ForgetRequests()
	return r
}

func (r *rig) ok(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) activate(iq saltoks.IQID, to string) {
	r.Helper()
	a, site := r.remote.Activation(), saltoks.SiteID(r.site.ID)
	_, err := a.Begin(r.Context(), site, iq)
	r.ok(err)
	_, err = a.RequestPIN(r.Context(), site, iq, saltoks.PINByMail)
	r.ok(err)
	pin, err := saltoks.ParseIQPIN(r.sim.IQPIN(to))
	r.ok(err)
	_, err = a.Confirm(r.Context(), site, iq, pin)
	r.ok(err)
}

func (r *rig) tap(door string) gate.Tap {
	r.n++
	return gate.Tap{RequestID: fmt.Sprintf("request-%010d", r.n), Member: "ada", Door: door, TappedAt: r.sim.Now()}
}

func (r *rig) do(action access.Action, tap gate.Tap) gate.Receipt {
	r.Helper()
	do := r.gate.Unlock
	switch action {
	case access.Lock:
		do = r.gate.Lock
	case access.OfficeMode:
		do = r.gate.StartOfficeMode
	}
	receipt, err := do(r.Context(), tap)
	r.ok(err)
	return receipt
}

func (r *rig) want(receipt gate.Receipt, outcome gate.Outcome, cause gate.Cause) {
	r.Helper()
	if receipt.Outcome != outcome || receipt.Cause != cause {
		r.Fatalf("got %s, cause %q (%v); want %s, cause %q", receipt.Outcome, receipt.Cause, receipt.Err, outcome, cause)
	}
}

// commands counts the locking requests that reached SALTO.
func (r *rig) commands() int { return len(r.sim.Commands()) }

func (r *rig) moved(door int) int { return r.sim.Movements(r.site.Locks[door].ID) }
