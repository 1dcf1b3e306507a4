package gate_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// busy is a storage whose Wait returns ErrUnavailable with the error of an ended context.
type busy struct{ storage.Records }

func (b busy) Wait(ctx context.Context, key storage.RequestKey, known gate.Outcome) (storage.JournalEntry, error) {
	e, err := b.Records.Wait(ctx, key, known)
	if err != nil {
		err = fmt.Errorf("the database did not answer: %w: %w", gate.ErrUnavailable, err)
	}
	return e, err
}

// TestWaitGivenUp: nothing is wrong with the storage when the caller stops waiting.
func TestWaitGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, func(c *gate.Config) { c.Records = busy{c.Records} })
		b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
		tap := b.tap("ada", "front")
		b.unlock(tap)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, err := b.gate.Wait(ctx, "ada", tap.RequestID)
		if r.Outcome != gate.Unconfirmed || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, gate.ErrUnavailable) {
			t.Errorf("got %s, %v", r.Outcome, err)
		}
	})
}

// A clock that was set back or fails makes no caller wait longer than a command whose
// process ended may have been in progress.
func TestWaitByAWrongClock(t *testing.T) {
	for name, wrong := range map[string]func() time.Time{
		"an hour back": func() time.Time { return time.Now().Add(-time.Hour) },
		"zero":         func() time.Time { return time.Time{} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now := time.Now
				b := setup(t, func(c *gate.Config) { c.Now = func() time.Time { return now() } })
				b.faults.set("Settle", down, nil)
				tap := b.tap("ada", "front")
				b.unlock(tap)
				b.faults.set("Settle", nil, nil)
				now = wrong
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				r, err := b.gate.Unlock(ctx, tap)
				if err != nil || time.Since(start) > time.Minute {
					t.Errorf("after %v: %v", time.Since(start), err)
				}
				b.want(r, gate.Unconfirmed, gate.CauseInterrupted)
				if r.At.IsZero() {
					t.Error("it happened at no time")
				}
			})
		})
	}
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

// A command whose process ended is settled by a caller that waits for it, or by Recover,
// and not while it may still be in progress.
func TestLostProcess(t *testing.T) {
	die := func(t *testing.T, b *fixture, tap gate.Tap, do func(context.Context, gate.Tap) (gate.Receipt, error)) {
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
			time.Sleep(gate.SendWithin + gate.AnswerWithin + gate.WriteWithin) // settling took WriteWithin
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

// No other member can read a receipt by its RequestID, whatever its outcome.
func TestAnotherMemberLearnsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
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
				if receipt, err := b.gate.Receipt(t.Context(), member, tap.RequestID); !errors.Is(err, gate.ErrNotFound) ||
					receipt != (gate.Receipt{}) {
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
		b, r := setup(t), &vendorLog{}
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
