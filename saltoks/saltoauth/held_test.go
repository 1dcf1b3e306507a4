package saltoauth

import (
	"context"
	"testing"
	"time"
	"unsafe"

	"github.com/doorkit/doorkit/saltoks"
)

// differ returns t plus wall by the wall clock and plus elapsed by the monotonic clock,
// as after a suspension, or after the clock was set.
func differ(t time.Time, wall, elapsed time.Duration) time.Time {
	t = t.Add(wall)
	monotonic := (*struct {
		wall uint64
		ext  int64
	})(unsafe.Pointer(&t))
	monotonic.ext += int64(elapsed - wall)
	return t
}

// TestTokensEndByBothClocks: a token has ended when it has by either clock.
func TestTokensEndByBothClocks(t *testing.T) {
	start := time.Now()
	if later := differ(start, time.Hour, time.Minute); later.Sub(start) != time.Minute || later.Round(0).Sub(start.Round(0)) != time.Hour {
		t.Fatal("this test no longer makes two clocks that differ")
	}
	for name, c := range map[string]struct {
		wall, elapsed time.Duration
		usable, fresh bool
	}{
		"a minute later":            {time.Minute, time.Minute, true, true},
		"in the last tenth":         {55 * time.Minute, 55 * time.Minute, true, false},
		"over":                      {time.Hour, time.Hour, false, false},
		"the machine slept an hour": {time.Hour + time.Minute, time.Minute, false, false},
		"it slept 55 minutes":       {55 * time.Minute, time.Minute, true, false},
		"the clock was set back":    {-time.Hour, 2 * time.Hour, false, false},
		"set back, in its time":     {-time.Hour, time.Minute, true, true},
	} {
		now := differ(start, c.wall, c.elapsed)
		for kind, expiry := range map[string]time.Time{"monotonic": start.Add(time.Hour), "wall": start.Round(0).Add(time.Hour)} {
			h := newHeld(saltoks.Token{Access: saltoks.NewSecret("a"), Expiry: expiry}, start, start)
			if h.usable(now) != c.usable || h.fresh(now) != c.fresh {
				t.Errorf("%s, %s expiry: usable %v, fresh %v", name, kind, h.usable(now), h.fresh(now))
			}
		}

		clock, granted := start, 0
		s := refresher{now: func() time.Time { return clock }}
		s.fetch = func(context.Context, saltoks.Secret) (held, error) {
			granted++
			return newHeld(saltoks.Token{Access: saltoks.NewSecret("a"), Expiry: clock.Add(time.Hour)}, clock, clock), nil
		}
		for range 2 {
			if _, err := s.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			clock = now
		}
		if want := map[bool]int{true: 1, false: 2}[c.fresh]; granted != want {
			t.Errorf("%s: the source was asked %d times, want %d", name, granted, want)
		}
	}
	if elapsed(start, differ(start, time.Hour, 0)) != time.Hour || elapsed(start, differ(start, -time.Hour, 0)) != time.Hour ||
		elapsed(start, differ(start, 0, time.Hour)) != time.Hour {
		t.Error("elapsed does not count what either clock says")
	}
}
