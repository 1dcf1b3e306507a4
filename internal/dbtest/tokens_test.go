//go:build unix

package dbtest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// oauth is what a child needs to use the tokens of a connection.
type oauth struct {
	Issuer, API, ID, Secret, Redirect, Key, Conn string
	For                                          time.Duration
}

// calls is what a child of TestTokens did.
type calls struct {
	Done, Failed int
	First        string // the first failure
}

func (o oauth) authorizer(ctx context.Context, d Database) (*saltoauth.Authorizer, saltoks.Environment, error) {
	env := saltoks.Environment{Name: "simulator", Issuer: o.Issuer, API: o.API}
	key, err := saltostate.ParseSealingKey(o.Key)
	if err != nil {
		return nil, env, err
	}
	sealer, err := saltostate.NewSealer(key)
	if err != nil {
		return nil, env, err
	}
	store, _, err := d.OpenStore(ctx)
	if err != nil {
		return nil, env, err
	}
	state, err := saltostate.New(saltostate.Config{Store: store.Documents(), Sealer: sealer})
	if err != nil {
		return nil, env, err
	}
	auth, err := saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: env,
		Credentials: saltoauth.Credentials{ClientID: o.ID, ClientSecret: saltoks.NewSecret(o.Secret), RedirectURL: o.Redirect},
		State:       state,
	})
	return auth, env, err
}

// TestTokens lets eight processes call for five seconds with the tokens of one
// connection in one database. The identity server rotates every refresh token
// and ends the family when one is used twice.
func TestTokens(t *testing.T) {
	t.Parallel()
	Both(t, func(t *testing.T, d Database) {
		const processes, lifetime = 8, 3 * time.Second
		span := 5 * time.Second
		if testing.Short() {
			span = 2 * time.Second
		}
		srv, err := saltokstest.Serve("127.0.0.1:0", saltokstest.Config{Switches: saltokstest.Switches{AccessLifetime: lifetime},
			MaxRequests: 1_000_000})
		must(t, err)
		defer srv.Close(context.Background())
		o := oauth{
			Issuer: srv.Issuer(), API: srv.API(), ID: srv.ClientID(), Secret: srv.ClientSecret(), Redirect: srv.RedirectURI(),
			Key: "k1:" + strings.Repeat("A", 43) + "=", For: span,
		}
		auth, env, err := o.authorizer(t.Context(), d)
		must(t, err)
		login, err := auth.Begin(t.Context())
		must(t, err)
		back, err := srv.Consent(t.Context(), login.URL(), saltokstest.Allow())
		must(t, err)
		conn, err := auth.Complete(t.Context(), login, back.Query())
		must(t, err)
		o.Conn = conn.ID
		srv.ForgetRequests()

		var crowd [processes]*process
		for i := range crowd {
			crowd[i] = start(t, task{Kind: "tokens", Database: d.String(), OAuth: o})
		}
		var sum calls
		for _, p := range crowd {
			var c calls
			must(t, json.Unmarshal([]byte(p.line(t)), &c))
			p.wait(t)
			sum.Done += c.Done
			sum.Failed += c.Failed
			if sum.First == "" {
				sum.First = c.First
			}
		}
		refreshes := 0
		for _, r := range srv.Requests() {
			if strings.HasSuffix(r.Path, "/connect/token") {
				refreshes++
			}
		}
		t.Logf("%d processes, %v: %d calls, %d failed, %d refreshes", processes, span, sum.Done, sum.Failed, refreshes)
		if sum.Failed > 0 || sum.Done < 100 {
			t.Errorf("%d of %d calls failed, the first with: %s", sum.Failed, sum.Done, sum.First)
		}
		if refreshes < 1 || refreshes > 8 {
			t.Errorf("%d refreshes of a token that lives %v, in %v", refreshes, lifetime, span)
		}
		// The family is alive: a reuse would have ended it.
		client, err := saltoks.NewClient(saltoks.Config{Environment: env, Tokens: auth.Tokens(conn)})
		must(t, err)
		_, err = client.Me.Get(t.Context())
		must(t, err)
		must(t, client.Close(t.Context()))
	})
}

// childTokens calls until its time is over and prints what it saw.
func childTokens(ctx context.Context, job task) error {
	auth, env, err := job.OAuth.authorizer(ctx, Parse(job.Database))
	if err != nil {
		return err
	}
	conn, err := auth.Connection(ctx, job.OAuth.Conn)
	if err != nil {
		return err
	}
	client, err := saltoks.NewClient(saltoks.Config{Environment: env, Tokens: auth.Tokens(conn), Limiter: saltoks.NoRateLimit()})
	if err != nil {
		return err
	}
	var c calls
	pace := time.NewTicker(20 * time.Millisecond) // without it eight processes only compete for the processor
	defer pace.Stop()
	for end := time.Now().Add(job.OAuth.For); time.Now().Before(end); <-pace.C {
		c.Done++
		if _, err := client.Me.Get(ctx); err != nil {
			if c.Failed++; c.First == "" {
				c.First = err.Error()
			}
		}
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	fmt.Println(string(text))
	return client.Close(ctx)
}
