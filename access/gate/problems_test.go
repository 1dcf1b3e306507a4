package gate_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access/gate"
)

// states is a Catalog of the locks of front (l1) and office (l2), and of a lock without
// a door, all at one gateway and without problems.
func states(change ...func(front, office *gate.CatalogLock)) catalog {
	free := gate.CatalogLock{Link: link("l9"), Problem: gate.CauseLockOffline, Alarms: []gate.Cause{gate.CauseBatteryLow}}
	c := catalog{{Link: link("l1")}, {Link: link("l2")}, free}
	for i := range c[:2] {
		c[i].Online, c[i].GatewayOnline = true, true
	}
	for _, fn := range change {
		fn(&c[0], &c[1])
	}
	return c
}

func alarm(causes ...gate.Cause) func(front, office *gate.CatalogLock) {
	return func(front, _ *gate.CatalogLock) { front.Alarms = causes }
}

func unreachable(c gate.Cause, online bool) func(front, office *gate.CatalogLock) {
	return func(front, _ *gate.CatalogLock) { front.Problem, front.Online = c, online }
}

func (b *fixture) refresh(g *gate.Gate, c gate.Catalog) {
	b.Helper()
	if _, err := g.RefreshLockStates(b.Context(), c); err != nil {
		b.Fatal(err)
	}
}

// TestStateProblems: what the lock system reports has a beginning and an end, once each.
func TestStateProblems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &recorder{}
		b := setup(t, func(c *gate.Config) { c.Observer = h })
		step := func(what string, c catalog, want ...string) {
			t.Helper()
			h.events = nil
			b.refresh(b.gate, c)
			b.refresh(b.gate, c) // nothing is repeated
			if diff := cmp.Diff(want, h.events); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
			time.Sleep(5 * time.Minute)
		}
		raised := func(what string) string { return "problem_raised " + what }
		resolved := func(what string) string { return "problem_resolved " + what }
		step("healthy", states())
		step("two alarms", states(alarm(gate.CauseBatteryLow, gate.CauseLeftOpen)),
			raised("battery_low front"), raised("left_open_alarm front"))
		step("one of them", states(alarm(gate.CauseBatteryLow)), resolved("left_open_alarm front"))
		b.unlock(b.tap("ada", "front")) // proves nothing about the battery
		if diff := cmp.Diff([]gate.Cause{gate.CauseBatteryLow}, b.gate.Problems()); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
		step("another door", states(alarm(gate.CauseBatteryLow), func(_, office *gate.CatalogLock) {
			office.Alarms = []gate.Cause{gate.CauseIntrusion, gate.CausePrivacyMode}
		}), raised("intrusion_alarm office"), raised("privacy_mode office"))
		step("all over", states(), resolved("battery_low front"), resolved("intrusion_alarm office"), resolved("privacy_mode office"))

		// An IQ that is offline hides whether its lock is online again.
		step("a lock", states(unreachable(gate.CauseLockOffline, false)), raised("lock_offline front"))
		step("its IQ", states(unreachable(gate.CauseIQOffline, false)), raised("iq_offline iq"))
		step("the IQ is back", states(unreachable(gate.CauseLockOffline, false)), resolved("iq_offline iq"))
		step("the lock is back", states(), resolved("lock_offline front"))
		step("codes", states(unreachable(gate.CauseOTPBlocked, true)), raised("otp_blocked iq"))
		step("no locks any more", nil, resolved("otp_blocked iq"))

		// A problem that a request has raised is the same one.
		b.driver.move = answers(gate.Refused, gate.CauseLockOffline)
		b.unlock(b.tap("ada", "front"))
		step("seen by the lock system", states(unreachable(gate.CauseLockOffline, false)))
		step("back", states(), resolved("lock_offline front"))
		b.unlock(b.tap("ada", "front"))
		step("not seen by it", states())
		h.events = nil
		b.driver.move = nil
		b.unlock(b.tap("ada", "front"))
		if diff := cmp.Diff([]string{"request_completed accepted", resolved("lock_offline front")}, h.events); diff != "" {
			t.Errorf("a command that succeeded (-want +got):\n%s", diff)
		}
	})
}

