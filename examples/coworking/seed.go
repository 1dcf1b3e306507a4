package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/reservation"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// person is a person of the demo.
type person struct {
	account
	about  string
	member access.Member
}

var people = []person{
	{account{"mia@harbour.example", "Mia Vos", "mia", true}, "manager", access.Member{ID: "mia",
		Memberships: []access.Membership{{ID: "team", Type: "team"}}}},
	{account{"ada@harbour.example", "Ada Brandt", "ada", false}, "resident: front door and office 24/7", access.Member{ID: "ada",
		Memberships: []access.Membership{{ID: "resident-7", Type: "resident"}}}},
	{account{"bob@harbour.example", "Bob Lind", "bob", false}, "weekdays 8 to 18, books the meeting room", access.Member{ID: "bob",
		Memberships: []access.Membership{{ID: "day-12", Type: "day"}}}},
	{account{"cyd@harbour.example", "Cyd Okoye", "cyd", false}, "blocked: has an unpaid invoice", access.Member{ID: "cyd",
		Standing:    access.Standing{State: access.StandingBlocked, Reason: "unpaid"},
		Memberships: []access.Membership{{ID: "day-13", Type: "day"}}}},
	{account{"dee@harbour.example", "Dee Costa", "dee", false}, "resident", access.Member{ID: "dee",
		Memberships: []access.Membership{{ID: "resident-8", Type: "resident"}}}},
	{account{"eli@harbour.example", "Eli Sato", "eli", false}, "resident", access.Member{ID: "eli",
		Memberships: []access.Membership{{ID: "resident-9", Type: "resident"}}}},
}

// The doors of the demo. Each one opens once a lock is linked to it.
var plannedDoors = []access.Door{
	{ID: "front", Name: "Front Door", AccessType: access.AccessOnly},
	{ID: "office-4", Name: "Office 4", AccessType: access.AccessAndOfficeMode},
	{ID: "meeting", Name: "Meeting Room", AccessType: access.AccessAndOfficeMode},
	{ID: "bikes", Name: "Bicycle Store", AccessType: access.AccessOnly},
}

// demoWorld returns the content of the simulated SALTO KS: a site with two IQs and four
// locks, the platform's user, and another user, with whom a reconnect is refused.
func demoWorld() saltokstest.World {
	w := saltokstest.DefaultWorld()
	w.Users = append(w.Users, saltokstest.User{
		Email: "owner@harbour.example", Password: "Owner-Harbour-61", Phone: "+31200000077", FirstName: "Olga", LastName: "Owner",
	})
	w.Sites[0].Members = []saltokstest.Member{
		{User: w.Users[0].Email, Role: "site_admin"},
		{User: "owner@harbour.example", Role: "site_owner"},
	}
	return w
}

