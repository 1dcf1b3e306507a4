package gate_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

func TestOfficeModeHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		ctx := t.Context()
		do := func(fn func(context.Context, gate.Tap) (gate.Receipt, error), member string) gate.Receipt {
			t.Helper()
			time.Sleep(3 * time.Second)
			r, err := fn(ctx, b.tap(member, "office"))
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		holders := func() (list []string) {
			t.Helper()
			holds, err := b.gate.Holds(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range holds {
				list = append(list, h.Member)
			}
			return list
		}
		b.want(do(b.gate.StartOfficeMode, "ada"), gate.Accepted, "")
		if got := fmt.Sprint(holders()); got != "[ada]" {
			t.Fatalf("got holders %v", got)
		}
		// Ada's right ends, the door is disabled, the site is switched off: Ada may
		// still lock, and nothing else; a stranger may not even lock.
		if err := b.store.DeleteGrant(ctx, site, "ada-office"); err != nil {
			t.Fatal(err)
		}
		d, _ := b.store.Door(ctx, site, "office")
		d.Disabled = true
		if err := b.store.PutDoor(ctx, site, d); err != nil {
			t.Fatal(err)
		}
		switchOff(b)
		b.want(do(b.gate.Unlock, "ada"), gate.Denied, gate.CauseSwitchedOff)
		b.want(do(b.gate.Lock, "bob"), gate.Denied, "")
		r := do(b.gate.Lock, "ada")
		b.want(r, gate.Accepted, "")
		if r.Decision.Reason != access.ReasonHolder {
			t.Errorf("got reason %q", r.Decision.Reason)
		}
		if got := holders(); len(got) != 0 {
			t.Fatalf("got holders %v", got)
		}
		b.want(do(b.gate.Lock, "ada"), gate.Denied, "")
	})
}

func TestOfficeModeNotOn(t *testing.T) {
	for outcome, want := range map[gate.Outcome]int{gate.Refused: 0, gate.NotSent: 0, gate.Denied: 0, gate.Unconfirmed: 1,
		gate.Accepted: 1} {
		b := setup(t)
		b.driver.move = answers(outcome, gate.CauseLockOffline)
		if _, err := b.gate.StartOfficeMode(t.Context(), b.tap("ada", "office")); err != nil {
			t.Fatal(err)
		}
		holds, err := b.gate.Holds(t.Context())
		if err != nil || len(holds) != want {
			t.Errorf("%s: got holds %v, %v", outcome, holds, err)
		}
		// An unconfirmed lock ends nothing.
		if outcome == gate.Unconfirmed {
			if _, err := b.gate.Lock(t.Context(), b.tap("ada", "office")); err != nil {
				t.Fatal(err)
			}
			if holds, _ := b.gate.Holds(t.Context()); len(holds) != 1 {
				t.Errorf("an unconfirmed lock ended the hold")
			}
		}
	}
}
