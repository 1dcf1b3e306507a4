//go:build unix

package soak

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"modernc.org/sqlite"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// member is what the soak knows of a person, so that it can decide without the library
// who may open what.
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

// site is one site: its half at SALTO, its members, and its network, which outlives
// every restart.
type site struct {
	soak    *soak
	n       int // counts the sites from 0
	id      string
	salto   saltokstest.Site
	admin   saltokstest.User
	members []*member
	head    storage.Head // exported once a day
	net     *network
	http    *http.Transport // over net

	// What a restart creates again.
	app   *saltolocks.Site
	jobs  func() // ends the jobs of the site
	lives bool   // it follows SALTO's event stream
}

var zones = []string{"Europe/Amsterdam", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"}

// lock returns the id of the lock behind a door.
func (x *site) lock(door string) string {
	if door == "office" {
		return x.salto.Locks[1].ID
	}
	return x.salto.Locks[0].ID
}

// build makes the world: sites at SALTO, consents, activated IQs, doors, rules,
// members.
func (s *soak) build(sites, members int) {
	ctx := s.t.Context()
	for i := range sites {
		zone := zones[i%len(zones)]
		x := &site{soak: s, n: i, id: fmt.Sprintf("site-%02d", i)}
		x.admin = s.sim.AddUser(saltokstest.User{Email: fmt.Sprintf("doors-%02d@soak.example", i), Password: "Kettle-Harbour-58",
			Phone: fmt.Sprintf("+312000%05d", i), Tag: fmt.Sprintf("fob-%02d", i)})
		x.salto = s.sim.AddSite(saltokstest.Site{
			Name: fmt.Sprintf("Site %02d", i), TimeZone: zone, Members: []saltokstest.Member{{User: x.admin.Email}},
			IQs: []saltokstest.IQ{{Name: "IQ"}}, Locks: []saltokstest.Lock{{Name: "Front"}, {Name: "Office"}},
		})
		x.http = s.sim.HTTPClient().Transport.(*http.Transport).Clone()
		x.net = &network{ledger: s.ledger, site: x.id, dial: x.http.DialContext, conns: map[*conn]bool{}}
		x.http.DialContext = x.net.DialContext
		loc, err := time.LoadLocation(zone)
		s.ok(err)
		for k := i; k < members; k += sites {
			x.members = append(x.members, &member{id: fmt.Sprintf("member-%04d", k), kind: kinds[k/sites%len(kinds)], loc: loc})
		}
		s.sites = append(s.sites, x)
	}
	s.open()
	s.shaky.pause(true)
	for _, x := range s.sites {
		login, err := x.app.Auth.Begin(ctx)
		s.ok(err)
		back, err := s.sim.Consent(ctx, login.URL(), x.choice())
		s.ok(err)
		_, err = x.app.Complete(ctx, login, back.Query())
		s.ok(err)
		s.ok(x.app.LinkSite(ctx, saltoks.SiteID(x.salto.ID)))
	}
	s.close()
	s.open()
	s.shaky.pause(true)
	for _, x := range s.sites {
		x.fill(ctx)
	}
	s.shaky.pause(false)
	s.sim.ForgetRequests()
}

func (x *site) choice() saltokstest.ConsentChoice {
	choice := saltokstest.Allow()
	choice.Email, choice.Password = x.admin.Email, x.admin.Password
	return choice
}

func (x *site) fill(ctx context.Context) {
	s := x.soak
	session, err := x.app.Session(ctx)
	s.ok(err)
	a, iq := session.Remote.Activation(), saltoks.IQID(x.salto.IQs[0].ID)
	_, err = a.Begin(ctx, session.Site, iq)
	s.ok(err)
	_, err = a.RequestPIN(ctx, session.Site, iq, saltoks.PINByMail)
	s.ok(err)
	pin, err := saltoks.ParseIQPIN(s.sim.IQPIN(x.admin.Email))
	s.ok(err)
	_, err = a.Confirm(ctx, session.Site, iq, pin)
	s.ok(err)

	for i, door := range []string{"front", "office"} {
		_, err := x.app.Doors.Link(ctx, gate.LinkRequest{Door: door, Lock: x.salto.Locks[i].ID,
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
}

// virtualClock gives SQLite the clock of the soak: the leases of the jobs are timed by
// the database. It applies to connections that are opened later.
func virtualClock() error {
	return sqlite.RegisterScalarFunction("julianday", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		if args[0] != "now" {
			return nil, fmt.Errorf("julianday(%v)", args[0])
		}
		return float64(time.Now().UnixMicro())/(24*60*60*1e6) + 2440587.5, nil
	})
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
	s.shaky = &shaky{Store: s.store, soak: s, outage: map[string]time.Time{}, dieAt: map[string]string{}}
	closing, zones := 22*time.Hour, &gate.Zones{}
	for _, x := range s.sites {
		config := saltolocks.Config{
			Site: x.id, Environment: s.env,
			Credentials: saltoauth.Credentials{ClientID: s.sim.ClientID(), ClientSecret: saltoks.NewSecret(s.sim.ClientSecret()),
				RedirectURL: s.sim.RedirectURI()},
			Storage: s.shaky, State: files, SealingKey: saltoks.NewSecret("k1:" + strings.Repeat("A", 43) + "="),
			Gate: gate.Config{CheckIns: gate.EveryUnlock, Observer: watched{s.ledger, x}, Tracer: watched{s.ledger, x}, Zones: zones},
			Work: gate.RunnerConfig{
				OfficeMode: &gate.CloseRequest{Closing: &closing, RightEnded: true}, KeepLog: keepLog, Every: x.every(),
			},
			HTTPClient: &http.Client{Transport: x.http}, Logger: slog.New(jobLog{s.ledger}),
		}
		if x.n%2 == 1 { // half of the sites keep the connection in the database
			config.State = s.store.Documents()
		}
		x.app, err = saltolocks.Open(ctx, config)
		s.ok(err)
	}
}

// close ends the process as far as one process can end itself.
func (s *soak) close() {
	s.stopJobs()
	for _, x := range s.sites {
		s.ok(x.app.Close(s.t.Context()))
		x.http.CloseIdleConnections()
	}
	s.sim.HTTPClient().CloseIdleConnections() // of the admins' browsers
	s.ok(errors.Join(s.store.Close(), s.db.Close()))
}

// reconnect is an admin who consents again, because the token was lost.
func (x *site) reconnect(ctx context.Context) {
	s := x.soak
	status, err := x.app.Status(ctx)
	if err == nil {
		var login saltoauth.Login
		if login, err = x.app.Auth.BeginReconnect(ctx, status.ID); err == nil {
			if back, cerr := s.sim.Consent(ctx, login.URL(), x.choice()); cerr == nil {
				_, err = x.app.Auth.Reconnect(ctx, login, back.Query())
			} else {
				err = cerr
			}
		}
	}
	if err == nil {
		s.reconnects++
		s.ledger.consent(x.id)
	} // otherwise the identity server is out as well: the next tap comes here again
}
