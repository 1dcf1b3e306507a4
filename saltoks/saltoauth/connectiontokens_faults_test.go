package saltoauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"
)

// tokenRow is one fault at the time when the access token expires.
type tokenRow struct {
	name string
	with func(*faultCase)

	verdict   string // "not sent" by default
	is        error
	says      string
	commands  int
	after     error // the error of the call a minute later, without the fault; nil: it opens
	refreshes int   // requests to the token endpoint, over both calls; 1 by default
}

func tokenRows() []tokenRow {
	const planted = `"access_token":"planted-access-9","token_type":"Bearer"`
	passwordPanics := password(func(context.Context) (saltoks.Secret, error) { panic(faulttest.PlantedPanic) })
	return []tokenRow{
		{name: "nothing", verdict: "accepted", commands: 1, with: func(*faultCase) {}},
		{name: "context: over before", is: context.Canceled, with: func(p *faultCase) { p.stop() }},
		{name: "context: a deadline shorter than the refresh", is: context.DeadlineExceeded,
			with: at("/connect/token", func(p *faultCase, r *http.Request, next http.RoundTripper) (*http.Response, error) {
				<-time.After(14 * time.Second)
				return next.RoundTrip(r)
			})},
		{name: "context: the caller leaves meanwhile", is: context.Canceled,
			with: at("/connect/token", func(p *faultCase, r *http.Request, next http.RoundTripper) (*http.Response, error) {
				p.stop()
				return next.RoundTrip(r)
			})},

		{name: "identity server: the transport panics", says: "panic in the HTTP transport", refreshes: 1,
			with: at("/connect/token", func(*faultCase, *http.Request, http.RoundTripper) (*http.Response, error) {
				panic(faulttest.PlantedPanic)
			})},
		{name: "identity server: panics once it has rotated", after: saltoks.ErrReauthorize, refreshes: 2,
			with: at("/connect/token", func(_ *faultCase, r *http.Request, next http.RoundTripper) (*http.Response, error) {
				if resp, err := next.RoundTrip(r); err == nil {
					resp.Body.Close()
				}
				panic(faulttest.PlantedPanic)
			})},
		{name: "identity server: the transport returns nothing", says: "no usable answer",
			with: at("/connect/token", func(*faultCase, *http.Request, http.RoundTripper) (*http.Response, error) { return nil, nil })},
		{name: "identity server: reading panics", says: "panic in",
			with: at("/connect/token", func(*faultCase, *http.Request, http.RoundTripper) (*http.Response, error) {
				resp := faulttest.Reply(200, "")
				resp.Body = faulttest.Body(func([]byte) (int, error) { panic(faulttest.PlantedPanic) })
				return resp, nil
			})},
		{name: "identity server: never ends",
			with: at("/connect/token", func(*faultCase, *http.Request, http.RoundTripper) (*http.Response, error) {
				resp := faulttest.Reply(200, "")
				resp.ContentLength, resp.Body = -1, faulttest.Body(func(b []byte) (int, error) { b[0] = ' '; return 1, nil })
				return resp, nil
			})},
		{name: "identity server: stalls", is: context.DeadlineExceeded,
			with: at("/connect/token", func(p *faultCase, r *http.Request, _ http.RoundTripper) (*http.Response, error) {
				return nil, faulttest.Until(r.Context())
			})},
		{name: "identity server: redirects the refresh token to elsewhere", says: "status 307",
			with: at("/connect/token", func(p *faultCase, r *http.Request, _ http.RoundTripper) (*http.Response, error) {
				if !strings.HasPrefix(p.sim.Issuer(), "http://"+r.URL.Host) {
					p.t.Errorf("a refresh token went to %s", r.URL.Host)
				}
				return faulttest.Reply(307, "", "Location", "https://evil.example/connect/token"), nil
			})},

		{name: "grant: empty", says: "refresh", with: grants(200, "")},
		{name: "grant: null", with: grants(200, "null")},
		{name: "grant: a list", with: grants(200, "[]")},
		{name: "grant: no fields", with: grants(200, "{}")},
		{name: "grant: an empty token, and a new refresh token", after: saltoks.ErrReauthorize, refreshes: 2,
			with: grants(200, `{"access_token":"","refresh_token":"planted-refresh-9"}`)},
		{name: "grant: half of it", with: grants(200, `{`+planted+`,"refresh_tok`)},
		{name: "grant: a page", with: grants(200, "<html>log in to the wifi</html>", "Content-Type", "text/html")},
		{name: "grant: a token in a page", verdict: "refused", is: saltoks.ErrUnauthorized, commands: 1,
			with: grants(200, `{`+planted+`}`, "Content-Type", "text/html")},
		{name: "grant: no new refresh token", verdict: "refused", is: saltoks.ErrUnauthorized, commands: 1,
			with: grants(200, `{`+planted+`,"expires_in":3600}`)},
		{name: "grant: no lifetime", verdict: "refused", is: saltoks.ErrUnauthorized, commands: 1, with: grants(200, `{`+planted+`}`)},
		{name: "grant: a lifetime below zero", verdict: "refused", is: saltoks.ErrUnauthorized, commands: 1,
			with: grants(200, `{`+planted+`,"expires_in":-5}`)},
		{name: "grant: a lifetime of ages", verdict: "refused", is: saltoks.ErrUnauthorized, commands: 1,
			with: grants(200, `{`+planted+`,"expires_in":9223372036854775807}`)},
		{name: "grant: a lifetime that is a word", verdict: "refused", is: saltoks.ErrUnauthorized, commands: 1,
			with: grants(200, `{`+planted+`,"expires_in":"long"}`)},
		{name: "grant: refused for the client", says: "check Credentials",
			with: grants(401, `{"error":"invalid_client","error_description":"planted-access-9"}`)},
		{name: "grant: refused for good", is: saltoks.ErrReauthorize, says: "reconnect", after: saltoks.ErrReauthorize,
			with: grants(400, `{"error":"invalid_grant"}`)},
		{name: "grant: an error that repeats our form",
			with: at("/connect/token", func(_ *faultCase, r *http.Request, _ http.RoundTripper) (*http.Response, error) {
				form, _ := io.ReadAll(r.Body)
				return faulttest.Reply(500, fmt.Sprintf(`{"error":%q}`, form)), nil
			})},

		{name: "discovery: fails", says: "discovery",
			with: afterRestart(at("openid-configuration", func(*faultCase, *http.Request, http.RoundTripper) (*http.Response, error) {
				return nil, faulttest.ErrHost
			}))},
		{name: "discovery: cut", says: "discovery",
			with: afterRestart(at("openid-configuration", func(*faultCase, *http.Request, http.RoundTripper) (*http.Response, error) {
				resp := faulttest.Reply(200, "")
				resp.ContentLength, resp.Body = -1, faulttest.Body(func([]byte) (int, error) { return 0, io.ErrUnexpectedEOF })
				return resp, nil
			}))},
		{name: "discovery: empty", with: describes(func(*faultCase) string { return "" })},
		{name: "discovery: no fields", says: "another issuer", with: describes(func(*faultCase) string { return "{}" })},
		{name: "discovery: a token endpoint elsewhere", says: "not on the issuer's host", with: describes(func(p *faultCase) string {
			return fmt.Sprintf(`{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":"https://evil.example/t","jwks_uri":%q}`,
				p.sim.Issuer(), p.sim.Issuer()+"/a", p.sim.Issuer()+"/j")
		})},
		{name: "discovery: no token endpoint", says: "token_endpoint", with: describes(func(p *faultCase) string {
			return fmt.Sprintf(`{"issuer":%q,"authorization_endpoint":%q,"jwks_uri":%q}`, p.sim.Issuer(), p.sim.Issuer()+"/a", p.sim.Issuer()+"/j")
		})},

		{name: "store: reading fails", is: faulttest.ErrHost, with: func(p *faultCase) {
			p.onGet(func(context.Context, string) ([]byte, error) { return nil, faulttest.ErrHost })
		}},
		{name: "store: reading panics", says: "panic in the Store", with: func(p *faultCase) {
			p.onGet(func(context.Context, string) ([]byte, error) { panic(faulttest.PlantedPanic) })
		}},
		{name: "store: reading ends the goroutine", says: "try again", with: func(p *faultCase) {
			p.onGet(func(context.Context, string) ([]byte, error) { runtime.Goexit(); return nil, nil })
		}},
		{name: "store: nothing is there", is: ErrNotConnected, says: "connect to SALTO KS first", with: func(p *faultCase) {
			p.onGet(func(context.Context, string) ([]byte, error) { return nil, nil })
		}},
		{name: "store: garbage", is: saltostate.ErrSealed, with: func(p *faultCase) {
			p.onGet(func(context.Context, string) ([]byte, error) { return []byte("garbage"), nil })
		}},
		{name: "store: blocks", is: context.DeadlineExceeded, with: func(p *faultCase) {
			p.onGet(func(ctx context.Context, _ string) ([]byte, error) { return nil, faulttest.Until(ctx) })
		}},
		{name: "store: writing fails before", is: faulttest.ErrHost, with: func(p *faultCase) {
			p.onUpdate(func(context.Context, string, statetest.UpdateFunc) error {
				return faulttest.ErrHost
			})
		}},
		{name: "store: writing panics before", says: "panic in the Store", with: func(p *faultCase) {
			p.onUpdate(func(context.Context, string, statetest.UpdateFunc) error {
				panic(faulttest.PlantedPanic)
			})
		}},
		{name: "store: writing fails once it has rotated", is: faulttest.ErrHost, says: "saving", with: func(p *faultCase) {
			p.onWrite(func([]byte) ([]byte, error) { return nil, faulttest.ErrHost })
		}},
		{name: "store: writing panics once it has rotated", says: "saving", with: func(p *faultCase) {
			p.onWrite(func([]byte) ([]byte, error) { panic(faulttest.PlantedPanic) })
		}},
		{name: "store: asks twice", says: "run statetest", with: func(p *faultCase) {
			p.onUpdate(func(ctx context.Context, key string, fn statetest.UpdateFunc) error {
				return p.store.Store.Update(ctx, key, func(ctx context.Context, doc []byte) ([]byte, error) {
					if _, err := fn(ctx, doc); err != nil {
						return nil, err
					}
					return fn(ctx, doc)
				})
			})
		}},
		{name: "store: asks too late", is: context.DeadlineExceeded, with: func(p *faultCase) {
			p.onUpdate(func(ctx context.Context, key string, fn statetest.UpdateFunc) error {
				<-time.After(lockLimit + time.Second)
				return p.store.Store.Update(context.WithoutCancel(ctx), key, fn)
			})
		}},
		{name: "store: does not ask", says: "run statetest", with: func(p *faultCase) {
			p.onUpdate(func(context.Context, string, statetest.UpdateFunc) error { return nil })
		}},
		{name: "sealer: sealing panics once it has rotated", says: "saving",
			with: func(p *faultCase) { p.sealer.seal = func() { panic(faulttest.PlantedPanic) } }},
		{name: "sealer: opening panics", says: "panic in the Sealer",
			with: func(p *faultCase) { p.sealer.open = func() { panic(faulttest.PlantedPanic) } }},

		{name: "clock: panics", says: "panic in", with: clockOf(func(time.Time) time.Time { panic(faulttest.PlantedPanic) })},
		{name: "clock: zero", verdict: "refused", is: saltoks.ErrUnauthorized, commands: 1,
			with: clockOf(func(time.Time) time.Time { return time.Time{} })},
		{name: "clock: two hours behind", verdict: "refused", is: saltoks.ErrUnauthorized, commands: 1,
			with: clockOf(func(t time.Time) time.Time { return t.Add(-2 * time.Hour) })},
		{name: "clock: an hour ahead", verdict: "accepted", commands: 1, with: clockOf(func(t time.Time) time.Time { return t.Add(time.Hour) })},
		{name: "logger: panics", verdict: "accepted", commands: 1, with: func(p *faultCase) { p.log = faulttest.PanickyHandler{} }},
		{name: "logger: panics at a failure", with: func(p *faultCase) { p.log = faulttest.PanickyHandler{}; grants(500, "")(p) }},

		{name: "password: panics", says: "panic in", refreshes: 1, with: passwordPanics},
		{name: "password: none", is: saltoks.ErrReauthorize, refreshes: 2,
			with: password(func(context.Context) (saltoks.Secret, error) { return saltoks.Secret{}, nil })},
		{name: "password: the host fails", says: "returned no password", refreshes: 1,
			with: password(func(context.Context) (saltoks.Secret, error) { return saltoks.Secret{}, faulttest.ErrHost })},
		{name: "password: blocks", is: context.DeadlineExceeded, refreshes: 1,
			with: password(func(ctx context.Context) (saltoks.Secret, error) { return saltoks.Secret{}, faulttest.Until(ctx) })},
		{name: "password: an access token of no user", says: "access token", refreshes: 1, with: func(p *faultCase) {
			password(func(context.Context) (saltoks.Secret, error) { return saltoks.NewSecret("x"), nil })(p)
			grants(200, `{`+planted+`,"expires_in":3600}`)(p)
		}},
		{name: "password: ends the goroutine", says: "try again", refreshes: 1,
			with: password(func(context.Context) (saltoks.Secret, error) { runtime.Goexit(); return saltoks.Secret{}, nil })},
	}
}

