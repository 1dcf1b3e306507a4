package saltoks

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/doorkit/doorkit/internal/hostcall"
	"github.com/doorkit/doorkit/saltoks/internal/baseurl"
	"github.com/doorkit/doorkit/saltoks/internal/faultlist"
	"github.com/doorkit/doorkit/saltoks/internal/httptransport"
	"github.com/doorkit/doorkit/saltoks/internal/keylock"
)

// Credentials is what SALTO's local business unit issues to an integration
// (WIRE.md 1.2; there is no self-service).
type Credentials struct {
	ClientID string
	// ClientSecret is empty for a public client, which is known by PKCE alone.
	ClientSecret Secret
	// RedirectURL is the registered callback, exactly as registered. PasswordSource needs none.
	RedirectURL string
	// SecretInBody sends the secret as a form field instead of HTTP Basic.
	SecretInBody bool
}

// Scopes of a consent (WIRE.md 1.2). A backend client may ask for the last
// alone: even "openid" is refused to it (measured).
const (
	scopeFull    = "user_api.full_access"
	scopeOffline = "offline_access"
)

// AuthOption changes how an Authorizer or a PasswordSource works.
type AuthOption func(*authConfig)

type authConfig struct {
	now       func() time.Time
	log       *slog.Logger
	transport http.RoundTripper
	warnAfter time.Duration
}

// AuthClock sets the clock; nil is time.Now.
func AuthClock(now func() time.Time) AuthOption {
	return func(c *authConfig) {
		if now != nil {
			c.now = now
		}
	}
}

// AuthLogger logs refreshes and their failures. No token, secret, code or
// query is ever logged. Nil logs nothing.
func AuthLogger(l *slog.Logger) AuthOption {
	return func(c *authConfig) {
		if l != nil {
			c.log = hostcall.Logger(l)
		}
	}
}

// AuthHTTPClient takes the Transport of hc (proxy, TLS roots, a simulator) for
// the identity server. Its timeout, redirect policy and cookies are not used:
// a token request is one request.
func AuthHTTPClient(hc *http.Client) AuthOption {
	return func(c *authConfig) {
		if hc != nil && hc.Transport != nil {
			c.transport = hc.Transport
		}
	}
}

// AuthWarnAfter sets the age of a consent from which Connection.Due says true;
// 75 days when it is not set. How long SALTO really lets a consent live is not
// published (WIRE.md 6, line 2).
func AuthWarnAfter(d time.Duration) AuthOption {
	return func(c *authConfig) {
		if d > 0 {
			c.warnAfter = d
		}
	}
}

func newAuthConfig(opts []AuthOption) authConfig {
	c := authConfig{now: time.Now, log: slog.New(slog.DiscardHandler), warnAfter: 75 * 24 * time.Hour}
	for _, o := range opts {
		if o != nil {
			o(&c)
		}
	}
	if c.transport == nil {
		c.transport = httptransport.Default() // no other part of the program shares its connections
	}
	return c
}

// identity speaks to one identity server: discovery, keys, tokens. It is safe
// for concurrent use.
type identity struct {
	authConfig
	env   Environment
	creds Credentials
	http  *http.Client

	fetching keylock.Locks
	mu       sync.Mutex
	meta     *metadata
	keys     keySet
}

// identityTimeout bounds one exchange with the identity server.
const identityTimeout = 15 * time.Second

