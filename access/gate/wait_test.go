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
