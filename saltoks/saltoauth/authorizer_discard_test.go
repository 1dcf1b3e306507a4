package saltoauth_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// revoked returns the refresh tokens that SALTO was asked to revoke.
func (d *hostFixture) revoked() (tokens []string) {
	for _, q := range d.sim.Requests() {
		if q.Method == "POST" && strings.HasSuffix(q.Path, "/connect/revocation") {
			form, _ := url.ParseQuery(string(q.Body))
			tokens = append(tokens, form.Get("token"))
		}
	}
	return tokens
}

// TestARefusedConsentIsForgotten: a refresh token that was issued and is not stored is
// revoked at SALTO, whatever the result, unless its user is connected.
func TestARefusedConsentIsForgotten(t *testing.T) {
	reconnect := func(d *hostFixture, ctx context.Context, id, as string) error {
		l, err := d.auth.BeginReconnect(d.t.Context(), id)
		if err != nil {
			d.t.Fatal(err)
		}
		_, err = d.auth.Reconnect(ctx, l, d.callback(l, d.as(as)))
		return err
	}
	const me, other = "doors@harbour.example", "other@quay.example"
	for name, c := range map[string]struct {
		before  func(d *hostFixture)
		do      func(d *hostFixture, ctx context.Context, c saltoauth.Connection) error
		want    error
		revoked int
		takes   time.Duration // at most
	}{
		"another user": {want: saltoauth.ErrWrongUser, revoked: 1,
			do: func(d *hostFixture, ctx context.Context, c saltoauth.Connection) error {
				return reconnect(d, ctx, c.ID, other)
			}},
		"another user who is connected as well": {want: saltoauth.ErrWrongUser, revoked: 0,
			before: func(d *hostFixture) {
				l := d.begin()
				if _, err := d.auth.Complete(d.t.Context(), l, d.callback(l, d.as(other))); err != nil {
					d.t.Fatal(err)
				}
			},
			do: func(d *hostFixture, ctx context.Context, c saltoauth.Connection) error {
				return reconnect(d, ctx, c.ID, other)
			}},
		"the same user, and saving fails": {revoked: 0,
			before: func(d *hostFixture) { d.store.fail = "/connection/" },
			do: func(d *hostFixture, ctx context.Context, c saltoauth.Connection) error {
				return reconnect(d, ctx, c.ID, me)
			}},
		"a new user, and saving fails": {revoked: 1,
			before: func(d *hostFixture) { d.store.fail = "/connection/" },
			do: func(d *hostFixture, ctx context.Context, _ saltoauth.Connection) error {
				return d.complete(ctx, d.as(other))
			}},
		"without full access": {want: saltoauth.ErrNoFullAccess, revoked: 1,
			do: func(d *hostFixture, ctx context.Context, _ saltoauth.Connection) error {
				choice := d.as(other)
				choice.FullAccess = false
				return d.complete(ctx, choice)
			}},
		"without offline access": {want: saltoauth.ErrNoOfflineAccess, revoked: 0,
			do: func(d *hostFixture, ctx context.Context, _ saltoauth.Connection) error {
				choice := d.as(other)
				choice.OfflineAccess = false
				return d.complete(ctx, choice)
			}},
		"revoking fails": {want: saltoauth.ErrWrongUser, revoked: 1,
			before: func(d *hostFixture) { d.sim.Fault(saltokstest.HTTP500, saltokstest.On("/connect/revocation")) },
			do: func(d *hostFixture, ctx context.Context, c saltoauth.Connection) error {
				return reconnect(d, ctx, c.ID, other)
			}},
		"revoking hangs": {want: saltoauth.ErrWrongUser, revoked: 1, takes: 5 * time.Second,
			before: func(d *hostFixture) { d.sim.Fault(saltokstest.Hang, saltokstest.On("/connect/revocation")) },
			do: func(d *hostFixture, ctx context.Context, c saltoauth.Connection) error {
				return reconnect(d, ctx, c.ID, other)
			}},
		"revoking hangs longer than the caller waits": {want: saltoauth.ErrWrongUser, revoked: 1, takes: time.Second,
			before: func(d *hostFixture) { d.sim.Fault(saltokstest.Hang, saltokstest.On("/connect/revocation")) },
			do: func(d *hostFixture, ctx context.Context, c saltoauth.Connection) error {
				ctx, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()
				return reconnect(d, ctx, c.ID, other)
			}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newHost(t)
				conn := d.connect()
				if c.before != nil {
					c.before(d)
				}
				start := time.Now()
				err := c.do(d, t.Context(), conn)
				if err == nil || c.want != nil && !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
				if took := time.Since(start); took > c.takes {
					t.Errorf("it took %v", took)
				}
				d.store.fail = ""
				tokens := d.revoked()
				if len(tokens) != c.revoked {
					t.Fatalf("%d tokens revoked, want %d", len(tokens), c.revoked)
				}
				for _, token := range tokens {
					if token == "" || strings.Contains(d.log.String()+err.Error(), token) {
						t.Errorf("the token %q is in %v or %s", token, err, d.log.String())
					}
					if !strings.HasPrefix(name, "revoking") && d.takes(token) {
						t.Error("SALTO still takes it")
					}
				}
				time.Sleep(2 * time.Hour) // the connection needs its own refresh token
				if _, err := d.sites(conn); err != nil {
					t.Errorf("the connection does not work on: %v", err)
				}
			})
		})
	}
}

