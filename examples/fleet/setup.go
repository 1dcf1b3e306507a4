//go:build unix

package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"fmt"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/examples/internal/setup"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// config is the configuration of every process. It contains secrets, so it is sent
// through a pipe.
type config struct {
	Postgres                                      string
	Issuer, API, ClientID, ClientSecret, Redirect string
	SealingKey                                    string
	Sites                                         []site
}

// site is one site of the host, with its id at SALTO.
type site struct {
	ID    string
	Salto saltoks.SiteID
}

const members = 40 // per site

// node is what each process opens: the database and the sites.
type node struct {
	config    config
	db        *sql.DB
	store     *sqlstore.Store
	sites     map[string]*saltolocks.Site
	first     *saltolocks.Site // has the connection that the others share
	observer  gate.Observer
	zones     gate.Zones // shared, so that each time zone is in memory once
	activated int
}

func open(ctx context.Context, c config, observer gate.Observer) (*node, error) {
	n := &node{config: c, sites: map[string]*saltolocks.Site{}, observer: observer}
	var err error
	if n.db, err = sql.Open("pgx", c.Postgres); err != nil {
		return nil, err
	}
	n.db.SetMaxOpenConns(10)
	n.db.SetMaxIdleConns(10)
	if n.store, err = sqlstore.Open(ctx, sqlstore.Config{DB: n.db, Dialect: sqlstore.PostgreSQL, Migrate: true}); err != nil {
		return nil, err
	}
	for _, s := range c.Sites {
		if n.sites[s.ID], err = n.open(ctx, s, time.Now); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// open opens a site. The first one has the consent, whose tokens are in the database:
// the process that finds them expired refreshes them for all.
func (n *node) open(ctx context.Context, s site, now func() time.Time) (*saltolocks.Site, error) {
	c := saltolocks.Config{
		Site: s.ID, SaltoSite: s.Salto, Storage: n.store, ShareWith: n.first, Now: now,
		Gate: gate.Config{Observer: n.observer, Zones: &n.zones},
		// Seconds instead of minutes, to see how the processes divide the work.
		Work: gate.RunnerConfig{Every: map[string]time.Duration{"recover": recoverEvery, "lock_states": -1}},
	}
	if n.first == nil {
		c.Environment = saltoks.Environment{Name: "simulator", Issuer: n.config.Issuer, API: n.config.API}
		c.Credentials = saltoauth.Credentials{
			ClientID: n.config.ClientID, ClientSecret: saltoks.NewSecret(n.config.ClientSecret), RedirectURL: n.config.Redirect,
		}
		c.State, c.SealingKey, c.Connection = n.store.Documents(), saltoks.NewSecret(n.config.SealingKey), "fleet"
		c.Limiter = saltoks.NoRateLimit() // the simulator has no quota
	}
	opened, err := saltolocks.Open(ctx, c)
	if n.first == nil {
		n.first = opened
	}
	return opened, err
}

func (n *node) close(ctx context.Context) {
	if n.first != nil {
		_ = n.first.Close(ctx)
	}
	_ = n.store.Close()
	_ = n.db.Close()
}

// setUp does what a host does once: consent, activation, doors, rules and members.
func setUp(ctx context.Context, dsn string, sim *saltokstest.Server) (*node, error) {
	key := make([]byte, 32)
	rand.Read(key) // never fails
	n, err := open(ctx, config{
		Postgres: dsn, Issuer: sim.Issuer(), API: sim.API(),
		ClientID: sim.ClientID(), ClientSecret: sim.ClientSecret(), Redirect: sim.RedirectURI(),
		SealingKey: "k1:" + base64.StdEncoding.EncodeToString(key),
	}, nil)
	if err != nil {
		return nil, err
	}
	if err := n.connect(ctx, sim); err != nil {
		return nil, err
	}
	session, err := n.first.Session(ctx)
	if err != nil {
		return nil, err
	}
	for s, err := range session.Client.Sites.All(ctx) {
		if err != nil {
			return nil, err
		}
		one := site{ID: fmt.Sprintf("house-%02d", len(n.config.Sites)+1), Salto: s.ID}
		if err := n.setUpSite(ctx, one, s, sim); err != nil {
			return nil, fmt.Errorf("%s: %w", one.ID, err)
		}
		n.config.Sites = append(n.config.Sites, one)
	}
	return n, nil
}

// connect is the consent of the administrator, for all sites.
func (n *node) connect(ctx context.Context, sim *saltokstest.Server) error {
	first, err := n.open(ctx, site{ID: "house-01"}, time.Now)
	if err != nil {
		return err
	}
	login, err := first.Auth.Begin(ctx)
	if err != nil {
		return err
	}
	callback, err := sim.Consent(ctx, login.URL(), saltokstest.Allow()) // the administrator's browser
	if err != nil {
		return err
	}
	_, err = first.Complete(ctx, login, callback.Query())
	return err
}

func (n *node) setUpSite(ctx context.Context, s site, salto saltoks.Site, sim *saltokstest.Server) error {
	opened, err := n.open(ctx, s, time.Now)
	if err != nil {
		return err
	}
	n.sites[s.ID] = opened
	session, err := opened.Session(ctx)
	if err != nil {
		return err
	}
	activated, err := setup.Activate(ctx, session.Remote.Activation(), session.Site, sim.Sim)
	if err != nil {
		return err
	}
	n.activated += activated
	if err := linkDoors(ctx, opened); err != nil {
		return err
	}
	return n.putRules(ctx, s, salto)
}

// linkDoors links each lock of a site as its entrance.
func linkDoors(ctx context.Context, opened *saltolocks.Site) error {
	for lock, err := range opened.Locks.Locks(ctx) {
		if err != nil {
			return err
		}
		_, err := opened.Doors.Link(ctx, gate.LinkRequest{
			Door: "entrance", Lock: lock.Link.Lock, Name: "Entrance", AccessType: access.AccessOnly,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// putRules stores rules and members in one transaction, as a host does that changes its
// own tables in it.
func (n *node) putRules(ctx context.Context, s site, salto saltoks.Site) error {
	tx, err := n.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // without effect after Commit
	facts := n.store.In(tx)
	err = facts.PutRules(ctx, gate.Rules{
		Site: access.Site{ID: s.ID, Name: salto.Name, TimeZone: salto.TimeZone},
		MembershipTypes: []access.MembershipType{
			{ID: "resident", Doors: []access.DoorHours{{Door: "entrance", Hours: access.Always()}}},
		},
	})
	if err != nil {
		return err
	}
	for i := range members {
		err := facts.PutMember(ctx, s.ID, gate.Member{Member: access.Member{
			ID: fmt.Sprintf("member-%02d", i), Memberships: []access.Membership{{ID: "m", Type: "resident"}},
		}})
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}
