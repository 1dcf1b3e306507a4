package saltolocks_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// issues returns the issues of the Doctor as "severity code about".
func (r *fixture) issues(d *saltolocks.Doctor, codes bool) (list []string) {
	r.Helper()
	doors, err := r.store.Doors(r.Context(), "loft")
	r.ok(err)
	found, err := d.Check(r.Context(), gate.Check{Doors: doors, Now: r.sim.Now(), Codes: codes})
	r.ok(err)
	for _, f := range found {
		if f.What == "" || f.Breaks == "" || f.Do == "" {
			r.Errorf("half an issue: %+v", f)
		}
		text := string(f.Severity) + " " + f.Code
		if f.About != "" {
			text += " " + f.About
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return list
}

func TestDoctorOnTheWorld(t *testing.T) {
	site := func(fn func(*saltokstest.Site)) saltokstest.World {
		w := saltokstest.DefaultWorld()
		fn(&w.Sites[0])
		return w
	}
	member := func(fn func(*saltokstest.Member)) saltokstest.World {
		return site(func(s *saltokstest.Site) {
			s.Members = []saltokstest.Member{{User: saltokstest.DefaultWorld().Users[0].Email}}
			fn(&s.Members[0])
		})
	}
	for name, c := range map[string]struct {
		world    saltokstest.World
		unlinked bool // nothing but the IQs
		want     []string
	}{
		"healthy": {world: saltokstest.DefaultWorld()},
		"not activated": {
			world: saltokstest.DefaultWorld(), unlinked: true,
			want: []string{"critical not_activated IQ IQ First Floor", "critical not_activated IQ IQ Ground Floor"},
		},
		"no subscription": {world: site(func(s *saltokstest.Site) { s.Unpaid = true }), want: []string{"critical no_subscription"}},
		"not released":    {world: site(func(s *saltokstest.Site) { s.Unreleased = true }), want: []string{"critical site_not_released"}},
		"seats":           {world: site(func(s *saltokstest.Site) { s.Seats = 2 }), want: []string{"warning seats_nearly_full"}},
		"two seats left":  {world: site(func(s *saltokstest.Site) { s.Seats = 3 })},
		"not site admin":  {world: member(func(m *saltokstest.Member) { m.Role = "site_user" }), want: []string{"critical not_site_admin"}},
		"no remote access": {
			world: member(func(m *saltokstest.Member) { m.RemoteAccess = new(false) }), want: []string{"critical no_remote_access"},
		},
		"IQ offline, no door behind it": {world: site(func(s *saltokstest.Site) {
			s.IQs = append(s.IQs, saltokstest.IQ{Name: "IQ Cellar", Offline: true, WithoutOTP: true})
		}), want: []string{"note iq_offline IQ IQ Cellar"}},
		"battery, privacy": {world: site(func(s *saltokstest.Site) {
			s.Locks[0].Battery, s.Locks[0].Privacy = "critical", true
			s.Locks[1].Battery = "half_full"
			s.Locks[2].Battery = "critical" // no door
		}), want: []string{"note battery_low office", "note privacy_mode front", "warning battery_low front"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixtureWith(t, !c.unlinked, saltokstest.Config{World: c.world})
				if got := r.issues(r.locks.Doctor(nil), false); !slices.Equal(got, c.want) {
					t.Fatalf("got %q, want %q", got, c.want)
				}
				for _, q := range r.sim.Requests() {
					if q.Part == "api" && q.Method != "GET" {
						t.Errorf("it wrote: %s %s", q.Method, q.Path)
					}
				}
			})
		})
	}
}

