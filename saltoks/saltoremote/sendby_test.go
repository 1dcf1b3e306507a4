package saltoremote

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// While the limiter is paused by a 429, a command that could only be sent too late fails
// immediately; one that can be sent in time waits.
func TestSendByWithinAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.activate()
		limiter, err := saltoks.NewLimiter(saltoks.LimiterConfig{})
		if err != nil {
			t.Fatal(err)
		}
		remote := r.newRemote(r.newClient(func(cfg *saltoks.Config) { cfg.Limiter = limiter }), r.state)
		pauseCommands(t, limiter, 12*time.Second)
		start := time.Now()
		err = remote.Unlock(t.Context(), r.target, SendBy(r.sim.Now().Add(10*time.Second)))
		e, ok := errors.AsType[*saltoks.APIError](err)
		if !errors.Is(err, saltoks.ErrRateLimited) || !ok || !e.NotSent() || time.Since(start) != 0 {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if err := remote.Unlock(
			t.Context(), r.target, SendBy(r.sim.Now().Add(15*time.Second)),
		); err != nil || time.Since(start) < 12*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if n := r.sim.Movements(string(r.target.Lock)); n != 1 {
			t.Errorf("%d movements", n)
		}
	})
}

func TestNothingIsSentLate(t *testing.T) {
	late := func(t *testing.T, r *fixture, remote *Remote, limit time.Duration, want error) {
		t.Helper()
		start := time.Now()
		err := remote.Unlock(t.Context(), r.target, SendBy(r.sim.Now().Add(limit)))
		e, ok := errors.AsType[*saltoks.APIError](err)
		if !ok || !e.NotSent() || !errors.Is(err, want) {
			t.Errorf("got %v, want NotSent and %v", err, want)
		}
		if took := time.Since(start); took > limit {
			t.Errorf("it took %v to say so, the limit was %v", took, limit)
		}
		time.Sleep(time.Minute)
		if n := len(r.sim.Commands()); n != 0 {
			t.Errorf("%d commands on the wire", n)
		}
	}
	t.Run("the token is slow", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newFixture(t)
			r.activate()
			r.tokens.delay = 3 * time.Second
			late(t, r, r.remote, 2*time.Second, saltoks.ErrSendBy)
		})
	})
	t.Run("the network is slow", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newFixture(t)
			r.activate()
			slow := slowDial(r.sim.HTTPClient(), 3*time.Second)
			late(t, r, r.newRemote(r.newClient(func(cfg *saltoks.Config) { cfg.HTTPClient = slow }), r.state), 2*time.Second, saltoks.ErrSendBy)
		})
	})
	t.Run("the limiter is full", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newFixture(t)
			r.activate()
			l, err := saltoks.NewLimiter(saltoks.LimiterConfig{Commands: 0.1, CommandBurst: 1})
			if err != nil {
				t.Fatal(err)
			}
			remote := r.newRemote(r.newClient(func(cfg *saltoks.Config) { cfg.Limiter = l }), r.state)
			if err := remote.Unlock(t.Context(), r.target); err != nil {
				t.Fatal(err)
			}
			r.sim.ForgetRequests()
			late(t, r, remote, 2*time.Second, saltoks.ErrRateLimited)
		})
	})
	t.Run("a transport of the host's", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newFixture(t)
			r.activate()
			// The clock jumps while the middleware holds the request.
			var jump time.Duration
			held := func(next http.RoundTripper) http.RoundTripper {
				return faulttest.RoundTripper(func(q *http.Request) (*http.Response, error) {
					jump = time.Hour
					return next.RoundTrip(q)
				})
			}
			client := r.newClient(func(cfg *saltoks.Config) { cfg.Middleware = []saltoks.Middleware{held} })
			remote := r.newRemote(client, r.state, withNow(func() time.Time { return r.sim.Now().Add(jump) }))
			late(t, r, remote, 2*time.Second, saltoks.ErrSendBy)
		})
	})
	t.Run("no code is left", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newFixture(t)
			r.activate()
			drain(t, r)
			start := time.Now()
			late(t, r, r.remote, 100*time.Millisecond, saltoks.ErrRateLimited)
			if time.Since(start) > time.Minute {
				t.Error("it was waited for in vain")
			}
		})
	})
	t.Run("but an answer may come late", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newFixture(t)
			r.activate()
			for _, hc := range []*http.Client{
				r.sim.HTTPClient(), slowDial(r.sim.HTTPClient(), time.Second),
				{Transport: faulttest.RoundTripper(r.sim.HTTPClient().Transport.RoundTrip)},
			} {
				r.sim.Fault(saltokstest.Slow, saltokstest.Delay(15*time.Second), saltokstest.After())
				remote := r.newRemote(r.newClient(func(cfg *saltoks.Config) { cfg.HTTPClient = hc }), r.state)
				if err := remote.Unlock(t.Context(), r.target, SendBy(r.sim.Now().Add(2*time.Second))); err != nil {
					t.Error(err)
				}
			}
		})
	})
}

