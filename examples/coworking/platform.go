package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// siteID is the platform's id of its only site.
const siteID = "harbour"

// platform contains the database and the connection to SALTO KS, which the gate uses.
type platform struct {
	db       *sql.DB
	accounts accounts
	store    *sqlstore.Store
	state    *saltostate.State
	env      saltoks.Environment
	limiter  *saltoks.Limiter
	auth     *saltoauth.Authorizer
	sim      *saltokstest.Server // nil with a real SALTO KS
	log      *slog.Logger
	alerts   *alerts

	booking sync.Mutex // held while a booking is read, checked and stored

	mu      sync.Mutex
	current *connection // nil until the first connection
}

// connection contains what is created once per connection to SALTO KS.
type connection struct {
	conn   saltoauth.Connection
	client *saltoks.Client
	remote *saltoremote.Remote
	locks  *saltolocks.Locks // nil until a site is linked
	doors  *gate.Doors       // the same
}

func openPlatform(ctx context.Context, o options, origin string, log *slog.Logger) (*platform, error) {
	p := &platform{log: log, alerts: newAlerts(log), limiter: o.limiter}
	driver, dsn, dialect := "sqlite", sqlstore.SQLiteDSN(o.db), sqlstore.SQLite
	if o.postgres != "" {
		driver, dsn, dialect = "pgx", o.postgres, sqlstore.PostgreSQL
	}
	if o.postgres == "" {
		if err := createPrivateFile(o.db); err != nil {
			return nil, err
		}
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	p.db, p.accounts = db, accounts{db: db, dialect: dialect, iterations: o.iterations}
	if p.store, err = sqlstore.Open(ctx, db, dialect, sqlstore.Migrated()); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := p.setUpSALTO(ctx, o, origin); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// setUpSALTO prepares the connection to SALTO KS: the simulated one, or that of -salto.
func (p *platform) setUpSALTO(ctx context.Context, o options, origin string) error {
	if err := p.accounts.create(ctx); err != nil {
		return err
	}
	key, err := p.sealingKey(ctx, o.api != "")
	if err != nil {
		return err
	}
	sealer, err := saltostate.NewSealer(key)
	if err != nil {
		return err
	}
	if p.state, err = saltostate.New(saltostate.Config{Store: p.store.Documents(), Sealer: sealer}); err != nil {
		return err
	}
	id, secret := o.clientID, os.Getenv("SALTO_CLIENT_SECRET")
	if o.api == "" {
		world := demoWorld()
		world.RedirectURI = origin + "/salto/callback"
		if p.sim, err = saltokstest.Serve("127.0.0.1:0", saltokstest.Config{World: world, Now: o.now}); err != nil {
			return err
		}
		p.env = saltoks.Environment{Name: "simulator", Issuer: p.sim.Issuer(), API: p.sim.API(), Events: p.sim.Events()}
		id, secret = p.sim.ClientID(), p.sim.ClientSecret()
	} else {
		p.env = saltoks.Environment{Name: "salto", Issuer: cmp.Or(o.identity, o.api), API: o.api}
	}
	p.auth, err = saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: p.env,
		Credentials: saltoauth.Credentials{
			ClientID: id, ClientSecret: saltoks.NewSecret(secret), RedirectURL: origin + "/salto/callback",
		},
		State:  p.state,
		Now:    p.now,
		Logger: p.log,
	})
	return err
}