func TestDoctorOnFaults(t *testing.T) {
	const ground, first = " IQ IQ Ground Floor", " IQ IQ First Floor"
	for name, c := range map[string]struct {
		fault  func(*fixture)
		want   []string
		checks int // codes sent
	}{
		"healthy": {func(*fixture) {}, nil, 2},
		"restore required": {func(r *fixture) { r.sim.Fault(saltokstest.RestoreRequired, saltokstest.Target(r.site.IQs[0].ID)) },
			[]string{"critical restore_required" + ground}, 1},
		"secret rotated by the phone app": {func(r *fixture) { r.sim.Fault(saltokstest.AppRotatedSecret) },
			[]string{"critical app_login" + first, "critical app_login" + ground}, 2},
		"one-time codes blocked": {func(r *fixture) {
			r.sim.Fault(saltokstest.OTPBlocked, saltokstest.On("/locking"))
			r.do("unlock", r.tap("front"))
		}, []string{"critical blocked" + ground}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, true)
				c.fault(r)
				r.sim.ForgetRequests()
				d := r.locks.Doctor(nil)
				if got := r.issues(d, true); !slices.Equal(got, c.want) {
					t.Fatalf("got %q, want %q", got, c.want)
				}
				if got := r.checks(); got != c.checks {
					t.Errorf("got %d codes checked, want %d", got, c.checks)
				}
				// Within the hour no other code is sent.
				r.issues(d, true)
				if got := r.checks(); got != c.checks {
					t.Errorf("asked again: %d codes checked", got)
				}
				if got := r.moved(0) + r.moved(1) + r.commands(); got != 0 {
					t.Errorf("%d commands or movements", got)
				}
			})
		})
	}
}

// checks counts the codes that were sent to be checked.
func (r *fixture) checks() (n int) {
	for _, q := range r.sim.Requests() {
		if q.Method == "PUT" {
			n++
		}
	}
	return n
}

func TestDoctorOnTheConsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		now := r.sim.Now()
		for want, c := range map[string]struct {
			status saltoauth.ConnectionStatus
			err    error
		}{
			"[]":                              {saltoauth.ConnectionStatus{Connection: saltoauth.Connection{DueAt: now.Add(time.Second)}}, nil},
			"[warning reauthorize_due]":       {saltoauth.ConnectionStatus{Connection: saltoauth.Connection{DueAt: now}}, nil},
			"[critical reauthorize_required]": {saltoauth.ConnectionStatus{ReauthorizeSince: now}, nil},
			"[critical not_connected]":        {saltoauth.ConnectionStatus{}, saltoauth.ErrNotConnected},
			"[warning tokens_failing]":        {saltoauth.ConnectionStatus{FailedRefreshes: 3, Fault: "no route"}, nil},
			"[critical client_refused]":       {saltoauth.ConnectionStatus{FailedRefreshes: 9, InvalidClient: true}, nil},
			"[critical client_refused] ":      {saltoauth.ConnectionStatus{InvalidClient: true, TokenExpiry: now.Add(1)}, nil},
		} {
			d := r.locks.Doctor(func(context.Context) (saltoauth.ConnectionStatus, error) { return c.status, c.err })
			if got := fmt.Sprint(r.issues(d, false)); got != want && got+" " != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		// What names the day.
		day := time.Date(2026, 8, 30, 23, 0, 0, 0, time.UTC)
		for want, status := range map[string]saltoauth.ConnectionStatus{
			"The consent is from 2026-08-30, and SALTO ends consents after about 90 days.": {
				Connection: saltoauth.Connection{ConsentedAt: day, DueAt: now},
			},
			"SALTO ended the consent on 2026-08-30.": {ReauthorizeSince: day},
		} {
			d := r.locks.Doctor(func(context.Context) (saltoauth.ConnectionStatus, error) { return status, nil })
			issues, err := d.Check(t.Context(), gate.Check{Now: now})
			r.ok(err)
			if len(issues) == 0 || issues[0].What != want {
				t.Errorf("got %+v, want %q", issues, want)
			}
		}
		// What could not be examined is an error, and the rest is examined.
		d := r.locks.Doctor(func(context.Context) (saltoauth.ConnectionStatus, error) {
			return saltoauth.ConnectionStatus{}, errors.New("store down")
		})
		if _, err := d.Check(t.Context(), gate.Check{Now: now}); err == nil {
			t.Error("no error")
		}
		other, err := saltolocks.NewLocks(saltolocks.LocksConfig{
			Client: r.client, Remote: r.remote, Site: "0c5f1a40-0000-4000-8000-00000000dead",
		})
		r.ok(err)
		if got := fmt.Sprint(r.issues(other.Doctor(nil), false)); got != "[critical site_not_visible]" {
			t.Errorf("got %s", got)
		}
	})
}

