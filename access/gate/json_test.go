package gate_test

import (
	"context"
	"encoding/json"
	"iter"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
)

// oneLock is a catalog of one lock without alarms.
type oneLock struct{}

func (oneLock) Locks(context.Context) iter.Seq2[gate.CatalogLock, error] {
	return func(yield func(gate.CatalogLock, error) bool) { yield(gate.CatalogLock{Link: link("l9")}, nil) }
}

func (oneLock) Lock(context.Context, string) (gate.CatalogLock, error) {
	return gate.CatalogLock{Link: link("l9")}, nil
}

// nothingNew is the log of a lock system without entries.
type nothingNew struct{ gate.VendorReader }

func (nothingNew) Poll(context.Context, string) ([]gate.VendorEntry, string, error) {
	return nil, "", nil
}

// What the gate returns has [] in JSON, not null, where it found nothing.
func TestEmptyListsInJSON(t *testing.T) {
	b, ctx := setup(t), t.Context()
	doors, err := gate.NewDoors(gate.DoorsConfig{Site: "empty", Store: memstore.New(), Catalog: oneLock{}})
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() (any, error){
		"CheckIns":          func() (any, error) { return b.gate.CheckIns(ctx, gate.CheckInQuery{}) },
		"Holds":             func() (any, error) { return b.gate.Holds(ctx) },
		"Stats":             func() (any, error) { return b.gate.Stats(ctx) },
		"Problems":          func() (any, error) { return b.gate.Problems(), nil },
		"ConditionCodes":    func() (any, error) { return b.gate.ConditionCodes(), nil },
		"Keys":              func() (any, error) { return b.gate.Keys(ctx, "nina", 0) },
		"Ingest":            func() (any, error) { return b.gate.Ingest(ctx, nothingNew{}) },
		"CloseOfficeMode":   func() (any, error) { return b.gate.CloseOfficeMode(ctx, gate.CloseRequest{}) },
		"RefreshLockStates": func() (any, error) { return b.gate.RefreshLockStates(ctx, oneLock{}) },
		"List": func() (any, error) {
			known, free, err := doors.List(ctx)
			return [2]any{known, free}, err
		},
	} {
		value, err := call()
		data, bad := json.Marshal(value)
		if err != nil || bad != nil || strings.Contains(string(data), "null") || !strings.Contains(string(data), "[]") {
			t.Errorf("%s: %s, errors %v, %v", name, data, err, bad)
		}
	}
}

func TestLockScheduleInJSON(t *testing.T) {
	s := gate.LockSchedule{Days: access.Days(access.Mon, access.Tue), Start: access.At(8, 0), End: access.At(24, 0)}
	const want = `{"days":["mon","tue"],"start":"08:00","end":"24:00","auto_start":false}`
	if data, err := json.Marshal(s); err != nil || string(data) != want {
		t.Errorf("%s, %v; want %s", data, err, want)
	}
}
