package saltoauth

import (
	"testing"
	"time"
)

var durationsNow = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// The pause doubles up to the longest one, however many attempts failed.
func TestRetryTime(t *testing.T) {
	now, pause := durationsNow, backoffFirst
	for failed := range 70 {
		if failed > 1 {
			pause = min(2*pause, backoffLast)
		}
		if got := retryTime(now, failed, time.Time{}).Sub(now); got != pause {
			t.Errorf("after %d failed attempts: %v, want %v", failed, got, pause)
		}
	}
	for asked, want := range map[time.Duration]time.Duration{
		-time.Hour: backoffFirst, backoffFirst + 1: backoffFirst + 1, 2 * backoffLast: backoffLast,
	} {
		if got := retryTime(now, 1, now.Add(asked)).Sub(now); got != want {
			t.Errorf("the server asked for %v: %v, want %v", asked, got, want)
		}
	}
}

func TestReachedAtTheLimit(t *testing.T) {
	for before, want := range map[time.Duration]bool{1: false, 0: true, -1: true} {
		if got := reached(durationsNow.Add(before), durationsNow); got != want {
			t.Errorf("%v before the limit: %t", before, got)
		}
	}
	start := time.Now()
	if limit := start.Add(time.Hour); !reached(limit, differ(start, 0, time.Hour)) || !reached(limit, differ(start, time.Hour, 0)) {
		t.Error("a limit that one clock has reached is not reached")
	}
}

// A token is young for a tenth of its life, at most rejectPause, and not before it was
// granted.
func TestJustGranted(t *testing.T) {
	obtained := durationsNow
	for _, c := range []struct {
		life, until time.Duration // life 0: unknown
	}{{0, rejectPause}, {rejectPause, rejectPause / 10}, {10 * rejectPause, rejectPause}, {20 * rejectPause, rejectPause}} {
		var expiry time.Time
		if c.life > 0 {
			expiry = obtained.Add(c.life)
		}
		for age, want := range map[time.Duration]bool{-1: false, 0: true, c.until - 1: true, c.until: false} {
			until, young := justGranted(obtained, expiry, obtained.Add(age))
			if !until.Equal(obtained.Add(c.until)) || young != want {
				t.Errorf("a life of %v, an age of %v: young %t until %v", c.life, age, young, until.Sub(obtained))
			}
		}
	}
}
