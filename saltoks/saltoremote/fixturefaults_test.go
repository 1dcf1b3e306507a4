package saltoremote

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
	"github.com/doorkit/doorkit/saltoks/saltostate"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"
)

// A hook replaces one step of a command, which fails while on is set.

type hookTokens struct {
	saltoks.TokenSource
	p  *faultCase
	do func(context.Context) (saltoks.Token, error)
}

func (h hookTokens) Token(ctx context.Context) (saltoks.Token, error) {
	if h.p.on.Load() {
		return h.do(ctx)
	}
	return h.TokenSource.Token(ctx)
}

func badTokens(do func(*faultCase, context.Context) (saltoks.Token, error)) func(*faultCase) {
	return func(p *faultCase) {
		p.tokens = hookTokens{p.tokens, p, func(ctx context.Context) (saltoks.Token, error) { return do(p, ctx) }}
	}
}

// rejectTokens is a token source whose Reject panics.
type rejectTokens struct{ saltoks.TokenSource }

func (rejectTokens) Reject(context.Context, saltoks.Token) error { panic(faulttest.PlantedPanic) }

// badGet changes what the store returns.
func badGet(do func(p *faultCase, ctx context.Context, doc []byte) ([]byte, error)) func(*faultCase) {
	return func(p *faultCase) {
		right := p.store
		p.store = &statetest.FaultyStore{Store: right, OnGet: func(ctx context.Context, key string) ([]byte, error) {
			doc, err := right.Get(ctx, key)
			if p.on.Load() && err == nil {
				return do(p, ctx, doc)
			}
			return doc, err
		}}
	}
}

// badUpdate writes nothing: do replaces the store's Update.
func badUpdate(do func() error) func(*faultCase) {
	return func(p *faultCase) {
		right := p.store
		p.store = &statetest.FaultyStore{Store: right, OnUpdate: func(ctx context.Context, key string, fn statetest.UpdateFunc) error {
			if p.on.Load() {
				return do()
			}
			return right.Update(ctx, key, fn)
		}}
	}
}

// hookSealer is a sealer whose Open can be replaced.
type hookSealer struct {
	saltostate.Sealer
	p    *faultCase
	open func(ctx context.Context, plain []byte) ([]byte, error)
}

func (h hookSealer) Open(ctx context.Context, s saltostate.Sealed, additional []byte) ([]byte, error) {
	plain, err := h.Sealer.Open(ctx, s, additional)
	if h.p.on.Load() && err == nil {
		return h.open(ctx, plain)
	}
	return plain, err
}

func badOpen(do func(p *faultCase, ctx context.Context, plain []byte) ([]byte, error)) func(*faultCase) {
	return func(p *faultCase) {
		p.sealer = hookSealer{p.sealer, p, func(ctx context.Context, plain []byte) ([]byte, error) { return do(p, ctx, plain) }}
	}
}

