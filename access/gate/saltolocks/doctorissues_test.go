package saltolocks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// rewriting changes one field in the answers of SALTO.
type rewriting struct {
	base     http.RoundTripper
	was, now string
}

func (w rewriting) RoundTrip(q *http.Request) (*http.Response, error) {
	resp, err := w.base.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	b = bytes.Replace(b, []byte(w.was), []byte(w.now), 1)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	resp.Header.Del("Content-Length")
	return resp, err
}

// claims makes SALTO report a value that the simulator never does, and undoes it.
func claims(was, now string) (cause, undo func(*fixture)) {
	var base http.RoundTripper
	return func(r *fixture) { base = r.wire.Base; r.wire.Base = rewriting{base, was, now} }, func(r *fixture) { r.wire.Base = base }
}

// TestDoctorCausesAndClears: Gate.Doctor reports each issue about SALTO once it is
// caused, and no longer once it is resolved.
func TestDoctorCausesAndClears(t *testing.T) {
	iq := func(r *fixture) saltoks.IQID { return saltoks.IQID(r.site.IQs[0].ID) }
	lock := func(r *fixture) string { return r.site.Locks[0].ID }
	user := func(r *fixture) string { return r.sim.World().Users[0].Email }
	hours := func(r *fixture, from, to access.Clock) {
		r.ok(storage.UpdateGrant(r.Context(), r.store, "loft", "front", func(g *gate.Grant) error {
			g.Hours = access.Hours{Ranges: []access.Range{{Days: []access.Day{access.Mon}, From: from, To: to}}}
			return nil
		}))
	}
	later := func(d time.Duration) func(*fixture) { return func(r *fixture) { r.sim.Clock().Advance(d) } }
	blocked, unblocked := claims(`"blocked":false`, `"blocked":true`)
	open, shut := claims(`"left_open_alarm":false`, `"left_open_alarm":true`)
	for want, c := range map[string]struct {
		raw          bool // the IQs are as SALTO delivers them
		cause, clear func(*fixture)
	}{
		"critical no_subscription": {
			cause: func(r *fixture) { r.sim.SetPaid(r.site.ID, false) }, clear: func(r *fixture) { r.sim.SetPaid(r.site.ID, true) },
		},
		"critical site_not_released": {
			cause: func(r *fixture) { r.sim.SetReleased(r.site.ID, false) }, clear: func(r *fixture) { r.sim.SetReleased(r.site.ID, true) },
		},
		"critical no_remote_access": {
			cause: func(r *fixture) { r.sim.SetRemoteAccess(r.site.ID, user(r), false) },
			clear: func(r *fixture) { r.sim.SetRemoteAccess(r.site.ID, user(r), true) },
		},
		"critical user_blocked":         {cause: blocked, clear: unblocked},
		"warning left_open_alarm front": {cause: open, clear: shut},
		"warning battery_low front": {
			cause: func(r *fixture) { r.sim.SetBattery(lock(r), "critical") },
			clear: func(r *fixture) { r.sim.SetBattery(lock(r), "fresh") },
		},
		"note privacy_mode front": {
			cause: func(r *fixture) { r.sim.SetPrivacyMode(lock(r), true) },
			clear: func(r *fixture) { r.sim.SetPrivacyMode(lock(r), false) },
		},
		"critical lock_offline front": {
			cause: func(r *fixture) { r.sim.SetLockOnline(lock(r), false) }, clear: func(r *fixture) { r.sim.SetLockOnline(lock(r), true) },
		},
		"critical lock_without_iq front": {cause: func(r *fixture) { r.sim.DetachLock(lock(r)) }, clear: func(r *fixture) {
			err := r.doors.Unlink(r.Context(), "front")
			r.ok(err)
			_, err = r.doors.Link(r.Context(), gate.LinkRequest{Door: "front", Lock: r.site.Locks[2].ID})
			r.ok(err)
		}},
		"critical iq_offline IQ IQ Ground Floor": {
			cause: func(r *fixture) { r.sim.SetIQOnline(string(iq(r)), false) },
			clear: func(r *fixture) { r.sim.SetIQOnline(string(iq(r)), true) },
		},
		"critical not_activated IQ IQ Ground Floor": {raw: true, cause: func(r *fixture) { r.activate(saltoks.IQID(r.site.IQs[1].ID), user(r)) },
			clear: func(r *fixture) { r.activate(iq(r), user(r)) }},
		"critical activation_unfinished IQ IQ Ground Floor": {
			raw: true,
			cause: func(r *fixture) {
				r.activate(saltoks.IQID(r.site.IQs[1].ID), user(r))
				_, err := r.remote.Activation().Begin(r.Context(), saltoks.SiteID(r.site.ID), iq(r))
				r.ok(err)
			},
			clear: func(r *fixture) {
				a, site := r.remote.Activation(), saltoks.SiteID(r.site.ID)
				_, err := a.RequestPIN(r.Context(), site, iq(r), saltoks.PINByMail)
				r.ok(err)
				pin, err := saltoks.ParseIQPIN(r.sim.IQPIN(user(r)))
				r.ok(err)
				_, err = a.Confirm(r.Context(), site, iq(r), pin)
				r.ok(err)
			},
		},
		"critical blocked IQ IQ Ground Floor": {
			cause: func(r *fixture) {
				r.sim.Fault(saltokstest.OTPBlocked, saltokstest.On("/locking"))
				r.do(access.Unlock, r.tap("front"))
			},
			clear: later(22 * time.Minute),
		},
		"warning schedule_opens front": {
			cause: func(r *fixture) {
				r.sim.SetSchedule(lock(r), &saltokstest.Schedule{Monday: true, StartTime: "08:00:00", EndTime: "18:00:00", AutoStart: true})
				hours(r, access.At(8, 0), access.At(18, 0))
			},
			clear: func(r *fixture) { r.sim.SetSchedule(lock(r), nil) },
		},
		"critical schedule_opens_outside_hours front": {
			cause: func(r *fixture) {
				r.sim.SetSchedule(lock(r), &saltokstest.Schedule{Monday: true, StartTime: "08:00:00", EndTime: "18:00:00", AutoStart: true})
				hours(r, access.At(9, 0), access.At(17, 0))
			},
			clear: func(r *fixture) { r.sim.SetSchedule(lock(r), nil) },
		},
		"note schedule_conflict front, grant front": {
			cause: func(r *fixture) {
				r.sim.SetSchedule(lock(r), &saltokstest.Schedule{Monday: true, StartTime: "08:00:00", EndTime: "18:00:00"})
				hours(r, access.At(9, 0), access.At(18, 1))
			},
			clear: func(r *fixture) { hours(r, access.At(9, 0), access.At(18, 0)) },
		},
		"warning reauthorize_due": {cause: later(75*24*time.Hour + time.Minute), clear: func(r *fixture) {
			login, err := r.auth.BeginReconnect(r.Context(), r.conn.ID)
			r.ok(err)
			callback, err := r.sim.Consent(r.Context(), login.URL(), saltokstest.Allow())
			r.ok(err)
			_, err = r.auth.Reconnect(r.Context(), login, callback.Query())
			r.ok(err)
		}},
	} {
		t.Run(want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, !c.raw)
				doctor := r.locks.Doctor(func(ctx context.Context) (saltoauth.ConnectionStatus, error) { return r.auth.Status(ctx, r.conn.ID) })
				found := func() (list []string) {
					t.Helper()
					issues, err := r.gate.Doctor(t.Context(), gate.Diagnostics{
						Readers: storage.ReadersOf(r.store), Catalog: r.locks, Checkers: []gate.Checker{doctor},
					})
					r.ok(err)
					for _, f := range issues {
						if f.Code != "store_not_durable" && f.Code != "office_mode_on_entrance" { // this world's own
							list = append(list, strings.Trim(string(f.Severity)+" "+f.Code+" "+f.About, " "))
						}
					}
					return list
				}
				if got := found(); !c.raw && len(got) != 0 {
					t.Fatalf("a healthy site: %q", got)
				}
				c.cause(r)
				if got := found(); !slices.Equal(got, []string{want}) {
					t.Errorf("got %q, want %q alone", got, want)
				}
				c.clear(r)
				if got := found(); len(got) != 0 {
					t.Errorf("cleared: got %q", got)
				}
			})
		})
	}
}

