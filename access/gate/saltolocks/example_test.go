package saltolocks_test

import (
	"context"
	"fmt"
	"log"
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

// connected is a SALTO KS site in memory, and the locks of its connection. The
// first IQ is activated, and with it the door "Main Entrance".
func connected() (*saltokstest.Sim, *saltolocks.Locks) {
	must := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	ctx := context.Background()
	sim, err := saltokstest.Start(saltokstest.Config{})
	must(err)
	site, user := sim.World().Sites[0], sim.World().Users[0]
	env := saltoks.Environment{Name: "simulator", Issuer: sim.Issuer(), API: sim.API(), Events: sim.Events()}
	tokens, err := saltoauth.PasswordSource(saltoauth.PasswordConfig{
		Environment: env,
		Credentials: saltoauth.Credentials{ClientID: sim.ClientID(), ClientSecret: saltoks.NewSecret(sim.ClientSecret())},
		User:        user.Email,
		Password:    saltoauth.FixedPassword(saltoks.NewSecret(user.Password)),
		HTTPClient:  sim.HTTPClient(),
	})
	must(err)
	client, err := saltoks.NewClient(saltoks.Config{Environment: env, Tokens: tokens, HTTPClient: sim.HTTPClient()})
	must(err)
	state, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer()})
	must(err)
	remote, err := saltoremote.NewRemote(saltoremote.Config{
		Client: client, State: state, User: saltoks.Identity{Environment: env.Name, Subject: user.Subject},
	})
	must(err)
	iq := saltoks.IQID(site.IQs[0].ID)
	_, err = remote.Activation().Begin(ctx, saltoks.SiteID(site.ID), iq)
	must(err)
	_, err = remote.Activation().RequestPIN(ctx, saltoks.SiteID(site.ID), iq, saltoks.PINByMail)
	must(err)
	pin, err := saltoks.ParseIQPIN(sim.IQPIN(user.Email))
	must(err)
	_, err = remote.Activation().Confirm(ctx, saltoks.SiteID(site.ID), iq, pin)
	must(err)
	locks, err := saltolocks.NewLocks(saltolocks.LocksConfig{Client: client, Remote: remote, Site: saltoks.SiteID(site.ID)})
	must(err)
	return sim, locks
}

func ExampleNewLocks() {
	ctx := context.Background()
	sim, locks := connected()
	defer sim.Close()
	store := memstore.New()
	doors, err := gate.NewDoors(gate.DoorsConfig{Site: "loft", Store: store, Catalog: locks})
	if err != nil {
		log.Fatal(err)
	}
	lock := sim.World().Sites[0].Locks[0].ID
	door, err := doors.Link(ctx, gate.LinkRequest{Door: "front", Lock: lock, Name: "Front Door", AccessType: access.AccessOnly, By: "eve"})
	fmt.Println(door.Name, "is SALTO's", door.Link.Name, err)

	_ = store.PutRules(ctx, gate.Rules{
		Site:            access.Site{ID: "loft", TimeZone: "Europe/Amsterdam"},
		MembershipTypes: []access.MembershipType{{ID: "resident", Doors: []access.DoorHours{{Door: "front", Hours: access.Always()}}}},
	})
	_ = store.PutMember(
		ctx, "loft", gate.Member{Member: access.Member{ID: "ada", Memberships: []access.Membership{{ID: "m1", Type: "resident"}}}},
	)
	g, err := gate.New(gate.Config{Site: "loft", Facts: store, Records: store, Locks: locks})
	if err != nil {
		log.Fatal(err)
	}
	r, err := g.Unlock(ctx, gate.Tap{RequestID: "3f1c9a52-one-tap", Member: "ada", Door: "front", TappedAt: time.Now()})
	fmt.Println(r.Outcome, r.Message(), err)
	fmt.Println(sim.LockState(lock), "after", sim.Movements(lock), "movement")
	// Output:
	// Front Door is SALTO's Main Entrance <nil>
	// accepted The door is open. <nil>
	// unlocked after 1 movement
}

func ExampleLocks_Locks() {
	sim, locks := connected()
	defer sim.Close()
	for lock, err := range locks.Locks(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s is %s %q\n", lock.Link.Name, lock.State, lock.Problem)
	}
	// Unordered output:
	// Main Entrance is locked ""
	// Office Four is locked "iq_not_activated"
	// Meeting Room is locked "iq_not_activated"
	// Bicycle Store is locked ""
}

func ExampleLocks_Doctor() {
	sim, locks := connected()
	defer sim.Close()
	issues, err := locks.Doctor(nil).Check(context.Background(), gate.Check{Now: time.Now()})
	for _, f := range issues {
		fmt.Printf("%s %s, %s: %s\n", f.Severity, f.Code, f.About, f.Do)
	}
	fmt.Println(err)
	// Output:
	// note not_activated, IQ IQ First Floor: Activate the IQ: request the PIN and enter it.
	// <nil>
}

func ExampleLocks_Entries() {
	ctx := context.Background()
	sim, locks := connected()
	defer sim.Close()
	store := memstore.New()
	g, err := gate.New(gate.Config{Site: "loft", Facts: store, Records: store, Locks: locks})
	if err != nil {
		log.Fatal(err)
	}
	report, err := g.Ingest(ctx, locks.Entries(time.Now().Add(-time.Hour)))
	fmt.Println(report.New, "entries,", len(report.Settled), "settled", err)
	// Output: 0 entries, 0 settled <nil>
}

// A process with many sites does their jobs together.
func ExampleSite_manySites() {
	ctx, configs, removers := context.Background(), []saltolocks.Config{}, map[string]func(){}

	jobs, zones := &gate.Runners{}, &gate.Zones{}
	for _, config := range configs {
		config.Gate.Zones = zones
		site, err := saltolocks.Open(ctx, config)
		if err != nil {
			log.Fatal(err)
		}
		remove, err := jobs.Add(site.Runner) // instead of site.Run
		if err != nil {
			log.Fatal(err)
		}
		removers[config.Site] = remove // when the host closes the site
	}
	go jobs.Run(ctx) // sites may also be added later
}
