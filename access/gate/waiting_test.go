package gate_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access/gate"
)

// A receipt is its member's: nobody else learns of it by its RequestID, however
// the outcome stands.
func TestAnotherMemberLearnsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &told{}
		b.driver.move = func(context.Context, gate.Command) gate.Result {
			time.Sleep(3 * time.Second)
			return gate.Result{Outcome: gate.Unconfirmed, Cause: gate.CauseNoAnswer}
		}
		tap := b.tap("ada", "front")
		nothing := func(when string) {
			t.Helper()
			for _, member := range []string{"bob", "", "ad", "ada ", "Ada", "ada\x00"} {
				start := time.Now()
				receipt, err := b.gate.Wait(t.Context(), member, tap.RequestID)
				if !errors.Is(err, gate.ErrNotFound) || receipt != (gate.Receipt{}) || time.Since(start) != 0 {
					t.Errorf("%s, %q waits: %+v, %v, after %v", when, member, receipt, err, time.Since(start))
				}
				if receipt, err := b.gate.Receipt(t.Context(), member, tap.RequestID); !errors.Is(err, gate.ErrNotFound) || receipt != (gate.Receipt{}) {
					t.Errorf("%s, %q reads: %+v, %v", when, member, receipt, err)
				}
			}
		}
		nothing("before")
		var wg sync.WaitGroup
		wg.Go(func() { b.want(b.unlock(tap), gate.Unconfirmed, gate.CauseNoAnswer) })
		synctest.Wait()
		nothing("while it is sent")
		wg.Wait()
		nothing("unconfirmed")
		r.add("l1", "unlock", "us", time.Now())
		b.ingest(r)
		nothing("settled")
	})
}

// Another process, after a restart, waits for the proof as well.
func TestWaitAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &told{}
		b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
		first, second := b.tap("ada", "front"), b.tap("ada", "front") // the second shares the first
		b.unlock(first)
		b.unlock(second)
		g, err := gate.New(b.config)
		if err != nil {
			t.Fatal(err)
		}
		for _, tap := range []gate.Tap{first, second} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			start := time.Now()
			got, err := g.Wait(ctx, "ada", tap.RequestID)
			cancel()
			b.want(got, gate.Unconfirmed, gate.CauseNoAnswer)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute || got.RequestID != tap.RequestID {
				t.Errorf("after %v: %+v, %v", time.Since(start), got, err)
			}
		}
		r.add("l1", "unlock", "us", first.TappedAt)
		var wg sync.WaitGroup
		for _, tap := range []gate.Tap{first, second} {
			wg.Go(func() {
				got, err := g.Wait(t.Context(), "ada", tap.RequestID)
				if err != nil || got.Outcome != gate.Accepted || got.RequestID != tap.RequestID || got.Shared != (tap == second) {
					t.Errorf("got %+v, %v", got, err)
				}
			})
		}
		synctest.Wait()
		b.ingest(r)
		wg.Wait()
	})
}

// Two processes share the command of identical taps as one does.
func TestTapsShareAcrossProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.driver.move = slow(3*time.Second, gate.Accepted)
		taps := make([]gate.Tap, 16)
		for i := range taps {
			taps[i] = b.tap("ada", "front")
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		own := 0
		for _, tap := range taps {
			g, err := gate.New(b.config)
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				r, err := g.Unlock(t.Context(), tap)
				if err != nil || !r.Opened() || r.RequestID != tap.RequestID {
					t.Errorf("got %+v, %v", r, err)
				}
				mu.Lock()
				defer mu.Unlock()
				if !r.Shared {
					own++
				}
			})
		}
		wg.Wait()
		b.wantMoves(1)
		if own != 1 {
			t.Errorf("%d taps had a command of their own", own)
		}
	})
}

// A tap that shared a command is never told that nothing was sent.
func TestASharedCommandThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &heard{}
		b := setup(t, func(c *gate.Config) { c.Observer = h })
		b.unlock(b.tap("ada", "front"))
		second := b.tap("ada", "front")
		b.unlock(second)
		looked := 0
		b.faults.set("Look", func() error {
			if looked++; looked > 1 { // its own entry is read
				return errDown
			}
			return nil
		}, nil)
		r := b.unlock(second)
		b.want(r, gate.Unconfirmed, gate.CauseStoreUnavailable)
		if !r.Shared || !r.Repeated || r.Recorded || r.Err == nil {
			t.Errorf("got %+v", r)
		}
		want := []string{"passed accepted", "passed accepted", "passed unconfirmed", "trouble_began store_unavailable "}
		if !slices.Equal(h.events, want) {
			t.Errorf("got events %q, want %q", h.events, want)
		}
	})
}