// An outage of SALTO is one critical issue, whatever fails and however many parts of
// the examination depend on it.
func TestDoctorWhileSALTOIsDown(t *testing.T) {
	noRoute := func(*http.Request) (*http.Response, error) { return nil, errors.New("dial tcp: no route to host") }
	status := func(code int) func(*http.Request) (*http.Response, error) {
		return func(q *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: code, Status: http.StatusText(code), Body: http.NoBody, Header: http.Header{}, Request: q}, nil
		}
	}
	for name, c := range map[string]struct {
		answer func(*http.Request) (*http.Response, error)
		token  bool // the access token has run out
	}{
		"no route":             {noRoute, false},
		"no route, no token":   {noRoute, true},
		"503 of everything":    {status(503), false},
		"503, without a token": {status(503), true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, true)
				if c.token {
					r.sim.Clock().Advance(2 * time.Hour)
				}
				base := r.wire.Base
				r.wire.Base = refusing{base, c.answer}
				d := gate.Diagnostics{Readers: storage.ReadersOf(r.store), Catalog: r.locks, Checkers: []gate.Checker{r.locks.Doctor(nil)}}
				if got := r.codes(d); !slices.Equal(
					got, []string{"critical cloud_unavailable", "warning office_mode_on_entrance", "warning store_not_durable"},
				) {
					t.Errorf("got %q", got)
				}
				r.wire.Base = base
				r.sim.Clock().Advance(time.Hour) // pauses are over
				if got := r.codes(d); slices.Contains(got, "critical cloud_unavailable") {
					t.Errorf("when SALTO is back: got %q", got)
				}
			})
		})
	}
}

