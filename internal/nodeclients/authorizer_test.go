package nodeclients

import (
	"context"
	"net/url"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// TestAuthorizerAtOIDCProvider connects with saltoauth to a certified server: discovery,
// consent, ID token, refresh with rotation, reconnect and disconnect.
func TestAuthorizerAtOIDCProvider(t *testing.T) {
	node(t)
	sim := saltokstest.New(t, saltokstest.Config{}) // for the defaults of its world
	env := oauthClient(sim.World())
	issuer := oidcProvider(t, env)
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	state, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer()})
	if err != nil {
		t.Fatal(err)
	}
	auth, err := saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: saltoks.Environment{Name: "other", Issuer: issuer, API: issuer},
		Credentials: saltoauth.Credentials{
			ClientID: env["CLIENT_ID"], ClientSecret: saltoks.NewSecret(env["CLIENT_SECRET"]), RedirectURL: env["REDIRECT_URI"],
		},
		State: state, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	login, err := auth.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := auth.Complete(ctx, login, browse(t, login.URL(), env))
	if err != nil {
		t.Fatal(err)
	}
	first := accessToken(t, auth, conn)
	if again := accessToken(t, auth, conn); again != first {
		t.Error("the token was refreshed although it is still valid")
	}
	for range 3 { // each refresh uses the token that the last one returned
		ahead.Add(int64(2 * time.Hour))
		next := accessToken(t, auth, conn)
		if next == first {
			t.Error("an expired token was returned")
		}
		first = next
	}
	ahead.Store(0) // the server's time, for the ID token of the next login
	again, err := auth.BeginReconnect(ctx, conn.ID)
	if err != nil {
		t.Fatal(err)
	}
	conn, err = auth.Reconnect(ctx, again, browse(t, again.URL(), env))
	if err != nil {
		t.Fatal(err)
	}
	if accessToken(t, auth, conn) == first {
		t.Error("the token is that of the old consent")
	}
	if _, err := auth.Disconnect(ctx, conn.ID, saltoauth.AcknowledgeDisconnect); err != nil {
		t.Error(err)
	}
	if _, err := auth.Tokens(conn).Token(ctx); err == nil {
		t.Error("a token after the disconnect")
	}
}

func accessToken(t *testing.T, auth *saltoauth.Authorizer, conn saltoauth.Connection) string {
	t.Helper()
	tok, err := auth.Tokens(conn).Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tok.Access.Reveal()
}

// browse logs in with a browser of Node.js and returns the parameters of the callback.
func browse(t *testing.T, to string, env map[string]string) url.Values {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("prompt", "consent") // oidc-provider grants offline_access only with it
	u.RawQuery = q.Encode()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node(t), "browse.mjs", u.String(), env["REDIRECT_URI"])
	cmd.Env = environment(env)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("browse.mjs: %v\n%s", err, stderr.String())
	}
	back, err := url.Parse(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	return back.Query()
}
