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
)

func condition(code, message string, check func(context.Context, string, gate.Tap, access.Decision) error) gate.Condition {
	return gate.Condition{Code: code, Message: message, Check: check}
}

func TestConditions(t *testing.T) {
	met := func(context.Context, string, gate.Tap, access.Decision) error { return nil }
	fails := func(context.Context, string, gate.Tap, access.Decision) error {
		return errors.New("10 of 10, card 4711")
	}
	chooses := func(context.Context, string, gate.Tap, access.Decision) error {
		return &gate.UnmetCondition{Code: "ignored", Message: "Come back on Monday."}
	}
	panics := func(context.Context, string, gate.Tap, access.Decision) error { panic("boom") }
	never := func(t *testing.T) func(context.Context, string, gate.Tap, access.Decision) error {
		return func(context.Context, string, gate.Tap, access.Decision) error { t.Error("checked"); return nil }
	}
	for name, c := range map[string]struct {
		list    func(*testing.T) []gate.Condition
		outcome gate.Outcome
		code    string
		message string
	}{
		"none": {func(*testing.T) []gate.Condition { return nil }, gate.Accepted, "", "The door is open."},
		"all met": {func(*testing.T) []gate.Condition {
			return []gate.Condition{condition("presence", "Scan.", met), condition("visits", "Full.", met)}
		}, gate.Accepted, "", "The door is open."},
		"the second is not met": {func(t *testing.T) []gate.Condition {
			return []gate.Condition{condition("presence", "Scan.", met), condition("visits", "You have used all your visits.", fails),
				condition("staff", "", never(t))}
		}, gate.Denied, "visits", "You have used all your visits."},
		"without a message": {func(*testing.T) []gate.Condition { return []gate.Condition{condition("visits", "", fails)} }, gate.Denied,
			"visits", gate.CauseCondition.Message()},
		"a message of its own": {func(*testing.T) []gate.Condition { return []gate.Condition{condition("visits", "Full.", chooses)} },
			gate.Denied, "visits", "Come back on Monday."},
		"panics": {func(*testing.T) []gate.Condition { return []gate.Condition{condition("visits", "Full.", panics)} },
			gate.Denied, "visits", "Full."},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, func(config *gate.Config) { config.Conditions = c.list(t) })
				tap := b.tap("ada", "front")
				r := b.unlock(tap)
				again, err := b.gate.Receipt(t.Context(), "ada", tap.RequestID)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range []gate.Receipt{r, again} {
					code := ""
					if r.Condition != nil {
						code = r.Condition.Code
					}
					if r.Outcome != c.outcome || code != c.code || r.Message() != c.message || (r.Cause == gate.CauseCondition) != (code != "") {
						t.Errorf("got %s %s %q: %q", r.Outcome, r.Cause, code, r.Message())
					}
					if !r.Decision.Allowed {
						t.Error("the receipt does not tell that the rules allowed it")
					}
				}
				if c.code != "" {
					b.wantMoves(0)
					b.wantLog("unlock/denied/" + c.code)
				}
			})
		})
	}
}

// A condition receives the site, the tap and the decision, and a context that
// ends when the tap is too old. It is not called if the rules deny, for a
// repeated request, or for locking.
func TestWhenConditionsAreChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		b := setup(t, func(c *gate.Config) {
			c.Conditions = []gate.Condition{condition("presence", "", func(ctx context.Context, site string, tap gate.Tap,
				d access.Decision) error {
				limit, ok := ctx.Deadline()
				asked = append(asked, strings.Join([]string{site, tap.Member, tap.Door, tap.Presence, string(d.Reason)}, " "))
				if !ok || time.Until(limit) != gate.SendWithin {
					t.Errorf("the context ends at %v", limit)
				}
				return nil
			})}
		})
		b.unlock(b.tap("bob", "front"))
		tap := b.tap("ada", "office")
		tap.Presence = "qr-1"
		b.unlock(tap)
		b.unlock(tap)
		if _, err := b.gate.StartOfficeMode(t.Context(), b.tap("ada", "office")); err != nil {
			t.Fatal(err)
		}
		if _, err := b.gate.Lock(t.Context(), b.tap("ada", "office")); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"loft ada office qr-1 grant", "loft ada office  grant"}, asked); diff != "" {
			t.Errorf("checked (-want +got):\n%s", diff)
		}
	})
}

// If the caller disconnects during a check, nothing is written or sent.
func TestCallerDisconnectsDuringACondition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := setup(t, func(c *gate.Config) {
			c.Conditions = []gate.Condition{condition("presence", "", func(ctx context.Context, _ string, _ gate.Tap, _ access.Decision) error {
				cancel()
				return ctx.Err()
			})}
		})
		r, err := b.gate.Unlock(ctx, b.tap("ada", "front"))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got error %v", err)
		}
		b.want(r, gate.NotSent, gate.CauseCancelled)
		b.wantMoves(0)
		b.wantLog([]string(nil)...)
	})
}
