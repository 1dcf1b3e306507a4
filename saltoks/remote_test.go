package saltoks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/google/go-cmp/cmp"
)

func TestRemoteVerbs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.activate()
		ctx := t.Context()
		lock := string(r.target.Lock)
		for i, c := range []struct {
			verb func(context.Context, Target, ...CommandOption) error
			want string
		}{
			{r.remote.Unlock, "unlocked"}, {r.remote.StartOfficeMode, "office_mode"}, {r.remote.Lock, "locked"},
		} {
			r.store.reset()
			if err := c.verb(ctx, r.target, SendBy(r.sim.Now().Add(10*time.Second))); err != nil {
				t.Fatal(err)
			}
			if got := r.sim.LockState(lock); got != c.want {
				t.Errorf("the lock is %s, want %s", got, c.want)
			}
			if n := r.sim.Movements(lock); n != i+1 {
				t.Errorf("%d movements, want %d", n, i+1)
			}
			// What stands between a tap and the door: one read of the store, one request.
			if r.store.gets != 1 || r.store.updates != 0 {
				t.Errorf("%s: %d reads and %d writes of the store", c.want, r.store.gets, r.store.updates)
			}
		}
		if diff := cmp.Diff([]string{"PATCH /v1.2/sites/S/locks/L/locking", "PATCH /v1.2/sites/S/locks/L/locking", "PATCH /v1.2/sites/S/locks/L/locking"}, r.sent()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		if codes := sentCodes(t, r.sim); len(codes) != 3 {
			t.Errorf("codes: %v", codes)
		}
	})
}

// sentCodes returns the codes of the commands, which must all differ.
func sentCodes(t *testing.T, sim *saltokstest.Sim) map[string]bool {
	t.Helper()
	codes := make(map[string]bool)
	for _, q := range sim.Commands() {
		var body struct{ OTP string }
		if err := json.Unmarshal(q.Body, &body); err != nil {
			t.Fatal(err)
		}
		if codes[body.OTP] {
			t.Errorf("code %s was sent twice", body.OTP)
		}
		codes[body.OTP] = true
	}
	return codes
}

func TestIQWithoutCodesWantsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := saltokstest.DefaultWorld()
		world.Sites[0].IQs[0].WithoutOTP = true
		r := newRig(t, saltokstest.WithWorld(world))
		if r.target.OTPRequired {
			t.Fatal("the target wants a code")
		}
		r.store.broken = true // nothing of it is needed
		if err := r.remote.Unlock(t.Context(), r.target); err != nil {
			t.Fatal(err)
		}
		if body := string(r.sim.Commands()[0].Body); strings.Contains(body, "otp") {
			t.Errorf("body %s", body)
		}
	})
}

func TestTargetOfALockWithoutIQ(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := saltokstest.DefaultWorld()
		world.Sites[0].Locks[1].IQ = "none"
		r := newRig(t, saltokstest.WithWorld(world))
		_, err := r.remote.Target(t.Context(), r.site, LockID(r.sim.World().Sites[0].Locks[1].ID))
		if e, ok := errors.AsType[*APIError](err); !ok || !e.NotSent() || !strings.Contains(err.Error(), "no IQ") {
			t.Errorf("got %v", err)
		}
	})
}

func TestNothingIsSentWithoutWhatACommandNeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ctx := t.Context()
		past := r.sim.Now()
		time.Sleep(time.Second)
		gone, cancel := context.WithCancel(ctx)
		cancel()
		check := func(name string, err, want error) {
			t.Helper()
			e, ok := errors.AsType[*APIError](err)
			if !ok || !e.NotSent() || e.Refused() || e.Unconfirmed() {
				t.Errorf("%s: %v: want NotSent", name, err)
			}
			if want != nil && !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
			if n := len(r.sent()); n != 0 {
				t.Errorf("%s: %d requests", name, n)
				r.sim.ForgetRequests()
			}
		}
		check("not activated", r.remote.Unlock(ctx, r.target), ErrIQNotActivated)
		r.must(r.act.Begin(ctx, r.site, r.iq))
		r.must(r.act.RequestPIN(ctx, r.site, r.iq, PINByMail))
		r.sim.ForgetRequests()
		check("half activated", r.remote.Unlock(ctx, r.target), ErrIQNotActivated)
		r.must(r.act.Confirm(ctx, r.site, r.iq, r.pin()))
		r.sim.ForgetRequests()
		check("an empty target", r.remote.Unlock(ctx, Target{OTPRequired: true}), nil)
		r.store.reset()
		check("too late", r.remote.Unlock(ctx, r.target, SendBy(past)), ErrSendBy)
		if r.store.gets != 0 {
			t.Error("too late, and the store was read")
		}
		check("no context", r.remote.Unlock(gone, r.target), context.Canceled)
		mute := r.newRemote(r.client, r.state, WithOTPProvider(OTPFunc(func(context.Context, SiteID, IQID) (OTP, error) { return OTP{}, errStore })))
		check("no code", mute.Unlock(ctx, r.target), errStore)
		r.store.broken = true
		check("no store", r.remote.Unlock(ctx, r.target), errStore)
		r.store.broken = false
		if err := r.remote.Unlock(ctx, r.target); err != nil {
			t.Error(err)
		}
	})
}

