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

func TestConfigNamesEveryFault(t *testing.T) {
	_, err := gate.New(gate.Config{})
	bad, ok := errors.AsType[*gate.ConfigError](err)
	if !ok || len(bad.Faults) != 4 {
		t.Fatalf("got %v", err)
	}
	_, err = gate.NewDoors(gate.DoorsConfig{})
	if bad, ok = errors.AsType[*gate.ConfigError](err); !ok || len(bad.Faults) != 3 {
		t.Fatalf("got %v", err)
	}
}

type hostCode struct{ fail func() error }

func (c hostCode) Observe(context.Context, gate.Event) { _ = c.fail() }

func (c hostCode) Present(context.Context, string, gate.Tap) error { return c.fail() }

func (c hostCode) policy(gate.Movement) (key, day string) { _ = c.fail(); return "k", "d" }

func (c hostCode) Load(context.Context, storage.FactsQuery) (storage.Snapshot, error) {
	return storage.Snapshot{}, c.fail()
}

func TestHostCallbacks(t *testing.T) {
	panics, fails, works := hostCode{boom}, hostCode{down}, hostCode{func() error { return nil }}
	for name, c := range map[string]struct {
		option  func(*gate.Config)
		outcome gate.Outcome
		cause   gate.Cause
		moves   int
	}{
		"observer panics":        {func(c *gate.Config) { c.Observer = panics }, gate.Accepted, "", 1},
		"presence proven":        {func(c *gate.Config) { c.Presence = works }, gate.Accepted, "", 1},
		"presence missing":       {func(c *gate.Config) { c.Presence = fails }, gate.Denied, gate.CausePresenceMissing, 0},
		"presence panics":        {func(c *gate.Config) { c.Presence = panics }, gate.Denied, gate.CausePresenceMissing, 0},
		"check-in policy panics": {func(c *gate.Config) { c.CheckIns = panics.policy }, gate.Accepted, "", 1},
		"clock panics":           {func(c *gate.Config) { c.Now = func() time.Time { panic("boom") } }, gate.Denied, gate.CauseClock, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, c.option)
				tap := b.tap("ada", "office")
				b.want(b.unlock(tap), c.outcome, c.cause)
				b.wantMoves(c.moves)
				// Locking asks for no presence.
				if c.cause == gate.CausePresenceMissing {
					r, err := b.gate.Lock(t.Context(), b.tap("ada", "office"))
					if err != nil {
						t.Fatal(err)
					}
					b.want(r, gate.Accepted, "")
				}
			})
		})
	}
}