// badCode takes the codes from a function of the host.
func badCode(do func(p *faultCase, ctx context.Context) (saltoks.OTP, error)) func(*faultCase) {
	return func(p *faultCase) {
		right := storedCodes(p.fixture.remote)
		p.remote = append(p.remote, withOTP(func(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (saltoks.OTP, error) {
			if p.on.Load() {
				return do(p, ctx)
			}
			return right(ctx, site, iq)
		}))
	}
}

// badWire is another network. next sends for real.
func badWire(do func(p *faultCase, r *http.Request, next http.RoundTripper) (*http.Response, error)) func(*faultCase) {
	return func(p *faultCase) {
		next := p.transport
		p.transport = faulttest.RoundTripper(func(r *http.Request) (*http.Response, error) {
			if p.on.Load() {
				return do(p, r, next)
			}
			return next.RoundTrip(r)
		})
	}
}

// badAnswer lets the command through and changes its answer.
func badAnswer(change func(p *faultCase, resp *http.Response) *http.Response) func(*faultCase) {
	return badWire(func(p *faultCase, r *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return change(p, resp), nil
	})
}

// otherAnswer is another status and body for a command that was carried out.
func otherAnswer(status int, body string, header ...string) func(*faultCase) {
	return badAnswer(func(*faultCase, *http.Response) *http.Response { return faulttest.Reply(status, body, header...) })
}

// instead answers a command that SALTO never sees.
func instead(status int, body string, header ...string) func(*faultCase) {
	return badWire(func(*faultCase, *http.Request, http.RoundTripper) (*http.Response, error) {
		return faulttest.Reply(status, body, header...), nil
	})
}

func badClock(read func(now time.Time) time.Time) func(*faultCase) {
	return func(p *faultCase) {
		right := p.now
		p.now = func() time.Time {
			if p.on.Load() {
				return read(right())
			}
			return right()
		}
	}
}

// sendBy gives the command until d from now.
func sendBy(d time.Duration, with func(*faultCase)) func(*faultCase) {
	return func(p *faultCase) {
		with(p)
		p.commands = append(p.commands, SendBy(p.sim.Now().Add(d)))
	}
}

// middle adds a middleware to the client.
func middle(do func(r *http.Request, next http.RoundTripper) (*http.Response, error)) func(*faultCase) {
	return func(p *faultCase) {
		p.client = append(p.client, func(cfg *saltoks.Config) {
			cfg.Middleware = []saltoks.Middleware{func(next http.RoundTripper) http.RoundTripper {
				return faulttest.RoundTripper(func(r *http.Request) (*http.Response, error) {
					if p.on.Load() {
						return do(r, next)
					}
					return next.RoundTrip(r)
				})
			}}
		})
	}
}

func badBody(read func([]byte) (int, error)) func(*faultCase) {
	return badAnswer(func(*faultCase, *http.Response) *http.Response {
		resp := faulttest.Reply(200, "")
		resp.ContentLength, resp.Body = -1, faulttest.Body(read)
		return resp
	})
}

// paused is a limiter that was just paused by a 429.
func paused(d time.Duration) func(*faultCase) {
	return func(p *faultCase) {
		l := saltoks.NoRateLimit()
		p.client = append(p.client, func(cfg *saltoks.Config) { cfg.Limiter = l })
		p.before = func() { pauseCommands(p.t, l, d) }
	}
}

// id is the id of the user's document at the IQ.
func (p *faultCase) id() string { return p.fixture.remote.id(siteIQ{p.site, p.iq}) }

// swap replaces the document by one that was sealed with another key, or for another id,
// kind or version.
func (p *faultCase) swap(kind string, version uint16, from string, sealer saltostate.Sealer) {
	p.t.Helper()
	store := saltostate.NewMemoryStore()
	state, err := saltostate.New(saltostate.Config{Store: store, Sealer: sealer})
	if err != nil {
		p.t.Fatal(err)
	}
	docs := saltostate.Kind[iqDoc]{Name: kind, Version: version}
	err = saltostate.Update(p.t.Context(), state, docs, from, func(*iqDoc) (*iqDoc, error) {
		return &iqDoc{
			Step:   StepActivated,
			Secret: storedsecret.New(saltoks.NewSecret("0123456789abcdef")),
			PIN:    storedsecret.New(saltoks.NewSecret("1234")),
		}, nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	doc, err := store.Get(p.t.Context(), "saltoks/"+kind+"/"+url.QueryEscape(from))
	if err != nil || doc == nil {
		p.t.Fatalf("no document of %s: %v", from, err)
	}
	badGet(func(_ *faultCase, _ context.Context, _ []byte) ([]byte, error) { return doc, nil })(p)
}

func newFaultCase(t *testing.T, r *fixture) *faultCase {
	p := &faultCase{
		fixture: r, on: new(atomic.Bool), tokens: r.tokens, store: r.store, sealer: testSealer(),
		transport: r.sim.HTTPClient().Transport, now: r.sim.Now, target: r.target,
	}
	p.ctx, p.stop = context.WithTimeout(t.Context(), 20*time.Second)
	return p
}

// build creates the Remote from the current parts.
func (p *faultCase) build() *Remote {
	p.t.Helper()
	state, err := saltostate.New(saltostate.Config{Store: p.store, Sealer: p.sealer})
	if err != nil {
		p.t.Fatal(err)
	}
	env := saltoks.Environment{Name: "simulator", Issuer: p.sim.Issuer(), API: p.sim.API(), Events: p.sim.Events()}
	logger := slog.New(slog.NewTextHandler(&faulttest.LockedWriter{Mu: &p.mu, W: &p.log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg := saltoks.Config{
		Environment: env, Tokens: p.tokens, HTTPClient: &http.Client{Transport: p.transport},
		Limiter: saltoks.NoRateLimit(), Logger: logger, MaxResponse: 1 << 20,
	}
	for _, set := range p.client {
		set(&cfg)
	}
	client, err := saltoks.NewClient(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	remoteConfig := Config{
		Client: client, State: state, User: saltoks.Identity{Environment: "simulator", Subject: p.fixture.tokens.user.Subject},
		Now: p.now,
	}
	for _, set := range p.remote {
		set(&remoteConfig)
	}
	remote, err := NewRemote(remoteConfig)
	if err != nil {
		p.t.Fatal(err)
	}
	return remote
}

func (p *faultCase) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// searched searches the printed text for every secret of this user.
func (p *faultCase) searched(seen string) {
	p.t.Helper()
	doc, err := p.act.load(p.t.Context(), siteIQ{p.site, p.iq})
	if err != nil {
		p.t.Fatal(err)
	}
	secrets := map[string]string{
		"panic value": faulttest.PlantedPanic, "access token": p.fixture.tokens.token, "IQ secret": doc.Secret.Reveal(),
		"IQ PIN": `pin":"` + doc.PIN.Reveal(),
	}
	for _, q := range p.sim.Commands() {
		// Five hex digits occur in ids: look for the code as a value.
		if _, code, ok := strings.Cut(string(q.Body), `"otp":"`); ok && strings.Contains(seen, `otp\":\"`+strings.Trim(code, `"}`)) {
			p.t.Errorf("the code is in: %s", seen)
		}
	}
	for what, secret := range secrets {
		if secret == "" || strings.Contains(seen, secret) {
			p.t.Errorf("the %s %q is in: %s", what, secret, seen)
		}
	}
}

// faultCase is what one Remote is created from, and the arguments of one command. A row
// makes one of them fail while on is set.
type faultCase struct {
	*fixture
	on        *atomic.Bool
	ctx       context.Context
	stop      context.CancelFunc // ends ctx
	tokens    saltoks.TokenSource
	store     saltostate.Store
	sealer    saltostate.Sealer
	transport http.RoundTripper
	now       func() time.Time
	client    []func(*saltoks.Config)
	remote    []func(*Config)
	commands  []CommandOption
	target    Target
	before    func() // the command

	mu  sync.Mutex
	log strings.Builder
}
