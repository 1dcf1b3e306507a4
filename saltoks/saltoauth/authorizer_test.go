package saltoauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestConsent(t *testing.T) {
	d := newDesk(t)
	c := d.connect()
	u := d.sim.World().Users[0]
	now := d.sim.Now()
	if c.Subject != u.Subject || c.Environment != "simulator" || c.State != saltoauth.ConnectionActive || c.UserHint != "d***@h***.example" || c.Site != "" {
		t.Errorf("%+v", c)
	}
	if age := now.Sub(c.ConsentedAt); age < 0 || age > time.Minute || c.ConnectedAt != c.ConsentedAt || c.DueAt != c.ConsentedAt.Add(75*24*time.Hour) {
		t.Errorf("times: %+v", c)
	}
	if c.Due(now) || !c.Due(now.Add(75*24*time.Hour)) {
		t.Error("Due")
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

// TestConsentGoneWrong: each way has its own error, and leaves nothing.
func TestConsentGoneWrong(t *testing.T) {
	allow := saltokstest.Allow()
	for name, c := range map[string]struct {
		want   error
		choice saltokstest.ConsentChoice
		bend   func(d *desk, l *saltoauth.Login, v url.Values)
	}{
		"denied":            {saltoauth.ErrConsentDenied, saltokstest.ConsentChoice{Deny: true}, nil},
		"no offline access": {saltoauth.ErrNoOfflineAccess, saltokstest.ConsentChoice{FullAccess: true}, nil},
		"no full access":    {saltoauth.ErrNoFullAccess, saltokstest.ConsentChoice{OfflineAccess: true}, nil},
		"no box":            {saltoauth.ErrNoFullAccess, saltokstest.ConsentChoice{}, nil},
		"other state":       {saltoauth.ErrStateMismatch, allow, func(_ *desk, _ *saltoauth.Login, v url.Values) { v.Set("state", "planted") }},
		"no state":          {saltoauth.ErrStateMismatch, allow, func(_ *desk, _ *saltoauth.Login, v url.Values) { v.Del("state") }},
		"no query":          {saltoauth.ErrStateMismatch, allow, func(_ *desk, _ *saltoauth.Login, v url.Values) { clear(v) }},
		"no code":           {saltoauth.ErrStateMismatch, allow, func(_ *desk, _ *saltoauth.Login, v url.Values) { v.Del("code") }},
		"other issuer":      {saltoauth.ErrStateMismatch, allow, func(_ *desk, _ *saltoauth.Login, v url.Values) { v.Set("iss", "https://evil.example") }},
		"zero login":        {saltoauth.ErrStateMismatch, allow, func(_ *desk, l *saltoauth.Login, v url.Values) { *l = saltoauth.Login{}; v.Del("state") }},
		"another login":     {saltoauth.ErrStateMismatch, allow, func(d *desk, l *saltoauth.Login, _ url.Values) { *l = d.begin() }},
		"too late":          {saltoauth.ErrLoginExpired, allow, func(d *desk, _ *saltoauth.Login, _ url.Values) { d.sim.Clock().Advance(10 * time.Minute) }},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			l := d.begin()
			v := d.callback(l, c.choice)
			if c.bend != nil {
				c.bend(d, &l, v)
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
	d := newDesk(t)
	mine, theirs := d.begin(), d.begin()
	v := d.callback(mine, saltokstest.Allow())
	v.Set("code", d.callback(theirs, saltokstest.Allow()).Get("code")) // injected: PKCE stops it
	_, err := d.auth.Complete(t.Context(), mine, v)
	if e, ok := errors.AsType[*saltoauth.IdentityError](err); !ok || e.Code != "invalid_grant" || d.store.documents() != 0 {
		t.Errorf("%v", err)
	}
}

func TestLoginIsTakenOnce(t *testing.T) {
	d := newDesk(t)
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
		d := newDesk(t)
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

func TestLinkSite(t *testing.T) {
	d := newDesk(t)
	c := d.connect()
	w := d.sim.World()
	home, mole := w.Sites[0], w.Sites[1]
	if _, err := d.auth.LinkSite(t.Context(), c.ID, saltoks.SiteID(mole.ID)); !errors.Is(err, saltoauth.ErrSiteNotVisible) {
		t.Errorf("another one's site: %v", err)
	}
	if _, err := d.auth.LinkSite(t.Context(), c.ID, ""); !errors.Is(err, saltoauth.ErrSiteNotVisible) {
		t.Errorf("no site: %v", err)
	}
	if _, err := d.auth.LinkSite(t.Context(), "con-unknown", saltoks.SiteID(home.ID)); !errors.Is(err, saltoauth.ErrNotConnected) {
		t.Errorf("no connection: %v", err)
	}
	for _, id := range []string{home.ID, home.UID, strings.ToLower(home.UID)} {
		got, err := d.auth.LinkSite(t.Context(), c.ID, saltoks.SiteID(id))
		if err != nil || got.Site != saltoks.SiteID(home.ID) {
			t.Errorf("%s: %+v, %v", id, got, err)
		}
	}
	s, err := d.auth.Status(t.Context(), c.ID)
	if err != nil || s.Summary(d.sim.Now()) != "Connected. Site linked." {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestStatusTellsWhatIsWrong walks through the life of a consent.
func TestStatusTellsWhatIsWrong(t *testing.T) {
	d := newDesk(t)
	c := d.connect()
	summary := func(want string) {
		t.Helper()
		s, err := d.auth.Status(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Summary(d.sim.Now()); !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	summary("Choose the site")
	d.sim.Clock().Advance(76 * 24 * time.Hour)
	summary("reconnect soon")
	d.sim.Fault(saltokstest.IdentityOutage)
	if _, err := d.sites(c); err == nil {
		t.Error("works without an identity server")
	} else if e, ok := errors.AsType[*saltoauth.IdentityError](err); !ok || !e.Temporary() {
		t.Errorf("%v", err)
	}
	summary("does not answer")
	d.sim.ClearFaults()
	d.sim.Clock().Advance(time.Minute)
	if _, err := d.sites(c); err != nil {
		t.Error(err)
	}
	summary("reconnect soon")
	d.sim.Clock().Advance(15 * 24 * time.Hour) // day 91
	if _, err := d.sites(c); !errors.Is(err, saltoks.ErrReauthorize) {
		t.Errorf("day 91: %v", err)
	}
	summary("no longer accepts")
}

func TestDisconnect(t *testing.T) {
	d := newDesk(t)
	c := d.connect()
	if _, err := d.auth.Disconnect(t.Context(), c.ID, ""); !errors.Is(err, saltoauth.ErrNotAcknowledged) {
		t.Errorf("%v", err)
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

	// Without an identity server the connection still goes, and it is told.
	c = d.connect()
	d.sim.Fault(saltokstest.IdentityOutage)
	done, err = d.auth.Disconnect(t.Context(), c.ID, saltoauth.AcknowledgeDisconnect)
	if err != nil || done.Revoked || done.RevokeErr == nil || d.store.documents() != 0 {
		t.Errorf("%+v, %v, %d documents", done, err, d.store.documents())
	}
}

// TestForgetAfterABrokenDisconnect: the store fails, or the process dies, between
// the connection and the note of it. Nothing is connected, so all can go.
func TestForgetAfterABrokenDisconnect(t *testing.T) {
	d := newDesk(t)
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

func TestPasswordSource(t *testing.T) {
	d := newDesk(t)
	u := d.sim.World().Users[0]
	asked := 0
	password := u.Password
	ts, err := saltoauth.PasswordSource(d.passwordConfig(func(context.Context) (saltoks.Secret, error) {
		asked++
		return saltoks.NewSecret(password), nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	first, err := ts.Token(t.Context())
	if err != nil || first.Subject != u.Subject {
		t.Fatalf("%v, %v", first, err)
	}
	for range 5 {
		if again, err := ts.Token(t.Context()); err != nil || !again.Access.Equal(first.Access) {
			t.Errorf("%v, %v", again, err)
		}
	}
	d.sim.Clock().Advance(2 * time.Hour)
	if second, err := ts.Token(t.Context()); err != nil || second.Access.Equal(first.Access) {
		t.Errorf("%v, %v", second, err)
	}
	if asked != 2 || d.tokenRequests() != 2 {
		t.Errorf("asked %d times, %d requests", asked, d.tokenRequests())
	}
	// A wrong password is asked once per pause, so that no account is locked.
	password = "planted-wrong-password"
	d.sim.Clock().Advance(2 * time.Hour)
	for range 10 {
		_, err := ts.Token(t.Context())
		if !errors.Is(err, saltoks.ErrReauthorize) || strings.Contains(err.Error(), "planted") {
			t.Errorf("%v", err)
		}
	}
	if d.tokenRequests() != 3 {
		t.Errorf("%d requests", d.tokenRequests())
	}
	password = u.Password
	d.sim.Clock().Advance(5 * time.Second)
	if _, err := ts.Token(t.Context()); err != nil {
		t.Error(err)
	}
	if d.store.documents() != 0 || strings.Contains(d.log.String(), "planted") {
		t.Errorf("%d documents; log:\n%s", d.store.documents(), d.log.String())
	}
	_, err = saltoauth.PasswordSource(saltoauth.PasswordConfig{
		Environment: saltoks.Environment{},
		Credentials: saltoauth.Credentials{},
	})
	for _, want := range []string{"Environment.Name", "Environment.Issuer", "Environment.API", "Credentials.ClientID", "PasswordConfig.User", "PasswordConfig.Password"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named: %v", want, err)
		}
	}
}
