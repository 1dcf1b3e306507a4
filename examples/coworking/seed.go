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
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// person is somebody of the demo space.
type person struct {
	account
	about  string
	member access.Member
}

var people = []person{
	{account{"mia@harbour.example", "Mia Vos", "mia", true}, "manager", access.Member{ID: "mia",
		Memberships: []access.Membership{{ID: "team", Type: "team"}}}},
	{account{"ada@harbour.example", "Ada Brandt", "ada", false}, "resident: front door and her office around the clock", access.Member{ID: "ada",
		Memberships: []access.Membership{{ID: "resident-7", Type: "resident"}}}},
	{account{"bob@harbour.example", "Bob Lind", "bob", false}, "weekdays 8 to 18, books the meeting room", access.Member{ID: "bob",
		Memberships: []access.Membership{{ID: "day-12", Type: "day"}}}},
	{account{"cyd@harbour.example", "Cyd Okoye", "cyd", false}, "behind with a payment", access.Member{ID: "cyd",
		Standing:    access.Standing{State: access.StandingBlocked, Reason: "unpaid"},
		Memberships: []access.Membership{{ID: "day-13", Type: "day"}}}},
	{account{"dee@harbour.example", "Dee Costa", "dee", false}, "resident", access.Member{ID: "dee",
		Memberships: []access.Membership{{ID: "resident-8", Type: "resident"}}}},
	{account{"eli@harbour.example", "Eli Sato", "eli", false}, "resident", access.Member{ID: "eli",
		Memberships: []access.Membership{{ID: "resident-9", Type: "resident"}}}},
}

// The doors that rules may speak of. They open once a lock is linked to them.
var plannedDoors = []access.Door{
	{ID: "front", Name: "Front Door", AccessType: access.AccessOnly},
	{ID: "office-4", Name: "Office 4", AccessType: access.AccessAndOfficeMode},
	{ID: "meeting", Name: "Meeting Room", AccessType: access.AccessAndOfficeMode},
	{ID: "bikes", Name: "Bicycle Store", AccessType: access.AccessOnly},
}

// demoWorld is what SALTO KS holds: a site with two IQs and four locks, the
// platform's user, and somebody else's user who must not reconnect.
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

// seed fills an empty database with the demo space, and gives everybody this
// password.
func (h *house) seed(ctx context.Context, password string) error {
	for _, p := range people {
		if err := h.table.add(ctx, p.account, password); err != nil {
			return err
		}
	}
	if _, err := h.store.Rules(ctx, space); !errors.Is(err, gate.ErrNotFound) {
		return err // seeded before, or not readable
	}
	weekdays := access.Weekly(access.Range{
		Days: access.Days(access.Mon, access.Fri),
		From: access.At(8, 0), To: access.At(18, 0),
	})
	rules := gate.Rules{
		Revision: "seed",
		Site:     access.Site{ID: space, Name: "Harbour House", TimeZone: "Europe/Amsterdam"},
		MembershipTypes: []access.MembershipType{
			{ID: "team", Doors: []access.DoorHours{{Door: "front", Hours: access.Always()}, {Door: "office-4", Hours: access.Always()},
				{Door: "meeting", Hours: access.Always()}, {Door: "bikes", Hours: access.Always()}}},
			{ID: "resident", Doors: []access.DoorHours{{Door: "front", Hours: access.Always()}, {Door: "bikes", Hours: access.Always()}}},
			{ID: "day", Doors: []access.DoorHours{{Door: "front", Hours: weekdays}}},
		},
		Resources: []access.Resource{{ID: "meeting-room", Doors: []string{"front", "meeting"}}},
	}
	if err := h.store.PutRules(ctx, rules); err != nil {
		return fmt.Errorf("seeding the rules: %w", err)
	}
	for _, d := range plannedDoors {
		if err := h.store.PutDoor(ctx, space, gate.Door{Door: d}); err != nil {
			return fmt.Errorf("seeding door %s: %w", d.ID, err)
		}
	}
	for _, p := range people {
		if err := h.store.PutMember(ctx, space, gate.Member{Member: p.member}); err != nil {
			return fmt.Errorf("seeding %s: %w", p.account.member, err)
		}
	}
	if err := h.store.PutGrant(ctx, space, gate.Grant{Grant: access.Grant{ID: "ada-office", Member: "ada", Door: "office-4", Hours: access.Always()}}); err != nil {
		return err
	}
	soon := h.now().Truncate(15 * time.Minute).Add(15 * time.Minute)
	return h.store.PutReservation(ctx, space, gate.Reservation{Reservation: reservation.Reservation{
		ID: "welcome", Resource: "meeting-room", Member: "bob", Start: soon, End: soon.Add(time.Hour),
	}})
}

// setUp does what the manager does once in the browser: consent, the PIN of each
// IQ, a lock for each door. It does what is not done yet.
func (h *house) setUp(ctx context.Context) error {
	l, err := h.connected(ctx)
	if err != nil {
		return err
	}
	if l == nil {
		login, err := h.auth.Begin(ctx)
		if err != nil {
			return err
		}
		callback, err := h.sim.Consent(ctx, login.URL(), saltokstest.Allow())
		if err != nil {
			return err
		}
		conn, err := h.auth.Complete(ctx, login, callback.Query())
		if err != nil {
			return err
		}
		if conn, err = h.auth.LinkSite(ctx, conn.ID, saltoks.SiteID(h.sim.World().Sites[0].ID)); err != nil {
			return err
		}
		if err := h.table.set(ctx, "connection", conn.ID); err != nil {
			return err
		}
		if l, err = h.connected(ctx); err != nil {
			return err
		}
	}
	wizard := l.remote.Activation()
	for iq, err := range wizard.List(ctx, l.conn.Site) {
		if err != nil {
			return err
		}
		if iq.Usable() {
			continue
		}
		if _, err := wizard.Begin(ctx, l.conn.Site, iq.IQ.ID); err != nil {
			return err
		}
		if _, err := wizard.RequestPIN(ctx, l.conn.Site, iq.IQ.ID, saltoks.PINByMail); err != nil {
			return err
		}
		pin, err := saltoks.ParseIQPIN(h.sim.IQPIN(h.sim.World().Users[0].Email))
		if err != nil {
			return err
		}
		if _, err := wizard.Confirm(ctx, l.conn.Site, iq.IQ.ID, pin); err != nil {
			return err
		}
	}
	for i, lock := range h.sim.World().Sites[0].Locks {
		door, err := h.store.Door(ctx, space, plannedDoors[i].ID)
		if err != nil {
			return err
		}
		if !door.Link.IsZero() {
			continue
		}
		if _, err := l.doors.Link(ctx, gate.LinkRequest{Door: door.ID, Lock: lock.ID, By: "demo"}); err != nil {
			return err
		}
	}
	return nil
}