// TestTokensFailClosed: with each fault of the refresh, no command is sent without a
// valid token, the refresh token is sent once, and the door opens once the fault is
// gone, unless SALTO has ended the consent.
func TestTokensFailClosed(t *testing.T) {
	for _, row := range tokenRows() {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { row.run(t) })
		})
	}
}

func (row tokenRow) run(t *testing.T) {
	world := saltokstest.DefaultWorld()
	world.Sites[0].IQs[0].WithoutOTP = true
	p := &faultCase{t: t, sim: saltokstest.New(t, saltokstest.Config{World: world}), on: new(atomic.Bool)}
	var log strings.Builder
	p.store, p.sealer, p.transport, p.now = &statetest.FaultyStore{Store: saltostate.NewMemoryStore()},
		&faultySealer{Sealer: saltostate.EphemeralSealer(), p: p}, p.sim.HTTPClient().Transport, p.sim.Now
	p.log = slog.NewTextHandler(&log, nil)
	p.ctx, p.stop = context.WithTimeout(t.Context(), 10*time.Second)
	defer p.stop()
	row.with(p)
	state, err := saltostate.New(saltostate.Config{Store: p.store, Sealer: p.sealer})
	if err != nil {
		t.Fatal(err)
	}
	authorizer := func() *Authorizer {
		config := p.config()
		config.State = state
		a, err := NewAuthorizer(config)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	auth := authorizer()
	login, err := auth.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	callback, err := p.sim.Consent(t.Context(), login.URL(), saltokstest.Allow())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := auth.Complete(t.Context(), login, callback.Query())
	if err != nil {
		t.Fatal(err)
	}
	if p.restart {
		auth = authorizer()
	}
	tokens := auth.Tokens(conn)
	if p.source != nil {
		tokens = p.source(p)
	}
	client, err := saltoks.NewClient(saltoks.Config{Environment: p.env(), Tokens: tokens, HTTPClient: &http.Client{Transport: p.transport},
		Limiter: saltoks.NoRateLimit(), Logger: slog.New(p.log)})
	if err != nil {
		t.Fatal(err)
	}
	remote, err := saltoremote.NewRemote(saltoremote.Config{Client: client, State: state,
		User: saltoks.Identity{Environment: "simulator", Subject: conn.Subject}, Now: p.sim.Now})
	if err != nil {
		t.Fatal(err)
	}
	site := p.sim.World().Sites[0]
	target := saltoremote.Target{Site: saltoks.SiteID(site.ID), Lock: saltoks.LockID(site.Locks[0].ID)}
	if !p.restart && p.source == nil {
		if err := remote.Lock(t.Context(), target); err != nil {
			t.Fatal(err)
		}
	}
	doc, err := saltostate.Load(t.Context(), state, connectionDocs, conn.ID)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(90 * time.Minute) // the access token has run out
	p.sim.ForgetRequests()
	moves := p.sim.Movements(site.Locks[0].ID)
	p.ctx, p.stop = renewed(t, p)
	defer p.stop()

	p.on.Store(true)
	start := time.Now()
	err = remote.Unlock(p.ctx, target)
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	want := faulttest.WantVerdict(t, err, row.verdict, row.is, row.says)
	time.Sleep(time.Minute)
	p.on.Store(false)
	if n := len(p.sim.Commands()); n != row.commands {
		t.Errorf("%d commands on the wire, want %d", n, row.commands)
	}
	opened := 0
	if want == "accepted" {
		opened = 1
	}
	if n := p.sim.Movements(site.Locks[0].ID) - moves; n != opened {
		t.Errorf("%d movements, want %d", n, opened)
	}
	switch err := remote.Unlock(t.Context(), target); {
	case row.after == nil && err != nil:
		t.Errorf("without the fault, the door does not open: %v", err)
	case row.after != nil && !errors.Is(err, row.after):
		t.Errorf("afterwards: %v, want %v", err, row.after)
	case row.after == nil && p.sim.Movements(site.Locks[0].ID)-moves != opened+1:
		t.Error("without the fault, it did not move")
	}
	sent := 0
	for _, q := range p.sim.Requests() {
		if strings.HasSuffix(q.Path, "/connect/token") {
			sent++
		}
	}
	if want := max(row.refreshes, 1); row.after == nil && sent != want || sent > want {
		t.Errorf("%d token requests reached SALTO, want %d", sent, want)
	}
	if err := client.Close(t.Context()); err != nil {
		t.Error(err)
	}

	seen := log.String()
	for e := err; e != nil; e = errors.Unwrap(e) {
		seen += fmt.Sprintf("%v %+v %#v\n", e, e, e)
	}
	for what, secret := range map[string]string{
		"panic value": faulttest.PlantedPanic, "access token": doc.Tokens.Access.Reveal(), "refresh token": doc.Tokens.Refresh.Reveal(),
		"client secret": p.sim.ClientSecret(), "password": world.Users[0].Password, "granted token": "planted-access-9",
	} {
		if secret == "" || strings.Contains(seen, secret) {
			t.Errorf("the %s %q is in: %s", what, secret, seen)
		}
	}
}

// renewed is the caller's context of one command, where it had ended before.
func renewed(t *testing.T, p *faultCase) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	if errors.Is(p.ctx.Err(), context.Canceled) {
		stop()
	}
	return ctx, stop
}
