package saltoauth_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// TestOddAnswersKeepTheirRefreshToken: the server rotated, so the token in its
// answer is the only one it accepts from now on, however odd the other fields are.
func TestOddAnswersKeepTheirRefreshToken(t *testing.T) {
	field := func(name, value string) []saltokstest.FaultOption {
		return []saltokstest.FaultOption{saltokstest.Field(name, value)}
	}
	for name, c := range map[string]struct {
		fault   string
		options []saltokstest.FaultOption
		fails   bool // there is no access token: the next call has one
	}{
		"expires_in 3600.0":     {options: field("expires_in", "3600.0")},
		"expires_in 3599.72":    {options: field("expires_in", "3599.72")},
		"expires_in 3.6e3":      {options: field("expires_in", "3.6e3")},
		"expires_in empty text": {options: field("expires_in", `""`)},
		"expires_in text":       {options: field("expires_in", `"3600"`)},
		"expires_in a word":     {options: field("expires_in", `"soon"`)},
		"expires_in null":       {options: field("expires_in", "null")},
		"expires_in a list":     {options: field("expires_in", "[3600]")},
		"expires_in negative":   {options: field("expires_in", "-1")},
		"expires_in huge":       {options: field("expires_in", "1e300")},
		"expires_in missing":    {options: []saltokstest.FaultOption{saltokstest.WithoutField("expires_in")}},
		"error 0":               {options: field("error", "0")},
		"error null":            {options: field("error", "null")},
		"error empty text":      {options: field("error", `""`)},
		"error an object":       {options: field("error", "{}")},
		"error false":           {options: field("error", "false")},
		"scope a list":          {options: field("scope", `["user_api.full_access"]`)},
		"token_type a number":   {options: field("token_type", "7")},
		"id_token a word":       {options: field("id_token", `"word"`)},
		"access_token missing":  {options: []saltokstest.FaultOption{saltokstest.WithoutField("access_token")}, fails: true},
		"access_token a number": {options: field("access_token", "7"), fails: true},
		"text/plain":            {options: []saltokstest.FaultOption{saltokstest.ContentType("text/plain")}},
		"text/html":             {options: []saltokstest.FaultOption{saltokstest.ContentType("text/html; charset=utf-8")}},
		"a form's type":         {options: []saltokstest.FaultOption{saltokstest.ContentType("application/x-www-form-urlencoded")}},
		"no content type":       {options: []saltokstest.FaultOption{saltokstest.ContentType("")}},
		"201":                   {options: []saltokstest.FaultOption{saltokstest.Status(201)}},
		"a byte order mark":     {fault: saltokstest.ByteOrderMark},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *hostFixture, conn saltoauth.Connection, client *saltoks.Client) {
				if c.fault == "" {
					c.fault = saltokstest.RewriteAnswer
				}
				d.sim.Fault(c.fault, append(c.options, saltokstest.On("/connect/token"))...)
				later(2 * time.Hour)
				if _, err := client.Me.Get(t.Context()); (err != nil) != c.fails || errors.Is(err, saltoks.ErrReauthorize) {
					t.Fatalf("the odd answer: %v", err)
				}
				for range 3 {
					if later(2 * time.Hour); c.fails {
						later(time.Minute)
					}
					if _, err := client.Me.Get(t.Context()); err != nil {
						t.Fatalf("later: %v", err)
					}
				}
				if n := d.tokenRequests(); n != 4 {
					t.Errorf("%d refreshes, want 4", n)
				}
			})
		})
	}
}

// TestTheTokenEndpointMoves: a refresh finds the new endpoint without a restart.
func TestTheTokenEndpointMoves(t *testing.T) {
	for name, options := range map[string][]saltokstest.FaultOption{
		"404": nil, "405": {saltokstest.Status(405)},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *hostFixture, conn saltoauth.Connection, client *saltoks.Client) {
				for range 2 { // it moves again: the document was read a moment ago
					later(2 * time.Hour)
					d.sim.Fault(saltokstest.TokenEndpointMoved, options...)
					if _, err := client.Me.Get(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				s, err := d.auth.Status(t.Context(), conn.ID)
				if err != nil || s.FailedRefreshes != 0 {
					t.Errorf("%+v, %v", s, err)
				}
				if l := d.begin(); d.callback(l, saltokstest.Allow()).Get("code") == "" { // the rest of the document holds
					t.Error("no code")
				}
			})
		})
	}
}