// createPrivateFile creates the SQLite file, or changes its mode, so that only its owner can read it.
func createPrivateFile(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("-db: %w", err)
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// sealingKey reads the key from the environment. Without one, the demo creates a key and
// stores it in the database. With a real SALTO KS that is an error: a reader of the
// database could then decrypt the tokens.
func (p *platform) sealingKey(ctx context.Context, required bool) (saltostate.SealingKey, error) {
	if text := os.Getenv("SEALING_KEY"); text != "" {
		return saltostate.ParseSealingKey(text)
	}
	if required {
		return saltostate.SealingKey{}, errors.New("-salto requires SEALING_KEY, as ID:KEY with 32 random bytes in base64 " +
			"(openssl rand -base64 32): do not keep it with the database")
	}
	text, err := p.accounts.setting(ctx, "demo_sealing_key")
	if err != nil {
		return saltostate.SealingKey{}, err
	}
	if text == "" {
		raw := make([]byte, 32)
		rand.Read(raw)
		text = "demo:" + base64.StdEncoding.EncodeToString(raw)
		if err := p.accounts.set(ctx, "demo_sealing_key", text); err != nil {
			return saltostate.SealingKey{}, err
		}
	}
	return saltostate.ParseSealingKey(text)
}

// now returns the simulator's time, which can be advanced, or the real time.
func (p *platform) now() time.Time {
	if p.sim != nil {
		return p.sim.Now()
	}
	return time.Now()
}

// connected returns the current connection to SALTO KS. It creates the clients when the
// connection or its site has changed. Without a connection it returns nil and no error.
func (p *platform) connected(ctx context.Context) (*connection, error) {
	id, err := p.accounts.setting(ctx, "connection")
	if err != nil || id == "" {
		return nil, err
	}
	conn, err := p.auth.Connection(ctx, id)
	if errors.Is(err, saltoauth.ErrNotConnected) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != nil && p.current.conn.ID == conn.ID && p.current.conn.Site == conn.Site {
		p.current.conn = conn
		return new(*p.current), nil
	}
	c, err := p.newConnection(conn)
	if err != nil {
		return nil, err
	}
	if p.current != nil {
		old := p.current.client
		if err := old.Close(context.WithoutCancel(ctx)); err != nil {
			p.log.Warn("closing the client of an earlier connection", "error", err)
		}
	}
	p.current = c
	return new(*c), nil
}

// newConnection creates the clients of a connection, and its doors if a site is linked.
func (p *platform) newConnection(conn saltoauth.Connection) (*connection, error) {
	c := &connection{conn: conn}
	var err error
	c.client, err = saltoks.NewClient(saltoks.Config{
		Environment: p.env, Tokens: p.auth.Tokens(conn), Limiter: p.limiter, Logger: p.log,
	})
	if err != nil {
		return nil, err
	}
	c.remote, err = saltoremote.NewRemote(saltoremote.Config{
		Client: c.client, State: p.state, User: conn.Identity(), Now: p.now,
	})
	if err != nil || conn.Site == "" {
		return c, err
	}
	c.locks, err = saltolocks.NewLocks(saltolocks.LocksConfig{Client: c.client, Remote: c.remote, Site: conn.Site, Now: p.now})
	if err != nil {
		return nil, err
	}
	c.doors, err = gate.NewDoors(gate.DoorsConfig{Site: siteID, Store: p.store, Catalog: c.locks, Now: p.now})
	return c, err
}

// gate returns the gate. Without a connection it still decides and logs, and its receipts
// contain the cause.
func (p *platform) gate(ctx context.Context) (*gate.Gate, error) {
	c, err := p.connected(ctx)
	if err != nil {
		return nil, err
	}
	var locks gate.LockDriver = notConnected{}
	if c != nil && c.locks != nil {
		locks = c.locks
	}
	return gate.New(gate.Config{Site: siteID, Facts: p.store, Records: p.store, Locks: locks, Observer: p.alerts, Now: p.now})
}

// notConnected is the LockDriver of a platform without a connection to SALTO KS.
type notConnected struct{}

func (notConnected) Move(context.Context, gate.Command) gate.Result {
	return gate.Result{Outcome: gate.Denied, Cause: gate.CauseReauthorize, Err: errors.New("SALTO KS is not connected")}
}

func (p *platform) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if p.current != nil {
		if err := p.current.client.Close(ctx); err != nil {
			p.log.Warn("a token refresh was still in progress", "error", err)
		}
	}
	if p.sim != nil {
		_ = p.sim.Close(ctx) // ends requests that are still open
	}
	if p.store != nil {
		_ = p.store.Close()
	}
	_ = p.db.Close()
}

// runPeriodicTasks runs the periodic tasks of a host: nothing in the library runs in the background.
func (p *platform) runPeriodicTasks(ctx context.Context) {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		if err := p.runTasksOnce(ctx); err != nil && ctx.Err() == nil {
			p.log.Warn("periodic tasks", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// runTasksOnce runs the tasks once. It recovers the commands of crashed processes, reads the log
// of SALTO KS, locks doors in office mode after closing time or after the member's right
// has ended, and removes old records. Each task runs even if another one fails: without
// SALTO's log, doors must still be locked.
func (p *platform) runTasksOnce(ctx context.Context) error {
	g, err := p.gate(ctx)
	if err != nil {
		return err
	}
	var errs []error
	collect := func(task string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", task, err))
		}
	}
	_, err = g.Recover(ctx)
	collect("recovering commands", err)
	c, err := p.connected(ctx)
	collect("reading the connection", err)
	if c != nil && c.locks != nil {
		_, err = g.Ingest(ctx, c.locks.Entries(p.now().Add(-24*time.Hour)))
		collect("reading SALTO's log", err)
		closing := 22 * time.Hour
		_, err = g.CloseOfficeMode(ctx, gate.CloseRequest{Closing: &closing, RightEnded: true})
		collect("closing office mode", err)
	}
	_, err = g.Prune(ctx)
	collect("removing old records", err)
	return errors.Join(errs...)
}