// Time zones are compared by their times, not by their names.
func TestDoctorComparesTimeZones(t *testing.T) {
	for zone, differs := range map[string]bool{
		"Europe/Amsterdam": false, "Europe/Berlin": false, "Europe/London": true, "UTC": true, "Africa/Algiers": true,
	} {
		t.Run(zone, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, true)
				rules, err := r.store.Rules(t.Context(), "loft")
				r.ok(err)
				rules.Site = access.Site{ID: "loft", TimeZone: zone}
				r.ok(r.store.PutRules(t.Context(), rules))
				got := r.codes(gate.Diagnostics{Readers: storage.ReadersOf(r.store), Checkers: []gate.Checker{r.locks.Doctor(nil)}})
				if slices.Contains(got, "warning time_zone_differs") != differs {
					t.Errorf("SALTO is in %s: got %q", r.site.TimeZone, got)
				}
			})
		})
	}
}

// TestDoctorContainsNoSecret: issues and errors, whatever fails.
func TestDoctorContainsNoSecret(t *testing.T) {
	for _, fault := range []string{
		"", saltokstest.HTTP500, saltokstest.HTML502, saltokstest.TruncatedBody, saltokstest.Redirect307, saltokstest.AppRotatedSecret,
		saltokstest.OTPBlocked, saltokstest.RestoreRequired, saltokstest.ClockSkew,
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newFixture(t, true)
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

// A subscription without a number of seats is never nearly full.
func TestDoctorOnUnlimitedSeats(t *testing.T) {
	for users, full := range map[string]bool{"0": false, "1": true} {
		synctest.Test(t, func(t *testing.T) {
			r := newFixture(t, true)
			r.wire.Base = refusing{r.wire.Base, func(q *http.Request) (*http.Response, error) {
				if !strings.HasSuffix(q.URL.Path, "/subscription") {
					return nil, nil
				}
				return answer(q, http.StatusOK, `{"user_amount":`+users+`,"type":"default","features":[]}`), nil
			}}
			got := r.issues(r.locks.Doctor(nil), false)
			if slices.Contains(got, "warning seats_nearly_full") != full {
				t.Errorf("%s seats: got %q", users, got)
			}
		})
	}
}
