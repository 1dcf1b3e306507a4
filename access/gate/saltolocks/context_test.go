package saltolocks_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// TestEveryMethodHonorsItsContext: with a context that is over, nothing is
// sent; with 50 ms before a SALTO that does not answer, each method returns then.
func TestEveryMethodHonorsItsContext(t *testing.T) {
	calls := map[string]func(ctx context.Context, r *fixture) error{
		"Locks.Move": func(ctx context.Context, r *fixture) error {
			d, err := r.store.Door(r.Context(), "loft", "front")
			r.ok(err)
			result := r.locks.Move(ctx, gate.Command{
				Link: d.Link, Action: access.Unlock, SendBy: r.sim.Now().Add(time.Minute), Left: func() time.Duration { return time.Minute },
			})
			if result.Outcome == gate.Accepted || ctx.Err() == nil && result.Outcome != gate.Unconfirmed {
				r.Errorf("got %s, cause %q", result.Outcome, result.Cause)
			}
			return result.Err
		},
		"Locks.Locks": func(ctx context.Context, r *fixture) error {
			for _, err := range r.locks.Locks(ctx) {
				return err
			}
			return nil
		},
		"Locks.Lock": func(ctx context.Context, r *fixture) error {
			_, err := r.locks.Lock(ctx, r.site.Locks[0].ID)
			return err
		},
		"Doctor.Check": func(ctx context.Context, r *fixture) error {
			_, err := r.locks.Doctor(nil).Check(ctx, gate.Check{Now: r.sim.Now(), Codes: true})
			return err
		},
		"Entries.Poll": func(ctx context.Context, r *fixture) error {
			_, _, err := r.locks.Entries(time.Time{}).Poll(ctx, "")
			return err
		},
		"Entries.Follow": func(ctx context.Context, r *fixture) error {
			return r.locks.Entries(time.Time{}).Follow(ctx, "", func([]gate.VendorEntry, string) error { return nil })
		},
		"Entries.Name": func(ctx context.Context, r *fixture) error {
			_, err := r.locks.Entries(time.Time{}).Name(ctx, "u")
			return err
		},
		"Entries.Meaning": func(ctx context.Context, r *fixture) error {
			_, err := r.locks.Entries(time.Time{}).Meaning(
				ctx, gate.VendorEntry{What: string(saltoks.LockOpened), By: string(saltoks.ByRemote), User: "u"},
			)
			return err
		},
	}
	for _, typ := range []reflect.Type{
		reflect.TypeFor[*saltolocks.Locks](), reflect.TypeFor[*saltolocks.Doctor](), reflect.TypeFor[*saltolocks.Entries](),
	} {
		for m := range typ.Methods() {
			name := typ.Elem().Name() + "." + m.Name
			if m.Type.NumIn() > 1 && m.Type.In(1) == reflect.TypeFor[context.Context]() && calls[name] == nil {
				t.Errorf("%s takes a context and is not tested with one that ends", name)
			}
		}
	}
	for name, call := range calls {
		for _, wait := range []time.Duration{0, 50 * time.Millisecond} {
			t.Run(fmt.Sprint(name, "/", wait), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newFixture(t, true)
					r.sim.Fault(saltokstest.Hang, saltokstest.Count(-1))
					r.sim.ForgetRequests()
					ctx, cancel := context.WithTimeout(t.Context(), wait)
					defer cancel()
					start := time.Now()
					err := call(ctx, r)
					if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > wait {
						t.Errorf("after %v: %v", time.Since(start), err)
					}
					if n := len(r.sim.Requests()); wait == 0 && n != 0 {
						t.Errorf("%d requests", n)
					}
				})
			})
		}
	}
}
