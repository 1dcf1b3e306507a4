package saltoauth

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jarcoal/httpmock"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
	"github.com/doorkit/doorkit/saltoks/saltostate"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"
)

// TestHangingServer: 15 seconds for the exchange, then a temporary error.
func TestHangingServer(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		ts := b.source()
		time.Sleep(2 * time.Hour)
		b.delay = time.Hour
		start := time.Now()
		_, err := ts.Token(t.Context())
		e, ok := errors.AsType[*IdentityError](err)
		if !ok || !e.Temporary() || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 15*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		b.wantPosts(1)
	})
}

// TestOutage: the token is kept, one request per pause over all sources, the
// pause doubles to five minutes, and the first success clears it.
func TestOutage(t *testing.T) {
	for name, answer := range map[string]func() *http.Response{
		"404": func() *http.Response { return httpmock.NewStringResponse(404, "planted") },
		"429": func() *http.Response { return jsonAnswer(429, `{}`) },
		"500": func() *http.Response { return httpmock.NewStringResponse(500, "<html>planted</html>") },
		"502": func() *http.Response { return httpmock.NewStringResponse(502, "") },
		"307": func() *http.Response {
			r := httpmock.NewStringResponse(307, "")
			r.Header.Set("Location", "/connect/token")
			return r
		},
		"junk": func() *http.Response { return jsonAnswer(200, `{"access_token":planted`) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *tokenFixture) {
				one, two := b.source(), b.source()
				time.Sleep(2 * time.Hour)
				b.change(func() { b.before = answer })
				posts := 0
				for _, pause := range []time.Duration{5, 10, 20, 40, 80, 160, 300, 300} {
					pause *= time.Second
					for _, ts := range []saltoks.TokenSource{one, two, one} {
						_, err := ts.Token(t.Context())
						e, ok := errors.AsType[*IdentityError](err)
						if !ok || errors.Is(err, saltoks.ErrReauthorize) || strings.Contains(err.Error(), "planted") {
							t.Fatalf("%v", err)
						}
						if got := time.Until(e.RetryAt); got != pause {
							t.Errorf("pause %v, want %v", got, pause)
						}
					}
					posts++
					b.wantPosts(posts)
					time.Sleep(pause)
				}
				if doc := b.doc(); doc.Pause.Failed != 8 || doc.Pause.Fault == "" || doc.Tokens.Refresh.Reveal() != "r0-planted" {
					t.Errorf("%+v", doc)
				}
				b.change(func() { b.before = nil })
				b.want(one, "a1-planted")
				b.want(two, "a1-planted")
				b.wantPosts(posts + 1)
				if doc := b.doc(); doc.Pause != (pause{}) {
					t.Errorf("%+v", doc)
				}
			})
		})
	}
}

// TestOutageWithAValidToken: an outage during which the token is valid is only logged.
func TestOutageWithAValidToken(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		one, two := b.source(), b.source()
		b.want(one, "a0-planted")
		time.Sleep(55 * time.Minute)
		b.change(func() { b.before = func() *http.Response { return httpmock.NewStringResponse(503, "") } })
		for range 50 {
			b.want(one, "a0-planted")
			b.want(two, "a0-planted")
		}
		b.wantPosts(1)
		time.Sleep(6 * time.Second)
		b.want(two, "a0-planted")
		b.wantPosts(2)
	})
}

// TestATokenInItsLastSeconds: such a token is not returned, because it could expire
// before the request arrives.
func TestATokenInItsLastSeconds(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		ts := b.source()
		b.change(func() { b.before = func() *http.Response { return httpmock.NewStringResponse(503, "") } })
		time.Sleep(time.Hour - 10*time.Second - time.Nanosecond)
		b.want(ts, "a0-planted") // the first call of this process, in an outage
		b.wantPosts(1)
		time.Sleep(time.Nanosecond)
		if _, err := ts.Token(t.Context()); err == nil {
			t.Error("ten seconds before its end the token is still given out")
		}
	})
}

