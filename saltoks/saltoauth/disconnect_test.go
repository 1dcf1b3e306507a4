package saltoauth_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestDisconnect(t *testing.T) {
	d := newHost(t)
	c := d.connect()
	text := string(saltoauth.AcknowledgeDisconnect)
	for _, other := range []string{"", "Yes.", "yes", "true", "AcknowledgeDisconnect", text[:len(text)-1], text + " ", strings.ToLower(text)} {
		_, err := d.auth.Disconnect(t.Context(), c.ID, saltoauth.Acknowledgement(other))
		if !errors.Is(err, saltoauth.ErrNotAcknowledged) || !strings.Contains(err.Error(), text) {
			t.Errorf("acknowledged with %q: %v", other, err)
		}
	}
	if _, err := d.sites(c); err != nil {
		t.Errorf("gone without acknowledgement: %v", err)
	}
	done, err := d.auth.Disconnect(t.Context(), c.ID, saltoauth.AcknowledgeDisconnect)
	if err != nil || !done.Revoked || done.RevokeErr != nil {
		t.Errorf("%+v, %v", done, err)
	}
	if d.store.documents() != 0 {
		t.Errorf("%d documents are left", d.store.documents())
	}
	if _, err := d.sites(c); !errors.Is(err, saltoauth.ErrNotConnected) {
		t.Errorf("%v", err)
	}
	if _, err := d.auth.Disconnect(t.Context(), c.ID, saltoauth.AcknowledgeDisconnect); !errors.Is(err, saltoauth.ErrNotConnected) {
		t.Errorf("%v", err)
	}

	// If the identity server does not answer, the connection is deleted nevertheless, and
	// the result has the error.
	c = d.connect()
	d.sim.Fault(saltokstest.IdentityOutage)
	done, err = d.auth.Disconnect(t.Context(), c.ID, saltoauth.AcknowledgeDisconnect)
	if err != nil || done.Revoked || done.RevokeErr == nil || d.store.documents() != 0 {
		t.Errorf("%+v, %v, %d documents", done, err, d.store.documents())
	}
}

// TestAcknowledgeDisconnect: the text that a person agrees to names what stops, for whom,
// how soon and until when, what stays, and the verb for an expired consent.
func TestAcknowledgeDisconnect(t *testing.T) {
	text := string(saltoauth.AcknowledgeDisconnect)
	for _, part := range []string{
		"Remote opening stops", "within 30 seconds", "for every member", "until an administrator connects to SALTO KS again",
		"Doors, names and activations are kept", "reconnect instead",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("it does not contain %q: %s", part, text)
		}
	}
}

// TestForgetAfterABrokenDisconnect: the store fails, or the process ends, between
// deleting the connection and its index entry. Nothing is connected, so Forget works.
func TestForgetAfterABrokenDisconnect(t *testing.T) {
	d := newHost(t)
	c := d.connect()
	d.store.fail = "/owner/"
	if _, err := d.auth.Disconnect(t.Context(), c.ID, saltoauth.AcknowledgeDisconnect); err == nil {
		t.Error("the store failed, and Disconnect does not say so")
	}
	d.store.fail = ""
	if _, err := d.auth.Disconnect(t.Context(), c.ID, saltoauth.AcknowledgeDisconnect); !errors.Is(err, saltoauth.ErrNotConnected) {
		t.Error(err)
	}
	if err := d.auth.Forget(t.Context(), c.Subject, nil); err != nil || d.store.documents() != 0 {
		t.Errorf("%v, %d documents", err, d.store.documents())
	}
}

// TestDisconnectReportsAFailedRevocation: the connection is deleted, and the result has the
// error of each request that the revocation needs.
func TestDisconnectReportsAFailedRevocation(t *testing.T) {
	for name, c := range map[string]struct{ path, op string }{
		"discovery does not answer":  {"openid-configuration", "discovery"},
		"revocation does not answer": {"/connect/revocation", "revocation"},
	} {
		t.Run(name, func(t *testing.T) {
			broken := false
			way := func(r *http.Request, send http.RoundTripper) (*http.Response, error) {
				if broken && strings.Contains(r.URL.Path, c.path) {
					return nil, io.ErrUnexpectedEOF
				}
				return send.RoundTrip(r)
			}
			d := newHostVia(t, way)
			conn := d.connect()
			config := d.config() // of a process that has not read discovery
			config.HTTPClient = &http.Client{Transport: faulttest.RoundTripper(func(r *http.Request) (*http.Response, error) {
				return way(r, d.sim.HTTPClient().Transport)
			})}
			auth, err := saltoauth.NewAuthorizer(config)
			if err != nil {
				t.Fatal(err)
			}
			broken = true
			done, err := auth.Disconnect(t.Context(), conn.ID, saltoauth.AcknowledgeDisconnect)
			e, ok := errors.AsType[*saltoauth.IdentityError](done.RevokeErr)
			if err != nil || done.Revoked || !ok || e.Op != c.op || !errors.Is(e, io.ErrUnexpectedEOF) || d.store.documents() != 0 {
				t.Errorf("%+v, %v, %d documents", done, err, d.store.documents())
			}
		})
	}
}

// TestDisconnectRevokesTheNewestToken: a refresh token that was rotated and could not be
// saved is the only one that SALTO accepts, unless a person has reconnected since.
func TestDisconnectRevokesTheNewestToken(t *testing.T) {
	for _, reconnected := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var issued string // the last refresh token of SALTO
			d := newHostVia(t, func(r *http.Request, send http.RoundTripper) (*http.Response, error) {
				resp, err := send.RoundTrip(r)
				if err == nil && strings.HasSuffix(r.URL.Path, "/connect/token") {
					b, _ := io.ReadAll(resp.Body)
					var grant struct {
						Refresh string `json:"refresh_token"`
					}
					if err := json.Unmarshal(b, &grant); err != nil {
						t.Error(err)
					}
					issued, resp.Body = grant.Refresh, io.NopCloser(bytes.NewReader(b))
				}
				return resp, err
			})
			c := d.connect()
			time.Sleep(2 * time.Hour)
			d.store.fail = "/connection/"
			if _, err := d.auth.Tokens(c).Token(t.Context()); err == nil {
				t.Fatal("the store failed, and the token is returned")
			}
			d.store.fail = ""
			if reconnected {
				if err := d.reconnect(c); err != nil {
					t.Fatal(err)
				}
			}
			d.disconnect(c)
			if got := d.revoked(); len(got) != 1 || got[0] != issued {
				t.Errorf("reconnected %t: %d tokens revoked, the newest: %t", reconnected, len(got), slices.Contains(got, issued))
			}
		})
	}
}
