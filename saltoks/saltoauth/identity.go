package saltoauth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/doorkit/doorkit/internal/hostcall"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faultlist"
	"github.com/doorkit/doorkit/saltoks/internal/httptransport"
	"github.com/doorkit/doorkit/saltoks/internal/oidc"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
)

// Credentials is what SALTO's local business unit issues to an integration
// (WIRE.md 1.2; there is no self-service).
type Credentials struct {
	ClientID string
	// ClientSecret is empty for a public client, which is known by PKCE alone.
	ClientSecret saltoks.Secret
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
	env   saltoks.Environment
	creds Credentials
	http  *http.Client
	oidc  *oidc.Server
}

// identityTimeout bounds one exchange with the identity server.
const identityTimeout = 15 * time.Second

func newIdentity(env saltoks.Environment, c Credentials, opts []AuthOption) (*identity, error) {
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
	hc := &http.Client{
		Transport:     oneShot{cfg.transport},
		Timeout:       identityTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	server := &oidc.Server{Issuer: env.Issuer, ClientID: c.ClientID, HTTP: hc, Now: cfg.now, Log: cfg.log}
	return &identity{authConfig: cfg, env: env, creds: c, http: hc, oidc: server}, nil
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

func (id *identity) metadata(ctx context.Context) (*oidc.Metadata, error) {
	m, err := id.oidc.Metadata(ctx)
	return m, typed(err)
}

// verifyIDToken is oidc.Server.VerifyIDToken with this package's errors.
func (id *identity) verifyIDToken(ctx context.Context, raw, nonce, access saltoks.Secret) (oidc.Claims, error) {
	c, err := id.oidc.VerifyIDToken(ctx, raw.Reveal(), nonce.Reveal(), access.Reveal())
	return c, typed(err)
}

// verifyAccessToken is oidc.Server.VerifyAccessToken with this package's errors.
func (id *identity) verifyAccessToken(ctx context.Context, raw saltoks.Secret) (oidc.Claims, error) {
	c, err := id.oidc.VerifyAccessToken(ctx, raw.Reveal())
	return c, typed(err)
}

// config is the protocol half of golang.org/x/oauth2. AuthStyle is explicit:
// left to detection, the library sends one refresh token twice when the first
// answer is an error, and the server takes the second for theft.
func (id *identity) config(m *oidc.Metadata, scopes ...string) *oauth2.Config {
	style := oauth2.AuthStyleInHeader
	if id.creds.SecretInBody || id.creds.ClientSecret.IsZero() {
		style = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID:     id.creds.ClientID,
		ClientSecret: id.creds.ClientSecret.Reveal(),
		RedirectURL:  id.creds.RedirectURL,
		Scopes:       scopes,
		Endpoint:     oauth2.Endpoint{AuthURL: m.AuthorizationEndpoint, TokenURL: m.TokenEndpoint, AuthStyle: style},
	}
}

// withHTTP hands the client to golang.org/x/oauth2, the way it wants it.
func (id *identity) withHTTP(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, id.http)
}

// refresh makes exactly one request to the token endpoint.
func (id *identity) refresh(ctx context.Context, refresh saltoks.Secret) (tokenSet, error) {
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
		Access:     storedsecret.New(saltoks.NewSecret(t.AccessToken)),
		Refresh:    storedsecret.New(saltoks.NewSecret(t.RefreshToken)),
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
func (id *identity) revoke(ctx context.Context, refresh saltoks.Secret) (ok bool, err error) {
	m, err := id.metadata(ctx)
	if err != nil || m.RevocationEndpoint == "" {
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
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.RevocationEndpoint, strings.NewReader(form.Encode()))
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
