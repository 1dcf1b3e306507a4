package gate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access/gate"
)

// busy says of a wait that was given up what a database says of any call.
type busy struct{ gate.Records }

func (b busy) Wait(ctx context.Context, key gate.Key, known gate.Outcome) (gate.Entry, error) {
	e, err := b.Records.Wait(ctx, key, known)
	if err != nil {
		err = fmt.Errorf("the database did not answer: %w: %w", gate.ErrUnavailable, err)
	}
	return e, err
}

// TestWaitGivenUp: nothing is wrong with the storage when nobody waits any more.
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

// A clock that went back or fails makes nobody wait for longer than the command,
// whose process was lost, may have been under way.
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