func TestRetryAfterIsHeeded(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		time.Sleep(2 * time.Hour)
		b.change(func() {
			b.before = func() *http.Response { r := jsonAnswer(429, ""); r.Header.Set("Retry-After", "60"); return r }
		})
		_, err := b.source().Token(t.Context())
		if e, ok := errors.AsType[*IdentityError](err); !ok || time.Until(e.RetryAt) != time.Minute {
			t.Errorf("%v", err)
		}
		time.Sleep(time.Minute)
		b.change(func() {
			b.before = func() *http.Response { r := jsonAnswer(429, ""); r.Header.Set("Retry-After", "86400"); return r }
		})
		_, err = b.source().Token(t.Context())
		if e, ok := errors.AsType[*IdentityError](err); !ok || time.Until(e.RetryAt) != backoffLast {
			t.Errorf("%v", err)
		}
	})
}

// TestRotationWithoutAnAnswer: the server rotated, then failed. One request was
// made, and the next one ends in ErrReauthorize, for every source, for good.
func TestRotationWithoutAnAnswer(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		one, two := b.source(), b.source()
		time.Sleep(2 * time.Hour)
		b.change(func() { b.after = func() *http.Response { return httpmock.NewStringResponse(502, "") } })
		_, err := one.Token(t.Context())
		if e, ok := errors.AsType[*IdentityError](err); !ok || !e.Temporary() {
			t.Errorf("%v", err)
		}
		b.wantPosts(1)
		time.Sleep(5 * time.Second)
		for _, ts := range []saltoks.TokenSource{one, two, one, two} {
			if _, err := ts.Token(t.Context()); !errors.Is(err, saltoks.ErrReauthorize) {
				t.Errorf("%v", err)
			}
		}
		if n := b.posts(); n != 2 {
			t.Errorf("%d requests", n)
		}
		if b.doc().ReauthorizeAt.IsZero() {
			t.Error("not noted")
		}
		time.Sleep(24 * time.Hour)
		if _, err := two.Token(t.Context()); !errors.Is(err, saltoks.ErrReauthorize) || b.posts() != 2 {
			t.Errorf("%v, %d requests", err, b.posts())
		}
	})
}

// TestClientRefused: a wrong client secret is no reason to consent again.
func TestClientRefused(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		time.Sleep(2 * time.Hour)
		b.change(func() {
			b.before = func() *http.Response {
				return jsonAnswer(401, `{"error":"invalid_client","error_description":"planted"}`)
			}
		})
		_, err := b.source().Token(t.Context())
		e, ok := errors.AsType[*IdentityError](err)
		if !ok || errors.Is(err, saltoks.ErrReauthorize) || e.Temporary() || e.Code != "invalid_client" ||
			strings.Contains(err.Error(), "planted") {
			t.Errorf("%v", err)
		}
		b.change(func() { b.before = nil })
		time.Sleep(5 * time.Second)
		b.want(b.source(), "a1-planted")
	})
}

// TestAStoreThatIsStuckAfterTheRotation: the flight ends nevertheless, and the tokens
// are saved as soon as the store accepts them.
func TestAStoreThatIsStuckAfterTheRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stuck atomic.Bool
		store := &statetest.FaultyStore{Store: saltostate.NewMemoryStore()}
		store.OnUpdate = func(ctx context.Context, key string, fn statetest.UpdateFunc) error {
			return store.UpdateThen(ctx, key, fn, func(next []byte) ([]byte, error) {
				if stuck.Load() {
					return nil, faulttest.Until(ctx)
				}
				return next, nil
			})
		}
		b := newTokenFixture(t, store, nil)
		ts := b.source()
		time.Sleep(2 * time.Hour)
		stuck.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		if _, err := ts.Token(ctx); err == nil || time.Since(start) != saltostate.WriteLimit {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := ts.refresher.Wait(ctx); err != nil {
			t.Errorf("a refresh is still in flight: %v", err)
		}
		stuck.Store(false)
		b.want(ts, "a1-planted")
		if got := b.doc().Tokens.Refresh.Reveal(); got != "r1-planted" {
			t.Errorf("stored %q", got)
		}
		b.wantPosts(1)
	})
}

// TestAPauseOfAWrongClock: another process, whose clock is an hour ahead, recorded a
// failed attempt. No caller waits for an hour.
func TestAPauseOfAWrongClock(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		time.Sleep(2 * time.Hour)
		doc := *b.doc()
		doc.Pause = pause{Failed: 1, Until: time.Now().Add(time.Hour), Fault: "refresh: refused"}
		b.put(doc)
		b.want(b.source(), "a1-planted")
	})
}

