package gate_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

type recorder struct{ events []string }

func (h *recorder) Observe(_ context.Context, e gate.Event) {
	if e.Kind == gate.RequestCompleted {
		h.events = append(h.events, "request_completed "+string(e.Receipt.Outcome))
		return
	}
	text := fmt.Sprintf("%s %s %s%s", e.Kind, e.Cause, e.Gateway, e.Door)
	if e.Member != "" {
		text += " of " + e.Member
	}
	h.events = append(h.events, text)
}

func TestProblemIsRaisedAndResolvedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &recorder{}
		b := setup(t, func(c *gate.Config) { c.Observer = h })
		b.driver.move = answers(gate.Refused, gate.CauseLockOffline)
		b.unlock(b.tap("ada", "front"))
		b.unlock(b.tap("ada", "front"))
		b.driver.move = answers(gate.NotSent, gate.CauseOTPBlocked)
		b.unlock(b.tap("ada", "office"))
		b.unlock(b.tap("bob", "front")) // what the rules say is no problem
		b.driver.move = nil
		b.unlock(b.tap("ada", "office"))
		b.unlock(b.tap("ada", "front"))
		time.Sleep(gate.ShareWithin)
		b.unlock(b.tap("ada", "front"))
		b.faults.set("Lookup", down, nil)
		b.unlock(b.tap("ada", "front"))
		b.faults.set("Lookup", nil, nil)
		b.faults.set("Settle", down, nil)
		time.Sleep(gate.ShareWithin)
		b.unlock(b.tap("ada", "front")) // opened, not recorded: the problem persists
		b.faults.set("Settle", nil, nil)
		b.unlock(b.tap("ada", "office"))
		want := []string{
			"request_completed refused", "problem_raised lock_offline front", "request_completed refused", "request_completed not_sent",
			"problem_raised otp_blocked iq", "request_completed denied",
			"request_completed accepted", "problem_resolved otp_blocked iq", "request_completed accepted", "problem_resolved lock_offline front",
			"request_completed accepted",
			"request_completed not_sent", "problem_raised store_unavailable ", "request_completed accepted", "request_completed accepted",
			"problem_resolved store_unavailable ",
		}
		if diff := cmp.Diff(want, h.events); diff != "" {
			t.Fatalf("events (-want +got):\n%s", diff)
		}
	})
}

// A member whose phone is ahead raises no problem, however often; a clock of the
// host's that fails does.
func TestAPhoneThatIsAheadIsNoProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, fails := &recorder{}, false
		b := setup(t, func(c *gate.Config) {
			c.Observer = h
			c.Now = func() time.Time {
				if fails {
					return time.Time{}
				}
				return time.Now()
			}
		})
		tap := b.tap("ada", "front")
		tap.TappedAt = tap.TappedAt.Add(time.Hour)
		b.want(b.unlock(tap), gate.Denied, gate.CauseClock)
		fails = true
		b.want(b.unlock(b.tap("ada", "front")), gate.Denied, gate.CauseClock)
		fails = false
		b.unlock(b.tap("ada", "front"))
		b.driver.move = answers(gate.NotSent, gate.CauseClock) // the driver's own
		b.unlock(b.tap("ada", "office"))
		want := []string{
			"request_completed denied", "request_completed denied", "problem_raised clock ", "request_completed accepted",
			"problem_resolved clock ",
			"request_completed not_sent", "problem_raised clock ",
		}
		if diff := cmp.Diff(want, h.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// Each process raises the problems it meets, and resolves those it raised. The
// same problem has the same Cause, Gateway and Door in all of them.
func TestProblemIsRaisedByEachProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &recorder{}, &recorder{}
		b := setup(t, func(c *gate.Config) { c.Observer = first })
		b.driver.move = answers(gate.Refused, gate.CauseOTPBlocked)
		b.unlock(b.tap("ada", "front"))
		b.config.Observer = second
		g, err := gate.New(b.config)
		if err != nil {
			t.Fatal(err)
		}
		b.gate = g // another process, or the same after a restart
		b.unlock(b.tap("ada", "front"))
		b.driver.move = nil
		b.unlock(b.tap("ada", "front"))
		began := "problem_raised otp_blocked iq"
		if diff := cmp.Diff([]string{"request_completed refused", began}, first.events); diff != "" {
			t.Errorf("the first (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"request_completed refused", began, "request_completed accepted", "problem_resolved otp_blocked iq"},
			second.events); diff != "" {
			t.Errorf("the second (-want +got):\n%s", diff)
		}
	})
}

// A receipt that is read again raises no problem: it was raised before, and may be over.
func TestARepeatedReceiptRaisesNoProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &recorder{}
		b := setup(t, func(c *gate.Config) { c.Observer = h })
		b.driver.move = func(context.Context, gate.Command) gate.Result {
			return gate.Result{Outcome: gate.Unconfirmed, Cause: gate.CauseIQOffline}
		}
		first, second := b.tap("ada", "front"), b.tap("ada", "front") // the second shares the first
		again := func() {
			t.Helper()
			for _, tap := range []gate.Tap{first, second} {
				if r := b.unlock(tap); !r.Repeated || r.Shared != (tap == second) {
					t.Errorf("got %+v", r)
				}
			}
		}
		b.unlock(first)
		b.unlock(second)
		again()
		b.driver.move = nil
		time.Sleep(gate.ShareWithin)
		b.unlock(b.tap("ada", "front"))
		again()
		want := []string{
			"request_completed unconfirmed", "problem_raised iq_offline iq", "request_completed unconfirmed", "request_completed unconfirmed",
			"request_completed unconfirmed",
			"request_completed accepted", "problem_resolved iq_offline iq", "request_completed unconfirmed", "request_completed unconfirmed",
		}
		if diff := cmp.Diff(want, h.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// That the lock moved before a problem was raised does not end it; that it moves now
// does, whatever the clock returned then.
func TestALateProofResolvesNoLaterProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, r, jump := &recorder{}, &vendorLog{}, time.Duration(0)
		b := setup(t, func(c *gate.Config) {
			c.Observer, c.Now = h, func() time.Time { return time.Now().Add(jump) }
		})
		b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
		b.unlock(b.tap("ada", "front"))
		r.add("l1", access.Unlock, "us", time.Now())
		time.Sleep(time.Hour)
		b.driver.move = answers(gate.Refused, gate.CauseOTPBlocked)
		b.unlock(b.tap("ada", "front"))
		b.ingest(r)
		b.driver.move = nil
		jump = -2 * time.Hour // the clock was wrong, and was set right
		last := b.tap("ada", "front")
		last.TappedAt = last.TappedAt.Add(jump)
		b.unlock(last)
		want := []string{"request_completed unconfirmed", "request_completed refused", "problem_raised otp_blocked iq",
			"request_completed accepted", "request_completed accepted", "problem_resolved otp_blocked iq"}
		if diff := cmp.Diff(want, h.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// Problems lists the causes of the open problems, until a command succeeds.
func TestProblems(t *testing.T) {
	b := setup(t)
	want := func(causes ...gate.Cause) {
		t.Helper()
		if diff := cmp.Diff(causes, b.gate.Problems()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	want([]gate.Cause{}...)
	b.driver.move = answers(gate.Refused, gate.CauseLockOffline)
	b.unlock(b.tap("ada", "front"))
	b.unlock(b.tap("ada", "office"))
	b.unlock(b.tap("ada", "lab"))
	want(gate.CauseLockOffline, gate.CauseNotLinked)
	b.driver.move = nil
	b.unlock(b.tap("ada", "front"))
	b.unlock(b.tap("ada", "office"))
	want(gate.CauseNotLinked)
}