// seed fills an empty database with the demo, and sets the password of all accounts.
func (p *platform) seed(ctx context.Context, password string) error {
	for _, u := range people {
		if _, err := p.accounts.add(ctx, u.account, password, true); err != nil {
			return err
		}
	}
	if _, err := p.store.Rules(ctx, siteID); !errors.Is(err, gate.ErrNotFound) {
		return err // seeded before, or not readable
	}
	weekdays := access.Weekly(access.Range{
		Days: access.Days(access.Mon, access.Fri),
		From: access.At(8, 0), To: access.At(18, 0),
	})
	rules := gate.Rules{
		Revision: "seed",
		Site:     access.Site{ID: siteID, Name: "Harbour House", TimeZone: "Europe/Amsterdam"},
		MembershipTypes: []access.MembershipType{
			{ID: "team", Doors: []access.DoorHours{{Door: "front", Hours: access.Always()}, {Door: "office-4", Hours: access.Always()},
				{Door: "meeting", Hours: access.Always()}, {Door: "bikes", Hours: access.Always()}}},
			{ID: "resident", Doors: []access.DoorHours{{Door: "front", Hours: access.Always()}, {Door: "bikes", Hours: access.Always()}}},
			{ID: "day", Doors: []access.DoorHours{{Door: "front", Hours: weekdays}}},
		},
		Settings:  access.Settings{Guests: access.GuestsAdmitted},
		Resources: []access.Resource{{ID: "meeting-room", Doors: []string{"front", "meeting"}}},
	}
	switch err := p.store.PutRules(ctx, rules); {
	case errors.Is(err, gate.ErrConflict):
		return nil // another process, started at the same time, seeds the database
	case err != nil:
		return fmt.Errorf("seeding the rules: %w", err)
	}
	for _, d := range plannedDoors {
		if err := p.store.PutDoor(ctx, siteID, gate.Door{Door: d}); err != nil {
			return fmt.Errorf("seeding door %s: %w", d.ID, err)
		}
	}
	for _, u := range people {
		if err := p.store.PutMember(ctx, siteID, gate.Member{Member: u.member}); err != nil {
			return fmt.Errorf("seeding %s: %w", u.account.member, err)
		}
	}
	office := access.Grant{ID: "ada-office", Member: "ada", Door: "office-4", Hours: access.Always()}
	if err := p.store.PutGrant(ctx, siteID, gate.Grant{Grant: office}); err != nil {
		return err
	}
	soon := p.now().Truncate(15 * time.Minute).Add(15 * time.Minute)
	return p.store.PutReservation(ctx, siteID, gate.Reservation{Reservation: reservation.Reservation{
		ID: "welcome", Resource: "meeting-room", Member: "bob", Start: soon, End: soon.Add(time.Hour),
	}})
}

// setUpDemo does what the manager does once in the browser: the consent, the PIN of each IQ,
// a lock for each door. It skips what is already done.
func (p *platform) setUpDemo(ctx context.Context) error {
	if _, err := p.site.Session(ctx); errors.Is(err, saltoauth.ErrNotConnected) {
		if err := p.connectDemo(ctx); err != nil {
			return err
		}
	}
	if err := p.activateDemo(ctx); err != nil {
		return err
	}
	return p.linkDemo(ctx)
}

func (p *platform) connectDemo(ctx context.Context) error {
	login, err := p.site.Auth.Begin(ctx)
	if err != nil {
		return err
	}
	callback, err := p.sim.Consent(ctx, login.URL(), saltokstest.Allow())
	if err != nil {
		return err
	}
	if _, err := p.site.Complete(ctx, login, callback.Query()); err != nil {
		return err
	}
	return p.site.LinkSite(ctx, saltoks.SiteID(p.sim.World().Sites[0].ID))
}

func (p *platform) activateDemo(ctx context.Context) error {
	c, err := p.site.Session(ctx)
	if err != nil {
		return err
	}
	wizard := c.Remote.Activation()
	for iq, err := range wizard.List(ctx, c.Site) {
		if err != nil {
			return err
		}
		if iq.Finding.Usable() {
			continue
		}
		if _, err := wizard.Begin(ctx, c.Site, iq.IQ.ID); err != nil {
			return err
		}
		if _, err := wizard.RequestPIN(ctx, c.Site, iq.IQ.ID, saltoks.PINByMail); err != nil {
			return err
		}
		pin, err := saltoks.ParseIQPIN(p.sim.IQPIN(p.sim.World().Users[0].Email))
		if err != nil {
			return err
		}
		if _, err := wizard.Confirm(ctx, c.Site, iq.IQ.ID, pin); err != nil {
			return err
		}
	}
	return nil
}

func (p *platform) linkDemo(ctx context.Context) error {
	for i, lock := range p.sim.World().Sites[0].Locks {
		door, err := p.store.Door(ctx, siteID, plannedDoors[i].ID)
		if err != nil {
			return err
		}
		if !door.Link.IsZero() {
			continue
		}
		if _, err := p.site.Doors.Link(ctx, gate.LinkRequest{Door: door.ID, Lock: lock.ID, By: "demo"}); err != nil {
			return err
		}
	}
	return nil
}
