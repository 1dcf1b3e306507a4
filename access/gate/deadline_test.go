package gate_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

func TestSendBy(t *testing.T) {
	for name, c := range map[string]struct {
		tapped time.Duration // before now
		right  time.Duration // the grant's end, as a duration from now; 0 is never
		want   time.Duration // SendBy after now
	}{
		"ten seconds after the tap":         {0, 0, 10 * time.Second},
		"what is left of them":              {4 * time.Second, 0, 6 * time.Second},
		"a tap ahead of the clock":          {-5 * time.Second, 0, 10 * time.Second},
		"the right ends first":              {0, 3 * time.Second, 3 * time.Second},
		"the right ends later":              {0, time.Minute, 10 * time.Second},
		"the right and the tap":             {9 * time.Second, 3 * time.Second, time.Second},
		"the right ends a microsecond away": {0, time.Microsecond, time.Microsecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t)
				now := time.Now()
				if c.right > 0 {
					end := func(g *gate.Grant) error { g.Until = now.Add(c.right); return nil }
					if err := storage.UpdateGrant(t.Context(), b.store, site, "ada-front", end); err != nil {
						t.Fatal(err)
					}
				}
				b.driver.move = func(ctx context.Context, cmd gate.Command) gate.Result {
					if got := cmd.SendBy.Sub(now); got != c.want {
						t.Errorf("SendBy is %v after now, want %v", got, c.want)
					}
					if got := cmd.Left(); got != c.want {
						t.Errorf("Left returns %v, want %v", got, c.want)
					}
					time.Sleep(c.want - time.Microsecond)
					if got := cmd.Left(); got != time.Microsecond {
						t.Errorf("Left returns %v a microsecond before", got)
					}
					time.Sleep(time.Microsecond)
					if got := cmd.Left(); got > 0 {
						t.Errorf("Left returns %v at SendBy", got)
					}
					return gate.Result{Outcome: gate.NotSent, Cause: gate.CauseDeadline}
				}
				tap := b.tap("ada", "front")
				tap.TappedAt = now.Add(-c.tapped)
				b.want(b.unlock(tap), gate.NotSent, gate.CauseDeadline)
				b.wantMoves(1)
			})
		})
	}
}

// A change of the clock between the claim and the command does not extend the time for
// sending.
func TestClockJumps(t *testing.T) {
	for name, c := range map[string]struct {
		jump time.Duration // of the host's clock, after the claim
		pass time.Duration // of real time, then
		left bool
	}{
		"no jump":                           {0, 9 * time.Second, true},
		"no jump, too late":                 {0, 10 * time.Second, false},
		"back an hour":                      {-time.Hour, 9 * time.Second, true},
		"back an hour gains nothing":        {-time.Hour, 10 * time.Second, false},
		"forward an hour ends it":           {time.Hour, 0, false},
		"forward a second takes one second": {time.Second, 9 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var jump time.Duration
				b := setup(t, func(c *gate.Config) {
					c.Now = func() time.Time {
						mu.Lock()
						defer mu.Unlock()
						return time.Now().Add(jump)
					}
				})
				b.driver.move = func(ctx context.Context, cmd gate.Command) gate.Result {
					mu.Lock()
					jump = c.jump
					mu.Unlock()
					time.Sleep(c.pass)
					if got := cmd.Left() > 0; got != c.left {
						t.Errorf("may be sent: got %t, want %t", got, c.left)
					}
					return gate.Result{Outcome: gate.NotSent, Cause: gate.CauseDeadline}
				}
				b.unlock(b.tap("ada", "front"))
				b.wantMoves(1)
			})
		})
	}
}

// If the claim takes too long, nothing is sent.
func TestSlowClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.faults.set("Begin", nil, func() error { time.Sleep(4 * time.Second); return nil })
		tap := b.tap("ada", "front")
		tap.TappedAt = time.Now().Add(-7 * time.Second)
		b.want(b.unlock(tap), gate.NotSent, gate.CauseDeadline)
		b.wantMoves(0)
		b.wantLog("unlock/sending/grant", "unlock/not_sent/deadline")
	})
}

