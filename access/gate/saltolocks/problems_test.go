package saltolocks_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// problemLog is an Observer that keeps changes of problems.
type problemLog struct {
	mu     sync.Mutex
	events []string
}

func (l *problemLog) Observe(_ context.Context, e gate.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Kind == gate.ProblemRaised || e.Kind == gate.ProblemResolved {
		l.events = append(l.events, fmt.Sprint(e.Kind, " ", e.Cause, " ", e.Door))
	}
}

// take returns the events since the last call.
func (l *problemLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	events := l.events
	l.events = nil
	return events
}

// TestAlerts: two processes report each alert once, and its end; Doctor names the same
// ones, and no more.
func TestAlerts(t *testing.T) {
	lock := func(h *host) string { return h.sim.World().Sites[0].Locks[0].ID }
	iq := func(h *host) string { return h.sim.World().Sites[0].IQs[0].ID }
	quiet := 70 * time.Minute // every job has run
	switch {
	case testing.Short():
		quiet = 20 * time.Minute
	case os.Getenv("DOORKIT_FULL") == "1":
		quiet = 2 * time.Hour
	}
	var guests []string
	for want, c := range map[string]struct {
		cause, clear func(*host, *saltolocks.Site)
		issue        string        // Doctor's code, if it is another one
		within       time.Duration // 0 is 6 minutes
	}{
		"left_open_alarm front": {
			cause: func(h *host, _ *saltolocks.Site) { h.sim.SetLeftOpen(lock(h), true) },
			clear: func(h *host, _ *saltolocks.Site) { h.sim.SetLeftOpen(lock(h), false) },
		},
		"intrusion_alarm front": {
			cause: func(h *host, _ *saltolocks.Site) { h.sim.SetIntrusion(lock(h), true) },
			clear: func(h *host, _ *saltolocks.Site) { h.sim.SetIntrusion(lock(h), false) },
		},
		"battery_low front": {
			cause: func(h *host, _ *saltolocks.Site) { h.sim.SetBattery(lock(h), "critical") },
			clear: func(h *host, _ *saltolocks.Site) { h.sim.SetBattery(lock(h), "fresh") },
		},
		"privacy_mode front": {
			cause: func(h *host, _ *saltolocks.Site) { h.sim.SetPrivacyMode(lock(h), true) },
			clear: func(h *host, _ *saltolocks.Site) { h.sim.SetPrivacyMode(lock(h), false) },
		},
		"lock_offline front": {
			cause: func(h *host, _ *saltolocks.Site) { h.sim.SetLockOnline(lock(h), false) },
			clear: func(h *host, _ *saltolocks.Site) { h.sim.SetLockOnline(lock(h), true) },
		},
		"iq_offline ": {
			cause: func(h *host, _ *saltolocks.Site) { h.sim.SetIQOnline(iq(h), false) },
			clear: func(h *host, _ *saltolocks.Site) { h.sim.SetIQOnline(iq(h), true) },
		},
		"otp_blocked ": {
			cause: func(h *host, site *saltolocks.Site) {
				h.sim.Fault(saltokstest.OTPBlocked)
				session, err := site.Session(h.Context())
				h.ok(err)
				target, err := session.Remote.Target(h.Context(), session.Site, saltoks.LockID(lock(h)))
				h.ok(err)
				if err := session.Remote.Unlock(h.Context(), target); err == nil {
					h.Fatal("the code was accepted")
				}
			},
			clear: func(h *host, _ *saltolocks.Site) { h.sleep(21 * time.Minute) },
			issue: "blocked",
		},
		"seats_nearly_full ": {
			cause: func(h *host, site *saltolocks.Site) {
				session, err := site.Session(h.Context())
				h.ok(err)
				for len(guests) < 9 {
					g, err := session.Client.Users.CreateGuest(h.Context(), session.Site, "guest", h.sim.Now().Add(24*time.Hour))
					h.ok(err)
					guests = append(guests, string(g.ID))
				}
			},
			clear: func(h *host, site *saltolocks.Site) {
				session, err := site.Session(h.Context())
				h.ok(err)
				for _, g := range guests {
					h.ok(session.Client.Users.Delete(h.Context(), session.Site, saltoks.SiteUserID(g)))
				}
			},
			within: 70 * time.Minute,
		},
		"reauthorize_due ": {
			cause: func(h *host, _ *saltolocks.Site) { h.sim.Clock().Advance(75 * 24 * time.Hour) },
			clear: func(h *host, site *saltolocks.Site) {
				login, err := site.Auth.BeginReconnect(h.Context(), connection(h, site))
				h.ok(err)
				callback, err := h.sim.Consent(h.Context(), login.URL(), saltokstest.Allow())
				h.ok(err)
				_, err = site.Auth.Reconnect(h.Context(), login, callback.Query())
				h.ok(err)
			},
			within: 70 * time.Minute,
		},
	} {
		t.Run(want, func(t *testing.T) {
			withHost(t, func(t *testing.T, h *host) {
				guests = nil
				log := &problemLog{}
				h.config.Gate.Observer = log
				one, two := h.open(), h.open()
				h.connect(one, saltokstest.Allow())
				h.activate(one, h.sim.World().Users[0].Email)
				ctx, stop := context.WithCancel(t.Context())
				var all sync.WaitGroup
				defer all.Wait()
				defer stop()
				for _, site := range []*saltolocks.Site{one, two} {
					all.Go(func() { site.Run(ctx) })
				}
				h.sleep(quiet)
				if events := log.take(); events != nil {
					t.Fatalf("a healthy site: %v", events)
				}
				check := func(change func(*host, *saltolocks.Site), event string, open bool) {
					t.Helper()
					change(h, one)
					h.sleep(max(c.within, 6*time.Minute))
					if diff := cmp.Diff([]string{event + " " + want}, log.take()); diff != "" {
						t.Errorf("(-want +got):\n%s", diff)
					}
					for i, site := range []*saltolocks.Site{one, two} {
						if got := len(site.Gate.Problems()) == 1; got != open {
							t.Errorf("process %d: problems %v", i, site.Gate.Problems())
						}
					}
					code, _, _ := strings.Cut(want, " ")
					if c.issue != "" {
						code = c.issue
					}
					issues, err := one.Doctor(t.Context())
					h.ok(err)
					if got := slices.ContainsFunc(issues, func(i gate.Issue) bool { return i.Code == code }); got != open {
						t.Errorf("Doctor reports it: %t, want %t; %+v", got, open, issues)
					}
				}
				check(c.cause, "problem_raised", true)
				h.sleep(10 * time.Minute)
				if c.issue == "" && len(log.take()) != 0 {
					t.Error("it was reported again")
				}
				check(c.clear, "problem_resolved", false)
				h.sleep(quiet)
				if events := log.take(); events != nil {
					t.Errorf("afterwards: %v", events)
				}
			})
		})
	}
}