// While SALTO has us pause, a command that could only go out too late says so
// at once; one that can go out in time waits.
func TestSendByWithinAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.activate()
		limiter, err := NewLimiter(LimiterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		remote := r.newRemote(r.newClient(WithLimiter(limiter)), r.state)
		limiter.pause(commandLane, 12*time.Second)
		start := time.Now()
		err = remote.Unlock(t.Context(), r.target, SendBy(r.sim.Now().Add(10*time.Second)))
		if e, ok := errors.AsType[*APIError](err); !errors.Is(err, ErrRateLimited) || !ok || !e.NotSent() || time.Since(start) != 0 {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if err := remote.Unlock(t.Context(), r.target, SendBy(r.sim.Now().Add(15*time.Second))); err != nil || time.Since(start) < 12*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if n := r.sim.Movements(string(r.target.Lock)); n != 1 {
			t.Errorf("%d movements", n)
		}
	})
}

// A code made of one user's secret is wrong with another user's token, and
// wrong codes block: so none is sent.
func TestRemoteOfAnotherUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := saltokstest.DefaultWorld()
		world.Users = append(world.Users, saltokstest.User{Email: "other@harbour.example", Password: "Quay-Rope-19", Phone: "+31200000043", FirstName: "Other", LastName: "Hand"})
		r := newRig(t, saltokstest.WithWorld(world))
		r.activate()
		other := *r
		other.tokens = &simTokens{sim: r.sim, user: r.sim.World().Users[1]}
		mixed := r.newRemote(other.newClient(), r.state)
		err := mixed.Unlock(t.Context(), r.target)
		if e, ok := errors.AsType[*APIError](err); !errors.Is(err, ErrOtherUser) || !ok || !e.NotSent() || len(r.sent()) != 0 {
			t.Errorf("%v, %v", err, r.sent())
		}
	})
}

func TestNewRemoteNamesEveryFault(t *testing.T) {
	_, err := NewRemote(nil, nil, "", "", WithNow(nil), WithOTPProvider(nil), nil)
	for _, want := range []string{"no client", "no state", "no subject", "nil clock", "nil provider", "nil option"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

// Whatever happens to the answer: one code, one request, at most one movement,
// and the error says which of the three it was.
func TestAtMostOnceUnderFaults(t *testing.T) {
	const (
		accepted = "accepted"
		refused  = "refused"
		unknown  = "unconfirmed"
		notSent  = "not sent"
	)
	for _, c := range []struct {
		name    string
		fault   string
		opts    []saltokstest.FaultOption
		outcome string
		moves   int
		is      error
	}{
		{"answer lost before", saltokstest.AnswerLostBeforeMove, nil, unknown, 0, nil},
		{"answer lost after", saltokstest.AnswerLostAfterMove, nil, unknown, 1, nil},
		{"slow answer", saltokstest.Slow, []saltokstest.FaultOption{saltokstest.Delay(15 * time.Second), saltokstest.After()}, accepted, 1, nil},
		{"hangs", saltokstest.Hang, nil, unknown, 0, context.DeadlineExceeded},
		{"hangs afterwards", saltokstest.Hang, []saltokstest.FaultOption{saltokstest.After()}, unknown, 1, context.DeadlineExceeded},
		{"429", saltokstest.HTTP429, nil, refused, 0, ErrRateLimited},
		{"500", saltokstest.HTTP500, nil, unknown, 0, nil},
		{"500 afterwards", saltokstest.HTTP500, []saltokstest.FaultOption{saltokstest.After()}, unknown, 1, nil},
		{"502", saltokstest.HTML502, nil, unknown, 0, nil},
		{"307", saltokstest.Redirect307, nil, refused, 0, nil},
		{"half a body", saltokstest.TruncatedBody, nil, unknown, 1, nil},
		{"IQ offline", saltokstest.IQOffline, nil, unknown, 0, ErrIQOffline},
		{"lock offline", saltokstest.LockOffline, nil, unknown, 0, ErrLockOffline},
		{"blocked", saltokstest.OTPBlocked, nil, refused, 0, ErrOTPBlocked},
		{"app took the secret", saltokstest.AppRotatedSecret, nil, refused, 0, ErrOTPInvalid},
		{"IQ was reset", saltokstest.RestoreRequired, nil, refused, 0, nil},
		{"IQ's clock is off", saltokstest.ClockSkew, nil, refused, 0, ErrOTPInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.activate()
				r.sim.Fault(c.fault, c.opts...)
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				err := r.remote.Unlock(ctx, r.target, SendBy(r.sim.Now().Add(10*time.Second)))
				outcome := accepted
				if e, ok := errors.AsType[*APIError](err); ok {
					switch {
					case e.NotSent():
						outcome = notSent
					case e.Refused():
						outcome = refused
					case e.Unconfirmed():
						outcome = unknown
					}
				} else if err != nil {
					t.Fatalf("%v is no *APIError", err)
				}
				if outcome != c.outcome || c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("%s (%v), want %s (%v)", outcome, err, c.outcome, c.is)
				}
				if n := r.sim.Movements(string(r.target.Lock)); n != c.moves {
					t.Errorf("%d movements, want %d", n, c.moves)
				}
				time.Sleep(time.Minute) // nothing comes later either
				if n := len(r.sim.Commands()); n != 1 {
					t.Errorf("%d commands on the wire", n)
				}
				if n := r.sim.Movements(string(r.target.Lock)); n != c.moves {
					t.Errorf("%d movements a minute later", n)
				}
			})
		})
	}
}

