package saltoauth_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// inBubble gives a test a simulator, a connection and a client of it, all on
// the bubble's clock, and looks for leaked secrets at the end.
func inBubble(t *testing.T, fn func(t *testing.T, d *hostFixture, conn saltoauth.Connection, client *saltoks.Client)) {
	inBubbleOf(t, saltokstest.Switches{}, fn)
}

// inBubbleOf is inBubble with switches of the simulator.
func inBubbleOf(
	t *testing.T, switches saltokstest.Switches, fn func(t *testing.T, d *hostFixture, conn saltoauth.Connection, client *saltoks.Client),
) {
	synctest.Test(t, func(t *testing.T) {
		d := newHostOf(t, saltokstest.Config{World: twoUsers(), Switches: switches})
		conn := d.connect()
		client, err := saltoks.NewClient(saltoks.Config{Environment: d.env, Tokens: d.auth.Tokens(conn), HTTPClient: d.sim.HTTPClient()})
		if err != nil {
			t.Fatal(err)
		}
		d.sim.ForgetRequests()
		fn(t, d, conn, client)
		if err := client.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if strings.Contains(d.log.String(), d.sim.ClientSecret()) || strings.Contains(d.log.String(), "Bearer") ||
			strings.Contains(d.log.String(), "eyJ") {
			t.Errorf("the log shows a secret:\n%s", d.log.String())
		}
	})
}

// later lets time pass in the bubble of inBubble.
func later(d time.Duration) { time.Sleep(d) }

// TestThreeMonthsOfCalls: a call every day, or every six hours in .ci/run full, until a
// day before SALTO ends the consent, a refresh for each, no failure; a day after it one
// clear error.
func TestThreeMonthsOfCalls(t *testing.T) {
	const day = 24 * time.Hour
	every := day
	if os.Getenv("DOORKIT_FULL") == "1" {
		every = 6 * time.Hour
	}
	for _, lifetime := range []time.Duration{30 * day, 90 * day, 200 * day} {
		t.Run(lifetime.String(), func(t *testing.T) {
			consent := saltokstest.Switches{RefreshLifetime: lifetime}
			inBubbleOf(t, consent, func(t *testing.T, d *hostFixture, _ saltoauth.Connection, client *saltoks.Client) {
				calls := 0
				for start := time.Now(); time.Since(start) < lifetime-day; time.Sleep(every) {
					if _, err := client.Me.Get(t.Context()); err != nil {
						t.Fatalf("after %v: %v", time.Since(start), err)
					}
					calls++
				}
				if n := d.tokenRequests(); n != calls-1 {
					t.Errorf("%d refreshes for %d calls", n, calls)
				}
				time.Sleep(2 * day)
				for range 3 {
					if _, err := client.Me.Get(t.Context()); !errors.Is(err, saltoks.ErrReauthorize) {
						t.Errorf("%v", err)
					}
				}
			})
		})
	}
}