func newIdentity(env Environment, c Credentials, opts []AuthOption) (*identity, error) {
	var faults []error
	if err := env.Validate(); err != nil {
		faults = append(faults, err)
	}
	if c.ClientID == "" {
		faults = append(faults, errors.New("saltoks: Credentials want the ClientID that SALTO issued"))
	}
	if err := faultlist.Join(faults); err != nil {
		return nil, err
	}
	cfg := newAuthConfig(opts)
	return &identity{authConfig: cfg, env: env, creds: c, http: &http.Client{
		Transport:     oneShot{cfg.transport},
		Timeout:       identityTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// oneShot uses each connection for one request: net/http then never replays
// one, and nothing idles for an hour until the next refresh.
type oneShot struct{ base http.RoundTripper }

func (o oneShot) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Close = true
	var resp *http.Response
	err := hostcall.Contain("the HTTP transport", func() (err error) { resp, err = o.base.RoundTrip(r); return err })
	return resp, err
}

// metadata is the part of the discovery document that is used.
type metadata struct {
	Issuer        string `json:"issuer"`
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	Keys          string `json:"jwks_uri"`
	Revocation    string `json:"revocation_endpoint"`

	readAt time.Time
}

// metadataAge is how long a discovery document is used before it is read
// again. An old one still serves while the server does not answer.
const metadataAge = 24 * time.Hour

func (id *identity) metadata(ctx context.Context) (*metadata, error) {
	cached := func() (*metadata, bool) {
		id.mu.Lock()
		defer id.mu.Unlock()
		return id.meta, id.meta != nil && id.now().Sub(id.meta.readAt).Abs() < metadataAge
	}
	if m, ok := cached(); ok {
		return m, nil
	}
	unlock, err := id.fetching.Lock(ctx, "metadata")
	if err != nil {
		return nil, err
	}
	defer unlock()
	old, ok := cached()
	if ok {
		return old, nil
	}
	m := &metadata{readAt: id.now()}
	err = id.getJSON(ctx, "discovery", strings.TrimSuffix(id.env.Issuer, "/")+"/.well-known/openid-configuration", m)
	if err == nil {
		err = m.check(id.env.Issuer)
	}
	if err != nil {
		if old != nil {
			id.log.LogAttrs(ctx, slog.LevelWarn, "identity server: discovery failed, the old document serves on", slog.String("error", err.Error()))
			return old, nil
		}
		return nil, err
	}
	id.mu.Lock()
	defer id.mu.Unlock()
	id.meta = m
	return m, nil
}

// check holds every endpoint to the issuer's own origin, so that a forged or
// broken document cannot send a code or a refresh token elsewhere.
func (m *metadata) check(issuer string) error {
	bad := func(what string) error { return &IdentityError{Op: "discovery", Status: 200, What: what} }
	if strings.TrimSuffix(m.Issuer, "/") != strings.TrimSuffix(issuer, "/") {
		return bad("the document names another issuer")
	}
	home, err := url.Parse(issuer)
	if err != nil {
		return bad("the issuer is no URL")
	}
	for _, e := range []struct {
		name, url string
		needed    bool
	}{
		{"authorization_endpoint", m.Authorization, true}, {"token_endpoint", m.Token, true},
		{"jwks_uri", m.Keys, true}, {"revocation_endpoint", m.Revocation, false},
	} {
		if e.url == "" {
			if e.needed {
				return bad("the document names no " + e.name)
			}
			continue
		}
		if _, err := baseurl.Parse(e.url); err != nil {
			return bad(e.name + " " + err.Error())
		}
		if u, _ := url.Parse(e.url); u.Scheme != home.Scheme || u.Host != home.Host {
			return bad(e.name + " is not on the issuer's host")
		}
	}
	return nil
}

func (id *identity) getJSON(ctx context.Context, op, u string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return &IdentityError{Op: op, What: "the address is no URL"}
	}
	req.Header.Set("Accept", "application/json")
	resp, err := id.http.Do(req)
	if err != nil {
		return identityError(op, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return identityError(op, err)
	}
	if resp.StatusCode != http.StatusOK {
		return &IdentityError{Op: op, Status: resp.StatusCode, What: "the answer was no document"}
	}
	if json.Unmarshal(body, into) != nil {
		return &IdentityError{Op: op, Status: resp.StatusCode, What: "the answer does not decode"}
	}
	return nil
}

// config is the protocol half of golang.org/x/oauth2. AuthStyle is explicit:
// left to detection, the library sends one refresh token twice when the first
// answer is an error, and the server takes the second for theft.
func (id *identity) config(m *metadata, scopes ...string) *oauth2.Config {
	style := oauth2.AuthStyleInHeader
	if id.creds.SecretInBody || id.creds.ClientSecret.IsZero() {
		style = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID:     id.creds.ClientID,
		ClientSecret: id.creds.ClientSecret.Reveal(),
		RedirectURL:  id.creds.RedirectURL,
		Scopes:       scopes,
		Endpoint:     oauth2.Endpoint{AuthURL: m.Authorization, TokenURL: m.Token, AuthStyle: style},
	}
}

// withHTTP hands the client to golang.org/x/oauth2, the way it wants it.
func (id *identity) withHTTP(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, id.http)
}

// refresh makes exactly one request to the token endpoint.
func (id *identity) refresh(ctx context.Context, refresh Secret) (tokenSet, error) {
	m, err := id.metadata(ctx)
	if err != nil {
		return tokenSet{}, err
	}
	at := id.now()
	// An access token that is empty forces one refresh; no source is kept.
	t, err := id.config(m).TokenSource(id.withHTTP(ctx), &oauth2.Token{RefreshToken: refresh.Reveal()}).Token()
	if err != nil {
		return tokenSet{}, grantError("refresh", err, at)
	}
	return newTokenSet(t, at), nil
}

// newTokenSet counts the expiry from before the request, on our clock.
func newTokenSet(t *oauth2.Token, at time.Time) tokenSet {
	set := tokenSet{
		Access:     docSecret{NewSecret(t.AccessToken)},
		Refresh:    docSecret{NewSecret(t.RefreshToken)},
		ObtainedAt: at.UTC(),
	}
	set.Scope, _ = t.Extra("scope").(string)
	if t.ExpiresIn > 0 {
		set.Expiry = set.ObtainedAt.Add(time.Duration(t.ExpiresIn) * time.Second)
	}
	return set
}

// revoke asks the server to forget a refresh token. ok is false when discovery
// names no endpoint for it.
func (id *identity) revoke(ctx context.Context, refresh Secret) (ok bool, err error) {
	m, err := id.metadata(ctx)
	if err != nil || m.Revocation == "" {
		return false, err
	}
	form := url.Values{"token": {refresh.Reveal()}, "token_type_hint": {"refresh_token"}}
	basic := !id.creds.SecretInBody && !id.creds.ClientSecret.IsZero()
	if !basic {
		form.Set("client_id", id.creds.ClientID)
		if s := id.creds.ClientSecret.Reveal(); s != "" {
			form.Set("client_secret", s)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.Revocation, strings.NewReader(form.Encode()))
	if err != nil {
		return false, &IdentityError{Op: "revocation", What: "the address is no URL"}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic {
		req.SetBasicAuth(url.QueryEscape(id.creds.ClientID), url.QueryEscape(id.creds.ClientSecret.Reveal()))
	}
	resp, err := id.http.Do(req)
	if err != nil {
		return true, identityError("revocation", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return true, &IdentityError{Op: "revocation", Status: resp.StatusCode, What: "refused"}
	}
	return true, nil
}
