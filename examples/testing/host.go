package main

import (
	"context"
	"errors"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// host is a club with one door, on a simulated SALTO KS.
type host struct {
	client *saltoks.Client
	gate   *gate.Gate
	zone   *time.Location
	now    func() time.Time
}

// newHost connects with a real consent over HTTP, activates the IQ with the PIN
// from the mailbox, and links the door.
func newHost(ctx context.Context, sim *saltokstest.Sim) (*host, error) {
	env := saltoks.Environment{Name: "simulator", Issuer: sim.Issuer(), API: sim.API(), Events: sim.Events()}
	state, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer()})
	if err != nil {
		return nil, err
	}
	auth, err := saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: env,
		Credentials: saltoauth.Credentials{
			ClientID: sim.ClientID(), ClientSecret: saltoks.NewSecret(sim.ClientSecret()), RedirectURL: sim.RedirectURI(),
		},
		State:      state,
		HTTPClient: sim.HTTPClient(),
		Now:        sim.Now,
	})
	if err != nil {
		return nil, err
	}
	login, err := auth.Begin(ctx)
	if err != nil {
		return nil, err
	}
	callback, err := sim.Consent(ctx, login.URL(), saltokstest.Allow())
	if err != nil {
		return nil, err
	}
	conn, err := auth.Complete(ctx, login, callback.Query())
	if err != nil {
		return nil, err
	}
	client, err := saltoks.NewClient(saltoks.Config{Environment: env, Tokens: auth.Tokens(conn), HTTPClient: sim.HTTPClient()})
	if err != nil {
		return nil, err
	}
	remote, err := saltoremote.NewRemote(saltoremote.Config{Client: client, State: state, User: conn.Identity(), Now: sim.Now})
	if err != nil {
		return nil, err
	}
	site, user := sim.World().Sites[0], sim.World().Users[0]
	salto, iq, wizard := saltoks.SiteID(site.ID), saltoks.IQID(site.IQs[0].ID), remote.Activation()
	if _, err := wizard.Begin(ctx, salto, iq); err != nil {
		return nil, err
	}
	if _, err := wizard.RequestPIN(ctx, salto, iq, saltoks.PINByMail); err != nil {
		return nil, err
	}
	pin, err := saltoks.ParseIQPIN(sim.IQPIN(user.Email))
	if err != nil {
		return nil, err
	}
	if _, err := wizard.Confirm(ctx, salto, iq, pin); err != nil {
		return nil, err
	}
	locks, err := saltolocks.New(saltolocks.Config{Client: client, Remote: remote, Site: salto, Now: sim.Now})
	if err != nil {
		return nil, err
	}
	store := memstore.New()
	doors, err := gate.NewDoors(gate.DoorsConfig{Site: "club", Store: store, Catalog: locks, Now: sim.Now})
	if err != nil {
		return nil, err
	}
	_, err = doors.Link(ctx, gate.LinkRequest{Door: "front", Lock: site.Locks[0].ID, Name: "Front Door", AccessType: access.AccessOnly})
	err = errors.Join(err,
		store.PutRules(ctx, gate.Rules{Site: access.Site{ID: "club", TimeZone: site.TimeZone}, MembershipTypes: []access.MembershipType{
			{ID: "member", Doors: []access.DoorHours{{Door: "front", Hours: access.Always()}}},
			{ID: "evening", Doors: []access.DoorHours{{Door: "front", Hours: access.Weekly(access.Range{
				Days: access.Days(access.Mon, access.Sun), From: access.At(18, 0), To: access.At(24, 0)})}}},
		}}),
		store.PutMember(ctx, "club", gate.Member{Member: access.Member{ID: "ada", Memberships: []access.Membership{{ID: "m1", Type: "member"}}}}),
		store.PutMember(ctx, "club", gate.Member{Member: access.Member{ID: "eve", Memberships: []access.Membership{{ID: "m2", Type: "evening"}}}}))
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(site.TimeZone)
	if err != nil {
		return nil, err
	}
	g, err := gate.New(gate.Config{Site: "club", Facts: store, Records: store, Locks: locks, Now: sim.Now})
	return &host{client: client, gate: g, zone: zone, now: sim.Now}, err
}

func (h *host) close() { _ = h.client.Close(context.Background()) }
