package gate_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// A storage that never answers delays a tap by no more than SendWithin.
func TestStorageHangs(t *testing.T) {
	for _, call := range []string{"Lookup", "Load"} {
		synctest.Test(t, func(t *testing.T) {
			b := setup(t)
			g := b.hang(call)
			start := time.Now()
			r, err := g.Unlock(t.Context(), b.tap("ada", "front"))
			if err != nil {
				t.Fatal(err)
			}
			b.want(r, gate.NotSent, gate.CauseStoreUnavailable)
			if d := time.Since(start); d != gate.SendWithin {
				t.Errorf("%s: it took %v", call, d)
			}
		})
	}
}

// A storage that never answers delays the reads of a member's page by no more than
// SendWithin, even if the host's context has no deadline.
func TestReadsHang(t *testing.T) {
	keys := func(ctx context.Context, g *gate.Gate) error { _, err := g.Keys(ctx, "ada", 0); return err }
	hasKey := func(ctx context.Context, g *gate.Gate) error { _, err := g.HasKey(ctx, "ada", "front"); return err }
	receipt := func(ctx context.Context, g *gate.Gate) error {
		_, err := g.Receipt(ctx, "ada", "request-0000000001")
		return err
	}
	for call, reads := range map[string]func(context.Context, *gate.Gate) error{
		"LoadAll": keys, "Holds": keys, "KillSwitch": keys, "Load": hasKey, "Lookup": receipt,
	} {
		t.Run(call, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t)
				g := b.hang(call)
				start := time.Now()
				if err := reads(t.Context(), g); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
				if d := time.Since(start); d != gate.SendWithin {
					t.Errorf("it took %v", d)
				}
			})
		})
	}
}

// A storage that never answers delays a claim and an outcome by no more than WriteWithin
// each. Without a claim nothing is sent; without the outcome the receipt is still true.
func TestWritesHang(t *testing.T) {
	for call, want := range map[string]struct {
		outcome gate.Outcome
		cause   gate.Cause
		moves   int
		within  time.Duration
	}{
		"Begin":  {gate.NotSent, gate.CauseStoreUnavailable, 0, gate.WriteWithin},
		"Settle": {gate.Accepted, "", 1, gate.WriteWithin},
	} {
		t.Run(call, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t)
				start := time.Now()
				r, err := b.hang(call).Unlock(t.Context(), b.tap("ada", "front"))
				if err != nil {
					t.Fatal(err)
				}
				b.want(r, want.outcome, want.cause)
				if d := time.Since(start); d != want.within || r.Recorded {
					t.Errorf("after %v, recorded %t", d, r.Recorded)
				}
				b.wantMoves(want.moves)
			})
		})
	}
}

// A tap that waits for the outcome of a process that ended gets an answer, although its
// command cannot be settled.
func TestSettleOfOthersHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.faults.set("Settle", down, nil)
		tap := b.tap("ada", "front")
		b.want(b.unlock(tap), gate.Accepted, "")
		start := time.Now()
		r, err := b.hang("Settle").Unlock(t.Context(), tap)
		b.want(r, gate.Unconfirmed, gate.CauseStillSending)
		if d := time.Since(start); err != nil || !errors.Is(r.Err, context.DeadlineExceeded) || d > time.Minute {
			t.Errorf("after %v: %v, %v", d, err, r.Err)
		}
		b.wantMoves(1)
	})
}

// hang returns a gate on a storage that never answers one call.
func (b *fixture) hang(call string) *gate.Gate {
	b.Helper()
	config := b.config
	config.Facts, config.Records = hanging{b.faults, call}, hanging{b.faults, call}
	g, err := gate.New(config)
	if err != nil {
		b.Fatal(err)
	}
	return g
}

type hanging struct {
	*faults
	call string
}

func (h hanging) answer(ctx context.Context, call string) error {
	if h.call != call {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (h hanging) Lookup(ctx context.Context, k storage.RequestKey, door string) (m storage.LookupResult, err error) {
	if err = h.answer(ctx, "Lookup"); err != nil {
		return m, err
	}
	return h.faults.Lookup(ctx, k, door)
}

func (h hanging) Begin(ctx context.Context, a storage.Attempt) (c storage.Claim, err error) {
	if err = h.answer(ctx, "Begin"); err != nil {
		return c, err
	}
	return h.faults.Begin(ctx, a)
}

func (h hanging) Settle(ctx context.Context, s storage.Settlement) (*storage.CheckIn, error) {
	if err := h.answer(ctx, "Settle"); err != nil {
		return nil, err
	}
	return h.faults.Settle(ctx, s)
}

func (h hanging) Load(ctx context.Context, q storage.FactsQuery) (s storage.Snapshot, err error) {
	if err = h.answer(ctx, "Load"); err != nil {
		return s, err
	}
	return h.faults.Load(ctx, q)
}

func (h hanging) LoadAll(ctx context.Context, q storage.FactsQuery) ([]storage.Snapshot, error) {
	if err := h.answer(ctx, "LoadAll"); err != nil {
		return nil, err
	}
	return h.faults.LoadAll(ctx, q)
}

func (h hanging) Holds(ctx context.Context, site string) ([]storage.Hold, error) {
	if err := h.answer(ctx, "Holds"); err != nil {
		return nil, err
	}
	return h.faults.Holds(ctx, site)
}

func (h hanging) KillSwitch(ctx context.Context, site string) (k storage.KillSwitch, err error) {
	if err = h.answer(ctx, "KillSwitch"); err != nil {
		return k, err
	}
	return h.faults.KillSwitch(ctx, site)
}
