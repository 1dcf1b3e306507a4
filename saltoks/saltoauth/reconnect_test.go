package saltoauth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/internal/oidc"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// newHostVia returns a hostFixture whose requests a test can see and change.
func newHostVia(t *testing.T, way func(r *http.Request, send http.RoundTripper) (*http.Response, error)) *hostFixture {
	t.Helper()
	d := newHost(t)
	send := d.sim.HTTPClient().Transport
	hc := &http.Client{Transport: faulttest.RoundTripper(func(r *http.Request) (*http.Response, error) { return way(r, send) })}
	config := d.config()
	config.HTTPClient = hc
	var err error
	d.auth, err = saltoauth.NewAuthorizer(config)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *hostFixture) link(c saltoauth.Connection, site saltokstest.Site) saltoauth.Connection {
	d.t.Helper()
	c, err := d.auth.LinkSite(d.t.Context(), c.ID, saltoks.SiteID(site.ID))
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

func (d *hostFixture) reconnect(c saltoauth.Connection) error {
	d.t.Helper()
	l, err := d.auth.BeginReconnect(d.t.Context(), c.ID)
	if err != nil {
		d.t.Fatal(err)
	}
	_, err = d.auth.Reconnect(d.t.Context(), l, d.callback(l, saltokstest.Allow()))
	return err
}

// TestReconnectRequiresTheSameSite: the user can no longer see the site.
func TestReconnectRequiresTheSameSite(t *testing.T) {
	d := newHost(t)
	home := d.sim.World().Sites[0]
	c := d.link(d.connect(), home)
	d.sim.RemoveMember(home.ID, d.sim.World().Users[0].Email)
	if err := d.reconnect(c); !errors.Is(err, saltoauth.ErrSiteNotVisible) {
		t.Errorf("%v", err)
	}
	after, err := d.auth.Connection(t.Context(), c.ID)
	if diff := cmp.Diff(c, after); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// TestConnectionChangedDuringReconnect: while the consent is checked, another
// process links another site, or disconnects. The newer change is kept.
func TestConnectionChangedDuringReconnect(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(d *hostFixture, c saltoauth.Connection) error
		want      string
	}{
		"another site": {func(d *hostFixture, c saltoauth.Connection) error {
			_, err := d.auth.LinkSite(context.Background(), c.ID, saltoks.SiteID(d.sim.World().Sites[1].ID))
			return err
		}, "begin again"},
		"disconnected": {func(d *hostFixture, c saltoauth.Connection) error {
			_, err := d.auth.Disconnect(context.Background(), c.ID, saltoauth.AcknowledgeDisconnect)
			return err
		}, "no such connection"},
	} {
		t.Run(name, func(t *testing.T) {
			var meanwhile func() error
			d := newHostVia(t, func(r *http.Request, send http.RoundTripper) (*http.Response, error) {
				if do := meanwhile; do != nil && strings.HasSuffix(r.URL.Path, "/sites") {
					meanwhile = nil
					if err := do(); err != nil {
						t.Error(err)
					}
				}
				return send.RoundTrip(r)
			})
			w := d.sim.World()
			d.sim.AddMember(w.Sites[1].ID, saltokstest.Member{User: w.Users[0].Email})
			conn := d.link(d.connect(), w.Sites[0])
			meanwhile = func() error { return c.meanwhile(d, conn) }
			if err := d.reconnect(conn); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
			after, err := d.auth.Connection(t.Context(), conn.ID)
			if err == nil && (after.Site == conn.Site || after.ConsentedAt != conn.ConsentedAt) {
				t.Errorf("%+v", after)
			}
		})
	}
}

// TestConsentTakesBearerTokensAlone: the client can send no other kind of token.
func TestConsentTakesBearerTokensAlone(t *testing.T) {
	d := newHostVia(t, func(r *http.Request, send http.RoundTripper) (*http.Response, error) {
		resp, err := send.RoundTrip(r)
		if err == nil && strings.HasSuffix(r.URL.Path, "/connect/token") {
			b, _ := io.ReadAll(resp.Body)
			b = bytes.Replace(b, []byte(`"Bearer"`), []byte(`"DPoP"`), 1)
			resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
		}
		return resp, err
	})
	l := d.begin()
	_, err := d.auth.Complete(t.Context(), l, d.callback(l, saltokstest.Allow()))
	if e, ok := errors.AsType[*oidc.TokenError](err); !ok || e.Claim != "token_type" ||
		!errors.Is(err, saltoauth.ErrToken) || d.store.documents() != 0 {
		t.Errorf("%v", err)
	}
}

// TestIdentityRequestsUseFreshConnections: net/http may replay a request on a connection
// that was idle, and a refresh must be sent once.
func TestIdentityRequestsUseFreshConnections(t *testing.T) {
	seen := 0
	var d *hostFixture
	d = newHostVia(t, func(r *http.Request, send http.RoundTripper) (*http.Response, error) {
		if strings.HasPrefix(r.URL.String(), d.sim.Issuer()) {
			if seen++; !r.Close {
				t.Errorf("%s %s may go over an idle connection", r.Method, r.URL.Path)
			}
		}
		return send.RoundTrip(r)
	})
	c := d.connect()
	d.sim.Clock().Advance(2 * time.Hour)
	if _, err := d.auth.Tokens(c).Token(t.Context()); err != nil {
		t.Error(err)
	}
	if seen != 4 { // discovery, keys, code, refresh
		t.Errorf("%d requests to the identity server", seen)
	}
}

// TestSigningKeyIsReplaced: the server replaces its signing key between two consents.
func TestSigningKeyIsReplaced(t *testing.T) {
	d := newHost(t)
	d.connect()
	d.sim.RotateKey(true)
	d.sim.Clock().Advance(time.Minute)
	d.connect()
}

// TestReconnectWarnsOfNoLoss: from the first warning to the renewed consent, every text
// that a person reads promises that nothing is lost, and no acknowledgement is required.
func TestReconnectWarnsOfNoLoss(t *testing.T) {
	o := newConsentFixture(t)
	target, cookie := o.leave(o.h.Connect(), "tenant-1", saltokstest.Allow())
	if resp := ask(o.h.Callback(), "GET", target, "tenant-1", cookie); resp.StatusCode != http.StatusSeeOther {
		t.Fatal(body(resp))
	}
	c := o.kept["tenant-1"]
	texts := map[string]string{}
	summary := func(when string) {
		t.Helper()
		s, err := o.auth.Status(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		texts[when] = s.Summary(o.sim.Now())
	}
	o.sim.Clock().Advance(76 * 24 * time.Hour)
	summary("day 76")
	o.sim.Clock().Advance(15 * 24 * time.Hour)
	_, err := o.sites(c)
	if !errors.Is(err, saltoks.ErrReauthorize) {
		t.Fatal(err)
	}
	texts["the error of a call"] = err.Error()
	summary("day 91")
	if want := "Doors, names and activations stay as they are."; !strings.Contains(texts["day 91"], want) {
		t.Errorf("day 91: %q, want %q", texts["day 91"], want)
	}
	for name, choice := range map[string]saltokstest.ConsentChoice{
		"another user": o.as("other@quay.example"), "denied": {Deny: true}, "the same user": saltokstest.Allow(),
	} {
		target, cookie := o.leave(o.h.Reconnect(), "tenant-1", choice)
		texts[name] = body(ask(o.h.Callback(), "GET", target, "tenant-1", cookie))
	}
	summary("reconnected")
	for when, text := range texts {
		for _, loss := range []string{"lost", " lose ", "delete", "remove", "stops", "support", "every member", "acknowledge"} {
			if strings.Contains(strings.ToLower(text), loss) {
				t.Errorf("%s: the text contains %q: %s", when, loss, text)
			}
		}
	}
	if texts["reconnected"] != "Connected. Choose the site." {
		t.Errorf("afterwards: %q", texts["reconnected"])
	}
}

func TestReconnect(t *testing.T) {
	d := newHost(t)
	c := d.connect()
	c, err := d.auth.LinkSite(t.Context(), c.ID, saltoks.SiteID(d.sim.World().Sites[0].ID))
	if err != nil {
		t.Fatal(err)
	}
	d.sim.Clock().Advance(91 * 24 * time.Hour)
	if _, err := d.sites(c); !errors.Is(err, saltoks.ErrReauthorize) {
		t.Fatalf("%v", err)
	}
	l, err := d.auth.BeginReconnect(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.auth.Reconnect(t.Context(), l, d.callback(l, saltokstest.Allow()))
	if err != nil {
		t.Fatal(err)
	}
	want := c
	want.ConsentedAt, want.DueAt = got.ConsentedAt, got.ConsentedAt.Add(75*24*time.Hour)
	if diff := cmp.Diff(want, got); diff != "" || !got.ConsentedAt.After(c.ConsentedAt) {
		t.Error(diff)
	}
	if _, err := d.sites(got); err != nil {
		t.Error(err)
	}
}

// TestTheSameUserIsTheSameSubject: an email address is neither unique as it is
// masked nor unchangeable.
func TestTheSameUserIsTheSameSubject(t *testing.T) {
	email := "doors@harbour.example" // as SALTO returns it of every user
	anyEmail := regexp.MustCompile(`"email":"[^"]*"`)
	d := newHostVia(t, func(r *http.Request, send http.RoundTripper) (*http.Response, error) {
		resp, err := send.RoundTrip(r)
		if err == nil && strings.HasSuffix(r.URL.Path, "/me") {
			b, _ := io.ReadAll(resp.Body)
			b = anyEmail.ReplaceAll(b, []byte(`"email":"`+email+`"`))
			resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
		}
		return resp, err
	})
	c := d.connect()
	reconnect := func(choice saltokstest.ConsentChoice) (saltoauth.Connection, error) {
		l, err := d.auth.BeginReconnect(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		return d.auth.Reconnect(t.Context(), l, d.callback(l, choice))
	}
	_, err := reconnect(d.as("other@quay.example"))
	wrong, ok := errors.AsType[*saltoauth.WrongUserError](err)
	if !ok || wrong.Want != "d***@h***.example" || wrong.Got != wrong.Want {
		t.Errorf("another user with the same address: %v", err)
	}
	d.sim.Clock().Advance(2 * time.Hour) // needs the old refresh token
	if _, err := d.sites(c); err != nil {
		t.Errorf("the old tokens are gone: %v", err)
	}
	email = "new@elsewhere.example"
	after, err := reconnect(saltokstest.Allow())
	if err != nil || after.Subject != c.Subject || after.UserHint != "n***@e***.example" {
		t.Errorf("the same user with another address: %+v, %v", after, err)
	}
}

// TestFailedReconnect: the connection still works.
func TestFailedReconnect(t *testing.T) {
	d := newHost(t)
	c := d.connect()
	c, err := d.auth.LinkSite(t.Context(), c.ID, saltoks.SiteID(d.sim.World().Sites[0].ID))
	if err != nil {
		t.Fatal(err)
	}
	try := func(choice saltokstest.ConsentChoice) error {
		t.Helper()
		l, err := d.auth.BeginReconnect(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		v := d.callback(l, choice)
		_, err = d.auth.Reconnect(t.Context(), l, v)
		return err
	}
	err = try(d.as("other@quay.example"))
	wrong, ok := errors.AsType[*saltoauth.WrongUserError](err)
	if !ok || !errors.Is(err, saltoauth.ErrWrongUser) || wrong.Want != "d***@h***.example" || wrong.Got != "o***@q***.example" {
		t.Errorf("%v", err)
	}
	if strings.Contains(fmt.Sprint(err), "other@") || strings.Contains(fmt.Sprint(err), "doors@") {
		t.Errorf("not masked: %v", err)
	}
	if err := try(saltokstest.ConsentChoice{Deny: true}); !errors.Is(err, saltoauth.ErrConsentDenied) {
		t.Errorf("%v", err)
	}
	if err := try(saltokstest.ConsentChoice{FullAccess: true}); !errors.Is(err, saltoauth.ErrNoOfflineAccess) {
		t.Errorf("%v", err)
	}
	// A login of Begin cannot be finished with Reconnect, nor the reverse.
	l := d.begin()
	_, err = d.auth.Reconnect(t.Context(), l, d.callback(l, saltokstest.Allow()))
	if err == nil || !strings.Contains(err.Error(), "finish it with Complete") {
		t.Errorf("Reconnect with a login of Begin: %v", err)
	}
	l, _ = d.auth.BeginReconnect(t.Context(), c.ID)
	_, err = d.auth.Complete(t.Context(), l, d.callback(l, saltokstest.Allow()))
	if err == nil || !strings.Contains(err.Error(), "finish it with Reconnect") {
		t.Errorf("Complete with a login of BeginReconnect: %v", err)
	}
	after, err := d.auth.Connection(t.Context(), c.ID)
	if diff := cmp.Diff(c, after); diff != "" || err != nil {
		t.Error(diff, err)
	}
	d.sim.Clock().Advance(2 * time.Hour) // needs the old refresh token
	if _, err := d.sites(c); err != nil {
		t.Errorf("the old tokens are gone: %v", err)
	}
}