// With a transport that does not report its connections, the deadline does not end the
// wait for an answer, and a request that was passed to it is never NotSent.
func TestSendByOverAnOpaqueTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.activate()
		answers := 0
		opaque := faulttest.RoundTripper(func(q *http.Request) (*http.Response, error) {
			select {
			case <-time.After(15 * time.Second):
				answers++
				return faulttest.Reply(200, "{}"), nil
			case <-q.Context().Done():
				return nil, q.Context().Err()
			}
		})
		remote := r.newRemote(r.newClient(func(cfg *saltoks.Config) { cfg.HTTPClient = &http.Client{Transport: opaque} }), r.state)
		by := SendBy(r.sim.Now().Add(2 * time.Second))
		if err := remote.Unlock(t.Context(), r.target, by); err != nil || answers != 1 {
			t.Errorf("%v, %d answers", err, answers)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		by = SendBy(r.sim.Now().Add(2 * time.Second))
		if err := remote.Unlock(ctx, r.target, by); !isUnconfirmed(err) {
			t.Errorf("got %v, want unconfirmed", err)
		}
		by = SendBy(r.sim.Now().Add(2 * time.Second))
		r.tokens.delay = 3 * time.Second
		if err := remote.Unlock(t.Context(), r.target, by); !errors.Is(err, saltoks.ErrSendBy) || answers != 1 {
			t.Errorf("too late: %v, %d answers", err, answers)
		}
	})
	t.Run("that has net/http below", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newFixture(t)
			r.activate()
			slow := slowDial(r.sim.HTTPClient(), 3*time.Second)
			wrapped := &http.Client{Transport: faulttest.RoundTripper(slow.Transport.RoundTrip)}
			remote := r.newRemote(r.newClient(func(cfg *saltoks.Config) { cfg.HTTPClient = wrapped }), r.state)
			err := remote.Unlock(t.Context(), r.target, SendBy(r.sim.Now().Add(2*time.Second)))
			r.checkTooLate(err)
		})
	})
}

// checkTooLate checks that the command was not sent because it was late.
func (r *fixture) checkTooLate(err error) {
	r.t.Helper()
	e, ok := errors.AsType[*saltoks.APIError](err)
	if !ok || !e.NotSent() || !errors.Is(err, saltoks.ErrSendBy) || len(r.sim.Commands()) != 0 {
		r.t.Errorf("got %v, %d commands", err, len(r.sim.Commands()))
	}
}

// TestAClockSetBackWhileDialing: even with a transport of the host, the elapsed time
// counts as well as the clock.
func TestAClockSetBackWhileDialing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.activate()
		slow := slowDial(r.sim.HTTPClient(), 3*time.Second)
		var off atomic.Int64
		client := r.newClient(func(cfg *saltoks.Config) {
			cfg.HTTPClient = &http.Client{Transport: faulttest.RoundTripper(slow.Transport.RoundTrip)}
		}, func(cfg *saltoks.Config) {
			cfg.Middleware = []saltoks.Middleware{func(next http.RoundTripper) http.RoundTripper {
				return faulttest.RoundTripper(func(q *http.Request) (*http.Response, error) {
					time.AfterFunc(time.Second, func() { off.Store(int64(-time.Hour)) })
					return next.RoundTrip(q)
				})
			}}
		})
		remote := r.newRemote(client, r.state, withNow(func() time.Time { return r.sim.Now().Add(time.Duration(off.Load())) }))
		err := remote.Unlock(t.Context(), r.target, SendBy(r.sim.Now().Add(2*time.Second)))
		r.checkTooLate(err)
	})
}

