package saltolocks_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// answering answers the requests to paths that end in suffix with a status.
func (r *fixture) answering(suffix string, status int) {
	r.wire.Base = refusing{r.wire.Base, func(q *http.Request) (*http.Response, error) {
		if !strings.HasSuffix(q.URL.Path, suffix) {
			return nil, nil
		}
		return answer(q, status, ""), nil
	}}
}

// A part that cannot be examined is an error, and the rest is examined.
func TestDoctorExaminesTheRest(t *testing.T) {
	for suffix, missing := range map[string]string{
		"/subscription": "", "/me": "", "/iqs": "", "/activated_iqs": "", "the IQ": "", "/locks": "note privacy_mode front",
	} {
		for status, down := range map[int]bool{http.StatusForbidden: false, http.StatusBadGateway: true} {
			t.Run(fmt.Sprint(suffix, " ", status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newFixture(t, true)
					r.sim.SetPaid(r.site.ID, false)
					r.sim.SetPrivacyMode(r.site.Locks[0].ID, true)
					if suffix == "the IQ" {
						suffix = r.site.IQs[0].ID
					}
					r.answering(suffix, status)
					doors, err := r.store.Doors(t.Context(), "loft")
					r.ok(err)
					issues, err := r.locks.Doctor(nil).Check(t.Context(), gate.Check{Doors: doors, Now: r.sim.Now()})
					if err == nil || errors.Is(err, gate.ErrCloudUnavailable) != down {
						t.Errorf("got %v", err)
					}
					if suffix == r.site.IQs[0].ID && !strings.Contains(err.Error(), `IQ "IQ Ground Floor"`) {
						t.Errorf("the error does not name the IQ: %v", err)
					}
					var got []string
					for _, i := range issues {
						got = append(got, strings.Trim(string(i.Severity)+" "+i.Code+" "+i.About, " "))
					}
					want := []string{"critical no_subscription", "note privacy_mode front"}
					if want = slices.DeleteFunc(want, func(s string) bool { return s == missing }); !slices.Equal(got, want) {
						t.Errorf("got %q, want %q", got, want)
					}
				})
			})
		}
	}
}

// Without a token every call would fail for the same reason: it is one issue.
func TestDoctorOnATokenSource(t *testing.T) {
	for _, c := range []struct {
		err        error
		code, what string
	}{
		{saltoks.ErrReauthorize, "reauthorize_required", "SALTO ended the consent."},
		{saltostate.ErrSealed, "sealing_key", "another sealing key"},
		{saltoauth.ErrInvalidClient, "client_refused", "refuses the client id"},
		{saltoauth.ErrNotConnected, "not_connected", "no connection"},
	} {
		t.Run(c.code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, true)
				client, err := saltoks.NewClient(saltoks.Config{
					Environment: saltoks.Environment{Name: "simulator", Issuer: r.sim.Issuer(), API: r.sim.API()},
					Tokens: tokenFunc(func(context.Context) (saltoks.Token, error) {
						return saltoks.Token{}, fmt.Errorf("no token: %w", c.err)
					}),
					HTTPClient: r.sim.HTTPClient(),
				})
				r.ok(err)
				locks, err := saltolocks.NewLocks(saltolocks.LocksConfig{Client: client, Remote: r.remote, Site: saltoks.SiteID(r.site.ID)})
				r.ok(err)
				status := func(context.Context) (saltoauth.ConnectionStatus, error) {
					return saltoauth.ConnectionStatus{}, fmt.Errorf("no status: %w", c.err)
				}
				for _, d := range []*saltolocks.Doctor{locks.Doctor(nil), r.locks.Doctor(status)} {
					issues, err := d.Check(t.Context(), gate.Check{Now: r.sim.Now()})
					r.ok(err)
					if len(issues) != 1 || issues[0].Code != c.code || issues[0].About != "" || !strings.Contains(issues[0].What, c.what) {
						t.Errorf("got %+v", issues)
					}
				}
			})
		})
	}
}

// The zone of SALTO's site or of the rules may be unknown on this machine.
func TestDoctorOnUnknownTimeZones(t *testing.T) {
	for _, c := range []struct {
		salto, rules string
		differs      bool
	}{
		{"Mars/Olympus", "Europe/Amsterdam", true}, {"Europe/Amsterdam", "Mars/Olympus", true}, {"Mars/Olympus", "Mars/Olympus", false},
		{"Mars/Olympus", "Mars/Tharsis", true}, {"", "UTC", true}, {"", "", false}, {"Europe/Amsterdam", "", false},
	} {
		t.Run(c.salto+","+c.rules, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, true)
				cause, _ := claims(`"time_zone":"Europe/Amsterdam"`, `"time_zone":"`+c.salto+`"`)
				cause(r)
				issues, err := r.locks.Doctor(nil).Check(t.Context(), gate.Check{Now: r.sim.Now(), TimeZone: c.rules})
				r.ok(err)
				at := slices.IndexFunc(issues, func(i gate.Issue) bool { return i.Code == "time_zone_differs" })
				if (at >= 0) != c.differs {
					t.Errorf("got %+v", issues)
				}
				if want := fmt.Sprintf("%q, the rules are in %q", c.salto, c.rules); at >= 0 && !strings.Contains(issues[at].What, want) {
					t.Errorf("got %q", issues[at].What)
				}
			})
		})
	}
}

