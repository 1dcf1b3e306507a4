package saltoauth

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// TestTraceRefresh: a refresh is traced, with its result, whether or not the callers
// notice.
func TestTraceRefresh(t *testing.T) {
	var full atomic.Bool
	refuse := func(status int, body string) func(*tokenFixture) {
		return func(b *tokenFixture) {
			b.before = func() *http.Response { return jsonAnswer(status, body) }
		}
	}
	for name, c := range map[string]struct {
		after  time.Duration
		change func(*tokenFixture)
		serves bool
		want   []string
	}{
		"none is due":               {10 * time.Minute, nil, true, nil},
		"refreshed":                 {2 * time.Hour, nil, true, []string{"begun", "ended"}},
		"refused":                   {2 * time.Hour, refuse(400, `{"error":"invalid_grant"}`), false, []string{"begun", "invalid_grant"}},
		"fails while a token lasts": {55 * time.Minute, refuse(503, ""), true, []string{"begun", "503"}},
		"not saved": {2 * time.Hour, func(b *tokenFixture) {
			full.Store(true)
		}, false, []string{"begun", "disk"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				full.Store(false)
				b := newTokenFixture(t, fullDisk(&full), nil)
				type key struct{}
				var got []string
				b.id.trace = func(ctx context.Context) (context.Context, func(error)) {
					got = append(got, "begun")
					return context.WithValue(ctx, key{}, true), func(err error) {
						e, _ := errors.AsType[*IdentityError](err)
						switch {
						case err == nil:
							got = append(got, "ended")
						case errors.Is(err, errDisk):
							got = append(got, "disk")
						case e != nil && e.Code != "":
							got = append(got, e.Code)
						case e != nil:
							got = append(got, strconv.Itoa(e.Status))
						default:
							got = append(got, err.Error())
						}
					}
				}
				if c.change != nil {
					c.change(b)
				}
				time.Sleep(c.after)
				_, err := b.source().Token(t.Context())
				if (err == nil) != c.serves {
					t.Errorf("Token: %v", err)
				}
				synctest.Wait()
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				for _, r := range b.requests {
					if r.Context().Value(key{}) == nil {
						t.Error("the request is not in the context of the trace")
					}
				}
			})
		})
	}
}

// TestBrokenTraceRefresh: whatever TraceRefresh does, the tokens are refreshed.
func TestBrokenTraceRefresh(t *testing.T) {
	for name, trace := range map[string]func(context.Context) (context.Context, func(error)){
		"panics at the start": func(context.Context) (context.Context, func(error)) { panic("planted") },
		"panics at the end": func(ctx context.Context) (context.Context, func(error)) {
			return ctx, func(error) { panic("planted") }
		},
		"returns nothing": func(context.Context) (context.Context, func(error)) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(_ *testing.T, b *tokenFixture) {
				b.id.trace = trace
				time.Sleep(2 * time.Hour)
				b.want(b.source(), "a1-planted")
				b.wantPosts(1)
			})
		})
	}
}

// TestTraceRefreshOfConfigs: both configurations pass it on.
func TestTraceRefreshOfConfigs(t *testing.T) {
	begun := 0
	trace := func(ctx context.Context) (context.Context, func(error)) { begun++; return ctx, func(error) {} }
	creds := Credentials{ClientID: mockClient, RedirectURL: "https://app.example/cb"}
	state, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer()})
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewAuthorizer(Config{Environment: mockEnv, Credentials: creds, State: state, TraceRefresh: trace})
	if err != nil {
		t.Fatal(err)
	}
	_, end := a.id.traceRefresh(t.Context())
	end(nil)
	refused := newMockServer()
	refused.RegisterResponder("POST", mockIssuer+"/connect/token", func(*http.Request) (*http.Response, error) {
		return jsonAnswer(400, `{"error":"invalid_grant"}`), nil
	})
	ts, err := PasswordSource(PasswordConfig{
		Environment: mockEnv, Credentials: creds, User: "u", Password: FixedPassword(saltoks.NewSecret("planted")),
		HTTPClient: &http.Client{Transport: refused}, TraceRefresh: trace,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ts.Token(t.Context()); !errors.Is(err, saltoks.ErrReauthorize) {
		t.Error(err)
	}
	if begun != 2 {
		t.Errorf("called %d times, want 2", begun)
	}
}
