package main

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/examples/internal/setup"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// demo contains what a platform already has: a connected site, linked doors and members.
type demo struct {
	sim    *saltokstest.Sim
	client *saltoks.Client
	gate   *gate.Gate
	tokens map[string]string // bearer token to member
}

func newDemo(ctx context.Context) (*demo, error) {
	sim, err := saltokstest.Start(saltokstest.Config{})
	if err != nil {
		return nil, err
	}
	d := &demo{sim: sim, tokens: map[string]string{rand.Text(): "ada", rand.Text(): "bob"}}
	if err := d.setUp(ctx); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *demo) setUp(ctx context.Context) error {
	world := d.sim.World()
	user, site := world.Users[0], world.Sites[0]
	env := saltoks.Environment{Name: "simulator", Issuer: d.sim.Issuer(), API: d.sim.API(), Events: d.sim.Events()}
	// The password grant of a backend client needs no browser.
	tokens, err := saltoauth.PasswordSource(saltoauth.PasswordConfig{
		Environment: env,
		Credentials: saltoauth.Credentials{ClientID: d.sim.ClientID(), ClientSecret: saltoks.NewSecret(d.sim.ClientSecret())},
		User:        user.Email,
		Password:    saltoauth.FixedPassword(saltoks.NewSecret(user.Password)),
		HTTPClient:  d.sim.HTTPClient(),
		Now:         d.sim.Now,
	})
	if err != nil {
		return err
	}
	if d.client, err = saltoks.NewClient(saltoks.Config{Environment: env, Tokens: tokens, HTTPClient: d.sim.HTTPClient()}); err != nil {
		return err
	}
	state, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer()})
	if err != nil {
		return err
	}
	remote, err := saltoremote.NewRemote(saltoremote.Config{
		Client: d.client, State: state, User: saltoks.Identity{Environment: env.Name, Subject: user.Subject}, Now: d.sim.Now,
	})
	if err != nil {
		return err
	}
	salto := saltoks.SiteID(site.ID)
	if _, err := setup.Activate(ctx, remote.Activation(), salto, d.sim); err != nil {
		return err
	}
	locks, err := saltolocks.NewLocks(saltolocks.LocksConfig{Client: d.client, Remote: remote, Site: salto, Now: d.sim.Now})
	if err != nil {
		return err
	}
	store := memstore.New()
	doors, err := gate.NewDoors(gate.DoorsConfig{Site: "club", Store: store, Catalog: locks, Now: d.sim.Now})
	if err != nil {
		return err
	}
	err = errors.Join(linkDoors(ctx, doors, site.Locks), d.putRules(ctx, store, site.TimeZone))
	if err != nil {
		return err
	}
	d.gate, err = gate.New(gate.Config{Site: "club", Facts: store, Records: store, Locks: locks, Now: d.sim.Now})
	return err
}

func linkDoors(ctx context.Context, doors *gate.Doors, locks []saltokstest.Lock) error {
	for _, r := range []gate.LinkRequest{
		{Door: "front", Lock: locks[0].ID, Name: "Front Door", AccessType: access.AccessOnly},
		{Door: "studio", Lock: locks[1].ID, Name: "Studio", AccessType: access.AccessAndOfficeMode},
	} {
		if _, err := doors.Link(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// putRules stores two members: Ada, and Bob, whose membership starts tomorrow.
func (d *demo) putRules(ctx context.Context, store *memstore.Store, zone string) error {
	always := []access.DoorHours{{Door: "front", Hours: access.Always()}, {Door: "studio", Hours: access.Always()}}
	tomorrow := d.sim.Now().Add(23 * time.Hour).Truncate(time.Hour)
	return errors.Join(
		store.PutRules(ctx, gate.Rules{
			Site:            access.Site{ID: "club", TimeZone: zone},
			MembershipTypes: []access.MembershipType{{ID: "member", Doors: always}},
		}),
		store.PutMember(ctx, "club", gate.Member{Member: access.Member{
			ID: "ada", Memberships: []access.Membership{{ID: "m1", Type: "member"}},
		}}),
		store.PutMember(ctx, "club", gate.Member{Member: access.Member{
			ID: "bob", Memberships: []access.Membership{{ID: "m2", Type: "member", From: tomorrow}},
		}}))
}

func (d *demo) close() {
	if d.client != nil {
		_ = d.client.Close(context.Background()) // no token refresh is in progress here
	}
	d.sim.Close()
}
