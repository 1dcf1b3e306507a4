package gate_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access/gate"
)

func TestOneRequestManyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.driver.move = slow(3*time.Second, gate.Accepted)
		tap := b.tap("ada", "front")
		// Two gates on one storage, as in two processes.
		second, err := gate.New(b.config)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		receipts := make([]gate.Receipt, 64)
		for i := range receipts {
			g := b.gate
			if i%2 == 1 {
				g = second
			}
			wg.Go(func() {
				var err error
				if receipts[i], err = g.Unlock(t.Context(), tap); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, r := range receipts {
			b.want(r, gate.Accepted, "")
			if r.LogRow != 1 || !r.Recorded || !r.At.Equal(receipts[0].At) {
				t.Fatalf("another receipt: %+v", r)
			}
		}
		b.wantMoves(1)
		b.wantLog("unlock/sending/grant", "unlock/accepted/grant")
		if got := len(b.checkIns()); got != 1 {
			t.Errorf("got %d check-ins", got)
		}
	})
}

func TestIdenticalTapsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.driver.move = slow(3*time.Second, gate.Accepted)
		first, second := b.tap("ada", "front"), b.tap("ada", "front")
		var wg sync.WaitGroup
		var r1, r2 gate.Receipt
		wg.Go(func() { r1 = b.unlock(first) })
		synctest.Wait()
		time.Sleep(time.Second)
		second.TappedAt = time.Now()
		wg.Go(func() { r2 = b.unlock(second) })
		wg.Wait()
		b.want(r1, gate.Accepted, "")
		b.want(r2, gate.Accepted, "")
		if r1.Shared || !r2.Shared || r2.RequestID != second.RequestID || !r2.At.Equal(r1.At) {
			t.Fatalf("got %+v and %+v", r1, r2)
		}
		b.wantMoves(1)
		read, err := b.gate.Receipt(t.Context(), "ada", second.RequestID)
		if err != nil || read.Outcome != gate.Accepted || !read.Shared || read.RequestID != second.RequestID {
			t.Fatalf("read: %+v, %v", read, err)
		}
		again := b.unlock(second)
		if again.Outcome != gate.Accepted || !again.Shared {
			t.Fatalf("again: %+v", again)
		}
		for _, c := range []*gate.CheckIn{r2.CheckIn, read.CheckIn, again.CheckIn} {
			if diff := cmp.Diff(r1.CheckIn, c); diff != "" || c.RequestID != first.RequestID {
				t.Errorf("the check-in of the shared command (-want +got):\n%s", diff)
			}
		}
		// Two seconds after the first one it is a new command.
		third := b.tap("ada", "front")
		b.unlock(third)
		b.wantMoves(2)
	})
}

func TestStaffDoesNotShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.unlock(b.tap("ada", "front"))
		staff := b.tap("ada", "front")
		staff.Source, staff.Actor = gate.SourceStaff, "eve"
		if r := b.unlock(staff); r.Shared {
			t.Error("shared")
		}
		b.wantMoves(2)
		b.wantLog("unlock/sending/grant", "unlock/accepted/grant", "unlock/sending/grant", "unlock/accepted/grant")
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

// The outcome of a tap that shared a command is never NotSent.
func TestASharedCommandThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &recorder{}
		b := setup(t, func(c *gate.Config) { c.Observer = h })
		b.unlock(b.tap("ada", "front"))
		second := b.tap("ada", "front")
		b.unlock(second)
		looked := 0
		b.faults.set("Lookup", func() error {
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
		want := []string{"request_completed accepted", "request_completed accepted", "request_completed unconfirmed",
			"problem_raised store_unavailable "}
		if !slices.Equal(h.events, want) {
			t.Errorf("got events %q, want %q", h.events, want)
		}
	})
}

// slow answers after d.
func slow(d time.Duration, o gate.Outcome) func(context.Context, gate.Command) gate.Result {
	return func(context.Context, gate.Command) gate.Result {
		time.Sleep(d)
		return gate.Result{Outcome: o}
	}
}