// TestIdentityOutageIsNoMove: a server that answers 404 on every path gets one request
// per pause, and the known document is used when it is back.
func TestIdentityOutageIsNoMove(t *testing.T) {
	inBubble(t, func(t *testing.T, d *hostFixture, conn saltoauth.Connection, client *saltoks.Client) {
		later(2 * time.Hour)
		d.sim.Fault(saltokstest.IdentityOutage, saltokstest.Count(5)) // token, discovery; discovery, token, discovery
		for range 2 {
			if _, err := client.Me.Get(t.Context()); err == nil {
				t.Error("works")
			}
			later(10 * time.Second)
		}
		if n := len(d.sim.Requests()); n != 5 || d.tokenRequests() != 2 {
			t.Errorf("%d requests, %d of them for a token", n, d.tokenRequests())
		}
		if _, err := client.Me.Get(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestInvalidClient: a client secret that SALTO changed is neither an outage nor a
// reason to consent again, for any of the three kinds of token request.
func TestInvalidClient(t *testing.T) {
	inBubble(t, func(t *testing.T, d *hostFixture, conn saltoauth.Connection, client *saltoks.Client) {
		l := d.begin()
		v := d.callback(l, d.as("other@quay.example"))
		source, err := saltoauth.PasswordSource(d.passwordConfig(saltoauth.FixedPassword(saltoks.NewSecret(d.sim.World().Users[0].Password))))
		if err != nil {
			t.Fatal(err)
		}
		later(5 * time.Minute)
		d.sim.Fault(saltokstest.ClientSecretChanged)
		_, completing := d.auth.Complete(t.Context(), l, v)
		_, granting := source.Token(t.Context())
		later(2 * time.Hour)
		_, first := client.Me.Get(t.Context())
		_, paused := client.Me.Get(t.Context())
		other, err := saltoauth.NewAuthorizer(d.config())
		if err != nil {
			t.Fatal(err)
		}
		_, elsewhere := other.Tokens(conn).Token(t.Context())
		for name, err := range map[string]error{
			"Complete": completing, "PasswordSource": granting, "refresh": first, "refresh, in its pause": paused, "another process": elsewhere,
		} {
			e, ok := errors.AsType[*saltoauth.IdentityError](err)
			if !errors.Is(err, saltoauth.ErrInvalidClient) || errors.Is(err, saltoks.ErrReauthorize) || !ok || e.Temporary() {
				t.Errorf("%s: %v", name, err)
			}
		}
		s, err := d.auth.Status(t.Context(), conn.ID)
		if err != nil || !s.InvalidClient || s.State != saltoauth.ConnectionActive ||
			!strings.Contains(s.Summary(d.sim.Now()), "client id and secret") {
			t.Errorf("%+v, %v, %s", s, err, s.Summary(d.sim.Now()))
		}
	})
}

// TestRefreshOfAnotherUser: an answer with another user's ID token is not kept.
func TestRefreshOfAnotherUser(t *testing.T) {
	for _, who := range []string{"other@quay.example", ""} { // "": an unknown user
		inBubble(t, func(t *testing.T, d *hostFixture, conn saltoauth.Connection, client *saltoks.Client) {
			ts := d.auth.Tokens(conn)
			mine, err := ts.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			d.sim.Fault(saltokstest.WrongIDToken, saltokstest.Target(who))
			later(55 * time.Minute)
			if got, err := ts.Token(t.Context()); err != nil || !got.Access.Equal(mine.Access) {
				t.Errorf("the token that is still valid: %v, %v", got, err)
			}
			later(6 * time.Minute)
			d.sim.Fault(saltokstest.WrongIDToken, saltokstest.Target(who))
			if got, err := ts.Token(t.Context()); err == nil {
				t.Errorf("the token of another user is handed out: %v", got)
			}
			if !strings.Contains(d.log.String(), "another SALTO user") {
				t.Errorf("the log does not name the cause:\n%s", d.log.String())
			}
		})
	}
}

// TestPublicClient: a client without a secret connects by PKCE, refreshes and
// disconnects. It cannot use the password grant.
func TestPublicClient(t *testing.T) {
	w := twoUsers()
	w.PublicClient, w.ClientSecret = true, ""
	d := newHostOf(t, saltokstest.Config{World: w})
	if d.creds().ClientSecret.Reveal() != "" {
		t.Fatal("the simulator has a secret")
	}
	c := d.connect()
	for range 3 {
		d.sim.Clock().Advance(2 * time.Hour)
		if _, err := d.sites(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.reconnect(c); err != nil {
		t.Error(err)
	}
	for _, r := range d.sim.Requests() {
		if r.Method == "POST" && strings.HasPrefix(r.Path, "/connect/") {
			form, _ := url.ParseQuery(string(r.Body))
			if r.Header.Get("Authorization") != "" || form.Has("client_secret") || r.Path == "/connect/token" &&
				form.Get("client_id") != d.sim.ClientID() {
				t.Errorf("%s: %v", r.Path, form)
			}
		}
	}
	if done, err := d.auth.Disconnect(t.Context(), c.ID, saltoauth.AcknowledgeDisconnect); err != nil || !done.Revoked {
		t.Errorf("%+v, %v", done, err)
	}
	source, err := saltoauth.PasswordSource(d.passwordConfig(saltoauth.FixedPassword(saltoks.NewSecret("planted"))))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := source.Token(t.Context()); !errors.Is(err, saltoauth.ErrInvalidClient) || !strings.Contains(err.Error(), "does not permit") {
		t.Errorf("%v", err)
	}
}