func TestAnswerLostAfterRotation(t *testing.T) {
	inBubble(t, func(t *testing.T, d *hostFixture, conn saltoauth.Connection, client *saltoks.Client) {
		time.Sleep(2 * time.Hour)
		d.sim.Fault(saltokstest.TokenEndpoint502AfterRotation)
		_, err := client.Me.Get(t.Context())
		if e, ok := errors.AsType[*saltoauth.IdentityError](err); !ok || e.Status != 502 || !e.Temporary() {
			t.Errorf("%v", err)
		}
		if n := d.tokenRequests(); n != 1 {
			t.Errorf("%d requests to the token endpoint", n)
		}
		time.Sleep(time.Minute)
		if _, err := client.Me.Get(t.Context()); !errors.Is(err, saltoks.ErrReauthorize) {
			t.Errorf("%v", err)
		}
		s, err := d.auth.Status(t.Context(), conn.ID)
		if err != nil || s.State != saltoauth.ConnectionReauthorize {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestTokenExpiresOnTheWay: a machine that is suspended during a refresh receives a token
// that is over. The call fails with a reason, and the next one refreshes again.
func TestTokenExpiresOnTheWay(t *testing.T) {
	const lifetime = 3 * time.Second
	short := saltokstest.Switches{AccessLifetime: lifetime}
	inBubbleOf(t, short, func(t *testing.T, d *hostFixture, conn saltoauth.Connection, _ *saltoks.Client) {
		suspended := false
		config := d.config()
		config.HTTPClient = &http.Client{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
			resp, err := d.sim.HTTPClient().Transport.RoundTrip(r)
			if strings.HasSuffix(r.URL.Path, "/connect/token") && !suspended {
				suspended = true
				time.Sleep(lifetime)
			}
			return resp, err
		})}
		auth, err := saltoauth.NewAuthorizer(config)
		if err != nil {
			t.Fatal(err)
		}
		tokens := auth.Tokens(conn)
		time.Sleep(time.Hour)
		token, err := tokens.Token(t.Context())
		failed, ok := errors.AsType[*saltoauth.IdentityError](err)
		if !ok || !strings.Contains(failed.What, "expired") || !token.Access.IsZero() {
			t.Errorf("a token that is over: %v, empty %t; want an IdentityError and no token", err, token.Access.IsZero())
		}
		if token, err = tokens.Token(t.Context()); err != nil || token.Access.IsZero() {
			t.Errorf("the next call: %v, empty %t; want a token", err, token.Access.IsZero())
		}
	})
}

// TestHangingIdentityServer: a call ends with its context of 50 ms, the refresh
// continues, and Close waits for it.
func TestHangingIdentityServer(t *testing.T) {
	inBubble(t, func(t *testing.T, d *hostFixture, conn saltoauth.Connection, client *saltoks.Client) {
		time.Sleep(2 * time.Hour)
		d.sim.Fault(saltokstest.Slow, saltokstest.On("/connect/token"), saltokstest.Delay(7*time.Second))
		start := time.Now()
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				if _, err := client.Me.Get(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v", err)
				}
			})
		}
		all.Wait()
		if took := time.Since(start); took != 50*time.Millisecond {
			t.Errorf("50 ms took %v", took)
		}
		if err := client.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took < 7*time.Second || took > 8*time.Second {
			t.Errorf("Close returned after %v", took)
		}
		another, err := saltoauth.NewAuthorizer(d.config()) // another source: the refreshed token was saved
		if err != nil {
			t.Fatal(err)
		}
		d.auth = another
		if _, err := d.sites(conn); err != nil {
			t.Error(err)
		}
		if n := d.tokenRequests(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}

// TestOutageOfTwoHours is an outage as it occurred at the acceptance environment:
// calls fail with a temporary error, few requests are made, and calls succeed
// afterwards.
func TestOutageOfTwoHours(t *testing.T) {
	inBubble(t, func(t *testing.T, d *hostFixture, conn saltoauth.Connection, client *saltoks.Client) {
		time.Sleep(2 * time.Hour)
		d.sim.Fault(saltokstest.IdentityOutage)
		start := time.Now()
		for time.Since(start) < 2*time.Hour {
			if _, err := client.Me.Get(t.Context()); err == nil || errors.Is(err, saltoks.ErrReauthorize) {
				t.Fatalf("%v after %v", err, time.Since(start))
			}
			time.Sleep(10 * time.Second)
		}
		if n := d.tokenRequests(); n > 32 {
			t.Errorf("%d requests in two hours", n)
		}
		time.Sleep(5 * time.Minute)
		if _, err := client.Me.Get(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestUnauthorizedMakesTheNextCallWork: SALTO rejects an access token before it expires.
func TestUnauthorizedMakesTheNextCallWork(t *testing.T) {
	inBubble(t, func(t *testing.T, d *hostFixture, conn saltoauth.Connection, client *saltoks.Client) {
		if _, err := client.Me.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		ts := d.auth.Tokens(conn)
		old, err := ts.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := ts.(saltoks.Rejecter).Reject(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		next, err := ts.Token(t.Context())
		if err != nil || next.Access.Equal(old.Access) {
			t.Errorf("%v", err)
		}
		if n := d.tokenRequests(); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}
