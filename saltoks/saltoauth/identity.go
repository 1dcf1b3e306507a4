package saltoauth

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"github.com/doorkit/doorkit/internal/hostcall"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/httptransport"
	"github.com/doorkit/doorkit/saltoks/internal/oidc"
)

// Scopes of a consent (WIRE.md 1.2). A backend client may request scopeFull only:
// even "openid" is refused to it.
const (
	scopeFull    = "user_api.full_access"
	scopeOffline = "offline_access"
)

// identity is a client of one identity server: discovery, keys, tokens. It is
// safe for concurrent use.
type identity struct {
	env       saltoks.Environment
	creds     Credentials
	transport http.RoundTripper
	log       *slog.Logger
	now       func() time.Time
	http      *http.Client
	oidc      *oidc.Server
}

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
		Timeout:       exchangeLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	id.oidc = &oidc.Server{Issuer: env.Issuer, ClientID: creds.ClientID, HTTP: id.http, Now: id.now, Log: id.log}
	return id
}

// oneShot uses each connection for one request: so net/http never replays a
// request, and no connection stays idle for an hour until the next refresh.
type oneShot struct{ base http.RoundTripper }

func (o oneShot) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Close = true
	var resp *http.Response
	err := hostcall.Contain("the HTTP transport", func() (err error) {
		resp, err = o.base.RoundTrip(r) //nolint:bodyclose // the caller closes it
		return err
	})
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

// loginPage returns the URL of SALTO's login page for a consent.
func (id *identity) loginPage(m *oidc.Metadata, state, nonce, verifier saltoks.Secret) saltoks.Secret {
	config := oauth2.Config{
		ClientID:    id.creds.ClientID,
		RedirectURL: id.creds.RedirectURL,
		Scopes:      []string{"openid", "profile", scopeOffline, scopeFull},
		Endpoint:    oauth2.Endpoint{AuthURL: m.AuthorizationEndpoint},
	}
	return saltoks.NewSecret(config.AuthCodeURL(state.Reveal(),
		oauth2.S256ChallengeOption(verifier.Reveal()), oauth2.SetAuthURLParam("nonce", nonce.Reveal())))
}
