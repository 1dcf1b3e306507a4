package saltoauth

import (
	"context"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"

	"golang.org/x/oauth2"

	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// tokenParts are what a consent's tokens are kept and refreshed with.
type tokenParts struct {
	t         *testing.T
	sim       *saltokstest.Sim
	on        *atomic.Bool
	ctx       context.Context
	stop      context.CancelFunc
	store     *bendStore
	sealer    *bendSealer
	transport http.RoundTripper
	now       func() time.Time
	log       slog.Handler
	restart   bool // the process was started anew: nothing is in memory
	source    func(*tokenParts) saltoks.TokenSource
}

// bendStore has hooks around the real store.
type bendStore struct {
	saltostate.Store
	p      *tokenParts
	get    func(ctx context.Context, key string) ([]byte, error)
	update func(ctx context.Context, key string, fn func(context.Context, []byte) ([]byte, error)) error
}

func (s *bendStore) Get(ctx context.Context, key string) ([]byte, error) {
	if s.get != nil && s.p.on.Load() {
		return s.get(ctx, key)
	}
	return s.Store.Get(ctx, key)
}

func (s *bendStore) Update(ctx context.Context, key string, fn func(context.Context, []byte) ([]byte, error)) error {
	if s.update != nil && s.p.on.Load() {
		return s.update(ctx, key, fn)
	}
	return s.Store.Update(ctx, key, fn)
}

type bendSealer struct {
	saltostate.Sealer
	p          *tokenParts
	seal, open func()
}

func (s *bendSealer) Seal(ctx context.Context, plain, additional []byte) (saltostate.Sealed, error) {
	if s.seal != nil && s.p.on.Load() {
		s.seal()
	}
	return s.Sealer.Seal(ctx, plain, additional)
}

func (s *bendSealer) Open(ctx context.Context, sealed saltostate.Sealed, additional []byte) ([]byte, error) {
	if s.open != nil && s.p.on.Load() {
		s.open()
	}
	return s.Sealer.Open(ctx, sealed, additional)
}

// at bends the requests whose path has a part, "/connect/token" mostly.
func at(part string, do func(p *tokenParts, r *http.Request, next http.RoundTripper) (*http.Response, error)) func(*tokenParts) {
	return func(p *tokenParts) {
		next := p.transport
		p.transport = faulttest.RoundTripper(func(r *http.Request) (*http.Response, error) {
			if p.on.Load() && strings.Contains(r.URL.Path, part) {
				return do(p, r, next)
			}
			return next.RoundTrip(r)
		})
	}
}

// grants answers the refresh instead of SALTO.
func grants(status int, body string, header ...string) func(*tokenParts) {
	return at("/connect/token", func(*tokenParts, *http.Request, http.RoundTripper) (*http.Response, error) {
		return faulttest.Reply(status, body, header...), nil
	})
}

func anew(with func(*tokenParts)) func(*tokenParts) {
	return func(p *tokenParts) { p.restart = true; with(p) }
}

func describes(body func(p *tokenParts) string) func(*tokenParts) {
	return anew(at("openid-configuration", func(p *tokenParts, _ *http.Request, _ http.RoundTripper) (*http.Response, error) {
		return faulttest.Reply(200, body(p)), nil
	}))
}

func clockOf(read func(true time.Time) time.Time) func(*tokenParts) {
	return func(p *tokenParts) {
		p.now = func() time.Time {
			if p.on.Load() {
				return read(p.sim.Now())
			}
			return p.sim.Now()
		}
	}
}

func password(get PasswordFunc) func(*tokenParts) {
	return func(p *tokenParts) {
		p.source = func(p *tokenParts) saltoks.TokenSource {
			user := p.sim.World().Users[0]
			c := p.config()
			ts, err := PasswordSource(PasswordConfig{
				Environment: c.Environment, Credentials: c.Credentials, User: user.Email,
				Password: func(ctx context.Context) (saltoks.Secret, error) {
					if p.on.Load() {
						return get(ctx)
					}
					return saltoks.NewSecret(user.Password), nil
				},
				HTTPClient: c.HTTPClient, Now: c.Now, Logger: c.Logger,
			})
			if err != nil {
				p.t.Fatal(err)
			}
			return ts
		}
	}
}

// foreign is an oauth2.TokenSource of the host's.
type foreign func() (*oauth2.Token, error)

func (f foreign) Token() (*oauth2.Token, error) { return f() }

func oauth(get func(p *tokenParts) (*oauth2.Token, error)) func(*tokenParts) {
	return func(p *tokenParts) {
		user := p.sim.World().Users[0]
		right, err := PasswordSource(PasswordConfig{
			Environment: p.env(),
			Credentials: p.creds(),
			User:        user.Email,
			Password:    FixedPassword(saltoks.NewSecret(user.Password)),
			HTTPClient:  p.sim.HTTPClient(),
			Now:         p.sim.Now,
		})
		if err != nil {
			p.t.Fatal(err)
		}
		p.source = func(p *tokenParts) saltoks.TokenSource {
			return FromOAuth2(foreign(func() (*oauth2.Token, error) {
				if p.on.Load() {
					return get(p)
				}
				token, err := right.Token(context.Background())
				return &oauth2.Token{AccessToken: token.Access.Reveal()}, err
			}))
		}
	}
}

// around lets the store do its work and bends what it would write.
func (p *tokenParts) around(bend func(next []byte) ([]byte, error)) func(context.Context, string, func(context.Context, []byte) ([]byte, error)) error {
	return func(ctx context.Context, key string, fn func(context.Context, []byte) ([]byte, error)) error {
		return p.store.Store.Update(ctx, key, func(ctx context.Context, doc []byte) ([]byte, error) {
			next, err := fn(ctx, doc)
			if err != nil {
				return nil, err
			}
			return bend(next)
		})
	}
}

func (p *tokenParts) env() saltoks.Environment {
	return saltoks.Environment{Name: "simulator", Issuer: p.sim.Issuer(), API: p.sim.API()}
}

func (p *tokenParts) creds() Credentials {
	return Credentials{ClientID: p.sim.ClientID(), ClientSecret: saltoks.NewSecret(p.sim.ClientSecret()), RedirectURL: p.sim.RedirectURI()}
}

func (p *tokenParts) config() Config {
	return Config{
		Environment: p.env(), Credentials: p.creds(),
		HTTPClient: &http.Client{Transport: p.transport}, Now: p.now, Logger: slog.New(p.log),
	}
}
