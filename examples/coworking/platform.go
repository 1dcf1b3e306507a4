package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	_ "modernc.org/sqlite"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/gatehttp"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// siteID is the platform's id of its only site.
const siteID = "harbour"

// platform is the application: its database, its site and its pages.
type platform struct {
	db       *sql.DB
	accounts accounts
	store    *sqlstore.Store
	site     *saltolocks.Site    // opens the doors, connected to SALTO KS or not
	api      *gatehttp.Handler   // takes the taps
	sim      *saltokstest.Server // nil with a real SALTO KS
	people   []person            // of the demo
	issuer   string              // the URL of SALTO's identity server
	log      *slog.Logger
	alerts   *alerts
	sessions *sessions
	pages    map[string]*template.Template
	zone     *time.Location // of the site

	booking sync.Mutex // held while a booking is read, checked and stored
}

// open opens the platform and, for the demo, sets it up. The caller closes it.
func open(ctx context.Context, o options, origin, password string, log *slog.Logger) (p *platform, err error) {
	p = &platform{log: log, alerts: &alerts{}, sessions: newSessions(time.Now, o.proxy)}
	for _, step := range []func() error{
		func() error { return p.openStore(ctx, o) },
		func() error { return p.openSite(ctx, o, origin) },
		func() error { return p.seed(ctx, password) },
		func() error { return p.setUpDemo(ctx, o) },
		func() error { return p.openPages(ctx) },
	} {
		if err = step(); err != nil {
			p.close()
			return nil, err
		}
	}
	return p, nil
}

// openStore opens the database, with the tables of doorkit and those of the platform.
func (p *platform) openStore(ctx context.Context, o options) (err error) {
	if err := createPrivateFile(o.db); err != nil {
		return err
	}
	if p.db, err = sql.Open("sqlite", sqlstore.SQLiteDSN(o.db)); err != nil {
		return err
	}
	p.accounts = accounts{db: p.db, iterations: o.iterations}
	if p.store, err = sqlstore.Open(ctx, sqlstore.Config{DB: p.db, Dialect: sqlstore.SQLite, Migrate: true}); err != nil {
		return err
	}
	return p.accounts.create(ctx)
}

// openSite opens the site at the simulated SALTO KS, or at that of -salto.
func (p *platform) openSite(ctx context.Context, o options, origin string) error {
	key, err := sealingKey(o.api != "")
	if err != nil {
		return err
	}
	c := saltolocks.Config{
		Site: siteID, Storage: p.store, State: p.store.Documents(), SealingKey: key,
		Consent: saltoauth.ConsentConfig{Authorize: p.authorizeConnect, Done: "/manage/salto?note=connected", Failed: p.consentFailed},
		Gate:    gate.Config{Observer: p.alerts},
		Work: gate.RunnerConfig{
			OfficeMode: &gate.CloseRequest{Closing: new(22 * time.Hour), RightEnded: true},
			Jobs:       []gate.Job{{Name: "doctor", Every: 10 * time.Minute, EachProcess: true, Run: p.examine}},
		},
		Limiter: o.limiter, Logger: p.log, Now: p.now,
	}
	if o.api == "" {
		world := demoWorld()
		world.RedirectURI = origin + "/salto/callback"
		if p.sim, err = saltokstest.Serve("127.0.0.1:0", saltokstest.Config{World: world, Now: o.now}); err != nil {
			return err
		}
		c.Environment = saltoks.Environment{Name: "simulator", Issuer: p.sim.Issuer(), API: p.sim.API(), Events: p.sim.Events()}
		c.Credentials = saltoauth.Credentials{ClientID: p.sim.ClientID(), ClientSecret: saltoks.NewSecret(p.sim.ClientSecret())}
	} else {
		c.Environment = saltoks.Environment{Name: "salto", Issuer: cmp.Or(o.identity, o.api), API: o.api}
		c.Credentials = saltoauth.Credentials{ClientID: o.clientID, ClientSecret: saltoks.NewSecret(os.Getenv("SALTO_CLIENT_SECRET"))}
	}
	c.Credentials.RedirectURL = origin + "/salto/callback"
	p.issuer = c.Environment.Issuer
	if p.site, err = saltolocks.Open(ctx, c); err != nil {
		return err
	}
	p.api, err = gatehttp.New(gatehttp.Config{
		Gate: p.site.Gate, Authenticate: p.caller, Logger: p.log, TapBurst: tapBurst, Doctor: p.site.Doctor, Vendor: p.site.Entries,
	})
	return err
}

// tapBurst is how many taps a member may make at once. After that there are 30 a minute.
const tapBurst = 20

// caller returns who sends a request to the API.
func (p *platform) caller(r *http.Request) (gatehttp.Caller, error) {
	who, ok := p.sessions.account(r)
	if !ok {
		return gatehttp.Caller{}, gatehttp.ErrUnauthenticated
	}
	return gatehttp.Caller{Member: who.Member, Staff: who.Manager}, nil
}

// createPrivateFile creates the SQLite file, or changes its mode, so that only its owner can read it.
func createPrivateFile(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("-db: %w", err)
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// demoKey encrypts the tokens of the simulated SALTO KS, which are worth nothing.
const demoKey = "demo:ZG9vcmtpdCBkZW1vIGtleSwgbm90IGEgc2VjcmV0ISE="

// sealingKey reads the key from the environment. A real SALTO KS requires one.
func sealingKey(required bool) (saltoks.Secret, error) {
	key := os.Getenv("SEALING_KEY")
	if key == "" && required {
		return saltoks.Secret{}, errors.New("-salto requires SEALING_KEY, as ID:KEY with 32 random bytes in base64 " +
			"(openssl rand -base64 32): do not keep it with the database")
	}
	return saltoks.NewSecret(cmp.Or(key, demoKey)), nil
}

// now returns the simulator's time, which can be advanced, or the real time.
func (p *platform) now() time.Time {
	if p.sim != nil {
		return p.sim.Now()
	}
	return time.Now()
}

func (p *platform) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if p.site != nil {
		if err := p.site.Close(ctx); err != nil {
			p.log.Warn("a token refresh was still in progress", "error", err)
		}
	}
	if p.sim != nil {
		_ = p.sim.Close(ctx) // ends requests that are still open
	}
	if p.store != nil {
		_ = p.store.Close()
	}
	if p.db != nil {
		_ = p.db.Close()
	}
}
