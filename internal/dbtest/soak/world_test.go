//go:build unix

package soak

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	_ "modernc.org/sqlite"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// member is what the soak knows of a person, so that it can tell by itself who
// may open what.
type member struct {
	id, kind string
	blocked  bool
	booked   []reservation.Reservation
	loc      *time.Location
}

var kinds = []string{"resident", "day", "booker", "resident", "former"}

// may is the rules of this world in a few lines, beside the engine: residents
// open both doors, day members the front door on weekdays from 8 to 18, bookers
// the front door from 15 minutes before a booking to 15 after.
func (m *member) may(door string, at time.Time) bool {
	if m.blocked {
		return false
	}
	local := at.In(m.loc)
	switch m.kind {
	case "resident":
		return true
	case "day":
		return door == "front" && local.Weekday() >= time.Monday && local.Weekday() <= time.Friday && local.Hour() >= 8 && local.Hour() < 18
	case "booker":
		for _, r := range m.booked {
			if door == "front" && r.Status != reservation.Cancelled && !at.Before(r.Start.Add(-15*time.Minute)) &&
				at.Before(r.End.Add(15*time.Minute)) {
				return true
			}
		}
	}
	return false
}

func (m *member) facts() access.Member {
	a := access.Member{ID: m.id}
	switch m.kind {
	case "resident", "day":
		a.Memberships = []access.Membership{{ID: "m1", Type: m.kind}}
	case "former":
		a.Memberships = []access.Membership{{ID: "m1", Type: "resident", Until: time.Date(1999, 12, 1, 0, 0, 0, 0, time.UTC)}}
	}
	if m.blocked {
		a.Standing.State = access.StandingBlocked
	}
	return a
}

// site is one site with its connection to SALTO. What the host keeps beside the
// database is the connection's id.
type site struct {
	soak    *soak
	id      string
	salto   saltokstest.Site
	admin   saltokstest.User
	conn    string
	members []*member
	head    storage.Head // exported once a day

	// What a restart creates again.
	shaky    *shaky
	client   *saltoks.Client
	locks    *saltolocks.Locks
	gate     *gate.Gate
	cutUntil time.Time
}