// After a backup without the request was restored, the same request opens nothing.
func TestRestoredBackup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		tap := b.tap("ada", "front")
		b.want(b.unlock(tap), gate.Accepted, "")
		time.Sleep(gate.SendWithin)
		restored := memstore.New()
		fillSite(t, restored)
		b.config.Facts, b.config.Records = restored, restored
		g, err := gate.New(b.config)
		if err != nil {
			t.Fatal(err)
		}
		r, err := g.Unlock(t.Context(), tap)
		if err != nil {
			t.Fatal(err)
		}
		b.want(r, gate.Denied, gate.CauseDeadline)
		b.wantMoves(1)
	})
}

func TestCallerDisconnects(t *testing.T) {
	t.Run("before the claim", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := setup(t)
			for _, call := range []string{"Lookup", "Load"} {
				ctx, cancel := context.WithCancel(t.Context())
				b.faults.set(call, nil, func() error { cancel(); return nil })
				r, err := b.gate.Unlock(ctx, b.tap("ada", "front"))
				if !errors.Is(err, context.Canceled) {
					t.Fatalf("got error %v", err)
				}
				b.want(r, gate.NotSent, gate.CauseCancelled)
				b.faults.set(call, nil, nil)
			}
			b.wantMoves(0)
			if log := b.log(); len(log) != 0 {
				t.Fatalf("got log %v", log)
			}
		})
	})
	for _, call := range []string{"during the claim", "while it is sent", "during the settlement"} {
		t.Run(call, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t)
				ctx, cancel := context.WithCancel(t.Context())
				leave := func() error { cancel(); return nil }
				switch call {
				case "during the claim":
					b.faults.set("Begin", leave, nil)
				case "while it is sent":
					b.driver.move = func(ctx context.Context, _ gate.Command) gate.Result {
						cancel()
						time.Sleep(19 * time.Second)
						if ctx.Err() != nil {
							t.Error("the caller's cancellation reached the lock system")
						}
						return gate.Result{Outcome: gate.Accepted}
					}
				case "during the settlement":
					b.faults.set("Settle", leave, nil)
				}
				r, err := b.gate.Unlock(ctx, b.tap("ada", "front"))
				if err != nil {
					t.Fatal(err)
				}
				b.want(r, gate.Accepted, "")
				if !r.Recorded {
					t.Error("not recorded")
				}
				b.wantLog("unlock/sending/grant", "unlock/accepted/grant")
			})
		})
	}
}

func TestAnswerLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.driver.move = func(ctx context.Context, _ gate.Command) gate.Result {
			<-ctx.Done()
			return gate.Result{Outcome: gate.Unconfirmed, Cause: gate.CauseNoAnswer, Err: ctx.Err()}
		}
		start := time.Now()
		b.want(b.unlock(b.tap("ada", "front")), gate.Unconfirmed, gate.CauseNoAnswer)
		if d := time.Since(start); d != gate.AnswerWithin {
			t.Errorf("it took %v, want %v", d, gate.AnswerWithin)
		}
	})
}

// A clock that returns the zero time at any of its readings sends nothing from
// then on.
func TestClockFailsAtEachReading(t *testing.T) {
	for name, fail := range map[string]func() time.Time{
		"zero": func() time.Time { return time.Time{} },
	} {
		sent := 0
		for n := range 40 {
			synctest.Test(t, func(t *testing.T) {
				readings := 0
				b := setup(t, func(c *gate.Config) {
					c.Now = func() time.Time {
						if readings++; readings == n+1 {
							return fail()
						}
						return time.Now()
					}
				})
				b.driver.move = func(_ context.Context, c gate.Command) gate.Result {
					before := readings
					left := c.Left()
					if before <= n && n < readings && left > 0 {
						t.Errorf("%s at reading %d: it may be sent for %v", name, n+1, left)
					}
					if left <= 0 {
						return gate.Result{Outcome: gate.NotSent, Cause: gate.CauseDeadline}
					}
					sent++
					return gate.Result{Outcome: gate.Accepted}
				}
				r := b.unlock(b.tap("ada", "front"))
				if r.Outcome != gate.Accepted && r.Outcome != gate.NotSent && r.Outcome != gate.Denied {
					t.Errorf("%s at reading %d: got %s %s", name, n+1, r.Outcome, r.Cause)
				}
			})
		}
		if sent == 0 || sent == 40 {
			t.Errorf("%s: %d of 40 were sent: this test proves nothing", name, sent)
		}
	}
}
