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

// TestEveryMethodHonoursItsContext: with a context that is over, nothing is
// sent; with 50 ms before a SALTO that does not answer, each method returns then.
func TestEveryMethodHonoursItsContext(t *testing.T) {
	calls := map[string]func(ctx context.Context, r *rig) error{
		"Locks.Move": func(ctx context.Context, r *rig) error {
			d, err := r.store.Door(r.Context(), "loft", "front")
			r.ok(err)
			result := r.locks.Move(ctx, gate.NewCommand(d.Link, access.Unlock, r.sim.Now().Add(time.Minute), nil))
			if result.Outcome == gate.Accepted || ctx.Err() == nil && result.Outcome != gate.Unconfirmed {
				r.Errorf("got %s, cause %q", result.Outcome, result.Cause)
			}
			return result.Err
		},
		"Locks.Locks": func(ctx context.Context, r *rig) error {
			for _, err := range r.locks.Locks(ctx) {
				return err
			}
			return nil
		},
		"Locks.Lock": func(ctx context.Context, r *rig) error {
			_, err := r.locks.Lock(ctx, r.site.Locks[0].ID)
			return err
		},
		"Doctor.Check": func(ctx context.Context, r *rig) error {
			_, err := r.locks.Doctor(nil).Check(ctx, gate.Check{Now: r.sim.Now(), Codes: true})
			return err
		},
		"Entries.Poll": func(ctx context.Context, r *rig) error {
			_, _, err := r.locks.Entries(saltolocks.EntriesConfig{}).Poll(ctx, "")
			return err
		},
		"Entries.Meaning": func(ctx context.Context, r *rig) error {
			_, err := r.locks.Entries(saltolocks.EntriesConfig{}).Meaning(ctx, gate.VendorEntry{What: string(saltoks.LockOpened), By: string(saltoks.ByRemote), User: "u"})
			return err
		},
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[*saltolocks.Locks](), reflect.TypeFor[*saltolocks.Doctor](), reflect.TypeFor[*saltolocks.Entries]()} {
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
					r := newRig(t, true)
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

// TestTheDoctorTellsNoSecret: issues and errors, whatever fails.
func TestTheDoctorTellsNoSecret(t *testing.T) {
	for _, fault := range []string{"", saltokstest.HTTP500, saltokstest.HTML502, saltokstest.TruncatedBody, saltokstest.Redirect307, saltokstest.AppRotatedSecret, saltokstest.OTPBlocked, saltokstest.RestoreRequired, saltokstest.ClockSkew} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, true)
			if fault != "" {
				r.sim.Fault(fault)
			}
			found, err := r.locks.Doctor(nil).Check(t.Context(), gate.Check{Now: r.sim.Now(), Codes: true})
			_, locksErr := r.locks.Lock(t.Context(), r.site.Locks[0].ID)
			text := fmt.Sprintf("%v %+v %#v %v %+v %#v %v", found, found, found, err, err, err, locksErr)
			if list := r.wire.Found(text, r.sim.ClientSecret()); list != nil {
				t.Errorf("%s: found %v in %s", fault, list, text)
			}
		})
	}
}

// TestTheCatalogueFailsClosed: a list that cannot be read to its end is an
// error, and a lock that cannot be moved says why.
func TestTheCatalogueFailsClosed(t *testing.T) {
	for _, part := range []string{"/activated_iqs", "/iqs", "/locks"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, true)
			r.sim.Fault(saltokstest.HTML502, saltokstest.On(part), saltokstest.Count(-1))
			var last error
			for _, last = range r.locks.Locks(t.Context()) {
			}
			if !errors.Is(last, gate.ErrUnavailable) {
				t.Errorf("%s: %v", part, last)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true)
		r.sim.Fault(saltokstest.RestoreRequired, saltokstest.Target(r.site.IQs[0].ID))
		for lock, err := range r.locks.Locks(t.Context()) {
			r.ok(err)
			if lock.Link.Lock == r.site.Locks[0].ID && lock.Problem != gate.CauseRestoreRequired {
				t.Errorf("problem %q", lock.Problem)
			}
		}
		for range r.locks.Locks(t.Context()) {
			break
		}
	})
}
