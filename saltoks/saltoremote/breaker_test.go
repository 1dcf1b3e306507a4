package saltoremote

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestBreaker(t *testing.T) {
	var (
		ok      error
		wrong   = fmt.Errorf("x: %w", &saltoks.APIError{Status: 400, Code: "3102", InnerCode: "otp_invalid"})
		missing = &saltoks.APIError{Status: 404, Code: "2202", Message: "Otp is invalid"}
		blocked = &saltoks.APIError{Status: 403, Code: "3102", InnerCode: "otp_blocked"}
		lost    = &saltoks.APIError{}
		offline = &saltoks.APIError{Status: 400, Code: "3102", InnerCode: "iq_offline"}
	)
	start := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	type step struct {
		at     time.Duration
		answer error
	}
	for _, c := range []struct {
		name  string
		steps []step
		at    time.Duration
		open  time.Duration // closes at start+open; 0 is closed
	}{
		{"nothing yet", nil, 0, 0},
		{"one wrong code", []step{{0, wrong}}, 1, 0},
		{"two wrong codes open it", []step{{0, wrong}, {time.Hour, wrong}}, time.Hour, time.Hour + 21*time.Minute},
		{"a missing code is a wrong one", []step{{0, missing}, {0, wrong}}, 1, 21 * time.Minute},
		{"a right code in between", []step{{0, wrong}, {1, ok}, {2, wrong}}, 3, 0},
		{"what says nothing of codes does not count", []step{{0, wrong}, {1, lost}, {2, offline}}, 3, 0},
		{"nor does it forgive", []step{{0, wrong}, {1, lost}, {2, wrong}}, 3, 21*time.Minute + 2},
		{"a block opens it at once", []step{{0, blocked}}, 1, 21 * time.Minute},
		{"open to the last nanosecond", []step{{0, blocked}}, 21*time.Minute - 1, 21 * time.Minute},
		{"closed after 21 minutes", []step{{0, blocked}}, 21 * time.Minute, 0},
		{"after that it counts from the start", []step{{0, wrong}, {0, wrong}, {22 * time.Minute, wrong}}, 23 * time.Minute, 0},
		{
			"and opens again", []step{{0, wrong}, {0, wrong}, {22 * time.Minute, wrong}, {22 * time.Minute, wrong}}, 23 * time.Minute,
			43 * time.Minute,
		},
		{"a command under way does not close it", []step{{0, wrong}, {0, wrong}, {1, ok}}, 2, 21 * time.Minute},
		{"opened by a clock that was 22 minutes ahead", []step{{22 * time.Minute, blocked}}, 0, 0},
		{"by one that was 20 minutes ahead, which may have been set back since", []step{{20 * time.Minute, blocked}}, 0, 41 * time.Minute},
		{"opened by a clock that was a year ahead", []step{{365 * 24 * time.Hour, blocked}}, 0, 0},
	} {
		var b breaker
		for _, s := range c.steps {
			b = b.after(start.Add(s.at), s.answer)
		}
		var want time.Time
		if c.open != 0 {
			want = start.Add(c.open)
		}
		if got := b.openUntil(start.Add(c.at)); !got.Equal(want) {
			t.Errorf("%s: open until %v, want %v", c.name, got, want)
		}
	}
	err := breaker{Until: start.Add(time.Minute)}.check(siteIQ{"s", "q"}, start)
	if !errors.Is(err, saltoks.ErrOTPBlocked) || errors.Is(err, saltoks.ErrOTPInvalid) {
		t.Errorf("%v", err)
	}
}

// TestErrorPrefixIsWrittenOnce: the prefix is written once.
func TestErrorPrefixIsWrittenOnce(t *testing.T) {
	blocked := notSentError(breaker{Until: time.Unix(0, 0)}.check(siteIQ{"s", "q"}, time.Unix(-60, 0)))
	if got := blocked.Error(); !strings.HasPrefix(got, "saltoks: no command to IQ q before 1970-01-01T00:00:00Z") {
		t.Errorf("got %s", got)
	}
}

func TestBreakerIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.activate()
		ctx := t.Context()
		other := r.newRemote(r.newClient(), r.newState(r.store.Store)) // another process
		r.sim.Fault(saltokstest.ClockSkew)
		for _, remote := range []*Remote{r.remote, other} {
			if err := remote.Unlock(ctx, r.target); !errors.Is(err, saltoks.ErrOTPInvalid) {
				t.Fatal(err)
			}
		}
		until := r.sim.Now().Add(21 * time.Minute)
		r.sim.ClearFaults()
		r.sim.ForgetRequests()
		for _, verb := range []func(
			context.Context, Target, ...CommandOption,
		) error{r.remote.Unlock, other.Unlock, other.Lock, r.remote.StartOfficeMode} {
			err := verb(ctx, r.target)
			e, ok := errors.AsType[*saltoks.APIError](err)
			if !ok || !e.NotSent() || !errors.Is(err, saltoks.ErrOTPBlocked) || !r.sim.Now().Add(e.RetryAfter).Equal(until) ||
				!strings.Contains(err.Error(), "IQ "+string(r.iq)) {
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
		if err := other.Unlock(ctx, r.target); !errors.Is(err, saltoks.ErrOTPBlocked) {
			t.Errorf("a nanosecond before the end: %v", err)
		}
		time.Sleep(time.Nanosecond)
		if err := other.Unlock(ctx, r.target); err != nil {
			t.Error(err)
		}
		// A right code resets the count, and is the only write.
		r.sim.Fault(saltokstest.ClockSkew)
		if err := r.remote.Unlock(ctx, r.target); !errors.Is(err, saltoks.ErrOTPInvalid) {
			t.Fatal(err)
		}
		r.sim.ClearFaults()
		r.store.reset()
		if err := r.remote.Unlock(ctx, r.target); err != nil || r.store.updates != 1 {
			t.Errorf("%v, %d writes", err, r.store.updates)
		}
		r.sim.Fault(saltokstest.ClockSkew)
		if err := r.remote.Unlock(ctx, r.target); !errors.Is(err, saltoks.ErrOTPInvalid) {
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
		r := newFixture(t)
		r.activate()
		r.sim.Fault(saltokstest.OTPBlocked)
		err := r.remote.Unlock(t.Context(), r.target)
		if e, ok := errors.AsType[*saltoks.APIError](err); !ok || !e.Refused() || !errors.Is(err, saltoks.ErrOTPBlocked) {
			t.Fatal(err)
		}
		time.Sleep(20*time.Minute + 30*time.Second)
		r.sim.ForgetRequests()
		if err := r.remote.Unlock(t.Context(), r.target); !errors.Is(err, saltoks.ErrOTPBlocked) || len(r.sent()) != 0 {
			t.Errorf("%v, %d requests", err, len(r.sent()))
		}
		time.Sleep(30 * time.Second)
		if err := r.remote.Unlock(t.Context(), r.target); err != nil {
			t.Error(err)
		}
	})
}

func TestBreakerThatCannotBeStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.activate()
		r.sim.Fault(saltokstest.ClockSkew)
		r.store.broken, r.store.left = true, 1
		err := r.remote.Unlock(t.Context(), r.target)
		e, ok := errors.AsType[*saltoks.APIError](err)
		if !errors.Is(err, saltoks.ErrOTPInvalid) || !errors.Is(err, errStore) || !ok || !e.Refused() {
			t.Errorf("got %v", err)
		}
	})
}

// The door is open: that the breaker could not be closed is no error of the command.
func TestSuccessThatCannotBeStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.activate()
		r.sim.Fault(saltokstest.ClockSkew)
		if err := r.remote.Unlock(t.Context(), r.target); !errors.Is(err, saltoks.ErrOTPInvalid) {
			t.Fatal(err)
		}
		r.sim.ClearFaults()
		r.store.broken, r.store.left = true, 1 // the read
		if err := r.remote.Unlock(t.Context(), r.target); err != nil || r.sim.Movements(string(r.target.Lock)) != 1 {
			t.Errorf("got %v", err)
		}
		if r.store.left >= 0 {
			t.Error("the success was not recorded")
		}
	})
}

// A wrong code is recorded even if its caller has canceled.
func TestAWrongCodeOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.activate()
		r.sim.Fault(saltokstest.ClockSkew)
		for range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			slow := slowStore(r.store, time.Second, cancel)
			if err := r.newRemote(r.client, r.newState(slow)).Unlock(ctx, r.target); !errors.Is(err, saltoks.ErrOTPInvalid) {
				t.Fatal(err)
			}
		}
		if s := r.must(r.act.State(t.Context(), r.site, r.iq)); s.BlockedUntil.IsZero() {
			t.Errorf("%+v", s)
		}
	})
}
