package gate_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// bomb is a host's storage and catalog of which everything panics.
type bomb struct {
	storage.Records
	storage.Facts
	storage.DoorStore
}

func (bomb) Locks(context.Context) iter.Seq2[gate.CatalogLock, error] { panic("locks") }

func (bomb) Lock(context.Context, string) (gate.CatalogLock, error) { panic("lock") }

// Code of the host that panics does not end the process, in any method.
func TestPanicsAreContainedEverywhere(t *testing.T) {
	g, err := gate.New(gate.Config{Site: site, Facts: bomb{}, Records: bomb{}, Locks: &driver{}})
	if err != nil {
		t.Fatal(err)
	}
	doors, err := gate.NewDoors(gate.DoorsConfig{Site: site, Store: bomb{}, Catalog: bomb{}})
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]string{ // what the error names, if it is not the method
		"Receipt": "Records", "Wait": "Records", "ReportProblem": "Records", "SwitchOff": "SetKillSwitch", "SwitchOn": "SetKillSwitch",
		"ExportCSV": "Facts", "ExportVendorCSV": "VendorLog",
	}
	for name, call := range map[string]func(context.Context) error{
		"HasKey":            func(ctx context.Context) error { _, err := g.HasKey(ctx, "ada", "front"); return err },
		"ReportProblem":     func(ctx context.Context) error { return g.ReportProblem(ctx, gate.CauseReauthorizeDue, true) },
		"Keys":              func(ctx context.Context) error { _, err := g.Keys(ctx, "ada", 0); return err },
		"RefreshLockStates": func(ctx context.Context) error { _, err := g.RefreshLockStates(ctx, bomb{}); return err },
		"CloseOfficeMode":   func(ctx context.Context) error { _, err := g.CloseOfficeMode(ctx, gate.CloseRequest{}); return err },
		"Ingest":            func(ctx context.Context) error { _, err := g.Ingest(ctx, &vendorLog{}); return err },
		"Recover":           func(ctx context.Context) error { _, err := g.Recover(ctx); return err },
		"Prune":             func(ctx context.Context) error { _, err := g.Prune(ctx); return err },
		"Receipt":           func(ctx context.Context) error { _, err := g.Receipt(ctx, "ada", "r"); return err },
		"Wait":              func(ctx context.Context) error { _, err := g.Wait(ctx, "ada", "r"); return err },
		"SwitchOff":         func(ctx context.Context) error { return g.SwitchOff(ctx, "eve", "") },
		"SwitchOn":          func(ctx context.Context) error { return g.SwitchOn(ctx, "eve", "") },
		"KillSwitch":        func(ctx context.Context) error { _, err := g.KillSwitch(ctx); return err },
		"Head":              func(ctx context.Context) error { _, err := g.Head(ctx); return err },
		"Verify":            func(ctx context.Context) error { _, err := g.Verify(ctx, gate.Head{}, gate.Head{}); return err },
		"Retain":            func(ctx context.Context) error { _, _, err := g.Retain(ctx, time.Now()); return err },
		"Erase":             func(ctx context.Context) error { _, err := g.Erase(ctx, "ada"); return err },
		"ExportJSON":        func(ctx context.Context) error { _, err := g.ExportJSON(ctx, io.Discard, gate.LogQuery{}); return err },
		"ExportCSV":         func(ctx context.Context) error { _, err := g.ExportCSV(ctx, io.Discard, gate.LogQuery{}); return err },
		"CheckIns":          func(ctx context.Context) error { _, err := g.CheckIns(ctx, gate.CheckInQuery{}); return err },
		"Holds":             func(ctx context.Context) error { _, err := g.Holds(ctx); return err },
		"Stats":             func(ctx context.Context) error { _, err := g.Stats(ctx); return err },
		"VendorLog": func(ctx context.Context) (err error) {
			for _, err = range g.VendorLog(ctx, &vendorLog{}, gate.VendorRowQuery{}) {
			}
			return err
		},
		"ExportVendorCSV": func(ctx context.Context) error {
			_, err := g.ExportVendorCSV(ctx, io.Discard, &vendorLog{}, gate.VendorRowQuery{})
			return err
		},
		"Link": func(ctx context.Context) error {
			_, err := doors.Link(ctx, gate.LinkRequest{Door: "front", Lock: "l1", AccessType: "access_only"})
			return err
		},
		"Unlink": func(ctx context.Context) error { return doors.Unlink(ctx, "front") },
		"List":   func(ctx context.Context) error { _, _, err := doors.List(ctx); return err },
	} {
		err := call(t.Context())
		p, ok := errors.AsType[*gate.PanicError](err)
		if !ok {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		if want := cmp.Or(in[name], name); p.In != want {
			t.Errorf("%s: the error names %s, want %s", name, p.In, want)
		}
	}
}

