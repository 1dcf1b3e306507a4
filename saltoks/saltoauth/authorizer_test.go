package saltoauth_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestConsent(t *testing.T) {
	d := newHost(t)
	c := d.connect()
	u := d.sim.World().Users[0]
	now := d.sim.Now()
	if c.Subject != u.Subject || c.Environment != "simulator" || c.State != saltoauth.ConnectionActive ||
		c.UserHint != "d***@h***.example" || c.Site != "" {
		t.Errorf("%+v", c)
	}
	if age := now.Sub(c.ConsentedAt); age < 0 || age > time.Minute || c.ConnectedAt != c.ConsentedAt ||
		c.DueAt != c.ConsentedAt.Add(75*24*time.Hour) {
		t.Errorf("times: %+v", c)
	}
	if c.Due(now) || c.Due(c.DueAt.Add(-1)) || !c.Due(c.DueAt) || !c.Due(now.Add(75*24*time.Hour)) {
		t.Error("Due")
	}
	if (saltoauth.Connection{}).Due(now) {
		t.Error("the zero Connection is due")
	}
	again, err := d.auth.Connection(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, again); diff != "" {
		t.Error(diff)
	}
	names, err := d.sites(c)
	if diff := cmp.Diff([]string{"Harbour House"}, names); diff != "" || err != nil {
		t.Error(diff, err)
	}
	tok, err := d.auth.Tokens(c).Token(t.Context())
	if err != nil || tok.Subject != u.Subject || tok.Expiry.IsZero() {
		t.Errorf("%v, %v", tok, err)
	}
}

// TestFailedConsent: each failure has its own error, and nothing is stored.
func TestFailedConsent(t *testing.T) {
	allow := saltokstest.Allow()
	for name, c := range map[string]struct {
		want   error
		choice saltokstest.ConsentChoice
		change func(d *hostFixture, l *saltoauth.Login, v url.Values)
	}{
		"denied":            {saltoauth.ErrConsentDenied, saltokstest.ConsentChoice{Deny: true}, nil},
		"no offline access": {saltoauth.ErrNoOfflineAccess, saltokstest.ConsentChoice{FullAccess: true}, nil},
		"no full access":    {saltoauth.ErrNoFullAccess, saltokstest.ConsentChoice{OfflineAccess: true}, nil},
		"no box":            {saltoauth.ErrNoFullAccess, saltokstest.ConsentChoice{}, nil},
		"other state": {saltoauth.ErrStateMismatch, allow, func(_ *hostFixture, _ *saltoauth.Login,
			v url.Values) {
			v.Set("state", "planted")
		}},
		"no state": {saltoauth.ErrStateMismatch, allow, func(_ *hostFixture, _ *saltoauth.Login, v url.Values) { v.Del("state") }},
		"no query": {saltoauth.ErrStateMismatch, allow, func(_ *hostFixture, _ *saltoauth.Login, v url.Values) { clear(v) }},
		"no code":  {saltoauth.ErrStateMismatch, allow, func(_ *hostFixture, _ *saltoauth.Login, v url.Values) { v.Del("code") }},
		"other issuer": {saltoauth.ErrStateMismatch, allow, func(_ *hostFixture, _ *saltoauth.Login,
			v url.Values) {
			v.Set("iss", "https://evil.example")
		}},
		"zero login": {saltoauth.ErrStateMismatch, allow, func(_ *hostFixture, l *saltoauth.Login,
			v url.Values) {
			*l = saltoauth.Login{}
			v.Del("state")
		}},
		"another login": {saltoauth.ErrStateMismatch, allow, func(d *hostFixture, l *saltoauth.Login, _ url.Values) { *l = d.begin() }},
		"too late": {saltoauth.ErrLoginExpired, allow, func(d *hostFixture, _ *saltoauth.Login,
			_ url.Values) {
			d.sim.Clock().Advance(10 * time.Minute)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newHost(t)
			l := d.begin()
			v := d.callback(l, c.choice)
			if c.change != nil {
				c.change(d, &l, v)
			}
			conn, err := d.auth.Complete(t.Context(), l, v)
			if !errors.Is(err, c.want) || conn != (saltoauth.Connection{}) {
				t.Errorf("%+v, %v; want %v", conn, err, c.want)
			}
			if n := d.store.documents(); n != 0 {
				t.Errorf("%d documents are stored", n)
			}
			if strings.Contains(fmt.Sprint(err)+d.log.String(), "planted") {
				t.Errorf("a secret is shown: %v\n%s", err, d.log.String())
			}
		})
	}
}