// A wrong clock is an issue of this machine and names the difference; a check that
// failed is one of the IQ and names the failure.
func TestDoctorDescribesIQs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		doors, err := r.store.Doors(t.Context(), "loft")
		r.ok(err)
		now := func() time.Time { return r.sim.Now().Add(5 * time.Minute) }
		remote, err := saltoremote.NewRemote(saltoremote.Config{Client: r.client, State: r.state, User: r.conn.Identity(), Now: now})
		r.ok(err)
		skewed, err := saltolocks.NewLocks(saltolocks.LocksConfig{Client: r.client, Remote: remote, Site: saltoks.SiteID(r.site.ID), Now: now})
		r.ok(err)
		issues, err := skewed.Doctor(nil).Check(t.Context(), gate.Check{Doors: doors, Now: now()})
		r.ok(err)
		for _, i := range issues {
			if i.Code != "clock_skew" || i.About != "" || i.What != "This machine's clock differs from SALTO's by 5m0s." {
				t.Errorf("got %+v", i)
			}
		}
		if len(issues) == 0 {
			t.Error("the clock is not reported")
		}
		r.sim.Fault(saltokstest.HTTP500, saltokstest.On("PUT "), saltokstest.Count(-1))
		issues, err = r.locks.Doctor(nil).Check(t.Context(), gate.Check{Doors: doors, Now: r.sim.Now(), Codes: true})
		r.ok(err)
		for _, i := range issues {
			if i.Severity != gate.Critical || i.Breaks == "" || i.Do == "" {
				t.Errorf("half an issue: %+v", i)
			}
			if i.Code != "unclear" || !strings.HasPrefix(i.About, "IQ IQ ") || !strings.Contains(i.What, "status 500") || !i.Until.IsZero() {
				t.Errorf("got %+v", i)
			}
		}
		if len(issues) != 2 {
			t.Errorf("%d issues", len(issues))
		}
		r.sim.ClearFaults()
		r.sim.Fault(saltokstest.OTPBlocked, saltokstest.On("/locking"))
		r.do("unlock", r.tap("front"))
		issues, err = r.locks.Doctor(nil).Check(t.Context(), gate.Check{Doors: doors, Now: r.sim.Now()})
		r.ok(err)
		if len(issues) != 1 || issues[0].Code != "blocked" || !issues[0].Until.Equal(r.sim.Now().Add(21*time.Minute)) {
			t.Errorf("got %+v", issues)
		}
	})
}

// A code is checked again after an hour, and when the clock was set back by one.
func TestDoctorChecksCodesHourly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		d := r.locks.Doctor(nil)
		start := r.sim.Now()
		for _, c := range []struct {
			at     time.Duration
			codes  bool
			checks int
		}{
			{0, false, 0}, {0, true, 2}, {time.Hour - 1, true, 2}, {time.Hour, true, 4}, {time.Minute, true, 4}, {0, true, 6},
		} {
			_, err := d.Check(t.Context(), gate.Check{Now: start.Add(c.at), Codes: c.codes})
			r.ok(err)
			if got := r.checks(); got != c.checks {
				t.Errorf("at %v: %d codes checked, want %d", c.at, got, c.checks)
			}
			time.Sleep(time.Minute) // codes are of another second
		}
	})
}

// The roles of the connection's user: the owner is an admin, and so is a new user, whose
// roles SALTO does not return yet.
func TestDoctorOnRoles(t *testing.T) {
	for roles, want := range map[string]string{
		`[]`: "", `[{"id":"r","code":"site_owner"}]`: "", `[{"id":"r","code":"site_user"},{"id":"r","code":"site_admin"}]`: "",
		`[{"id":"r","code":"site_admin"},{"id":"r","code":"site_user"}]`: "", `[{"id":"r","code":"site_user"}]`: `is "site_user", not site admin`,
	} {
		t.Run(roles, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, true)
				r.wire.Base = refusing{r.wire.Base, func(q *http.Request) (*http.Response, error) {
					if !strings.HasSuffix(q.URL.Path, "/me") {
						return nil, nil
					}
					return answer(q, http.StatusOK, `{"id":"u","roles":`+roles+`,"toggle_remote_access":true,"blocked":false}`), nil
				}}
				issues, err := r.locks.Doctor(nil).Check(t.Context(), gate.Check{Now: r.sim.Now()})
				r.ok(err)
				at := slices.IndexFunc(issues, func(i gate.Issue) bool { return i.Code == "not_site_admin" })
				if (at >= 0) != (want != "") || at >= 0 && !strings.Contains(issues[at].What, want) {
					t.Errorf("got %+v", issues)
				}
			})
		})
	}
}