// TestAStoreThatIgnoresItsContext: if the document is returned after the time limit, no
// refresh token is sent.
func TestAStoreThatIgnoresItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late time.Duration // although the context has ended
		store := &statetest.FaultyStore{Store: saltostate.NewMemoryStore()}
		store.OnUpdate = func(ctx context.Context, key string, fn statetest.UpdateFunc) error {
			time.Sleep(late)
			return store.Store.Update(context.WithoutCancel(ctx), key, fn)
		}
		b := newTokenFixture(t, store, nil)
		ts := b.source()
		time.Sleep(2 * time.Hour)
		late = lockLimit + time.Second
		if _, err := ts.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "too long") {
			t.Errorf("%v", err)
		}
		b.wantPosts(0)
		late = 0
		b.want(ts, "a1-planted")
	})
}

// TestAProcessWithoutARoute: a process that cannot reach the server pauses alone. Its
// Status reports the pause; the document, which other processes share, does not.
func TestAProcessWithoutARoute(t *testing.T) {
	for name, unreachable := range map[string]func(*http.Request) (*http.Response, error){
		"no route": func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Err: errors.New("planted")}
		},
		"hangs":     func(r *http.Request) (*http.Response, error) { return nil, faulttest.Until(r.Context()) },
		"hangs up":  func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF },
		"wrong TLS": func(*http.Request) (*http.Response, error) { return nil, new(tls.CertificateVerificationError) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *tokenFixture) {
				cut := newIdentity(mockEnv, b.id.creds, &http.Client{Transport: answers(unreachable)}, nil, nil)
				lonely := newConnectionTokens(cut, b.state, fixtureConn)
				before := b.doc()
				time.Sleep(2 * time.Hour)
				var retry time.Time
				for range 12 {
					_, err := lonely.Token(t.Context())
					e, ok := errors.AsType[*IdentityError](err)
					if !ok || !e.Temporary() || e.RetryAt.IsZero() || strings.Contains(err.Error(), "planted") {
						t.Fatalf("%v", err)
					}
					if e.RetryAt.Before(retry) {
						t.Errorf("the pause shrinks from %v to %v", retry, e.RetryAt)
					}
					retry = e.RetryAt
					time.Sleep(time.Second)
				}
				if p := lonely.localPause(); p.Failed < 1 || p.Failed > 3 {
					t.Errorf("%d attempts in 12 seconds", p.Failed)
				}
				if diff := cmp.Diff(before, b.doc(), cmp.Comparer(func(a, b storedsecret.Secret) bool { return a.Equal(b.Secret) })); diff != "" {
					t.Errorf("the document was changed: %s", diff)
				}
				b.want(b.source(), "a1-planted")
				b.want(lonely, "a1-planted") // adopts it
				b.wantPosts(1)
			})
		})
	}
}

// TestStatusReportsTheSharedPause: of two equal counts, Status reports that of the document,
// which every process observes.
func TestStatusReportsTheSharedPause(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		cut := answers(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF })
		lonely, err := NewAuthorizer(Config{
			Environment: mockEnv, Credentials: b.id.creds, State: b.state, HTTPClient: &http.Client{Transport: cut},
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		report := func(fault string) {
			t.Helper()
			s, err := lonely.Status(t.Context(), fixtureConn)
			if err != nil || s.FailedRefreshes != 1 || !strings.Contains(s.Fault, fault) {
				t.Errorf("%+v, %v, want %q", s, err, fault)
			}
		}
		if _, err := lonely.source(fixtureConn).Token(t.Context()); err == nil {
			t.Error("refreshed without a route")
		}
		report("no answer")
		b.change(func() { b.before = func() *http.Response { return jsonAnswer(400, `{"error":"slow_down"}`) } })
		_, err = b.source().Token(t.Context())
		if e, ok := errors.AsType[*IdentityError](err); !ok || e.Code != "slow_down" || e.What != "refused" {
			t.Errorf("%v", err)
		}
		report("refused")
	})
}