func TestCodeOfAnotherLoginIsRefused(t *testing.T) {
	d := newHost(t)
	mine, theirs := d.begin(), d.begin()
	v := d.callback(mine, saltokstest.Allow())
	v.Set("code", d.callback(theirs, saltokstest.Allow()).Get("code")) // injected: PKCE stops it
	_, err := d.auth.Complete(t.Context(), mine, v)
	if e, ok := errors.AsType[*saltoauth.IdentityError](err); !ok || e.Code != "invalid_grant" || d.store.documents() != 0 {
		t.Errorf("%v", err)
	}
}

func TestLoginIsTakenOnce(t *testing.T) {
	d := newHost(t)
	l := d.begin()
	v := d.callback(l, saltokstest.Allow())
	c, err := d.auth.Complete(t.Context(), l, v)
	if err != nil {
		t.Fatal(err)
	}
	before := d.tokenRequests()
	if _, err := d.auth.Complete(t.Context(), l, v); !errors.Is(err, saltoauth.ErrLoginExpired) {
		t.Errorf("%v", err)
	}
	if d.tokenRequests() != before {
		t.Error("the code was sent twice; SALTO would end the connection")
	}
	if _, err := d.sites(c); err != nil {
		t.Error(err)
	}
}

func TestStoreFailureLeavesNothing(t *testing.T) {
	for _, part := range []string{"/connection/", "/owner/"} {
		d := newHost(t)
		l := d.begin()
		v := d.callback(l, saltokstest.Allow())
		d.store.fail = part
		if _, err := d.auth.Complete(t.Context(), l, v); err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Errorf("%v", err)
		}
		if d.store.documents() != 0 {
			t.Errorf("%d documents are stored", d.store.documents())
		}
	}
}

func TestBadAuthorizer(t *testing.T) {
	_, err := saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: saltoks.Environment{Name: "x", Issuer: "http://identity.example", API: "https://user:planted@api.example"},
		Credentials: saltoauth.Credentials{RedirectURL: "http://app.example/cb"},
	})
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{"Issuer", "API", "ClientID", "RedirectURL", "State"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "planted") {
		t.Errorf("a password is shown: %v", err)
	}
}

// An error that SALTO sends back ends the consent. Its code is in the error, unless the
// text is no code.
func TestConsentThatSALTOEnds(t *testing.T) {
	for code, want := range map[string]string{"login_required": "login_required", "planted text": ""} {
		d := newHost(t)
		l := d.begin()
		v := d.callback(l, saltokstest.Allow())
		v.Set("error", code)
		_, err := d.auth.Complete(t.Context(), l, v)
		e, ok := errors.AsType[*saltoauth.IdentityError](err)
		if !ok || e.Op != "consent" || e.Code != want || errors.Is(err, saltoauth.ErrConsentDenied) || strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: %v", code, err)
		}
		if d.tokenRequests() != 0 || d.store.documents() != 0 {
			t.Errorf("%s: %d token requests, %d documents", code, d.tokenRequests(), d.store.documents())
		}
	}
}

// A slash at the end of an issuer is no difference, in the configuration and in the
// callback.
func TestIssuerWithASlash(t *testing.T) {
	for _, slash := range []string{"", "/"} {
		for _, back := range []string{"", "/"} {
			d := newHost(t)
			d.env.Issuer += slash
			d.restart()
			l := d.begin()
			v := d.callback(l, saltokstest.Allow())
			v.Set("iss", d.sim.Issuer()+back)
			if _, err := d.auth.Complete(t.Context(), l, v); err != nil {
				t.Errorf("configured with %q, called back with %q: %v", slash, back, err)
			}
		}
	}
}

// A consent does not fail because SALTO does not return the email of its user. The log
// names the reason.
func TestConsentWithoutAnEmail(t *testing.T) {
	d := newHostVia(t, func(r *http.Request, send http.RoundTripper) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/me") {
			return faulttest.Reply(403, ""), nil
		}
		return send.RoundTrip(r)
	})
	c := d.connect()
	if c.UserHint != "" || c.Subject != d.sim.World().Users[0].Subject {
		t.Errorf("%+v", c)
	}
	if !strings.Contains(d.log.String(), "the email of the connected user could not be read") {
		t.Errorf("the log: %s", d.log.String())
	}
}
