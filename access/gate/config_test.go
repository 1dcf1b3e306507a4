package gate_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

func TestConfigNamesEveryFault(t *testing.T) {
	_, err := gate.New(gate.Config{DayStart: 24 * time.Hour})
	bad, ok := errors.AsType[*gate.ConfigError](err)
	if !ok || len(bad.Faults) != 5 {
		t.Fatalf("got %v", err)
	}
	_, err = gate.NewDoors(gate.DoorsConfig{})
	if bad, ok = errors.AsType[*gate.ConfigError](err); !ok || len(bad.Faults) != 3 {
		t.Fatalf("got %v", err)
	}
}

// A nil pointer in an interface is found by New, not at the first tap.
func TestConfigWithNilPointers(t *testing.T) {
	var store *memstore.Store
	var locks *driver
	var h *recorder
	_, err := gate.New(gate.Config{Site: site, Facts: store, Records: store, Locks: locks, Observer: h})
	bad, ok := errors.AsType[*gate.ConfigError](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	var fields []string
	for _, f := range bad.Faults {
		fields = append(fields, f.Field)
	}
	if diff := cmp.Diff([]string{"Facts", "Records", "Locks", "Observer"}, fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	_, err = gate.NewDoors(gate.DoorsConfig{Site: site, Store: store, Catalog: (*catalog)(nil)})
	if bad, ok := errors.AsType[*gate.ConfigError](err); !ok || len(bad.Faults) != 2 {
		t.Errorf("NewDoors: %v", err)
	}
}

func TestConfigConditions(t *testing.T) {
	ok := func(context.Context, string, gate.Tap, access.Decision) error { return nil }
	store := memstore.New()
	_, err := gate.New(gate.Config{Site: site, Facts: store, Records: store, Locks: &driver{}, Conditions: []gate.Condition{
		{Code: "visits", Check: ok}, {Code: "visits", Check: ok}, {Code: "Visits!", Check: ok}, {Code: "deadline", Check: ok}, {Code: "staff",
			Message: "\xff"},
		{Code: strings.Repeat("c", 50), Check: ok}, {Code: strings.Repeat("d", 51), Check: ok},
	}})
	bad, _ := errors.AsType[*gate.ConfigError](err)
	var fields []string
	for _, f := range bad.Faults {
		fields = append(fields, f.Field)
	}
	want := []string{"Conditions[1].Code", "Conditions[2].Code", "Conditions[3].Code", "Conditions[4].Message", "Conditions[4].Check",
		"Conditions[6].Code"}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

type hostCode struct{ fail func() error }

func (c hostCode) Observe(context.Context, gate.Event) { _ = c.fail() }

func (c hostCode) presence() []gate.Condition {
	return []gate.Condition{{Code: "presence_missing", Message: "Please scan the code at the door.", Check: c.check}}
}

func (c hostCode) check(context.Context, string, gate.Tap, access.Decision) error { return c.fail() }

func (c hostCode) policy(gate.Movement) string { _ = c.fail(); return "k" }

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
		"presence proven":        {func(c *gate.Config) { c.Conditions = works.presence() }, gate.Accepted, "", 1},
		"presence missing":       {func(c *gate.Config) { c.Conditions = fails.presence() }, gate.Denied, gate.CauseCondition, 0},
		"presence panics":        {func(c *gate.Config) { c.Conditions = panics.presence() }, gate.Denied, gate.CauseCondition, 0},
		"check-in policy panics": {func(c *gate.Config) { c.CheckIns = panics.policy }, gate.Accepted, "", 1},
		"clock fails":            {func(c *gate.Config) { c.Now = func() time.Time { return time.Time{} } }, gate.Denied, gate.CauseClock, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, c.option)
				tap := b.tap("ada", "office")
				b.want(b.unlock(tap), c.outcome, c.cause)
				b.wantMoves(c.moves)
				// Locking requires no presence.
				if c.cause == gate.CauseCondition {
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
