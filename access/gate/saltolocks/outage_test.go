package saltolocks_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// refusing answers every request, or those to one host part, by itself.
type refusing struct {
	base   http.RoundTripper
	answer func(*http.Request) (*http.Response, error)
}

func (r refusing) RoundTrip(q *http.Request) (*http.Response, error) {
	if resp, err := r.answer(q); resp != nil || err != nil {
		return resp, err
	}
	return r.base.RoundTrip(q)
}

// SALTO down is one critical issue, however it is down and however much of the
// examination needs it.
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
				r := newRig(t, true)
				if c.token {
					r.sim.Clock().Advance(2 * time.Hour)
				}
				base := r.wire.Base
				r.wire.Base = refusing{base, c.answer}
				d := gate.Diagnostics{Doors: r.store, Rules: r.store, Members: r.store, Catalog: r.locks, Checkers: []gate.Checker{r.locks.Doctor(nil)}}
				if got := r.codes(d); !slices.Equal(got, []string{"critical cloud_unavailable", "warning office_mode_on_entrance", "warning store_not_durable"}) {
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

func (r *rig) codes(d gate.Diagnostics) (list []string) {
	r.Helper()
	issues, err := r.gate.Doctor(r.Context(), d)
	r.ok(err)
	for _, i := range issues {
		list = append(list, i.Severity.String()+" "+i.Code)
	}
	return list
}

// The zone of SALTO's site is compared by the time that it shows, not by its name.
func TestDoctorComparesTimeZones(t *testing.T) {
	for zone, differs := range map[string]bool{"Europe/Amsterdam": false, "Europe/Berlin": false, "Europe/London": true, "UTC": true, "Africa/Algiers": true} {
		t.Run(zone, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, true)
				rules, err := r.store.Rules(t.Context(), "loft")
				r.ok(err)
				rules.Site = access.Site{ID: "loft", TimeZone: zone}
				r.ok(r.store.PutRules(t.Context(), rules))
				got := r.codes(gate.Diagnostics{Doors: r.store, Rules: r.store, Members: r.store, Checkers: []gate.Checker{r.locks.Doctor(nil)}})
				if slices.Contains(got, "warning time_zone_differs") != differs {
					t.Errorf("SALTO is in %s: got %q", r.site.TimeZone, got)
				}
			})
		})
	}
}

// A changed client secret is no outage: it has a cause and a critical issue of its
// own, with and without the state of the connection.
func TestDoctorOnARefusedClient(t *testing.T) {
	for _, withStatus := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, true)
			r.sim.Clock().Advance(2 * time.Hour) // the access token has expired
			r.sim.Fault(saltokstest.ClientSecretChanged)
			r.want(r.do(access.Unlock, r.tap("front")), gate.NotSent, gate.CauseClientRefused)
			doctor := r.locks.Doctor(nil)
			if withStatus {
				doctor = r.locks.Doctor(func(ctx context.Context) (saltoauth.ConnectionStatus, error) { return r.auth.Status(ctx, r.conn.ID) })
			}
			got := r.codes(gate.Diagnostics{Doors: r.store, Rules: r.store, Members: r.store, Checkers: []gate.Checker{doctor}})
			if !slices.Contains(got, "critical client_refused") || slices.Contains(got, "critical cloud_unavailable") {
				t.Errorf("with the status %t: got %q", withStatus, got)
			}
		})
	}
}
