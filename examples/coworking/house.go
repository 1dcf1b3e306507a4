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

// space is the one site of this platform, in the platform's own words.
const space = "harbour"

// house holds everything that doorkit needs: the database, SALTO KS, and the
// gate that stands on both.
type house struct {
	db    *sql.DB
	table accounts
	store *sqlstore.Store
	state *saltostate.State
	env   saltoks.Environment
	limit *saltoks.Limiter
	auth  *saltoauth.Authorizer
	sim   *saltokstest.Server // nil when SALTO KS is a real one
	log   *slog.Logger
	alert *alerts

	booking sync.Mutex // held while a booking is read, checked and stored

	mu   sync.Mutex
	live *live // nil until somebody connects
}

// live is what one connection gives: it changes when the connection does.
type live struct {
	conn   saltoauth.Connection
	client *saltoks.Client
	remote *saltoremote.Remote
	locks  *saltolocks.Locks // nil until a site is linked
	doors  *gate.Doors       // likewise
}

func openHouse(ctx context.Context, o options, origin string, log *slog.Logger) (*house, error) {
	h := &house{log: log, alert: newAlerts(log), limit: o.limit}
	driver, dsn, dialect := "sqlite", sqlstore.SQLiteDSN(o.db), sqlstore.SQLite
	if o.postgres != "" {
		driver, dsn, dialect = "pgx", o.postgres, sqlstore.PostgreSQL
	}
	if o.postgres == "" {
		if err := private(o.db); err != nil {
			return nil, err
		}
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	h.db, h.table = db, accounts{db: db, dialect: dialect, rounds: o.rounds}
	if h.store, err = sqlstore.Open(ctx, db, dialect, sqlstore.Migrated()); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := h.salto(ctx, o, origin); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// salto prepares the connection to SALTO KS, the simulated one or another.
func (h *house) salto(ctx context.Context, o options, origin string) error {
	if err := h.table.create(ctx); err != nil {
		return err
	}
	key, err := h.sealingKey(ctx, o.api != "")
	if err != nil {
		return err
	}
	sealer, err := saltostate.NewSealer(key)
	if err != nil {
		return err
	}
	if h.state, err = saltostate.New(saltostate.Config{Store: h.store.Documents(), Sealer: sealer}); err != nil {
		return err
	}
	id, secret := o.clientID, os.Getenv("SALTO_CLIENT_SECRET")
	if o.api == "" {
		world := demoWorld()
		world.RedirectURI = origin + "/salto/callback"
		if h.sim, err = saltokstest.Serve("127.0.0.1:0", saltokstest.Config{World: world, Now: o.now}); err != nil {
			return err
		}
		h.env = saltoks.Environment{Name: "simulator", Issuer: h.sim.Issuer(), API: h.sim.API(), Events: h.sim.Events()}
		id, secret = h.sim.ClientID(), h.sim.ClientSecret()
	} else {
		h.env = saltoks.Environment{Name: "salto", Issuer: cmp.Or(o.identity, o.api), API: o.api}
	}
	h.auth, err = saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: h.env,
		Credentials: saltoauth.Credentials{
			ClientID: id, ClientSecret: saltoks.NewSecret(secret), RedirectURL: origin + "/salto/callback",
		},
		State:  h.state,
		Now:    h.now,
		Logger: h.log,
	})
	return err
}

