package saltoauth

import (
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
			state, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer()})
			if err != nil {
				t.Fatal(err)
			}
			auth, err := NewAuthorizer(Config{
				Environment: saltoks.Environment{Name: "simulator", Issuer: sim.Issuer(), API: sim.API()},
				Credentials: Credentials{ClientID: sim.ClientID(), ClientSecret: saltoks.NewSecret(sim.ClientSecret()),
					RedirectURL: sim.RedirectURI(), SecretInBody: c.inBody},
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
