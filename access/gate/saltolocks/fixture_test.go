package saltolocks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/internal/wiretap"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"
)

// fixture is a simulated site and its gate: a site whose first two locks are the doors
// "front" and "office", both open to ada.
type fixture struct {
	*testing.T
	sim    *saltokstest.Sim
	wire   *wiretap.Tap // between the client and the simulator
	kept   *saltostate.MemoryStore
	sealer saltostate.Sealer
	client *saltoks.Client
	state  *saltostate.State
	auth   *saltoauth.Authorizer
	conn   saltoauth.Connection
	remote *saltoremote.Remote
	locks  *saltolocks.Locks
	store  *memstore.Store
	doors  *gate.Doors
	gate   *gate.Gate
	site   saltokstest.Site
	n      int
	// repair ends the failure of a storage; ago is how long ago a tap was.
	repair func()
	ago    time.Duration
}

// newFixture creates a fixture; without activation the IQs of the site are as SALTO
// delivers them.
func newFixture(t *testing.T, activate bool) *fixture {
	return newFixtureWith(t, activate, saltokstest.Config{})
}

func newFixtureWith(t *testing.T, activate bool, cfg saltokstest.Config) *fixture {
	t.Helper()
	ctx := t.Context()
	r := &fixture{T: t, sim: saltokstest.New(t, cfg), store: memstore.New()}
	r.wire = wiretap.New(r.sim.HTTPClient().Transport)
	world := r.sim.World()
	r.site = world.Sites[0]
	user := world.Users[0]
	env := saltoks.Environment{Name: "simulator", Issuer: r.sim.Issuer(), API: r.sim.API(), Events: r.sim.Events()}
	var err error
	r.kept, r.sealer = saltostate.NewMemoryStore(), saltostate.EphemeralSealer()
	r.state, err = saltostate.New(saltostate.Config{Store: r.kept, Sealer: r.sealer})
	r.ok(err)
	r.auth, err = saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: env,
		Credentials: saltoauth.Credentials{
			ClientID: r.sim.ClientID(), ClientSecret: saltoks.NewSecret(r.sim.ClientSecret()), RedirectURL: r.sim.RedirectURI(),
		},
		State:      r.state,
		HTTPClient: &http.Client{Transport: r.wire},
		Now:        r.sim.Now,
	})
	r.ok(err)
	login, err := r.auth.Begin(ctx)
	r.ok(err)
	callback, err := r.sim.Consent(ctx, login.URL(), saltokstest.Allow())
	r.ok(err)
	r.conn, err = r.auth.Complete(ctx, login, callback.Query())
	r.ok(err)
	r.client, err = saltoks.NewClient(saltoks.Config{
		Environment: env, Tokens: r.auth.Tokens(r.conn), HTTPClient: &http.Client{Transport: r.wire}, Limiter: saltoks.NoRateLimit(),
	})
	r.ok(err)
	r.remote, err = saltoremote.NewRemote(saltoremote.Config{Client: r.client, State: r.state, User: r.conn.Identity(), Now: r.sim.Now})
	r.ok(err)
	if activate {
		for _, iq := range r.site.IQs {
			if !iq.WithoutOTP {
				r.activate(saltoks.IQID(iq.ID), user.Email)
			}
		}
	}
	r.locks, err = saltolocks.NewLocks(saltolocks.LocksConfig{
		Client: r.client, Remote: r.remote, Site: saltoks.SiteID(r.site.ID), Now: r.sim.Now,
	})
	r.ok(err)
	r.doors, err = gate.NewDoors(gate.DoorsConfig{Site: "loft", Store: r.store, Catalog: r.locks, Now: r.sim.Now})
	r.ok(err)
	r.gate, err = gate.New(gate.Config{Site: "loft", Facts: r.store, Records: r.store, Locks: r.locks, Now: r.sim.Now})
	r.ok(err)
	for i, door := range []string{"front", "office"} {
		_, err := r.doors.Link(ctx, gate.LinkRequest{Door: door, Lock: r.site.Locks[i].ID, AccessType: access.AccessAndOfficeMode, By: "eve"})
		r.ok(err)
		r.ok(r.store.PutGrant(
			ctx, "loft",
			gate.Grant{Grant: access.Grant{ID: door, Member: "ada", Door: door, Hours: access.Always(), RequiresMembership: new(false)}},
		))
	}
	r.ok(r.store.PutRules(ctx, gate.Rules{Site: access.Site{ID: "loft", TimeZone: r.site.TimeZone}}))
	r.ok(r.store.PutMember(ctx, "loft", gate.Member{Member: access.Member{ID: "ada"}}))
	r.sim.ForgetRequests()
	return r
}

