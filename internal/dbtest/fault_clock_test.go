//go:build unix

package dbtest

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// TestClockJumpsAtEachStep lets the clock of one process jump at each step of an unlock,
// while the clock of another one, which repeats the request, is right.
func TestClockJumpsAtEachStep(t *testing.T) {
	t.Parallel()
	jumps := []time.Duration{-24 * time.Hour, -time.Hour, -5 * time.Second, 5 * time.Second, gate.SendWithin, time.Hour, 24 * time.Hour}
	if testing.Short() {
		jumps = []time.Duration{-time.Hour, time.Hour}
	}
	Both(t, func(t *testing.T, d Database) {
		s := newScene(t, d)
		var ahead atomic.Int64
		g, steps, err := steppedGate(s.store, doors{path: s.doors}, &ahead)
		must(t, err)
		other := s.gate(0)
		n := 0
		for _, jump := range jumps {
			for i, at := range stepNames() {
				n++
				tap := tap(n)
				steps.next(func(step string) {
					if step == at {
						ahead.Store(int64(jump))
					}
				})
				r, err := g.Unlock(t.Context(), tap)
				must(t, err)
				ahead.Store(0)
				again, err := other.Unlock(t.Context(), tap)
				must(t, err)

				// Only a jump past the deadline, before the command, stops it.
				opens := jump < gate.SendWithin || i >= slices.Index(stepNames(), "after Move")
				name := fmt.Sprintf("%s %s", jump, at)
				if r.Opened() != opens || !r.Recorded || again.Outcome != r.Outcome || again.Cause != r.Cause {
					t.Errorf("%s: %s %s, recorded %t; again %s %s", name, r.Outcome, r.Cause, r.Recorded, again.Outcome, again.Cause)
				}
				if !opens && (r.Cause != gate.CauseDeadline || r.Message() == "") {
					t.Errorf("%s: the reason is %s, %q", name, r.Cause, r.Message())
				}
			}
		}
		s.checkGuarantees()
	})
}

// TestOtherClockAtEachStep lets a process whose clock is wrong recover commands, repeat
// the request, and remove old receipts, at each step of an unlock in another process.
func TestOtherClockAtEachStep(t *testing.T) {
	t.Parallel()
	clocks := []time.Duration{-24 * time.Hour, -time.Hour, -5 * time.Second, 5 * time.Second, time.Minute, time.Hour, 24 * time.Hour}
	if testing.Short() {
		clocks = []time.Duration{-time.Hour, time.Hour}
	}
	Both(t, func(t *testing.T, d Database) {
		s := newScene(t, d)
		g, steps, err := steppedGate(s.store, doors{path: s.doors}, new(atomic.Int64))
		must(t, err)
		n := 0
		for _, clock := range clocks {
			other := s.gate(clock)
			for _, at := range stepNames() {
				n++
				tap := tap(n)
				steps.next(func(step string) {
					if step != at {
						return
					}
					_, err := other.Recover(t.Context())
					must(t, err)
					_, err = other.Prune(t.Context())
					must(t, err)
				})
				r, err := g.Unlock(t.Context(), tap)
				must(t, err)
				again, err := other.Unlock(t.Context(), tap)
				must(t, err)
				// The process that sent it has the last word.
				if r.Outcome != storage.Accepted || !r.Recorded || again.Outcome != storage.Accepted {
					t.Errorf("%s %s: %s %s, recorded %t, %v; again %s %s", clock, at, r.Outcome, r.Cause, r.Recorded, r.Err, again.Outcome, again.Cause)
				}
			}
		}
		s.checkGuarantees()
	})
}

// TestClocksThatDiffer repeats each request at once in two processes whose clocks differ:
// the door moves at most once, and both say the same.
func TestClocksThatDiffer(t *testing.T) {
	t.Parallel()
	clocks := []time.Duration{-24 * time.Hour, -time.Hour, -5 * time.Second, 5 * time.Second, 15 * time.Second, time.Hour, 24 * time.Hour}
	Both(t, func(t *testing.T, d Database) {
		s := newScene(t, d)
		g, steps, err := steppedGate(s.store, doors{path: s.doors}, new(atomic.Int64))
		must(t, err)
		n := 0
		for _, clock := range clocks[:scaled(len(clocks), 2)] {
			other := s.gate(clock)
			for _, at := range []string{"before Lookup", "after Lookup", "after Load", "before Begin"} { // there is no claim yet
				n++
				tap := tap(n)
				var first gate.Receipt
				steps.next(func(step string) {
					if step == at {
						first, err = other.Unlock(t.Context(), tap)
						must(t, err)
					}
				})
				r, err := g.Unlock(t.Context(), tap)
				must(t, err)
				opens := clock > -gate.SendWithin && clock < gate.SendWithin
				if first.Opened() != opens || r.Outcome != first.Outcome || r.Cause != first.Cause || !r.Recorded {
					t.Errorf("%s %s: %s %s, then %s %s, recorded %t", clock, at, first.Outcome, first.Cause, r.Outcome, r.Cause, r.Recorded)
				}
			}
		}
		s.checkGuarantees()
	})
}