var zones = []string{"Europe/Amsterdam", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"}

// build makes the world: sites at SALTO, consents, activated IQs, doors, rules,
// members.
func (s *soak) build(sites, members int) {
	ctx := s.t.Context()
	for i := range sites {
		zone := zones[i%len(zones)]
		x := &site{soak: s, id: fmt.Sprintf("site-%02d", i)}
		x.admin = s.sim.AddUser(saltokstest.User{Email: fmt.Sprintf("doors-%02d@soak.example", i), Password: "Kettle-Harbour-58",
			Phone: fmt.Sprintf("+312000%05d", i)})
		x.salto = s.sim.AddSite(saltokstest.Site{
			Name: fmt.Sprintf("Site %02d", i), TimeZone: zone, Members: []saltokstest.Member{{User: x.admin.Email}},
			IQs: []saltokstest.IQ{{Name: "IQ"}}, Locks: []saltokstest.Lock{{Name: "Front"}, {Name: "Office"}},
		})
		loc, err := time.LoadLocation(zone)
		s.ok(err)
		for k := i; k < members; k += sites {
			x.members = append(x.members, &member{id: fmt.Sprintf("member-%04d", k), kind: kinds[k/sites%len(kinds)], loc: loc})
		}
		s.sites = append(s.sites, x)
	}
	s.open()
	for _, x := range s.sites {
		x.shaky.paused = true
		login, err := s.auth.Begin(ctx)
		s.ok(err)
		choice := saltokstest.Allow()
		choice.Email, choice.Password = x.admin.Email, x.admin.Password
		back, err := s.sim.Consent(ctx, login.URL(), choice)
		s.ok(err)
		conn, err := s.auth.Complete(ctx, login, back.Query())
		s.ok(err)
		_, err = s.auth.LinkSite(ctx, conn.ID, saltoks.SiteID(x.salto.ID))
		s.ok(err)
		x.conn = conn.ID
	}
	s.close()
	s.open()
	for _, x := range s.sites {
		x.fill(ctx)
	}
	s.sim.ForgetRequests()
}

func (x *site) fill(ctx context.Context) {
	s := x.soak
	remote, err := saltoremote.NewRemote(saltoremote.Config{Client: x.client, State: s.state,
		User: saltoks.Identity{Environment: s.env.Name, Subject: x.admin.Subject}})
	s.ok(err)
	a, salto, iq := remote.Activation(), saltoks.SiteID(x.salto.ID), saltoks.IQID(x.salto.IQs[0].ID)
	_, err = a.Begin(ctx, salto, iq)
	s.ok(err)
	_, err = a.RequestPIN(ctx, salto, iq, saltoks.PINByMail)
	s.ok(err)
	pin, err := saltoks.ParseIQPIN(s.sim.IQPIN(x.admin.Email))
	s.ok(err)
	_, err = a.Confirm(ctx, salto, iq, pin)
	s.ok(err)

	doors, err := gate.NewDoors(gate.DoorsConfig{Site: x.id, Store: s.store, Catalog: x.locks})
	s.ok(err)
	for i, door := range []string{"front", "office"} {
		_, err := doors.Link(ctx, gate.LinkRequest{Door: door, Lock: x.salto.Locks[i].ID,
			AccessType: []access.AccessType{access.AccessOnly, access.AccessAndOfficeMode}[i], By: "eve"})
		s.ok(err)
	}
	weekdays := access.Range{Days: []access.Day{access.Mon, access.Tue, access.Wed, access.Thu, access.Fri}, From: access.At(8, 0),
		To: access.At(18, 0)}
	s.ok(s.store.PutRules(ctx, storage.Rules{
		Site: access.Site{ID: x.id, TimeZone: x.salto.TimeZone},
		MembershipTypes: []access.MembershipType{
			{ID: "resident", Doors: []access.DoorHours{{Door: "front", Hours: access.Always()}, {Door: "office", Hours: access.Always()}}},
			{ID: "day", Doors: []access.DoorHours{{Door: "front", Hours: access.Weekly(weekdays)}}},
		},
		Resources: []access.Resource{{ID: "room", Doors: []string{"front"}}},
	}))
	for _, m := range x.members {
		s.ok(s.store.PutMember(ctx, x.id, gate.Member{Member: m.facts()}))
	}
	x.shaky.paused = false
}

// open makes everything that a process makes when it starts, from the files
// alone.
func (s *soak) open() {
	ctx := s.t.Context()
	var err error
	s.db, err = sql.Open("sqlite", sqlstore.SQLiteDSN(s.dir+"/doors.db"))
	s.ok(err)
	s.store, err = sqlstore.Open(ctx, sqlstore.Config{DB: s.db, Dialect: sqlstore.SQLite, Migrate: true})
	s.ok(err)
	files, err := saltostate.NewFileStore(s.dir + "/saltoks")
	s.ok(err)
	key, err := saltostate.ParseSealingKey("k1:" + strings.Repeat("A", 43) + "=")
	s.ok(err)
	sealer, err := saltostate.NewSealer(key)
	s.ok(err)
	s.state, err = saltostate.New(saltostate.Config{Store: files, Sealer: sealer})
	s.ok(err)
	s.auth, err = saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: s.env,
		Credentials: saltoauth.Credentials{ClientID: s.sim.ClientID(), ClientSecret: saltoks.NewSecret(s.sim.ClientSecret()),
			RedirectURL: s.sim.RedirectURI()},
		State:      s.state,
		HTTPClient: s.sim.HTTPClient(),
	})
	s.ok(err)
	for _, x := range s.sites {
		x.open(ctx)
	}
}

func (x *site) open(ctx context.Context) {
	s := x.soak
	x.shaky = &shaky{Records: s.store, facts: s.store, site: x}
	if x.conn == "" {
		return
	}
	conn, err := s.auth.Connection(ctx, x.conn)
	s.ok(err)
	x.client, err = saltoks.NewClient(saltoks.Config{Environment: s.env, Tokens: s.auth.Tokens(conn), HTTPClient: s.sim.HTTPClient(),
		Middleware: []saltoks.Middleware{x.counted}})
	s.ok(err)
	remote, err := saltoremote.NewRemote(saltoremote.Config{Client: x.client, State: s.state, User: conn.Identity()})
	s.ok(err)
	x.locks, err = saltolocks.NewLocks(saltolocks.LocksConfig{Client: x.client, Remote: remote, Site: conn.Site})
	s.ok(err)
	x.gate, err = gate.New(gate.Config{
		Site: x.id, Facts: x.shaky, Records: x.shaky, Locks: watched{s.ledger, x, x.locks},
		CheckIns: gate.EveryUnlock, Observer: s.ledger,
	})
	s.ok(err)
}

// close ends the process as far as one process can end itself.
func (s *soak) close() {
	for _, x := range s.sites {
		if x.client != nil {
			s.ok(x.client.Close(s.t.Context()))
		}
	}
	s.ok(errors.Join(s.store.Close(), s.db.Close()))
}

// reconnect is an admin who consents again, because the token was lost.
func (x *site) reconnect(ctx context.Context) {
	s := x.soak
	login, err := s.auth.BeginReconnect(ctx, x.conn)
	if err == nil {
		choice := saltokstest.Allow()
		choice.Email, choice.Password = x.admin.Email, x.admin.Password
		if back, cerr := s.sim.Consent(ctx, login.URL(), choice); cerr == nil {
			_, err = s.auth.Reconnect(ctx, login, back.Query())
		} else {
			err = cerr
		}
	}
	if err == nil {
		s.reconnects++
		s.ledger.consent(x.id)
	} // else the identity server is out as well: the next tap comes here again
}
