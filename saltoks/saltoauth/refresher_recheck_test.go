package saltoauth_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltostate"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"
)

// otherProcess is the token source of another process on the same store, which
// reads it through get.
func (d *hostFixture) otherProcess(c saltoauth.Connection, get func(ctx context.Context, key string) ([]byte, error)) saltoks.TokenSource {
	d.t.Helper()
	store := &statetest.FaultyStore{Store: d.store, OnGet: get}
	state, err := saltostate.New(saltostate.Config{Store: store, Sealer: d.sealer})
	if err != nil {
		d.t.Fatal(err)
	}
	config := d.config()
	config.State = state
	auth, err := saltoauth.NewAuthorizer(config)
	if err != nil {
		d.t.Fatal(err)
	}
	return auth.Tokens(c)
}

func (d *hostFixture) disconnect(c saltoauth.Connection) {
	d.t.Helper()
	if _, err := d.auth.Disconnect(d.t.Context(), c.ID, saltoauth.AcknowledgeDisconnect); err != nil {
		d.t.Error(err)
	}
}

// TestDisconnectEndsSources: those of its process at once, those of another within
// 30 seconds, whether they are used all the time, now and then, or not at all.
func TestDisconnectEndsSources(t *testing.T) {
	for name, pause := range map[string]time.Duration{"all the time": time.Second, "now and then": 25 * time.Second,
		"rarely": 29 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *hostFixture, conn saltoauth.Connection, client *saltoks.Client) {
				mine, theirs := d.auth.Tokens(conn), d.otherProcess(conn, nil)
				for range 3 {
					for _, ts := range []saltoks.TokenSource{mine, theirs} {
						if _, err := ts.Token(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
					time.Sleep(pause)
				}
				d.disconnect(conn)
				since := time.Now()
				if _, err := mine.Token(t.Context()); !errors.Is(err, saltoauth.ErrNotConnected) {
					t.Errorf("this process: %v", err)
				}
				if _, err := client.Me.Get(t.Context()); !errors.Is(err, saltoauth.ErrNotConnected) {
					t.Errorf("a client of this process: %v", err)
				}
				for {
					_, err := theirs.Token(t.Context())
					if errors.Is(err, saltoauth.ErrNotConnected) {
						return
					}
					if err != nil || time.Since(since) > 30*time.Second {
						t.Fatalf("another process, %v later: %v", time.Since(since), err)
					}
					time.Sleep(pause)
				}
			})
		})
	}
}

// TestDisconnectDuringARefresh: the tokens of a refresh in progress are not returned
// after Disconnect has returned.
func TestDisconnectDuringARefresh(t *testing.T) {
	inBubble(t, func(t *testing.T, d *hostFixture, conn saltoauth.Connection, client *saltoks.Client) {
		ts := d.auth.Tokens(conn)
		time.Sleep(2 * time.Hour)
		d.slow("/connect/token", 7*time.Second)
		got := make(chan error, 1)
		go func() {
			_, err := ts.Token(t.Context())
			got <- err
		}()
		synctest.Wait()
		d.disconnect(conn) // waits for the document
		if _, err := ts.Token(t.Context()); !errors.Is(err, saltoauth.ErrNotConnected) {
			t.Errorf("%v", err)
		}
		if err := <-got; err != nil && !errors.Is(err, saltoauth.ErrNotConnected) { // before or after: either is right
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if _, err := ts.Token(t.Context()); !errors.Is(err, saltoauth.ErrNotConnected) || d.store.documents() != 0 {
			t.Errorf("%v, %d documents", err, d.store.documents())
		}
	})
}

// TestAStoreThatCannotBeRead: the token in memory is used for 5 minutes more, then
// nothing is sent; a call waits for the store for a second at most, every 30 seconds.
func TestAStoreThatCannotBeRead(t *testing.T) {
	for name, fault := range map[string]func(ctx context.Context) error{
		"fails":             func(context.Context) error { return errors.New("planted: connection refused") },
		"hangs":             func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"panics":            func(context.Context) error { panic("planted") },
		"takes two seconds": func(context.Context) error { time.Sleep(2 * time.Second); return errors.New("planted") },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *hostFixture, conn saltoauth.Connection, _ *saltoks.Client) {
				var broken atomic.Bool
				ts := d.otherProcess(conn, func(ctx context.Context, key string) ([]byte, error) {
					if broken.Load() {
						if err := fault(ctx); err != nil {
							return nil, err
						}
					}
					return d.store.Store.Get(ctx, key)
				})
				client, err := saltoks.NewClient(saltoks.Config{Environment: d.env, Tokens: ts, HTTPClient: d.sim.HTTPClient()})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := client.Me.Get(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(29 * time.Second)
				broken.Store(true)
				var failing time.Time // from the first call that must read
				for range 400 {
					time.Sleep(time.Second)
					start := time.Now()
					_, err := ts.Token(t.Context())
					if failing.IsZero() {
						failing = start
					}
					if served := start.Sub(failing); served < 5*time.Minute-2*time.Second && (err != nil || time.Since(start) > time.Second) {
						t.Fatalf("after %v: %v, a wait of %v", served, err, time.Since(start))
					} else if served > 5*time.Minute+time.Second && err == nil {
						t.Fatalf("after %v the token still serves", served)
					}
					if err != nil {
						break
					}
				}
				_, err = client.Me.Get(t.Context())
				if e, ok := errors.AsType[*saltoks.APIError](err); !ok || !e.NotSent() {
					t.Errorf("%v", err)
				}
				broken.Store(false)
				if _, err := client.Me.Get(t.Context()); err != nil {
					t.Errorf("the store is back: %v", err)
				}
				if err := client.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestAStoreThatFailsForAMoment: a failed read no longer counts after a successful one.
func TestAStoreThatFailsForAMoment(t *testing.T) {
	inBubble(t, func(t *testing.T, d *hostFixture, conn saltoauth.Connection, _ *saltoks.Client) {
		reads := 0
		ts := d.otherProcess(conn, func(ctx context.Context, key string) ([]byte, error) {
			if reads++; reads%2 == 0 {
				return nil, errors.New("planted")
			}
			return d.store.Store.Get(ctx, key)
		})
		for range 50 * 60 { // a second each
			if _, err := ts.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if reads < 90 || reads > 110 {
			t.Errorf("%d reads in 50 minutes, want one in 30 seconds", reads)
		}
	})
}

// TestReconnectIsUsedAtOnce: a source that failed continues with the new consent.
func TestReconnectIsUsedAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, d *hostFixture, conn saltoauth.Connection, client *saltoks.Client) {
		time.Sleep(91 * 24 * time.Hour)
		if _, err := client.Me.Get(t.Context()); !errors.Is(err, saltoks.ErrReauthorize) {
			t.Fatal(err)
		}
		if err := d.reconnect(conn); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Me.Get(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