func TestNothingIsSentLate(t *testing.T) {
	late := func(t *testing.T, r *rig, remote *Remote, limit time.Duration, want error) {
		t.Helper()
		start := time.Now()
		err := remote.Unlock(t.Context(), r.target, SendBy(r.sim.Now().Add(limit)))
		e, ok := errors.AsType[*APIError](err)
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
			r := newRig(t)
			r.activate()
			r.tokens.delay = 3 * time.Second
			late(t, r, r.remote, 2*time.Second, ErrSendBy)
		})
	})
	t.Run("the network is slow", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.activate()
			slow := slowDial(r.sim.HTTPClient(), 3*time.Second)
			late(t, r, r.newRemote(r.newClient(WithHTTPClient(slow)), r.state), 2*time.Second, ErrSendBy)
		})
	})
	t.Run("the limiter is full", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.activate()
			l, err := NewLimiter(LimiterOptions{Commands: 0.1, CommandBurst: 1})
			if err != nil {
				t.Fatal(err)
			}
			remote := r.newRemote(r.newClient(WithLimiter(l)), r.state)
			if err := remote.Unlock(t.Context(), r.target); err != nil {
				t.Fatal(err)
			}
			r.sim.ForgetRequests()
			late(t, r, remote, 2*time.Second, ErrRateLimited)
		})
	})
	t.Run("a transport of the host's", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.activate()
			// The clock jumps while the middleware holds the request.
			var jump time.Duration
			held := func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(q *http.Request) (*http.Response, error) {
					jump = time.Hour
					return next.RoundTrip(q)
				})
			}
			client := r.newClient(WithMiddleware(held))
			remote := r.newRemote(client, r.state, WithNow(func() time.Time { return r.sim.Now().Add(jump) }))
			late(t, r, remote, 2*time.Second, ErrSendBy)
		})
	})
	t.Run("no code is left", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.activate()
			drain(t, r)
			start := time.Now()
			late(t, r, r.remote, 100*time.Millisecond, ErrRateLimited)
			if time.Since(start) > time.Minute {
				t.Error("it was waited for in vain")
			}
		})
	})
	t.Run("but an answer may come late", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.activate()
			for _, hc := range []*http.Client{r.sim.HTTPClient(), slowDial(r.sim.HTTPClient(), time.Second), {Transport: roundTripper(r.sim.HTTPClient().Transport.RoundTrip)}} {
				r.sim.Fault(saltokstest.Slow, saltokstest.Delay(15*time.Second), saltokstest.After())
				remote := r.newRemote(r.newClient(WithHTTPClient(hc)), r.state)
				if err := remote.Unlock(t.Context(), r.target, SendBy(r.sim.Now().Add(2*time.Second))); err != nil {
					t.Error(err)
				}
			}
		})
	})
}