func (r *fixture) ok(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// rename changes the name that members see.
func (r *fixture) rename(door, name string) {
	r.Helper()
	r.ok(storage.UpdateDoor(r.Context(), r.store, "loft", door, func(d *gate.Door) error { d.Name = name; return nil }))
}

func (r *fixture) activate(iq saltoks.IQID, to string) {
	r.Helper()
	a, site := r.remote.Activation(), saltoks.SiteID(r.site.ID)
	_, err := a.Begin(r.Context(), site, iq)
	r.ok(err)
	_, err = a.RequestPIN(r.Context(), site, iq, saltoks.PINByMail)
	r.ok(err)
	pin, err := saltoks.ParseIQPIN(r.sim.IQPIN(to))
	r.ok(err)
	_, err = a.Confirm(r.Context(), site, iq, pin)
	r.ok(err)
}

func (r *fixture) tap(door string) gate.Tap {
	r.n++
	return gate.Tap{RequestID: fmt.Sprintf("request-%010d", r.n), Member: "ada", Door: door, TappedAt: r.sim.Now()}
}

func (r *fixture) do(action access.Action, tap gate.Tap) gate.Receipt {
	r.Helper()
	do := r.gate.Unlock
	switch action {
	case access.Lock:
		do = r.gate.Lock
	case access.OfficeMode:
		do = r.gate.StartOfficeMode
	}
	receipt, err := do(r.Context(), tap)
	r.ok(err)
	return receipt
}

func (r *fixture) want(receipt gate.Receipt, outcome gate.Outcome, cause gate.Cause) {
	r.Helper()
	if receipt.Outcome != outcome || receipt.Cause != cause {
		r.Fatalf("got %s, cause %q (%v); want %s, cause %q", receipt.Outcome, receipt.Cause, receipt.Err, outcome, cause)
	}
}

// commands counts the locking requests that reached SALTO.
func (r *fixture) commands() int { return len(r.sim.Commands()) }

func (r *fixture) moved(door int) int { return r.sim.Movements(r.site.Locks[door].ID) }

// faultFixture is a fixture whose parts can be replaced by faulty ones, which fail
// while on is set.
type faultFixture struct {
	*fixture
	on        atomic.Bool
	ctx       context.Context
	stop      context.CancelFunc
	tokens    saltoks.TokenSource
	docs      saltostate.Store
	transport http.RoundTripper
	now       func() time.Time // of saltolocks
	clock     func() time.Time // of the Remote
	otp       saltoremote.OTPFunc
	clients   []func(*saltoks.Config)
	before    func() // the tap
}

const plantedPanic = "planted-in-a-panic-7e02"

var errHost = errors.New("the host's own error")

// target is the lock of the first door.
func (h *faultFixture) target() saltoremote.Target {
	h.Helper()
	target, err := h.remote.Target(h.Context(), saltoks.SiteID(h.site.ID), saltoks.LockID(h.site.Locks[0].ID))
	h.ok(err)
	return target
}

func badNow(read func(now time.Time) time.Time) func(*faultFixture) {
	return func(h *faultFixture) { h.now = h.faulty(h.now, read) }
}

func badRemoteClock(read func(now time.Time) time.Time) func(*faultFixture) {
	return func(h *faultFixture) { h.clock = h.faulty(h.clock, read) }
}

func (h *faultFixture) faulty(right func() time.Time, read func(time.Time) time.Time) func() time.Time {
	return func() time.Time {
		if h.on.Load() {
			return read(right())
		}
		return right()
	}
}

type tokenFunc func(context.Context) (saltoks.Token, error)

func (f tokenFunc) Token(ctx context.Context) (saltoks.Token, error) { return f(ctx) }

func badTokens(do func(h *faultFixture, ctx context.Context) (saltoks.Token, error)) func(*faultFixture) {
	return func(h *faultFixture) {
		right := h.tokens
		h.tokens = tokenFunc(func(ctx context.Context) (saltoks.Token, error) {
			if h.on.Load() {
				return do(h, ctx)
			}
			return right.Token(ctx)
		})
	}
}

func badDocs(do func(h *faultFixture, ctx context.Context, doc []byte) ([]byte, error)) func(*faultFixture) {
	return func(h *faultFixture) {
		right := h.docs
		h.docs = &statetest.FaultyStore{Store: right, OnGet: func(ctx context.Context, key string) ([]byte, error) {
			doc, err := right.Get(ctx, key)
			if h.on.Load() && err == nil {
				return do(h, ctx, doc)
			}
			return doc, err
		}}
	}
}

func badCode(do func(ctx context.Context) (saltoks.OTP, error)) func(*faultFixture) {
	return func(h *faultFixture) {
		h.otp = func(ctx context.Context, _ saltoks.SiteID, _ saltoks.IQID) (saltoks.OTP, error) { return do(ctx) }
	}
}

type tripFunc func(*http.Request) (*http.Response, error)

func (f tripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func badWire(do func(h *faultFixture, r *http.Request, next http.RoundTripper) (*http.Response, error)) func(*faultFixture) {
	return func(h *faultFixture) {
		next := h.transport
		h.transport = tripFunc(func(r *http.Request) (*http.Response, error) {
			if h.on.Load() && strings.HasSuffix(r.URL.Path, "/locking") {
				return do(h, r, next)
			}
			return next.RoundTrip(r)
		})
	}
}

// reply answers the command instead of SALTO.
func reply(status int, body string) func(*faultFixture) {
	return badWire(func(_ *faultFixture, r *http.Request, _ http.RoundTripper) (*http.Response, error) {
		return answer(r, status, body), nil
	})
}

func answer(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		Request: r, ProtoMajor: 1, ProtoMinor: 1,
	}
}

func inner(code string) string {
	return `{"ErrorCode":"3102","Message":"Request execution failed with code: ` + code + `"}`
}

type panickyHandler struct{}

func (panickyHandler) Enabled(context.Context, slog.Level) bool { return true }

func (panickyHandler) Handle(context.Context, slog.Record) error { panic(plantedPanic) }

func (h panickyHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h panickyHandler) WithGroup(string) slog.Handler { return h }

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

// refusing answers every request, or those to one host part, by itself.
type refusing struct {
	base   http.RoundTripper
	answer func(*http.Request) (*http.Response, error)
}

func (r refusing) RoundTrip(q *http.Request) (*http.Response, error) {
	if resp, err := r.answer(q); resp != nil || err != nil {
		return resp, err
	}
	return r.base.RoundTrip(q)
}

func (r *fixture) codes(d gate.Diagnostics) (list []string) {
	r.Helper()
	issues, err := r.gate.Doctor(r.Context(), d)
	r.ok(err)
	for _, i := range issues {
		list = append(list, string(i.Severity)+" "+i.Code)
	}
	return list
}

// relink changes the stored link of a door.
func (r *fixture) relink(door string, change func(*gate.Link)) {
	r.Helper()
	d, err := r.store.Door(r.Context(), "loft", door)
	r.ok(err)
	change(&d.Link)
	r.ok(r.store.PutDoor(r.Context(), "loft", d))
}

// remoteOf is a Remote of another SALTO user.
func (r *fixture) remoteOf(user saltokstest.User) *saltoremote.Remote {
	r.Helper()
	env := saltoks.Environment{Name: "simulator", Issuer: r.sim.Issuer(), API: r.sim.API(), Events: r.sim.Events()}
	tokens, err := saltoauth.PasswordSource(saltoauth.PasswordConfig{
		Environment: env,
		Credentials: saltoauth.Credentials{ClientID: r.sim.ClientID(), ClientSecret: saltoks.NewSecret(r.sim.ClientSecret())},
		User:        user.Email,
		Password:    saltoauth.FixedPassword(saltoks.NewSecret(user.Password)),
		HTTPClient:  r.sim.HTTPClient(),
		Now:         r.sim.Now,
	})
	r.ok(err)
	client, err := saltoks.NewClient(saltoks.Config{Environment: env, Tokens: tokens, HTTPClient: r.sim.HTTPClient()})
	r.ok(err)
	remote, err := saltoremote.NewRemote(saltoremote.Config{
		Client: client, State: r.state, User: saltoks.Identity{Environment: env.Name, Subject: user.Subject}, Now: r.sim.Now,
	})
	r.ok(err)
	return remote
}