// TestSendByIsOfItsOwnCall: an OTPFunc that makes a call with a saltoks.Client, with the
// context it is given, does not change the command's deadline.
func TestSendByIsOfItsOwnCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.activate()
		other := r.newClient()
		asks := func(ctx context.Context, site saltoks.SiteID, iq saltoks.IQID) (saltoks.OTP, error) {
			q, err := other.NewRequest("POST", "/v1.2/codes")
			if err == nil {
				_, _ = other.Do(ctx, q, nil) // what it answers does not matter here
			}
			return storedCodes(r.remote)(ctx, site, iq)
		}
		slow := slowDial(r.sim.HTTPClient(), 3*time.Second)
		remote := r.newRemote(r.newClient(func(cfg *saltoks.Config) { cfg.HTTPClient = slow }), r.state, withOTP(asks))
		err := remote.Unlock(t.Context(), r.target, SendBy(r.sim.Now().Add(2*time.Second)))
		time.Sleep(time.Minute) // nothing comes later either
		r.checkTooLate(err)
	})
}

// drain uses up every second of the fixture's codes.
func drain(t *testing.T, r *fixture) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		_, err := storedCodes(r.remote)(ctx, r.site, r.iq)
		cancel()
		if err != nil {
			return
		}
	}
}

// slowDial takes its time to connect, whatever the context does meanwhile.
func slowDial(hc *http.Client, d time.Duration) *http.Client {
	tr := hc.Transport.(*http.Transport).Clone()
	dial := tr.DialContext
	tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		time.Sleep(d)
		return dial(context.WithoutCancel(ctx), network, address)
	}
	return &http.Client{Transport: tr}
}

// A machine is suspended while it waits for its token: the monotonic clock stops, the
// wall clock does not. Nothing is sent late. synctest's clock has
// no monotonic reading, so this test uses the real one.
func TestNothingIsSentAfterASuspension(t *testing.T) {
	for name, c := range map[string]struct {
		asleep time.Duration
		sent   bool
	}{
		"an hour":       {asleep: time.Hour},
		"to the limit":  {asleep: time.Minute},
		"not so long":   {asleep: 10 * time.Second, sent: true},
		"not suspended": {sent: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t)
			r.activate()
			var asleep time.Duration
			now := func() time.Time { return suspended(t, time.Now(), asleep) }
			tokens := tokenFunc(func(ctx context.Context) (saltoks.Token, error) {
				asleep = c.asleep
				return r.tokens.Token(ctx)
			})
			client := r.newClient(func(cfg *saltoks.Config) { cfg.Tokens = tokens })
			remote := r.newRemote(client, r.state, withNow(now))
			err := remote.Unlock(t.Context(), r.target, SendBy(now().Add(time.Minute)))
			if !c.sent {
				r.checkTooLate(err)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// suspended returns t as a machine reads it that was suspended for d, whole
// seconds: the wall clock is ahead by d, the monotonic clock is not.
func suspended(test *testing.T, t time.Time, d time.Duration) time.Time {
	test.Helper()
	if !strings.Contains(t.String(), " m=") {
		test.Fatal("the clock has no monotonic reading")
	}
	before := t
	*(*uint64)(unsafe.Pointer(&t)) += uint64(d/time.Second) << 30 // with a monotonic reading, the wall seconds are there
	if t.Sub(before) != 0 || t.Round(0).Sub(before.Round(0)) != d {
		test.Fatal("time.Time has another layout")
	}
	return t
}

type tokenFunc func(context.Context) (saltoks.Token, error)

func (f tokenFunc) Token(ctx context.Context) (saltoks.Token, error) { return f(ctx) }