// private creates the SQLite file readable by its owner only, or makes it so.
func private(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("-db: %w", err)
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// sealingKey reads the key from the environment. The demo creates one and stores it
// with the data; for the tokens of a real SALTO KS that is refused, because a reader
// of the database could open them.
func (h *house) sealingKey(ctx context.Context, real bool) (saltostate.SealingKey, error) {
	if text := os.Getenv("SEALING_KEY"); text != "" {
		return saltostate.ParseSealingKey(text)
	}
	if real {
		return saltostate.SealingKey{}, errors.New("-salto requires SEALING_KEY, as ID:KEY with 32 random bytes in base64 (openssl rand -base64 32): keep it apart from the database")
	}
	text, err := h.table.setting(ctx, "demo_sealing_key")
	if err != nil {
		return saltostate.SealingKey{}, err
	}
	if text == "" {
		raw := make([]byte, 32)
		rand.Read(raw)
		text = "demo:" + base64.StdEncoding.EncodeToString(raw)
		if err := h.table.set(ctx, "demo_sealing_key", text); err != nil {
			return saltostate.SealingKey{}, err
		}
	}
	return saltostate.ParseSealingKey(text)
}

// now is the demo's clock: the simulator's, which can be moved.
func (h *house) now() time.Time {
	if h.sim != nil {
		return h.sim.Now()
	}
	return time.Now()
}

// connected returns what the present connection gives, building it when the
// connection or its site changed. Nil and no error: nobody has connected yet.
func (h *house) connected(ctx context.Context) (*live, error) {
	id, err := h.table.setting(ctx, "connection")
	if err != nil || id == "" {
		return nil, err
	}
	conn, err := h.auth.Connection(ctx, id)
	if errors.Is(err, saltoauth.ErrNotConnected) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.live != nil && h.live.conn.ID == conn.ID && h.live.conn.Site == conn.Site {
		h.live.conn = conn
		return new(*h.live), nil
	}
	l := &live{conn: conn}
	if l.client, err = saltoks.NewClient(saltoks.Config{Environment: h.env, Tokens: h.auth.Tokens(conn), Limiter: h.limit, Logger: h.log}); err != nil {
		return nil, err
	}
	if l.remote, err = saltoremote.NewRemote(saltoremote.Config{Client: l.client, State: h.state, User: conn.Identity(), Now: h.now}); err != nil {
		return nil, err
	}
	if conn.Site != "" {
		if l.locks, err = saltolocks.New(saltolocks.Config{Client: l.client, Remote: l.remote, Site: conn.Site, Now: h.now}); err != nil {
			return nil, err
		}
		if l.doors, err = gate.NewDoors(gate.DoorsConfig{Site: space, Store: h.store, Catalog: l.locks, Now: h.now}); err != nil {
			return nil, err
		}
	}
	if h.live != nil {
		old := h.live.client
		if err := old.Close(context.WithoutCancel(ctx)); err != nil {
			h.log.Warn("closing the client of an earlier connection", "error", err)
		}
	}
	h.live = l
	return new(*l), nil
}

// gate is the way to the doors. Without a connection it still decides, logs and
// says why nothing opens.
func (h *house) gate(ctx context.Context) (*gate.Gate, error) {
	l, err := h.connected(ctx)
	if err != nil {
		return nil, err
	}
	var locks gate.LockDriver = notConnected{}
	if l != nil && l.locks != nil {
		locks = l.locks
	}
	return gate.New(gate.Config{Site: space, Facts: h.store, Records: h.store, Locks: locks, Observer: h.alert, Now: h.now})
}

// notConnected are the locks of a platform that has no connection to SALTO KS.
type notConnected struct{}

func (notConnected) Move(context.Context, gate.Command) gate.Result {
	return gate.Result{Outcome: gate.Denied, Cause: gate.CauseReauthorize, Err: errors.New("SALTO KS is not connected")}
}

func (h *house) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if h.live != nil {
		if err := h.live.client.Close(ctx); err != nil {
			h.log.Warn("a token refresh was still under way", "error", err)
		}
	}
	if h.sim != nil {
		_ = h.sim.Close(ctx) // what hangs is cut
	}
	if h.store != nil {
		_ = h.store.Close()
	}
	_ = h.db.Close()
}

// rounds does on a timer what a host must do: nothing in the library runs by
// itself.
func (h *house) rounds(ctx context.Context) {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		if err := h.round(ctx); err != nil && ctx.Err() == nil {
			h.log.Warn("rounds", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// round recovers commands that lost their process, reads SALTO's own log, locks
// what stands open after hours or right, and forgets what is old. None of it waits
// for the others: a plan without SALTO's log must leave no door open.
func (h *house) round(ctx context.Context) error {
	g, err := h.gate(ctx)
	if err != nil {
		return err
	}
	var faults []error
	did := func(what string, err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", what, err))
		}
	}
	_, err = g.Recover(ctx)
	did("recover", err)
	l, err := h.connected(ctx)
	did("connection", err)
	if l != nil && l.locks != nil {
		_, err = g.Ingest(ctx, l.locks.Entries(saltolocks.EntriesConfig{From: h.now().Add(-24 * time.Hour)}))
		did("SALTO's log", err)
		closing := 22 * time.Hour
		_, err = g.CloseOfficeMode(ctx, gate.CloseRequest{Closing: &closing, RightEnded: true, Reconcile: l.locks})
		did("closing time", err)
	}
	_, err = g.Prune(ctx)
	did("prune", err)
	return errors.Join(faults...)
}