// A catalog or a storage that cannot be read changes no problem.
func TestStateProblemsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &recorder{}
		b := setup(t, func(c *gate.Config) { c.Observer = h })
		b.refresh(b.gate, states(alarm(gate.CauseLeftOpen)))
		broken := errors.New("no answer")
		if _, err := b.gate.RefreshLockStates(t.Context(), failing{broken}); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		for _, call := range []string{"LoadAll", "AcquireLease"} {
			b.faults.set(call, down, nil)
			if list, err := b.gate.RefreshLockStates(t.Context(), states()); !errors.Is(err, gate.ErrUnavailable) || len(list) != 3 {
				t.Errorf("%s: got %v, %v", call, list, err)
			}
			b.faults.set(call, nil, nil)
		}
		if diff := cmp.Diff([]string{"problem_raised left_open_alarm front"}, h.events); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		b.refresh(b.gate, states())
		if len(h.events) != 2 {
			t.Errorf("got %v", h.events)
		}
		b.config.Site = "a new one" // without rules
		g, err := gate.New(b.config)
		if err != nil {
			t.Fatal(err)
		}
		b.refresh(g, states(alarm(gate.CauseLeftOpen)))
		if len(h.events) != 2 {
			t.Errorf("got %v", h.events)
		}
	})
}

func TestReportProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &recorder{}
		b := setup(t, func(c *gate.Config) { c.Observer = h })
		for _, due := range []bool{false, true, true, false, false, true} {
			if err := b.gate.ReportProblem(t.Context(), gate.CauseReauthorizeDue, due); err != nil {
				t.Fatal(err)
			}
		}
		b.unlock(b.tap("ada", "front"))
		want := []string{"problem_raised reauthorize_due ", "problem_resolved reauthorize_due ", "problem_raised reauthorize_due ",
			"request_completed accepted"}
		if diff := cmp.Diff(want, h.events); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if err := b.gate.ReportProblem(t.Context(), "made up", true); err == nil {
			t.Error("an unknown cause was reported")
		}
	})
}

