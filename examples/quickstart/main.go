// Command quickstart shows the main use of doorkit, from the first connection to an
// open door: consent, IQ activation, linking doors, and then the taps of a day. It
// runs against a simulated SALTO KS in the same process.
//
//	go run ./examples/quickstart
//
// To stay short, the program ends at the first error. A server handles each of them.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"
	_ "time/tzdata" // the site's zone, wherever this runs

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

func main() {
	ctx := context.Background()
	night := time.Date(2026, 5, 4, 1, 0, 0, 0, time.UTC) // 03:00 at the site
	sim := must(saltokstest.Start(saltokstest.Config{Now: func() time.Time { return night }}))
	defer sim.Close()

	// Open: a whole site, which is not connected to SALTO KS yet.
	store := memstore.New()
	site := must(saltolocks.Open(ctx, saltolocks.Config{
		Site:        "loft",
		Environment: saltoks.Environment{Name: "simulator", Issuer: sim.Issuer(), API: sim.API(), Events: sim.Events()},
		Credentials: saltoauth.Credentials{
			ClientID: sim.ClientID(), ClientSecret: saltoks.NewSecret(sim.ClientSecret()), RedirectURL: sim.RedirectURI(),
		},
		Storage: store, State: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer(),
		HTTPClient: sim.HTTPClient(), Now: sim.Now,
	}))

	// Connect: an administrator consents at SALTO, once, and chooses the site.
	login := must(site.Auth.Begin(ctx))
	callback := must(sim.Consent(ctx, login.URL(), saltokstest.Allow())) // the browser's part
	conn := must(site.Complete(ctx, login, callback.Query()))
	session := must(site.Session(ctx))
	var salto saltoks.Site
	for salto = range mustAll(session.Client.Sites.All(ctx)) {
		check(site.LinkSite(ctx, salto.ID))
	}
	fmt.Printf("%s as %s, site %q linked\n", conn.State, conn.UserHint, salto.Name)

	// Activate: SALTO sends a PIN for each IQ by mail, and the administrator types it.
	wizard := session.Remote.Activation()
	for iq := range mustAll(wizard.List(ctx, salto.ID)) {
		must(wizard.Begin(ctx, salto.ID, iq.IQ.ID))
		must(wizard.RequestPIN(ctx, salto.ID, iq.IQ.ID, saltoks.PINByMail))
		pin := must(saltoks.ParseIQPIN(sim.IQPIN(sim.World().Users[0].Email)))
		fmt.Printf("IQ %q %s\n", iq.IQ.Name, must(wizard.Confirm(ctx, salto.ID, iq.IQ.ID, pin)).Step)
	}

	// Link: two locks become doors of the platform, with the platform's own names.
	simLocks := sim.World().Sites[0].Locks
	for _, r := range []gate.LinkRequest{
		{Door: "front", Lock: simLocks[0].ID, Name: "Front Door", AccessType: access.AccessOnly},
		{Door: "office-4", Lock: simLocks[1].ID, Name: "Office 4", AccessType: access.AccessAndOfficeMode},
	} {
		door := must(site.Doors.Link(ctx, r))
		fmt.Printf("lock %q is now %s (%s)\n", door.Link.Name, door.Name, door.AccessType)
	}

	// Rules: a membership type with 24/7 access, an office that can be booked, three members.
	booking := reservation.Reservation{
		ID: "r1", Resource: "office-4", Member: "bob", Start: night.Add(11 * time.Hour), End: night.Add(12 * time.Hour),
	}
	check(store.PutRules(ctx, gate.Rules{
		Site:            access.Site{ID: "loft", Name: "The Loft", TimeZone: salto.TimeZone},
		MembershipTypes: []access.MembershipType{{ID: "resident", Doors: []access.DoorHours{{Door: "front", Hours: access.Always()}}}},
		Resources:       []access.Resource{{ID: "office-4", Doors: []string{"front", "office-4"}}},
	}))
	check(store.PutMember(ctx, "loft", gate.Member{Member: access.Member{
		ID: "ada", Memberships: []access.Membership{{ID: "m1", Type: "resident"}},
	}}))
	check(store.PutMember(ctx, "loft", gate.Member{Member: access.Member{ID: "bob"}}))
	check(store.PutMember(ctx, "loft", gate.Member{Member: access.Member{ID: "cyd"}}))
	check(store.PutReservation(ctx, "loft", gate.Reservation{Reservation: booking}))

	// The day: each tap is one call of the gate.
	g := site.Gate
	zone := must(time.LoadLocation(salto.TimeZone))
	clock := func(t time.Time) string { return t.In(zone).Format("15:04:05") }
	at := func(h, m, s int) {
		today := time.Duration(h-3)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second
		sim.Clock().Advance(night.Add(today).Sub(sim.Now()))
	}
	tap := func(call func(context.Context, gate.Tap) (gate.Receipt, error), member, door string) {
		r := must(call(ctx, gate.Tap{RequestID: rand.Text(), Member: member, Door: door, TappedAt: sim.Now()}))
		fmt.Printf("%s  %s %-11s %-8s  %-8s  %s: %s", clock(r.At), member, r.Action, door, r.Outcome, r.Decision.Reason, r.Message())
		for name, t := range map[string]time.Time{"relocks": r.RelockAt, "from": r.Decision.NextChange} {
			if !t.IsZero() {
				fmt.Printf(" (%s %s)", name, clock(t))
			}
		}
		fmt.Println()
	}
	report := func(format string, args ...any) {
		fmt.Printf("%s  %s\n", clock(sim.Now()), fmt.Sprintf(format, args...))
	}

	fmt.Println("\nThe day")
	tap(g.Unlock, "ada", "front")
	at(3, 0, 7)
	report("Front Door is %s again", sim.LockState(simLocks[0].ID))
	at(13, 44, 0)
	tap(g.Unlock, "bob", "office-4") // booked from 14:00, so the door opens from 13:45
	at(13, 45, 0)
	tap(g.Unlock, "bob", "office-4")
	tap(g.Unlock, "cyd", "office-4")
	at(14, 0, 0)
	tap(g.StartOfficeMode, "bob", "front")
	tap(g.StartOfficeMode, "bob", "office-4")
	at(14, 20, 0)
	report("Office 4 is in %s", sim.LockState(simLocks[1].ID))
	tap(g.Lock, "bob", "office-4")
	check(storage.UpdateReservation(ctx, store, "loft", "r1", func(b *gate.Reservation) (err error) {
		b.Reservation, err = b.EndEarly(sim.Now())
		return err
	}))
	report("bob ends the booking early")
	at(14, 34, 59)
	tap(g.Unlock, "bob", "office-4")
	at(14, 35, 0)
	tap(g.Unlock, "bob", "office-4")

	fmt.Println("\nThe door log")
	for row := range mustAll(g.Log(ctx, gate.LogQuery{})) {
		detail, _, err := gate.ReadDetail(row)
		check(err)
		fmt.Printf("%2d  %s  %s %-11s %-8s  %-8s  %s\n", row.Seq, clock(row.At), detail.Member, row.Action, row.Door, row.Outcome, row.Reason)
	}
	fmt.Printf("the hash chain is intact: %d rows\n", must(g.Verify(ctx, gate.Head{}, gate.Head{})).Rows)
	for _, c := range must(g.CheckIns(ctx, gate.CheckInQuery{})) {
		fmt.Printf("check-in: %s on %s at %s\n", c.Member, c.Day, clock(c.At))
	}
	// The periodic work. A server calls site.Run instead, which does it in the background.
	check(site.RunOnce(ctx))

	fmt.Println("\nThe log of SALTO KS, which contains only the platform's user")
	for e := range mustAll(session.Client.Entries.All(ctx, salto.ID)) {
		fmt.Printf("%s  %-13s %-13s by %s: %s %s\n", clock(e.At), e.LockName, e.Category, e.AccessBy, e.FirstName, e.LastName)
	}
	check(site.Close(ctx))
}
