package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/examples/internal/setup"
	"github.com/doorkit/doorkit/reservation"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

//go:embed demo/house.json
var demoHouse []byte

//go:embed demo/people.json
var demoPeople []byte

// person is a person of the demo.
type person struct {
	account
	About string
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

// seed fills an empty database with the demo, and sets the password of its accounts.
func (p *platform) seed(ctx context.Context, password string) error {
	if err := json.Unmarshal(demoPeople, &p.people); err != nil {
		return err
	}
	for _, u := range p.people {
		err := p.accounts.remove(ctx, u.Email) // with the password of an earlier run
		if err == nil {
			_, err = p.accounts.add(ctx, u.account, password)
		}
		if err != nil {
			return err
		}
	}
	doc, err := storage.ReadDocument(demoHouse)
	if err != nil {
		return err
	}
	soon := p.now().Truncate(quarter).Add(quarter).UTC()
	doc.Facts.Reservations = []reservation.Reservation{
		{ID: "welcome", Resource: "meeting-room", Member: "bob", Start: soon, End: soon.Add(time.Hour)},
	}
	if err := storage.Import(ctx, p.store, doc); !errors.Is(err, gate.ErrConflict) { // otherwise it was seeded before
		return err
	}
	return nil
}

// setUpDemo does what the manager does once in the browser: the consent, the PIN of each IQ,
// a lock for each door. It skips what is already done.
func (p *platform) setUpDemo(ctx context.Context, o options) error {
	if o.demo != "ready" || p.sim == nil {
		return nil
	}
	world := p.sim.World()
	session, err := p.site.Session(ctx)
	if errors.Is(err, saltoauth.ErrNotConnected) {
		if err = setup.Connect(ctx, p.site, p.sim.Sim, saltoks.SiteID(world.Sites[0].ID)); err == nil {
			session, err = p.site.Session(ctx)
		}
	}
	if err != nil {
		return err
	}
	if _, err := setup.Activate(ctx, session.Remote.Activation(), session.Site, p.sim.Sim); err != nil {
		return err
	}
	for i, door := range []string{"front", "office-4", "meeting", "bikes"} {
		_, err := p.site.Doors.Link(ctx, gate.LinkRequest{Door: door, Lock: world.Sites[0].Locks[i].ID, By: "demo"})
		if err != nil && !errors.Is(err, gate.ErrConflict) { // it is linked already
			return err
		}
	}
	return nil
}

// moveClock advances the clock of the demo, that is of this program and of the simulated
// SALTO KS.
func (p *platform) moveClock(c *call) error {
	now := p.now().In(p.zone)
	next := func(hour int) time.Time { // the next time at which the clock shows it
		if at := p.today(0).Add(time.Duration(hour) * time.Hour); at.After(now) {
			return at
		}
		return p.today(1).Add(time.Duration(hour) * time.Hour)
	}
	to := map[string]time.Time{
		"quarter": now.Add(quarter), "morning": next(10), "evening": next(21),
		"monday": p.today(1 + (7-int(now.Weekday()))%7).Add(10 * time.Hour),
		"day76":  now.Add(76 * 24 * time.Hour), "day90": now.Add(91 * 24 * time.Hour),
	}[c.PostFormValue("to")]
	if to.IsZero() {
		return invalid("The clock cannot be set to that time.")
	}
	p.sim.Clock().Advance(to.Sub(now))
	from := c.PostFormValue("from")
	if !ownPath.MatchString(from) {
		from = "/"
	}
	return c.done(nil, from, "moved")
}

// ownPath matches a path of this program. Browsers remove control characters and treat a
// backslash as a slash, so a path with one of them can lead to another host.
var ownPath = regexp.MustCompile(`^(/[\w-]+)+$`)

// mailboxPage shows the messages that the simulated SALTO KS has sent, such as the PIN of
// an IQ.
func (p *platform) mailboxPage(c *call) error {
	inbox := slices.Clone(p.sim.Inbox())
	slices.Reverse(inbox) // the newest first
	return p.page(c, nil, "mailbox", "The demo's mailbox", struct {
		Users []saltokstest.User
		Mail  []saltokstest.Message
	}{p.sim.World().Users, inbox})
}
