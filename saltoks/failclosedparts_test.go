package saltoks

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// A hook is one step of the way that fails while its parts are on.

type hookTokens struct {
	TokenSource
	p  *parts
	do func(context.Context) (Token, error)
}

func (h hookTokens) Token(ctx context.Context) (Token, error) {
	if h.p.on.Load() {
		return h.do(ctx)
	}
	return h.TokenSource.Token(ctx)
}

func badTokens(do func(*parts, context.Context) (Token, error)) func(*parts) {
	return func(p *parts) {
		p.tokens = hookTokens{p.tokens, p, func(ctx context.Context) (Token, error) { return do(p, ctx) }}
	}
}

// rejectTokens panics where it should take note of a 401.
type rejectTokens struct{ TokenSource }

func (rejectTokens) Reject(context.Context, Token) error { panic(plantedPanic) }

type hookStore struct {
	Store
	p      *parts
	get    func(ctx context.Context, doc []byte) ([]byte, error)
	update func(ctx context.Context) error
}

func (h hookStore) Get(ctx context.Context, key string) ([]byte, error) {
	doc, err := h.Store.Get(ctx, key)
	if h.get != nil && h.p.on.Load() && err == nil {
		return h.get(ctx, doc)
	}
	return doc, err
}

func (h hookStore) Update(ctx context.Context, key string, fn func(context.Context, []byte) ([]byte, error)) error {
	if h.update != nil && h.p.on.Load() {
		return h.update(ctx)
	}
	return h.Store.Update(ctx, key, fn)
}

func badGet(do func(p *parts, ctx context.Context, doc []byte) ([]byte, error)) func(*parts) {
	return func(p *parts) {
		p.store = hookStore{Store: p.store, p: p, get: func(ctx context.Context, doc []byte) ([]byte, error) { return do(p, ctx, doc) }}
	}
}

// hookSealer opens documents its own way.
type hookSealer struct {
	Sealer
	p    *parts
	open func(ctx context.Context, plain []byte) ([]byte, error)
}

func (h hookSealer) Open(ctx context.Context, s Sealed, additional []byte) ([]byte, error) {
	plain, err := h.Sealer.Open(ctx, s, additional)
	if h.p.on.Load() && err == nil {
		return h.open(ctx, plain)
	}
	return plain, err
}

func badOpen(do func(p *parts, ctx context.Context, plain []byte) ([]byte, error)) func(*parts) {
	return func(p *parts) {
		p.sealer = hookSealer{p.sealer, p, func(ctx context.Context, plain []byte) ([]byte, error) { return do(p, ctx, plain) }}
	}
}

// badCode takes the codes from a provider of the host's.
func badCode(do func(p *parts, ctx context.Context) (OTP, error)) func(*parts) {
	return func(p *parts) {
		right := p.rig.remote.local
		p.remote = append(p.remote, WithOTPProvider(OTPFunc(func(ctx context.Context, site SiteID, iq IQID) (OTP, error) {
			if p.on.Load() {
				return do(p, ctx)
			}
			return right.OTP(ctx, site, iq)
		})))
	}
}

// badWire is another network. next sends for real.
func badWire(do func(p *parts, r *http.Request, next http.RoundTripper) (*http.Response, error)) func(*parts) {
	return func(p *parts) {
		next := p.transport
		p.transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			if p.on.Load() {
				return do(p, r, next)
			}
			return next.RoundTrip(r)
		})
	}
}

// badAnswer lets the command through and changes what comes back.
func badAnswer(change func(p *parts, resp *http.Response) *http.Response) func(*parts) {
	return badWire(func(p *parts, r *http.Request, next http.RoundTripper) (*http.Response, error) {
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
func otherAnswer(status int, body string, header ...string) func(*parts) {
	return badAnswer(func(*parts, *http.Response) *http.Response { return reply(status, body, header...) })
}

// instead answers a command that SALTO never sees.
func instead(status int, body string, header ...string) func(*parts) {
	return badWire(func(*parts, *http.Request, http.RoundTripper) (*http.Response, error) {
		return reply(status, body, header...), nil
	})
}

func badClock(read func(true time.Time) time.Time) func(*parts) {
	return func(p *parts) {
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
func sendBy(d time.Duration, with func(*parts)) func(*parts) {
	return func(p *parts) {
		with(p)
		p.commands = append(p.commands, SendBy(p.sim.Now().Add(d)))
	}
}

// until waits for the end of a context.
func until(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// body is what an answer's Read calls lead to.
type bodyFunc func([]byte) (int, error)

func (f bodyFunc) Read(b []byte) (int, error) { return f(b) }
func (bodyFunc) Close() error                 { return nil }

// middle adds a middleware to the client.
func middle(do func(r *http.Request, next http.RoundTripper) (*http.Response, error)) func(*parts) {
	return func(p *parts) {
		p.client = append(p.client, WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				if p.on.Load() {
					return do(r, next)
				}
				return next.RoundTrip(r)
			})
		}))
	}
}

func badBody(read func([]byte) (int, error)) func(*parts) {
	return badAnswer(func(*parts, *http.Response) *http.Response {
		resp := reply(200, "")
		resp.ContentLength, resp.Body = -1, bodyFunc(read)
		return resp
	})
}

func pausedFor(d time.Duration) *Limiter {
	l := Unlimited()
	l.pause(commandLane, d)
	return l
}

type panickyHandler struct{}

func (panickyHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (panickyHandler) Handle(context.Context, slog.Record) error { panic(plantedPanic) }
func (h panickyHandler) WithAttrs([]slog.Attr) slog.Handler      { return h }
func (h panickyHandler) WithGroup(string) slog.Handler           { return h }

// nilStore is a *MemoryStore nobody made, while it is on.
type nilStore struct {
	p *parts
	Store
}

func (s nilStore) Get(ctx context.Context, key string) ([]byte, error) {
	if s.p.on.Load() {
		var none *MemoryStore
		return none.Get(ctx, key)
	}
	return s.Store.Get(ctx, key)
}

// id is the id of the user's document at the IQ.
func (p *parts) id() string { return p.rig.remote.id(siteIQ{p.site, p.iq}) }

// swap puts what another place, kind, version or key sealed where the document is.
func (p *parts) swap(kind string, version uint16, from string, sealer Sealer) {
	p.t.Helper()
	state, err := NewState(NewMemoryStore(), sealer)
	if err != nil {
		p.t.Fatal(err)
	}
	doc, err := sealDoc(p.t.Context(), state, kind, version, stateKey(kind, from), []byte(`{"step":"activated","secret":"0123456789abcdef","pin":"1234"}`))
	if err != nil {
		p.t.Fatal(err)
	}
	badGet(func(_ *parts, _ context.Context, _ []byte) ([]byte, error) { return doc, nil })(p)
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}
