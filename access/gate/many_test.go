package gate_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

// slow answers after d.
func slow(d time.Duration, o gate.Outcome) func(context.Context, gate.Command) gate.Result {
	return func(context.Context, gate.Command) gate.Result {
		time.Sleep(d)
		return gate.Result{Outcome: o}
	}
}

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

func TestWaitingUnderOwnContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.driver.move = slow(15*time.Second, gate.Accepted)
		tap := b.tap("ada", "front")
		var wg sync.WaitGroup
		wg.Go(func() { b.want(b.unlock(tap), gate.Accepted, "") })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		r, err := b.gate.Unlock(ctx, tap)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got error %v", err)
		}
		b.want(r, gate.Unconfirmed, gate.CauseStillSending)
		if r.Recorded {
			t.Error("the outcome is not recorded yet")
		}
		read, err := b.gate.Receipt(t.Context(), "ada", tap.RequestID)
		if err != nil {
			t.Fatal(err)
		}
		b.want(read, gate.Unconfirmed, gate.CauseStillSending)
		waited, err := b.gate.Wait(t.Context(), "ada", tap.RequestID)
		if err != nil {
			t.Fatal(err)
		}
		b.want(waited, gate.Accepted, "")
		wg.Wait()
		b.wantMoves(1)
	})
}

// A command whose process died is settled by whoever waits for it, or by
// Recover, and never before it can still be under way.
func TestLostProcess(t *testing.T) {
	die := func(t *testing.T, b *bench, tap gate.Tap, do func(context.Context, gate.Tap) (gate.Receipt, error)) {
		t.Helper()
		b.faults.set("Settle", down, nil) // as if it had died while sending
		if r, err := do(t.Context(), tap); err != nil || r.Recorded {
			t.Fatalf("got %+v, %v", r, err)
		}
		b.faults.set("Settle", nil, nil)
	}
	t.Run("a waiter settles it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := setup(t)
			tap := b.tap("ada", "front")
			die(t, b, tap, b.gate.Unlock)
			r, err := b.gate.Unlock(t.Context(), tap)
			if err != nil {
				t.Fatal(err)
			}
			b.want(r, gate.Unconfirmed, gate.CauseInterrupted)
			if since := time.Since(tap.TappedAt); since < gate.SendWithin+gate.AnswerWithin+gate.WriteWithin {
				t.Errorf("it was given up after %v, when it could still be under way", since)
			}
			b.wantMoves(1)
			b.wantLog("unlock/sending/grant", "unlock/unconfirmed/interrupted")
		})
	})
	t.Run("Recover settles it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := setup(t)
			for i := range 250 {
				tap := b.tap("ada", "front")
				die(t, b, tap, b.gate.Unlock)
				if i == 0 {
					if n, err := b.gate.Recover(t.Context()); n != 0 || err != nil {
						t.Fatalf("too early: %d, %v", n, err)
					}
				}
			}
			office := b.tap("ada", "office")
			die(t, b, office, b.gate.StartOfficeMode)
			time.Sleep(gate.SendWithin + gate.AnswerWithin + gate.WriteWithin) // dying took WriteWithin
			n, err := b.gate.Recover(t.Context())
			if n != 250 || err != nil { // the last one is not stale yet
				t.Fatalf("got %d, %v", n, err)
			}
			time.Sleep(time.Microsecond)
			n, err = b.gate.Recover(t.Context())
			if n != 1 || err != nil {
				t.Fatalf("got %d, %v", n, err)
			}
			if n, err = b.gate.Recover(t.Context()); n != 0 || err != nil {
				t.Fatalf("a second time: %d, %v", n, err)
			}
			holds, err := b.gate.Holds(t.Context())
			if err != nil || len(holds) != 1 || !holds[0].Uncertain || holds[0].Member != "ada" {
				t.Fatalf("got holds %+v, %v", holds, err)
			}
			r, err := b.gate.Receipt(t.Context(), "ada", office.RequestID)
			if err != nil {
				t.Fatal(err)
			}
			b.want(r, gate.Unconfirmed, gate.CauseInterrupted)
		})
	})
	t.Run("the truth comes late", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := setup(t)
			b.driver.move = func(context.Context, gate.Command) gate.Result {
				time.Sleep(2 * time.Minute) // a process that was stopped and went on
				return gate.Result{Outcome: gate.Accepted}
			}
			tap := b.tap("ada", "front")
			var wg sync.WaitGroup
			wg.Go(func() {
				r := b.unlock(tap)
				b.want(r, gate.Accepted, "")
				if !r.Recorded {
					t.Error("not recorded")
				}
			})
			time.Sleep(time.Minute)
			if n, err := b.gate.Recover(t.Context()); n != 1 || err != nil {
				t.Fatalf("got %d, %v", n, err)
			}
			later, err := b.gate.Wait(t.Context(), "ada", tap.RequestID)
			if err != nil {
				t.Fatal(err)
			}
			b.want(later, gate.Accepted, "")
			wg.Wait()
			b.wantLog("unlock/sending/grant", "unlock/unconfirmed/interrupted", "unlock/accepted/grant")
		})
	})
}

func TestWaitForAProofThatDoesNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
		tap := b.tap("ada", "front")
		b.unlock(tap)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r, err := b.gate.Wait(ctx, "ada", tap.RequestID)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got error %v", err)
		}
		b.want(r, gate.Unconfirmed, gate.CauseNoAnswer)
		if _, err := b.gate.Wait(t.Context(), "ada", "nobody-knows-this"); !errors.Is(err, gate.ErrNotFound) {
			t.Fatalf("got error %v", err)
		}
	})
}

func TestOfficeModeHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		ctx := t.Context()
		do := func(fn func(context.Context, gate.Tap) (gate.Receipt, error), member string) gate.Receipt {
			t.Helper()
			time.Sleep(3 * time.Second)
			r, err := fn(ctx, b.tap(member, "office"))
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		holders := func() (list []string) {
			t.Helper()
			holds, err := b.gate.Holds(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range holds {
				list = append(list, h.Member)
			}
			return list
		}
		b.want(do(b.gate.StartOfficeMode, "ada"), gate.Accepted, "")
		if got := fmt.Sprint(holders()); got != "[ada]" {
			t.Fatalf("got holders %v", got)
		}
		// Her right ends, the door is disabled, the site switched off: she may
		// still lock, and nothing else; a stranger may not even lock.
		if err := b.store.DeleteGrant(ctx, site, "ada-office"); err != nil {
			t.Fatal(err)
		}
		d, _ := b.store.Door(ctx, site, "office")
		d.Disabled = true
		if err := b.store.UpdateDoor(ctx, site, d); err != nil {
			t.Fatal(err)
		}
		switchOff(b)
		b.want(do(b.gate.Unlock, "ada"), gate.Denied, gate.CauseSwitchedOff)
		b.want(do(b.gate.Lock, "bob"), gate.Denied, "")
		r := do(b.gate.Lock, "ada")
		b.want(r, gate.Accepted, "")
		if r.Decision.Reason != access.ReasonHolder {
			t.Errorf("got reason %q", r.Decision.Reason)
		}
		if got := holders(); len(got) != 0 {
			t.Fatalf("got holders %v", got)
		}
		b.want(do(b.gate.Lock, "ada"), gate.Denied, "")
	})
}

func TestOfficeModeNotOn(t *testing.T) {
	for outcome, want := range map[gate.Outcome]int{gate.Refused: 0, gate.NotSent: 0, gate.Denied: 0, gate.Unconfirmed: 1, gate.Accepted: 1} {
		b := setup(t)
		b.driver.move = answers(outcome, gate.CauseLockOffline)
		if _, err := b.gate.StartOfficeMode(t.Context(), b.tap("ada", "office")); err != nil {
			t.Fatal(err)
		}
		holds, err := b.gate.Holds(t.Context())
		if err != nil || len(holds) != want {
			t.Errorf("%s: got holds %v, %v", outcome, holds, err)
		}
		// A lock that nobody is sure of ends nothing.
		if outcome == gate.Unconfirmed {
			if _, err := b.gate.Lock(t.Context(), b.tap("ada", "office")); err != nil {
				t.Fatal(err)
			}
			if holds, _ := b.gate.Holds(t.Context()); len(holds) != 1 {
				t.Errorf("an unconfirmed lock ended the hold")
			}
		}
	}
}