func connection(h *host, site *saltolocks.Site) string {
	h.Helper()
	status, err := site.Status(h.Context())
	h.ok(err)
	return status.ID
}

// TestAlertsOfAnEntry: an entry of SALTO makes the process that follows read the states
// of the locks at once. Without a connection there are no problems.
func TestAlertsOfAnEntry(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		log := &problemLog{}
		h.config.Gate.Observer = log
		site := h.open()
		h.connect(site, saltokstest.Allow())
		h.activate(site, h.sim.World().Users[0].Email)
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { site.Run(ctx) })
		h.sleep(2 * time.Minute)
		h.sim.ForgetRequests()
		h.sim.Tap(h.sim.World().Sites[0].Locks[0].ID, h.sim.World().Users[0].Email)
		h.sleep(time.Second)
		for _, q := range h.sim.Requests() { // an opening changes no state that is reported
			if strings.HasSuffix(q.Path, "/locks") {
				t.Errorf("an opening caused %s %s", q.Method, q.Path)
			}
		}
		h.sim.SetPrivacyMode(h.sim.World().Sites[0].Locks[0].ID, true)
		h.sleep(time.Second)
		if diff := cmp.Diff([]string{"problem_raised privacy_mode front"}, log.take()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		_, err := site.Disconnect(t.Context(), saltoauth.AcknowledgeDisconnect)
		h.ok(err)
		h.sleep(6 * time.Minute)
		if diff := cmp.Diff([]string{"problem_resolved privacy_mode front"}, log.take()); diff != "" {
			t.Errorf("disconnected (-want +got):\n%s", diff)
		}
		stop()
		all.Wait()
	})
}
