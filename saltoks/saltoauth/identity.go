package saltoauth

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/doorkit/doorkit/internal/hostcall"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/httptransport"
	"github.com/doorkit/doorkit/saltoks/internal/oidc"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
)

// Scopes of a consent (WIRE.md 1.2). A backend client may ask for the last
// alone: even "openid" is refused to it (measured).
const (
	scopeFull    = "user_api.full_access"
	scopeOffline = "offline_access"
)

// identity speaks to one identity server: discovery, keys, tokens. It is safe
// for concurrent use.
type identity struct {
	env       saltoks.Environment
	creds     Credentials
	transport http.RoundTripper
	log       *slog.Logger
	now       func() time.Time
	http      *http.Client
	oidc      *oidc.Server
}

// identityTimeout bounds one exchange with the identity server.
const identityTimeout = 15 * time.Second

func newIdentity(env saltoks.Environment, creds Credentials, hc *http.Client, log *slog.Logger, now func() time.Time) *identity {
	id := &identity{env: env, creds: creds, log: hostcall.Logger(log), now: now}
	if hc != nil {
		id.transport = hc.Transport
	}
	if id.transport == nil {
		id.transport = httptransport.Default() // no other part of the program shares its connections
	}
	if id.log == nil {
		id.log = slog.New(slog.DiscardHandler)
	}
	if id.now == nil {
		id.now = time.Now
	}
	id.http = &http.Client{
		Transport:     oneShot{id.transport},
		Timeout:       identityTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	id.oidc = &oidc.Server{Issuer: env.Issuer, ClientID: creds.ClientID, HTTP: id.http, Now: id.now, Log: id.log}
	return id
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
