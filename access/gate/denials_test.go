package gate_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// counting opens at once and counts.
type counting struct{ n *int }

func (c counting) Move(context.Context, gate.Command) gate.Result {
	*c.n++
	return gate.Result{Outcome: gate.Accepted}
}

type panickyFacts struct{}

func (panickyFacts) Load(context.Context, storage.FactsQuery) (storage.Snapshot, error) {
	panic("facts")
}
func (panickyFacts) LoadAll(context.Context, storage.FactsQuery) ([]storage.Snapshot, error) {
	panic("facts")
}

type emptyFacts struct{}

func (emptyFacts) Load(context.Context, storage.FactsQuery) (s storage.Snapshot, err error) { return }
func (emptyFacts) LoadAll(context.Context, storage.FactsQuery) (s []storage.Snapshot, err error) {
	return
}

// TestFailClosed: no mistake of the host leads to a command.
func TestFailClosed(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		with func(*gate.Config)
		tap  func(*gate.Tap)
		open bool
	}{
		{name: "nothing is wrong", open: true},
		{name: "facts panic", with: func(c *gate.Config) { c.Facts = panickyFacts{} }},
		{name: "facts are zero", with: func(c *gate.Config) { c.Facts = emptyFacts{} }},
		{name: "stores are nil", with: func(c *gate.Config) { c.Facts = storage.JoinFacts(storage.Readers{}) }},
		{name: "condition panics", with: func(c *gate.Config) { c.Conditions = hostCode{boom}.presence() }},
		{name: "clock is zero", with: func(c *gate.Config) { c.Now = func() time.Time { return time.Time{} } }},
		{name: "clock an hour ahead", with: func(c *gate.Config) { c.Now = func() time.Time { return time.Now().Add(time.Hour) } }},
		{name: "clock an hour behind", with: func(c *gate.Config) { c.Now = func() time.Time { return time.Now().Add(-time.Hour) } }},
		{name: "context cancelled", ctx: cancelled},
		{name: "tap is zero", tap: func(t *gate.Tap) { *t = gate.Tap{} }},
		{name: "tap without time", tap: func(t *gate.Tap) { t.TappedAt = time.Time{} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, moved := memstore.New(), 0
				fillSite(t, store)
				config := gate.Config{Site: site, Facts: store, Records: store, Locks: counting{&moved}}
				if c.with != nil {
					c.with(&config)
				}
				g, err := gate.New(config)
				if err != nil {
					t.Fatal(err)
				}
				ctx := context.Background()
				if c.ctx != nil {
					ctx = c.ctx
				}
				tap := gate.Tap{RequestID: "0123456789abcdef", Member: "ada", Door: "front", TappedAt: time.Now()}
				if c.tap != nil {
					c.tap(&tap)
				}
				for _, do := range []func(context.Context, gate.Tap) (gate.Receipt, error){g.Unlock, g.StartOfficeMode} {
					r, _ := do(ctx, tap)
					if c.open {
						if !r.Opened() {
							t.Errorf("got %s %s: this test proves nothing", r.Outcome, r.Cause)
						}
						return
					}
					if r.Opened() || r.Outcome != gate.Denied && r.Outcome != gate.NotSent {
						t.Errorf("got %s %s", r.Outcome, r.Cause)
					}
				}
				if moved != 0 {
					t.Errorf("%d commands", moved)
				}
			})
		})
	}
}

// TestZeroConfigIsRefused: a zero configuration is an error that names
// every fault, not a gate that fails later.
func TestZeroConfigIsRefused(t *testing.T) {
	_, err := gate.New(gate.Config{})
	if e, ok := errors.AsType[*gate.ConfigError](err); !ok || len(e.Faults) != 4 {
		t.Errorf("gate.New: %v", err)
	}
	_, err = gate.NewDoors(gate.DoorsConfig{})
	if e, ok := errors.AsType[*gate.ConfigError](err); !ok || len(e.Faults) != 3 {
		t.Errorf("gate.NewDoors: %v", err)
	}
	if d, err := access.Evaluate(access.Question{}, access.Request{}); d.Allowed || err == nil {
		t.Errorf("access.Evaluate: %+v, %v", d, err)
	}
	if (access.Decision{}).Allowed || (gate.Receipt{}).Opened() {
		t.Error("a zero value opens")
	}
}

// A clock that fails outside of an unlock ends no hold, and is reported by
// CloseOfficeMode and Keys.
func TestClockFailsOutsideOfAnUnlock(t *testing.T) {
	for _, s := range []gate.CloseRequest{{RightEnded: true}, {Closing: new(22 * time.Hour)}} {
		failed := 0
		for n := range 4 {
			synctest.Test(t, func(t *testing.T) {
				left := -1 // readings until it fails
				b := setup(t, func(c *gate.Config) {
					c.Now = func() time.Time {
						if left--; left == -1 {
							return time.Time{}
						}
						return time.Now()
					}
				})
				begin := func(g *gate.Grant) error { g.From = time.Now(); return nil }
				if err := storage.UpdateGrant(t.Context(), b.store, site, "ada-office", begin); err != nil {
					t.Fatal(err)
				}
				b.startOffice("ada")
				moves := b.driver.count()
				left = n
				if _, err := b.gate.CloseOfficeMode(t.Context(), s); err != nil {
					failed++
				}
				b.wantMoves(moves)
				b.wantHolders("after closing", "ada since 00:00:00")
			})
		}
		if failed != 1 {
			t.Errorf("%d of them failed", failed)
		}
	}
	b := setup(t, func(c *gate.Config) { c.Now = func() time.Time { return time.Time{} } })
	if keys, err := b.gate.Keys(t.Context(), "ada", time.Hour); err == nil {
		t.Errorf("got %v", keys)
	}
}

// A mistyped site is one critical issue, and a cause of its own at the door.
func TestUnknownSite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, func(c *gate.Config) { c.Site = "lofd" })
		got := b.found(gate.Diagnostics{Readers: storage.ReadersOf(b.store)})
		if diff := cmp.Diff([]string{"unknown_site", "store_not_durable"}, got); diff != "" {
			t.Errorf("issues (-want +got):\n%s", diff)
		}
		b.want(b.unlock(b.tap("ada", "front")), gate.NotSent, gate.CauseUnknownSite)
		if _, err := b.gate.Keys(t.Context(), "ada", 0); !errors.Is(err, gate.ErrNotFound) {
			t.Errorf("Keys: got %v", err)
		}
	})
}
