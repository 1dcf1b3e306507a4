package saltoauth

import (
	"context"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"

	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// faultCase are what a consent's tokens are kept and refreshed with.
type faultCase struct {
	t         *testing.T
	sim       *saltokstest.Sim
	on        *atomic.Bool
	ctx       context.Context
	stop      context.CancelFunc
	store     *statetest.FaultyStore
	sealer    *faultySealer
	transport http.RoundTripper
	now       func() time.Time
	log       slog.Handler
	restart   bool // the process was restarted: nothing is in memory
	source    func(*faultCase) saltoks.TokenSource
}

type faultySealer struct {
	saltostate.Sealer
	p          *faultCase
	seal, open func()
}

func (s *faultySealer) Seal(ctx context.Context, plain, additional []byte) (saltostate.Sealed, error) {
	if s.seal != nil && s.p.on.Load() {
		s.seal()
	}
	return s.Sealer.Seal(ctx, plain, additional)
}

func (s *faultySealer) Open(ctx context.Context, sealed saltostate.Sealed, additional []byte) ([]byte, error) {
	if s.open != nil && s.p.on.Load() {
		s.open()
	}
	return s.Sealer.Open(ctx, sealed, additional)
}

// at changes the answers to requests whose path contains a part, such as
// "/connect/token".
func at(part string, do func(p *faultCase, r *http.Request, next http.RoundTripper) (*http.Response, error)) func(*faultCase) {
	return func(p *faultCase) {
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
func grants(status int, body string, header ...string) func(*faultCase) {
	return at("/connect/token", func(*faultCase, *http.Request, http.RoundTripper) (*http.Response, error) {
		return faulttest.Reply(status, body, header...), nil
	})
}

func afterRestart(with func(*faultCase)) func(*faultCase) {
	return func(p *faultCase) { p.restart = true; with(p) }
}

func describes(body func(p *faultCase) string) func(*faultCase) {
	return afterRestart(at("openid-configuration", func(p *faultCase, _ *http.Request, _ http.RoundTripper) (*http.Response, error) {
		return faulttest.Reply(200, body(p)), nil
	}))
}

func clockOf(read func(right time.Time) time.Time) func(*faultCase) {
	return func(p *faultCase) {
		p.now = func() time.Time {
			if p.on.Load() {
				return read(p.sim.Now())
			}
			return p.sim.Now()
		}
	}
}

func password(get PasswordFunc) func(*faultCase) {
	return func(p *faultCase) {
		p.source = func(p *faultCase) saltoks.TokenSource {
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

// onGet and onUpdate change the calls of the store while the fault is on.
func (p *faultCase) onGet(get func(ctx context.Context, key string) ([]byte, error)) {
	p.store.OnGet = func(ctx context.Context, key string) ([]byte, error) {
		if p.on.Load() {
			return get(ctx, key)
		}
		return p.store.Store.Get(ctx, key)
	}
}

func (p *faultCase) onUpdate(update func(ctx context.Context, key string, fn statetest.UpdateFunc) error) {
	p.store.OnUpdate = func(ctx context.Context, key string, fn statetest.UpdateFunc) error {
		if p.on.Load() {
			return update(ctx, key, fn)
		}
		return p.store.Store.Update(ctx, key, fn)
	}
}

// onWrite changes what the store would write.
func (p *faultCase) onWrite(write func(next []byte) ([]byte, error)) {
	p.onUpdate(func(ctx context.Context, key string, fn statetest.UpdateFunc) error {
		return p.store.UpdateThen(ctx, key, fn, write)
	})
}

func (p *faultCase) env() saltoks.Environment {
	return saltoks.Environment{Name: "simulator", Issuer: p.sim.Issuer(), API: p.sim.API()}
}

func (p *faultCase) creds() Credentials {
	return Credentials{ClientID: p.sim.ClientID(), ClientSecret: saltoks.NewSecret(p.sim.ClientSecret()), RedirectURL: p.sim.RedirectURI()}
}

func (p *faultCase) config() Config {
	return Config{
		Environment: p.env(), Credentials: p.creds(),
		HTTPClient: &http.Client{Transport: p.transport}, Now: p.now, Logger: slog.New(p.log),
	}
}
