package gatehttp

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// The memory of the limits does not grow with the number of members, and the limits of
// a member who taps in a loop are not removed while those of idle members can be.
func TestLimitsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimits(6, 2)
		for i := range maxTracked - 1 {
			l.tap(fmt.Sprint("member-", i))
		}
		time.Sleep(time.Minute) // all of these are idle now
		for range 2 {
			if wait := l.tap("busy"); wait != 0 {
				t.Fatalf("limited for %s", wait)
			}
		}
		if wait := l.tap("busy"); wait != 10*time.Second {
			t.Errorf("limited for %s, want 10s", wait)
		}
		l.tap("one more")
		if n := len(l.members); n > 10 {
			t.Errorf("%d idle members are kept", n)
		}
		if l.tap("busy") == 0 {
			t.Error("the limit of a busy member was forgotten")
		}
		for i := range 3 * maxTracked {
			l.tap(fmt.Sprint("crowd-", i))
		}
		if n := len(l.members); n > maxTracked {
			t.Errorf("%d members are kept, want at most %d", n, maxTracked)
		}
	})
}