// The consent grows old, expires and is renewed: the Doctor reports each state.
func TestDoctorThroughTheLifeOfAConsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		d := r.locks.Doctor(func(ctx context.Context) (saltoauth.ConnectionStatus, error) { return r.auth.Status(ctx, r.conn.ID) })
		wantIssues := func(want string) {
			t.Helper()
			if got := fmt.Sprint(r.issues(d, false)); got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
			issues, err := d.Check(t.Context(), gate.Check{Now: r.sim.Now()})
			r.ok(err)
			for _, i := range issues {
				if strings.HasPrefix(i.Code, "reauthorize") && i.Do != "Reconnect as the same SALTO user: doors, names and activations stay." {
					t.Errorf("%s: Do is %q", i.Code, i.Do)
				}
			}
		}
		wantIssues("[]")
		r.sim.Clock().Advance(75*24*time.Hour - time.Minute)
		wantIssues("[]")
		r.sim.Clock().Advance(2 * time.Minute)
		wantIssues("[warning reauthorize_due]")
		r.want(r.do(access.Unlock, r.tap("front")), gate.Accepted, "")
		r.sim.Clock().Advance(15 * 24 * time.Hour)
		r.want(r.do(access.Unlock, r.tap("front")), gate.NotSent, gate.CauseReauthorize)
		wantIssues("[critical reauthorize_required]")

		// Reconnected as the same user, everything is as it was.
		login, err := r.auth.BeginReconnect(t.Context(), r.conn.ID)
		r.ok(err)
		callback, err := r.sim.Consent(t.Context(), login.URL(), saltokstest.Allow())
		r.ok(err)
		_, err = r.auth.Reconnect(t.Context(), login, callback.Query())
		r.ok(err)
		wantIssues("[]")
		r.want(r.do(access.Unlock, r.tap("front")), gate.Accepted, "")
	})
}

// A wrong client secret is one critical issue and a cause of its own, with a
// connection and with a password.
func TestDoctorOnAWrongClientSecret(t *testing.T) {
	for _, name := range []string{"connection", "connection, the token still valid", "password"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, true)
				doctor := r.locks.Doctor(func(ctx context.Context) (saltoauth.ConnectionStatus, error) { return r.auth.Status(ctx, r.conn.ID) })
				if name == "password" {
					doctor = r.locks.Doctor(nil)
				}
				secret := r.sim.ClientSecret()
				r.sim.Fault(saltokstest.ClientSecretChanged)
				d := gate.Diagnostics{Readers: storage.ReadersOf(r.store), Catalog: r.locks, Checkers: []gate.Checker{doctor}}
				if name == "connection, the token still valid" {
					r.sim.Clock().Advance(55 * time.Minute) // it is renewed before it expires
					r.want(r.do(access.Unlock, r.tap("front")), gate.Accepted, "")
				} else {
					r.sim.Clock().Advance(2 * time.Hour)
					r.want(r.do(access.Unlock, r.tap("front")), gate.NotSent, gate.CauseClientRefused)
				}
				got := slices.DeleteFunc(r.codes(d), func(code string) bool { return !strings.HasPrefix(code, "critical") })
				if !slices.Equal(got, []string{"critical client_refused"}) {
					t.Errorf("got %q", got)
				}
				r.sim.Fault(saltokstest.ClientSecretChanged, saltokstest.Target(secret))
				r.sim.Clock().Advance(time.Hour)
				r.want(r.do(access.Unlock, r.tap("front")), gate.Accepted, "")
				if got := r.codes(d); slices.Contains(got, "critical client_refused") {
					t.Errorf("with the right secret: got %q", got)
				}
			})
		})
	}
}