// Doctor examines the rest if one part panics.
func TestDoctorWhereStoresPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.config.Records = bomb{}
		g, err := gate.New(b.config)
		if err != nil {
			t.Fatal(err)
		}
		issues, err := g.Doctor(t.Context(), gate.Diagnostics{Readers: storage.ReadersOf(b.store), Catalog: bomb{}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range issues {
			got = append(got, strings.Trim(f.Code+" "+f.About, " "))
		}
		want := []string{"not_checked catalog", "not_checked door log", "not_checked office mode", "not_checked records", "not_linked lab"}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// scantFacts are a host's Facts without anything in them.
type scantFacts struct{ storage.Facts }

func (scantFacts) LoadAll(context.Context, storage.FactsQuery) ([]storage.Snapshot, error) {
	return make([]storage.Snapshot, 2), nil
}

func TestKeysWithoutDoors(t *testing.T) {
	b := setup(t)
	b.config.Facts = scantFacts{b.store}
	g, err := gate.New(b.config)
	if err != nil {
		t.Fatal(err)
	}
	if keys, err := g.Keys(t.Context(), "ada", time.Hour); err != nil || keys == nil || len(keys) != 0 {
		t.Errorf("got %#v, %v, want an empty list", keys, err)
	}
}

// leaky is a host's Facts whose panic holds a secret.
type leaky struct{ storage.Facts }

func (leaky) Load(context.Context, storage.FactsQuery) (storage.Snapshot, error) {
	panic("postgres://door:PLANTED@db/site")
}

// The value of a panic may be a secret: no error, receipt or row contains it.
func TestPanicsContainNoSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.config.Facts = leaky{b.store}
		g, err := gate.New(b.config)
		if err != nil {
			t.Fatal(err)
		}
		r, err := g.Unlock(t.Context(), b.tap("ada", "front"))
		p, ok := errors.AsType[*gate.PanicError](r.Err)
		if err != nil || !ok || p.What != "string" || !strings.Contains(string(p.Stack), "leaky") || strings.Contains(fmt.Sprintf("%+v", r.Err),
			"PLANTED") {
			t.Errorf("got %+v, %v", r, err)
		}
		rows := 0
		for row, err := range b.store.Rows(t.Context(), gate.LogQuery{Site: site}) {
			if err != nil {
				t.Fatal(err)
			}
			if rows++; !strings.Contains(string(row.Detail), "panic in Facts") || strings.Contains(string(row.Detail), "PLANTED") {
				t.Errorf("row %d: %s", row.Seq, row.Detail)
			}
		}
		if rows != 1 {
			t.Errorf("%d rows", rows)
		}
	})
}

// slip is an error that a host returns by mistake: a nil pointer in a non-nil interface.
type slip struct{ inner error }

func (s *slip) Error() string { return s.inner.Error() }
func (s *slip) Unwrap() error { return s.inner }

// An error whose text panics does not prevent the outcome from being written.
func TestErrorsThatPanic(t *testing.T) {
	slips := func() error { return (*slip)(nil) }
	for name, c := range map[string]struct {
		with    func(*fixture)
		outcome gate.Outcome
		cause   gate.Cause
		stored  bool
	}{
		"the driver's": {func(b *fixture) {
			b.driver.move = func(context.Context, gate.Command) gate.Result {
				return gate.Result{Outcome: gate.Accepted, Err: slips()}
			}
		}, gate.Accepted, "", true},
		"of a condition":    {func(b *fixture) { b.config.Conditions = hostCode{slips}.presence() }, gate.Denied, gate.CauseCondition, true},
		"of the facts":      {func(b *fixture) { b.faults.set("Load", slips, nil) }, gate.NotSent, gate.CauseInternal, false},
		"of the journal":    {func(b *fixture) { b.faults.set("Lookup", slips, nil) }, gate.NotSent, gate.CauseInternal, false},
		"of the claim":      {func(b *fixture) { b.faults.set("Begin", slips, nil) }, gate.NotSent, gate.CauseStoreUnavailable, false},
		"of the settlement": {func(b *fixture) { b.faults.set("Settle", slips, nil) }, gate.Accepted, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t)
				c.with(b)
				var err error
				if b.gate, err = gate.New(b.config); err != nil {
					t.Fatal(err)
				}
				r := b.unlock(b.tap("ada", "front"))
				b.want(r, c.outcome, c.cause)
				if _, ok := errors.AsType[*gate.PanicError](r.Err); !ok || r.Recorded != c.stored {
					t.Errorf("recorded %t, %v", r.Recorded, r.Err)
				}
			})
		})
	}
}
