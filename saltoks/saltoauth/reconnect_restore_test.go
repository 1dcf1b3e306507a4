package saltoauth_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// TestRestoredStore: a backup holds a refresh token that SALTO has rotated since.
// After a reconnect as the same user everything is as before.
func TestRestoredStore(t *testing.T) {
	ctx := t.Context()
	sim := saltokstest.New(t, saltokstest.Config{})
	env := saltoks.Environment{Name: "simulator", Issuer: sim.Issuer(), API: sim.API(), Events: sim.Events()}
	creds := saltoauth.Credentials{ClientID: sim.ClientID(), ClientSecret: saltoks.NewSecret(sim.ClientSecret()),
		RedirectURL: sim.RedirectURI()}
	key, err := saltostate.ParseSealingKey("k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	if err != nil {
		t.Fatal(err)
	}
	open := func(dir string) *saltoauth.Authorizer {
		t.Helper()
		store, err := saltostate.NewFileStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		sealer, err := saltostate.NewSealer(key)
		if err != nil {
			t.Fatal(err)
		}
		state, err := saltostate.New(saltostate.Config{Store: store, Sealer: sealer})
		if err != nil {
			t.Fatal(err)
		}
		auth, err := saltoauth.NewAuthorizer(saltoauth.Config{
			Environment: env,
			Credentials: creds,
			State:       state,
			HTTPClient:  sim.HTTPClient(),
			Now:         sim.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		return auth
	}
	me := func(auth *saltoauth.Authorizer, conn saltoauth.Connection) error {
		t.Helper()
		client, err := saltoks.NewClient(saltoks.Config{Environment: env, Tokens: auth.Tokens(conn), HTTPClient: sim.HTTPClient()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Me.Get(ctx)
		return errors.Join(err, client.Close(ctx))
	}

	live, backup := t.TempDir(), t.TempDir()
	auth := open(live)
	login, err := auth.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	callback, err := sim.Consent(ctx, login.URL(), saltokstest.Allow())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := auth.Complete(ctx, login, callback.Query())
	if err != nil {
		t.Fatal(err)
	}
	if conn, err = auth.LinkSite(ctx, conn.ID, saltoks.SiteID(sim.World().Sites[0].ID)); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(backup, os.DirFS(live)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // each call with a new token
		sim.Clock().Advance(2 * time.Hour)
		if err := me(auth, conn); err != nil {
			t.Fatal(err)
		}
	}

	auth = open(backup)
	if err := me(auth, conn); !errors.Is(err, saltoks.ErrReauthorize) {
		t.Fatalf("with the tokens of the backup: %v", err)
	}
	if login, err = auth.BeginReconnect(ctx, conn.ID); err != nil {
		t.Fatal(err)
	}
	if callback, err = sim.Consent(ctx, login.URL(), saltokstest.Allow()); err != nil {
		t.Fatal(err)
	}
	again, err := auth.Reconnect(ctx, login, callback.Query())
	if err != nil || again.Site != conn.Site || again.ID != conn.ID {
		t.Fatalf("%+v, %v", again, err)
	}
	if err := me(auth, again); err != nil {
		t.Error(err)
	}
}