// takes reports whether SALTO accepts a refresh token.
func (d *hostFixture) takes(refresh string) bool {
	d.t.Helper()
	resp, err := d.sim.HTTPClient().PostForm(d.sim.Issuer()+"/connect/token", url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {d.sim.ClientID()}, "client_secret": {d.sim.ClientSecret()}})
	if err != nil {
		d.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// TestConsentUnderAWrongClock: with a clock that is an hour off, or returns the zero
// time, no user is connected; once it is correct, the same Authorizer connects.
func TestConsentUnderAWrongClock(t *testing.T) {
	for name, read := range map[string]func(time.Time) time.Time{
		"an hour ahead":  func(t time.Time) time.Time { return t.Add(time.Hour) },
		"an hour behind": func(t time.Time) time.Time { return t.Add(-time.Hour) },
		"zero":           func(time.Time) time.Time { return time.Time{} },
		"1970":           func(time.Time) time.Time { return time.Unix(60, 0) },
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newHost(t)
			wrong := true
			clock := func() time.Time {
				if wrong {
					return read(d.sim.Now())
				}
				return d.sim.Now()
			}
			var err error
			d.auth, err = saltoauth.NewAuthorizer(saltoauth.Config{
				Environment: d.env,
				Credentials: saltoauth.Credentials{ClientID: d.sim.ClientID(), ClientSecret: saltoks.NewSecret(d.sim.ClientSecret()),
					RedirectURL: d.sim.RedirectURI()},
				State:      d.state,
				HTTPClient: d.sim.HTTPClient(),
				Now:        clock,
			})
			if err != nil {
				t.Fatal(err)
			}
			l := d.begin()
			v := d.callback(l, saltokstest.Allow())
			if c, err := d.auth.Complete(t.Context(), l, v); err == nil || c != (saltoauth.Connection{}) ||
				!strings.Contains(err.Error(), "clock") || d.store.documents() != 0 {
				t.Errorf("%s: %+v, %v, %d documents", name, c, err, d.store.documents())
			}
			wrong = false
			if _, err := d.sites(d.connect()); err != nil {
				t.Errorf("%s: set right: %v", name, err)
			}
		})
	}
}

// complete logs in and answers the consent page.
func (d *hostFixture) complete(ctx context.Context, choice saltokstest.ConsentChoice) error {
	l := d.begin()
	_, err := d.auth.Complete(ctx, l, d.callback(l, choice))
	return err
}