// TestProblemsOfSeveralProcesses: one process reports what the lock system reports, and
// another one continues when it has ended.
func TestProblemsOfSeveralProcesses(t *testing.T) {
	both := []string{"problem_raised battery_low front", "problem_raised left_open_alarm front"}
	for name, c := range map[string]struct {
		stop  bool // the first one ends its Run; otherwise it is killed
		begin time.Duration
		want  []string // of the second one, after the first one's end
	}{
		"stopped":                        {stop: true, begin: 7 * time.Minute, want: both},
		"killed":                         {begin: 7 * time.Minute, want: both},
		"killed, a lasting problem":      {begin: 40 * time.Minute, want: []string{"problem_raised left_open_alarm front"}},
		"stopped, and a lasting problem": {stop: true, begin: 40 * time.Minute, want: []string{"problem_raised left_open_alarm front"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, other, first, second := twoGates(t)
				low := states(alarm(gate.CauseBatteryLow))
				b.refresh(b.gate, low)
				b.refresh(other, low)
				for range int(c.begin / (5 * time.Minute)) {
					time.Sleep(5 * time.Minute)
					b.refresh(b.gate, low)
					b.refresh(other, low)
				}
				if diff := cmp.Diff([]string{"problem_raised battery_low front"}, first.events); diff != "" {
					t.Errorf("the first (-want +got):\n%s", diff)
				}
				if len(second.events) != 0 || len(other.Problems()) != 1 {
					t.Errorf("the second: events %v, problems %v", second.events, other.Problems())
				}
				if c.stop {
					ctx, cancel := context.WithCancel(t.Context())
					cancel()
					b.runner(gate.RunnerConfig{}).Run(ctx)
				}
				for i := range 4 {
					time.Sleep(4 * time.Minute)
					b.refresh(other, states(alarm(gate.CauseBatteryLow, gate.CauseLeftOpen)))
					if i == 0 && (len(second.events) > 0) != c.stop { // the lease of the one that was killed lasts
						t.Errorf("after 4 minutes: %v", second.events)
					}
				}
				if diff := cmp.Diff(c.want, second.events); diff != "" {
					t.Errorf("the second (-want +got):\n%s", diff)
				}
				second.events = nil
				b.refresh(other, states())
				ended := []string{"problem_resolved battery_low front", "problem_resolved left_open_alarm front"}
				if diff := cmp.Diff(ended, second.events); diff != "" {
					t.Errorf("the end (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestProblemsOfRareCalls: a change is reported although the process that should have
// reported it was killed, and the next one looks only an hour later.
func TestProblemsOfRareCalls(t *testing.T) {
	for name, c := range map[string]struct {
		call func(*fixture, *gate.Gate, bool)
		want string
	}{
		"locks": {func(b *fixture, g *gate.Gate, low bool) {
			if low {
				b.refresh(g, states(alarm(gate.CauseBatteryLow)))
			} else {
				b.refresh(g, states())
			}
		}, "problem_raised battery_low front"},
		"a site": {func(b *fixture, g *gate.Gate, due bool) {
			if err := g.ReportProblem(b.Context(), gate.CauseReauthorizeDue, due); err != nil {
				b.Fatal(err)
			}
		}, "problem_raised reauthorize_due "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, other, _, second := twoGates(t)
				full := func(g *gate.Gate) { // another job of the same gate
					if err := g.ReportProblem(t.Context(), gate.CauseSeatsNearlyFull, false); err != nil {
						t.Fatal(err)
					}
				}
				c.call(b, b.gate, false)
				time.Sleep(5 * time.Minute)
				c.call(b, other, true)
				for range 6 { // another job of both continues for half an hour
					time.Sleep(5 * time.Minute)
					full(b.gate)
					full(other)
				}
				time.Sleep(time.Hour)
				c.call(b, other, true)
				c.call(b, other, true)
				if diff := cmp.Diff([]string{c.want}, second.events); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestProblemScopes checks what the problem of each cause concerns. What is not listed
// requires no person.
func TestProblemScopes(t *testing.T) {
	scopes := map[gate.Cause]string{}
	for about, causes := range map[string][]gate.Cause{
		"": {gate.CauseStoreUnavailable, gate.CauseUnknownSite, gate.CauseClock, gate.CauseCloudUnavailable, gate.CauseReauthorize,
			gate.CauseClientRefused, gate.CauseNoSubscription, gate.CauseRateLimited},
		"iq": {gate.CauseIQNotActivated, gate.CauseIQOffline, gate.CauseRestoreRequired, gate.CausePINNotChanged, gate.CauseOTPInvalid,
			gate.CauseOTPBlocked},
		"front":        {gate.CauseLockOffline, gate.CauseLockGone, gate.CauseLinkOutdated, gate.CauseForbidden, gate.CauseNotLinked},
		"front of ada": {gate.CauseBadFacts},
	} {
		for _, c := range causes {
			scopes[c] = "problem_raised " + string(c) + " " + about
		}
	}
	for _, c := range gate.Causes() {
		synctest.Test(t, func(t *testing.T) {
			h := &recorder{}
			b := setup(t, func(config *gate.Config) { config.Observer = h })
			b.driver.move = answers(gate.NotSent, c)
			b.unlock(b.tap("ada", "front"))
			want := []string{"request_completed not_sent"}
			if scopes[c] != "" {
				want = append(want, scopes[c])
			}
			if diff := cmp.Diff(want, h.events); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c, diff)
			}
		})
	}
}

// The end of a problem names its beginning.
func TestStateProblemsAreDated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []gate.Event
		b := setup(t, func(c *gate.Config) { c.Observer = observerFunc(func(e gate.Event) { events = append(events, e) }) })
		began := time.Now()
		b.refresh(b.gate, states(alarm(gate.CauseBatteryLow)))
		time.Sleep(time.Hour)
		b.refresh(b.gate, states())
		if len(events) != 2 {
			t.Fatalf("events %+v", events)
		}
		if e := events[0]; e.Kind != gate.ProblemRaised || !e.Since.Equal(began) || !e.At.Equal(began) {
			t.Errorf("the beginning: %+v", e)
		}
		if e := events[1]; e.Kind != gate.ProblemResolved || !e.Since.Equal(began) || !e.At.Equal(began.Add(time.Hour)) {
			t.Errorf("the end: %+v", e)
		}
	})
}

// twoGates returns a fixture and another gate of its site, as in another process, each with
// a recorder of its own.
func twoGates(t *testing.T) (b *fixture, other *gate.Gate, first, second *recorder) {
	t.Helper()
	first, second = &recorder{}, &recorder{}
	b = setup(t, func(c *gate.Config) { c.Observer = first })
	b.config.Observer = second
	other, err := gate.New(b.config)
	if err != nil {
		t.Fatal(err)
	}
	return b, other, first, second
}
