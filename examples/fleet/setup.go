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
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// config is the configuration of every process. It contains secrets, so it is sent
// through a pipe.
type config struct {
	Postgres                                      string
	Issuer, API, ClientID, ClientSecret, Redirect string
	SealingKey                                    string
	Connection                                    string
	Sites                                         []site
}

// site is one site of the host, with its id at SALTO.
type site struct{ ID, Salto string }

const members = 40 // per site

// node is what each process opens: the database and the connection to SALTO KS.
type node struct {
	config    config
	db        *sql.DB
	store     *sqlstore.Store
	auth      *saltoauth.Authorizer
	env       saltoks.Environment
	state     *saltostate.State
	conn      saltoauth.Connection
	client    *saltoks.Client
	remote    *saltoremote.Remote
	activated int
}

func open(ctx context.Context, c config) (*node, error) {
	n := &node{config: c, env: saltoks.Environment{Name: "simulator", Issuer: c.Issuer, API: c.API}}
	var err error
	if n.db, err = sql.Open("pgx", c.Postgres); err != nil {
		return nil, err
	}
	n.db.SetMaxOpenConns(10)
	n.db.SetMaxIdleConns(10)
	if n.store, err = sqlstore.Open(ctx, n.db, sqlstore.PostgreSQL, sqlstore.Migrated()); err != nil {
		return nil, err
	}
	key, err := saltostate.ParseSealingKey(c.SealingKey)
	if err != nil {
		return nil, err
	}
	sealer, err := saltostate.NewSealer(key)
	if err != nil {
		return nil, err
	}
	if n.state, err = saltostate.New(saltostate.Config{Store: n.store.Documents(), Sealer: sealer}); err != nil {
		return nil, err
	}
	n.auth, err = saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: n.env,
		Credentials: saltoauth.Credentials{
			ClientID: c.ClientID, ClientSecret: saltoks.NewSecret(c.ClientSecret), RedirectURL: c.Redirect,
		},
		State: n.state,
	})
	return n, err
}

// connect uses the shared consent. Its tokens are in the database, and the first process
// that finds them expired refreshes them for all.
func (n *node) connect(ctx context.Context) (err error) {
	if n.conn, err = n.auth.Connection(ctx, n.config.Connection); err != nil {
		return err
	}
	n.client, err = saltoks.NewClient(saltoks.Config{
		Environment: n.env, Tokens: n.auth.Tokens(n.conn), Limiter: saltoks.NoRateLimit(), // the simulator has no quota
	})
	if err != nil {
		return err
	}
	n.remote, err = saltoremote.NewRemote(saltoremote.Config{Client: n.client, State: n.state, User: n.conn.Identity()})
	return err
}

// gate returns the gate of a site.
func (n *node) gate(s site, now func() time.Time) (*gate.Gate, error) {
	locks, err := saltolocks.NewLocks(saltolocks.LocksConfig{Client: n.client, Remote: n.remote, Site: saltoks.SiteID(s.Salto)})
	if err != nil {
		return nil, err
	}
	return gate.New(gate.Config{Site: s.ID, Facts: n.store, Records: n.store, Locks: locks, Now: now})
}

func (n *node) close(ctx context.Context) {
	if n.client != nil {
		_ = n.client.Close(ctx)
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
	})
	if err != nil {
		return nil, err
	}
	login, err := n.auth.Begin(ctx)
	if err != nil {
		return nil, err
	}
	callback, err := sim.Consent(ctx, login.URL(), saltokstest.Allow()) // the administrator's browser
	if err != nil {
		return nil, err
	}
	conn, err := n.auth.Complete(ctx, login, callback.Query())
	if err != nil {
		return nil, err
	}
	n.config.Connection = conn.ID
	if err := n.connect(ctx); err != nil {
		return nil, err
	}
	for s, err := range n.client.Sites.All(ctx) {
		if err != nil {
			return nil, err
		}
		one := site{ID: fmt.Sprintf("house-%02d", len(n.config.Sites)+1), Salto: string(s.ID)}
		if err := n.setUpSite(ctx, one, s, sim); err != nil {
			return nil, fmt.Errorf("%s: %w", one.ID, err)
		}
		n.config.Sites = append(n.config.Sites, one)
	}
	return n, nil
}

func (n *node) setUpSite(ctx context.Context, s site, salto saltoks.Site, sim *saltokstest.Server) error {
	if err := n.activate(ctx, salto, sim); err != nil {
		return err
	}
	if err := n.linkDoors(ctx, s, salto); err != nil {
		return err
	}
	return n.putRules(ctx, s, salto)
}

// activate activates the IQs of a site that require one-time codes.
func (n *node) activate(ctx context.Context, salto saltoks.Site, sim *saltokstest.Server) error {
	wizard := n.remote.Activation()
	for iq, err := range wizard.List(ctx, salto.ID) {
		if err != nil {
			return err
		}
		if !iq.IQ.OTPEnabled {
			continue
		}
		if _, err := wizard.Begin(ctx, salto.ID, iq.IQ.ID); err != nil {
			return err
		}
		if _, err := wizard.RequestPIN(ctx, salto.ID, iq.IQ.ID, saltoks.PINByMail); err != nil {
			return err
		}
		pin, err := saltoks.ParseIQPIN(sim.IQPIN(sim.World().Users[0].Email)) // from the administrator's mailbox
		if err != nil {
			return err
		}
		if _, err := wizard.Confirm(ctx, salto.ID, iq.IQ.ID, pin); err != nil {
			return err
		}
		n.activated++
	}
	return nil
}

// linkDoors links each lock of a site as its entrance.
func (n *node) linkDoors(ctx context.Context, s site, salto saltoks.Site) error {
	locks, err := saltolocks.NewLocks(saltolocks.LocksConfig{Client: n.client, Remote: n.remote, Site: salto.ID})
	if err != nil {
		return err
	}
	doors, err := gate.NewDoors(gate.DoorsConfig{Site: s.ID, Store: n.store, Catalog: locks})
	if err != nil {
		return err
	}
	for lock, err := range locks.Locks(ctx) {
		if err != nil {
			return err
		}
		_, err := doors.Link(ctx, gate.LinkRequest{
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