// A connection that comes too late carries nothing.
func TestLateConnectionIsClosed(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	ctx, guard, stop := withSendBy(t.Context(), now.Add(time.Minute), func() time.Time { return now })
	defer stop()
	now = now.Add(time.Minute) // to the nanosecond: "before" is before
	near, far := net.Pipe()
	defer far.Close()
	if err := sendGuardOf(ctx).start(near); !errors.Is(err, ErrSendBy) {
		t.Errorf("got %v", err)
	}
	if _, err := near.Write([]byte("PATCH")); err == nil || ctx.Err() == nil {
		t.Errorf("a write: %v; the context: %v", err, ctx.Err())
	}
	if err := guard.explain(context.Canceled); !errors.Is(err, ErrSendBy) {
		t.Errorf("explained as %v", err)
	}
}

// A transport that tells nothing of its connections: the instant ends no answer
// that is under way, and a request that was handed over is never "not sent".
func TestSendByOverAnOpaqueTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.activate()
		answers := 0
		opaque := roundTripper(func(q *http.Request) (*http.Response, error) {
			select {
			case <-time.After(15 * time.Second):
				answers++
				return reply(200, "{}"), nil
			case <-q.Context().Done():
				return nil, q.Context().Err()
			}
		})
		remote := r.newRemote(r.newClient(WithHTTPClient(&http.Client{Transport: opaque})), r.state)
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
		if err := remote.Unlock(t.Context(), r.target, by); !errors.Is(err, ErrSendBy) || answers != 1 {
			t.Errorf("too late: %v, %d answers", err, answers)
		}
	})
	t.Run("that has net/http below", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.activate()
			slow := slowDial(r.sim.HTTPClient(), 3*time.Second)
			wrapped := &http.Client{Transport: roundTripper(slow.Transport.RoundTrip)}
			remote := r.newRemote(r.newClient(WithHTTPClient(wrapped)), r.state)
			err := remote.Unlock(t.Context(), r.target, SendBy(r.sim.Now().Add(2*time.Second)))
			if e, ok := errors.AsType[*APIError](err); !ok || !e.NotSent() || !errors.Is(err, ErrSendBy) || len(r.sim.Commands()) != 0 {
				t.Errorf("got %v, %d commands", err, len(r.sim.Commands()))
			}
		})
	})
}

// drain uses up every second of the rig's codes.
func drain(t *testing.T, r *rig) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		_, err := r.remote.local.OTP(ctx, r.site, r.iq)
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

func TestBreakerIsSharedAndKeepsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.activate()
		ctx := t.Context()
		other := r.newRemote(r.newClient(), r.newState(r.store.Store)) // another process
		r.sim.Fault(saltokstest.ClockSkew)
		for _, remote := range []*Remote{r.remote, other} {
			if err := remote.Unlock(ctx, r.target); !errors.Is(err, ErrOTPInvalid) {
				t.Fatal(err)
			}
		}
		until := r.sim.Now().Add(21 * time.Minute)
		r.sim.ClearFaults()
		r.sim.ForgetRequests()
		for _, verb := range []func(context.Context, Target, ...CommandOption) error{r.remote.Unlock, other.Unlock, other.Lock, r.remote.StartOfficeMode} {
			err := verb(ctx, r.target)
			held, ok := errors.AsType[*OTPBlockedError](err)
			e, api := errors.AsType[*APIError](err)
			if !ok || !api || !e.NotSent() || !errors.Is(err, ErrOTPBlocked) || !held.Until.Equal(until) || held.IQ != r.iq {
				t.Errorf("got %v", err)
			}
		}
		if n := len(r.sent()); n != 0 {
			t.Errorf("%d requests while held back", n)
		}
		if s := r.must(r.act.State(ctx, r.site, r.iq)); !s.BlockedUntil.Equal(until) {
			t.Errorf("State: %+v", s)
		}
		time.Sleep(21*time.Minute - time.Nanosecond)
		if err := other.Unlock(ctx, r.target); !errors.Is(err, ErrOTPBlocked) {
			t.Errorf("a nanosecond before the end: %v", err)
		}
		time.Sleep(time.Nanosecond)
		if err := other.Unlock(ctx, r.target); err != nil {
			t.Error(err)
		}
		// A right code makes the count start anew, and is the only write.
		r.sim.Fault(saltokstest.ClockSkew)
		if err := r.remote.Unlock(ctx, r.target); !errors.Is(err, ErrOTPInvalid) {
			t.Fatal(err)
		}
		r.sim.ClearFaults()
		r.store.reset()
		if err := r.remote.Unlock(ctx, r.target); err != nil || r.store.updates != 1 {
			t.Errorf("%v, %d writes", err, r.store.updates)
		}
		r.sim.Fault(saltokstest.ClockSkew)
		if err := r.remote.Unlock(ctx, r.target); !errors.Is(err, ErrOTPInvalid) {
			t.Fatal(err)
		}
		r.sim.ClearFaults()
		if err := r.remote.Unlock(ctx, r.target); err != nil {
			t.Errorf("after one wrong code: %v", err)
		}
	})
}

func TestBreakerOpensAtSALTOsBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.activate()
		r.sim.Fault(saltokstest.OTPBlocked)
		err := r.remote.Unlock(t.Context(), r.target)
		if e, ok := errors.AsType[*APIError](err); !ok || !e.Refused() || !errors.Is(err, ErrOTPBlocked) {
			t.Fatal(err)
		}
		time.Sleep(20*time.Minute + 30*time.Second)
		r.sim.ForgetRequests()
		if err := r.remote.Unlock(t.Context(), r.target); !errors.Is(err, ErrOTPBlocked) || len(r.sent()) != 0 {
			t.Errorf("%v, %d requests", err, len(r.sent()))
		}
		time.Sleep(30 * time.Second)
		if err := r.remote.Unlock(t.Context(), r.target); err != nil {
			t.Error(err)
		}
	})
}

// With a provider of the host's there is no activation here, and the breaker
// works all the same.
func TestForeignProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.activate()
		ctx := t.Context()
		state := r.newState(NewMemoryStore())
		remote := r.newRemote(r.newClient(), state, WithOTPProvider(r.remote.local))
		if err := remote.Unlock(ctx, r.target); err != nil {
			t.Fatal(err)
		}
		wrong := r.newRemote(r.newClient(), state, WithOTPProvider(StaticOTP(NewOTP("zzzzz"))))
		for range 2 {
			if err := wrong.Unlock(ctx, r.target); !errors.Is(err, ErrOTPInvalid) {
				t.Fatal(err)
			}
		}
		if err := remote.Unlock(ctx, r.target); !errors.Is(err, ErrOTPBlocked) {
			t.Errorf("got %v", err)
		}
		// The document is found by whoever has to delete it.
		owner, err := loadDoc(ctx, state, ownerDocs, ownerID("simulator", r.tokens.user.Subject))
		if err != nil || owner == nil || len(owner.IQs) != 1 || len(owner.IQs[0].Docs) != 1 {
			t.Errorf("%+v, %v", owner, err)
		}
	})
}

// Many doors at once through one IQ that takes every code only once: each of
// the commands that were sent moved a lock, the others said NotSent.
func TestManyDoorsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := saltokstest.DefaultWorld()
		for i := range 60 {
			world.Sites[0].Locks = append(world.Sites[0].Locks, saltokstest.Lock{Name: fmt.Sprintf("Locker %d", i)})
		}
		r := newRig(t, saltokstest.WithWorld(world), saltokstest.WithSwitches(saltokstest.Switches{SingleUseOTP: true}))
		r.activate()
		var mu sync.Mutex
		var wg sync.WaitGroup
		sent, held := 0, 0
		var targets []Target
		for lock, err := range r.client.Locks.All(t.Context(), r.site) {
			if err != nil {
				t.Fatal(err)
			}
			if lock.IQ.ID == r.iq {
				targets = append(targets, Target{Site: r.site, IQ: lock.IQ.ID, Lock: lock.ID, OTPRequired: lock.IQ.OTPEnabled})
			}
		}
		for _, target := range targets {
			wg.Go(func() {
				err := r.remote.Unlock(t.Context(), target, SendBy(r.sim.Now().Add(10*time.Second)))
				e, _ := errors.AsType[*APIError](err)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					sent++
				case errors.Is(err, ErrRateLimited) && e.NotSent():
					held++
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		moved := 0
		for _, target := range targets {
			moved += r.sim.Movements(string(target.Lock))
		}
		if moved != sent || sent+held != len(targets) || sent < 39 || len(sentCodes(t, r.sim)) != sent {
			t.Errorf("%d of %d sent, %d held back, %d movements", sent, len(targets), held, moved)
		}
	})
}

func TestBreakerThatCannotBeWrittenIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.activate()
		r.sim.Fault(saltokstest.ClockSkew)
		r.store.broken, r.store.left = true, 1
		err := r.remote.Unlock(t.Context(), r.target)
		e, ok := errors.AsType[*APIError](err)
		if !errors.Is(err, ErrOTPInvalid) || !errors.Is(err, errStore) || !ok || !e.Refused() {
			t.Errorf("got %v", err)
		}
	})
}
