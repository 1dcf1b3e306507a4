package saltoauth

import (
	"context"
	"io"
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
	trace     func(context.Context) (context.Context, func(error)) // Config.TraceRefresh
}

func newIdentity(env saltoks.Environment, creds Credentials, hc *http.Client, log *slog.Logger, now func() time.Time) *identity {
	id := &identity{env: env, creds: creds, log: hostcall.Logger(log), now: now}
	if hc != nil {
		id.transport = hc.Transport
	}
	if id.transport == nil {
		id.transport = httptransport.Default() // no other part of the program shares its connections
	}
	if id.now == nil {
		id.now = time.Now
	}
	id.http = &http.Client{
		Transport:     oneShot{id.transport},
		Timeout:       exchangeLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	id.oidc = &oidc.Server{Issuer: env.Issuer, ClientID: creds.ClientID, Get: id.get, Now: id.now, Log: id.log}
	return id
}

// traceRefresh begins what Config.TraceRefresh measures. The caller calls end.
func (id *identity) traceRefresh(ctx context.Context) (traced context.Context, end func(error)) {
	if id.trace == nil {
		return ctx, func(error) {}
	}
	return hostcall.Trace(ctx, "Config.TraceRefresh", id.trace, func(err error) {
		id.log.LogAttrs(ctx, slog.LevelError, "TraceRefresh panicked", slog.String("error", err.Error()))
	})
}

// oneShot uses each connection for one request: so net/http never replays a
// request, and no connection stays idle for an hour until the next refresh.
type oneShot struct{ base http.RoundTripper }

func (o oneShot) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Close = true
	return hostcall.Get("the HTTP transport", func() (*http.Response, error) { return o.base.RoundTrip(r) })
}

// get reads a document of the server and passes it to parse, whose error is the
// fault of the document.
func (id *identity) get(ctx context.Context, op, address string, parse func(body []byte) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return &IdentityError{Op: op, URL: address, What: "the address is not a URL"}
	}
	req.Header.Set("Accept", "application/json")
	const issuer = ": check Environment.Issuer and the network"
	resp, err := id.http.Do(req)
	if err != nil {
		e := networkError(op, address, err)
		e.What += issuer
		return e
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return networkError(op, address, err)
	}
	e := &IdentityError{Op: op, URL: address, Status: resp.StatusCode, What: "the answer is not a document" + issuer}
	if e.Status == http.StatusOK {
		if err = parse(body); err == nil {
			return nil
		}
		e.What = err.Error()
	}
	return e
}

// loginPage returns the URL of SALTO's login page for a consent.
func (id *identity) loginPage(m *oidc.Metadata, p pendingLogin) saltoks.Secret {
	config := oauth2.Config{
		ClientID:    id.creds.ClientID,
		RedirectURL: id.creds.RedirectURL,
		Scopes:      []string{"openid", "profile", scopeOffline, scopeFull},
		Endpoint:    oauth2.Endpoint{AuthURL: m.AuthorizationEndpoint},
	}
	return saltoks.NewSecret(config.AuthCodeURL(p.State.Reveal(),
		oauth2.S256ChallengeOption(p.Verifier.Reveal()), oauth2.SetAuthURLParam("nonce", p.Nonce.Reveal())))
}
