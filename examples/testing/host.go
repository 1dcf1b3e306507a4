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

// newHost sets up a club: the connection to SALTO KS, the IQ, the door and the members.
func newHost(ctx context.Context, sim *saltokstest.Sim) (*host, error) {
	client, remote, err := connect(ctx, sim)
	if err != nil {
		return nil, err
	}
	site := sim.World().Sites[0]
	if err := activate(ctx, sim, remote.Activation()); err != nil {
		return nil, err
	}
	locks, err := saltolocks.NewLocks(saltolocks.LocksConfig{Client: client, Remote: remote, Site: saltoks.SiteID(site.ID), Now: sim.Now})
	if err != nil {
		return nil, err
	}
	store := memstore.New()
	doors, err := gate.NewDoors(gate.DoorsConfig{Site: "club", Store: store, Catalog: locks, Now: sim.Now})
	if err != nil {
		return nil, err
	}
	_, err = doors.Link(ctx, gate.LinkRequest{Door: "front", Lock: site.Locks[0].ID, Name: "Front Door", AccessType: access.AccessOnly})
	if err != nil {
		return nil, err
	}
	if err := putRules(ctx, store, site.TimeZone); err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(site.TimeZone)
	if err != nil {
		return nil, err
	}
	g, err := gate.New(gate.Config{Site: "club", Facts: store, Records: store, Locks: locks, Now: sim.Now})
	return &host{client: client, gate: g, zone: zone, now: sim.Now}, err
}

// connect runs the consent over HTTP, as an administrator does it in a browser.
func connect(ctx context.Context, sim *saltokstest.Sim) (*saltoks.Client, *saltoremote.Remote, error) {
	env := saltoks.Environment{Name: "simulator", Issuer: sim.Issuer(), API: sim.API(), Events: sim.Events()}
	state, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer()})
	if err != nil {
		return nil, nil, err
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
		return nil, nil, err
	}
	login, err := auth.Begin(ctx)
	if err != nil {
		return nil, nil, err
	}
	callback, err := sim.Consent(ctx, login.URL(), saltokstest.Allow())
	if err != nil {
		return nil, nil, err
	}
	conn, err := auth.Complete(ctx, login, callback.Query())
	if err != nil {
		return nil, nil, err
	}
	client, err := saltoks.NewClient(saltoks.Config{Environment: env, Tokens: auth.Tokens(conn), HTTPClient: sim.HTTPClient()})
	if err != nil {
		return nil, nil, err
	}
	remote, err := saltoremote.NewRemote(saltoremote.Config{Client: client, State: state, User: conn.Identity(), Now: sim.Now})
	return client, remote, err
}

// activate activates the IQ with the PIN that SALTO sends by mail.
func activate(ctx context.Context, sim *saltokstest.Sim, wizard *saltoremote.Activation) error {
	site, user := sim.World().Sites[0], sim.World().Users[0]
	id, iq := saltoks.SiteID(site.ID), saltoks.IQID(site.IQs[0].ID)
	if _, err := wizard.Begin(ctx, id, iq); err != nil {
		return err
	}
	if _, err := wizard.RequestPIN(ctx, id, iq, saltoks.PINByMail); err != nil {
		return err
	}
	pin, err := saltoks.ParseIQPIN(sim.IQPIN(user.Email))
	if err != nil {
		return err
	}
	_, err = wizard.Confirm(ctx, id, iq, pin)
	return err
}

// putRules stores two membership types, and a member with each of them.
func putRules(ctx context.Context, store *memstore.Store, zone string) error {
	err := store.PutRules(ctx, gate.Rules{
		Site: access.Site{ID: "club", TimeZone: zone},
		MembershipTypes: []access.MembershipType{
			{ID: "member", Doors: []access.DoorHours{{Door: "front", Hours: access.Always()}}},
			{ID: "evening", Doors: []access.DoorHours{{Door: "front", Hours: access.Weekly(access.Range{
				Days: access.Days(access.Mon, access.Sun), From: access.At(18, 0), To: access.At(24, 0)})}}},
		},
	})
	for id, plan := range map[string]string{"ada": "member", "eve": "evening"} {
		err = errors.Join(err, store.PutMember(ctx, "club", gate.Member{Member: access.Member{
			ID: id, Memberships: []access.Membership{{ID: "m-" + id, Type: plan}},
		}}))
	}
	return err
}

func (h *host) close() { _ = h.client.Close(context.Background()) }
