package saltoks

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestLimiterLanes: commands do not wait for reads, clients share a limiter, and a 429
// pauses its lane only.
func TestLimiterLanes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limiter, err := NewLimiter(LimiterConfig{})
		if err != nil {
			t.Fatal(err)
		}
		w := &wire{answer: always(200, goldenLock)}
		one, two := newTestClient(
			t,
			w,
			func(cfg *Config) { cfg.Limiter = limiter },
		), newTestClient(
			t,
			w,
			func(cfg *Config) { cfg.Limiter = limiter },
		)
		begin := time.Now()
		var reads sync.WaitGroup
		for i := range 30 {
			reads.Go(func() {
				c := []*Client{one, two}[i%2]
				if _, err := c.Locks.Get(t.Context(), "s", "l"); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if n := w.count(); n != 10 {
			t.Errorf("%d reads went at once, want the burst of 10", n)
		}
		for range 40 {
			if err := one.Raw().SetLockState(t.Context(), "s", "l", Unlocked, OTP{}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("40 commands behind 20 waiting reads took %v", took)
		}
		reads.Wait()
		if took := time.Since(begin); took != 4*time.Second {
			t.Errorf("30 reads took %v, want 20/5 = 4s", took)
		}

		w.answer = func(r *http.Request, _ string) *http.Response {
			if r.Method == "PATCH" {
				return reply(200, "")
			}
			return reply(429, "", "Retry-After", "25")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := one.Locks.Get(ctx, "s", "l"); !errors.Is(err, ErrRateLimited) {
			t.Error(err)
		}
		if err := two.Raw().SetLockState(t.Context(), "s", "l", Unlocked, OTP{}, nil); err != nil {
			t.Error(err)
		}
		before := w.count()
		_, err = two.Locks.Get(ctx, "s", "l") // the other client pauses as well
		if !errors.Is(err, ErrRateLimited) || !errors.Is(err, context.DeadlineExceeded) || w.count() != before {
			t.Errorf("%v after %d requests", err, w.count()-before)
		}
		limiter.pause(readLane, 100*time.Millisecond)
		if err := limiter.wait(ctx, readLane); !errors.Is(err, ErrRateLimited) {
			t.Errorf("a shorter pause ended a longer one: %v", err)
		}
	})
}
