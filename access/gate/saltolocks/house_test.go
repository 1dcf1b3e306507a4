package saltolocks_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// house is a rig whose parts a row bends: they fail while on is set.
type house struct {
	*rig
	on        atomic.Bool
	ctx       context.Context
	stop      context.CancelFunc
	tokens    saltoks.TokenSource
	docs      saltostate.Store
	transport http.RoundTripper
	now       func() time.Time // of saltolocks
	clock     func() time.Time // of the Remote
	otp       saltoremote.OTPProvider
	clients   []func(*saltoks.Config)
	before    func() // the tap
}

const plantedPanic = "planted-in-a-panic-7e02"

var errHost = errors.New("the host's own error")

// target is the lock of the first door.
func (h *house) target() saltoremote.Target {
	h.Helper()
	target, err := h.remote.Target(h.Context(), saltoks.SiteID(h.site.ID), saltoks.LockID(h.site.Locks[0].ID))
	h.ok(err)
	return target
}

func badNow(read func(true time.Time) time.Time) func(*house) {
	return func(h *house) { h.now = h.bent(h.now, read) }
}

func badRemoteClock(read func(true time.Time) time.Time) func(*house) {
	return func(h *house) { h.clock = h.bent(h.clock, read) }
}

func (h *house) bent(right func() time.Time, read func(time.Time) time.Time) func() time.Time {
	return func() time.Time {
		if h.on.Load() {
			return read(right())
		}
		return right()
	}
}

type tokenFunc func(context.Context) (saltoks.Token, error)

func (f tokenFunc) Token(ctx context.Context) (saltoks.Token, error) { return f(ctx) }

func badTokens(do func(h *house, ctx context.Context) (saltoks.Token, error)) func(*house) {
	return func(h *house) {
		right := h.tokens
		h.tokens = tokenFunc(func(ctx context.Context) (saltoks.Token, error) {
			if h.on.Load() {
				return do(h, ctx)
			}
			return right.Token(ctx)
		})
	}
}

type getFunc struct {
	saltostate.Store
	get func(ctx context.Context, key string) ([]byte, error)
}

func (s getFunc) Get(ctx context.Context, key string) ([]byte, error) { return s.get(ctx, key) }

func badDocs(do func(h *house, ctx context.Context, doc []byte) ([]byte, error)) func(*house) {
	return func(h *house) {
		right := h.docs
		h.docs = getFunc{right, func(ctx context.Context, key string) ([]byte, error) {
			doc, err := right.Get(ctx, key)
			if h.on.Load() && err == nil {
				return do(h, ctx, doc)
			}
			return doc, err
		}}
	}
}

func badCode(do func(ctx context.Context) (saltoks.OTP, error)) func(*house) {
	return func(h *house) {
		h.otp = saltoremote.OTPFunc(func(ctx context.Context, _ saltoks.SiteID, _ saltoks.IQID) (saltoks.OTP, error) { return do(ctx) })
	}
}

type tripFunc func(*http.Request) (*http.Response, error)

func (f tripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func badWire(do func(h *house, r *http.Request, next http.RoundTripper) (*http.Response, error)) func(*house) {
	return func(h *house) {
		next := h.transport
		h.transport = tripFunc(func(r *http.Request) (*http.Response, error) {
			if h.on.Load() && strings.HasSuffix(r.URL.Path, "/locking") {
				return do(h, r, next)
			}
			return next.RoundTrip(r)
		})
	}
}

// says answers the command instead of SALTO.
func says(status int, body string) func(*house) {
	return badWire(func(_ *house, r *http.Request, _ http.RoundTripper) (*http.Response, error) {
		return answer(r, status, body), nil
	})
}

func answer(r *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r, ProtoMajor: 1, ProtoMinor: 1}
}

func inner(code string) string {
	return `{"ErrorCode":"3102","Message":"Request execution failed with code: ` + code + `"}`
}

type panickyHandler struct{}

func (panickyHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (panickyHandler) Handle(context.Context, slog.Record) error { panic(plantedPanic) }
func (h panickyHandler) WithAttrs([]slog.Attr) slog.Handler      { return h }
func (h panickyHandler) WithGroup(string) slog.Handler           { return h }

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
