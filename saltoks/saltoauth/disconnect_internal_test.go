package saltoauth

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"
)

// TestDisconnectAsTheServerAllows: Disconnect works with the secret in the form, and if
// discovery names no revocation endpoint. The Authorizer keeps nothing of the connection.
func TestDisconnectAsTheServerAllows(t *testing.T) {
	for name, c := range map[string]struct {
		inBody  bool
		strip   bool
		revoked bool
	}{"secret in the form": {inBody: true, revoked: true}, "no endpoint": {strip: true}} {
		synctest.Test(t, func(t *testing.T) {
			sim := saltokstest.New(t, saltokstest.Config{})
			base := sim.HTTPClient().Transport
			transport := faulttest.RoundTripper(func(r *http.Request) (*http.Response, error) {
				resp, err := base.RoundTrip(r)
				if err != nil || !c.strip || !strings.HasSuffix(r.URL.Path, "openid-configuration") {
					return resp, err
				}
				doc, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				return faulttest.Reply(200, strings.Replace(string(doc), "revocation_endpoint", "x", 1)), err
			})
			auth, conn := connect(t, sim, saltostate.NewMemoryStore(), transport, c.inBody)
			source := auth.Tokens(conn)
			done, err := auth.Disconnect(t.Context(), conn.ID, AcknowledgeDisconnect)
			if err != nil || done.Revoked != c.revoked || done.RevokeErr != nil {
				t.Errorf("%s: %+v, %v", name, done, err)
			}
			if _, err := source.Token(t.Context()); !errors.Is(err, ErrNotConnected) {
				t.Errorf("%s: a client that still has the source: %v", name, err)
			}
			if _, err := auth.Disconnect(t.Context(), conn.ID, AcknowledgeDisconnect); !errors.Is(err, ErrNotConnected) {
				t.Errorf("%s: again: %v", name, err)
			}
			if n := len(auth.sources); n > 0 {
				t.Errorf("%s: %d sources of connections that are gone", name, n)
			}
		})
	}
}

// TestDisconnectTwiceAtOnce: both calls end the source that clients have, so that the tokens
// of a refresh in flight are discarded.
func TestDisconnectTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := saltokstest.New(t, saltokstest.Config{})
		store := &statetest.FaultyStore{Store: saltostate.NewMemoryStore()}
		auth, conn := connect(t, sim, store, sim.HTTPClient().Transport, false)
		source := auth.source(conn.ID)
		source.flight = &flight{}
		store.OnUpdate = func(ctx context.Context, key string, fn statetest.UpdateFunc) error {
			store.OnUpdate = nil
			err := store.Store.Update(ctx, key, fn)
			if _, other := auth.Disconnect(t.Context(), conn.ID, AcknowledgeDisconnect); !errors.Is(other, ErrNotConnected) {
				t.Errorf("the other call: %v", other)
			}
			source.flight = &flight{} // of a call between the two
			return err
		}
		if _, err := auth.Disconnect(t.Context(), conn.ID, AcknowledgeDisconnect); err != nil {
			t.Fatal(err)
		}
		if source.flight != nil || len(auth.sources) > 0 {
			t.Errorf("the source has a flight: %t; %d sources", source.flight != nil, len(auth.sources))
		}
	})
}

// connect returns an Authorizer with a connection.
func connect(
	t *testing.T, sim *saltokstest.Sim, store saltostate.Store, transport http.RoundTripper, secretInBody bool,
) (*Authorizer, Connection) {
	t.Helper()
	state, err := saltostate.New(saltostate.Config{Store: store, Sealer: saltostate.EphemeralSealer()})
	if err != nil {
		t.Fatal(err)
	}
	auth, err := NewAuthorizer(Config{
		Environment: saltoks.Environment{Name: "simulator", Issuer: sim.Issuer(), API: sim.API()},
		Credentials: Credentials{ClientID: sim.ClientID(), ClientSecret: saltoks.NewSecret(sim.ClientSecret()),
			RedirectURL: sim.RedirectURI(), SecretInBody: secretInBody},
		State:      state,
		HTTPClient: &http.Client{Transport: transport},
		Now:        sim.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	login, err := auth.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	callback, err := sim.Consent(t.Context(), login.URL(), saltokstest.Allow())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := auth.Complete(t.Context(), login, callback.Query())
	if err != nil {
		t.Fatal(err)
	}
	return auth, conn
}
