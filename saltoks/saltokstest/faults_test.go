package saltokstest_test

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestRequestFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		opts   []saltokstest.FaultOption
		status int // 0 is no answer
		moves  int
		body   string
		header string // "Name: value"
		takes  time.Duration
	}{
		{name: saltokstest.AnswerLostBeforeMove},
		{name: saltokstest.AnswerLostAfterMove, moves: 1},
		{name: saltokstest.Slow, status: 200, moves: 1, takes: 3 * time.Second},
		{name: saltokstest.Slow, opts: []saltokstest.FaultOption{saltokstest.Delay(8 * time.Second), saltokstest.After()}, status: 200,
			moves: 1, takes: 8 * time.Second},
		{name: saltokstest.Slow, opts: []saltokstest.FaultOption{saltokstest.Delay(time.Minute)}, moves: 1, takes: 20 * time.Second},
		{name: saltokstest.Hang, takes: 20 * time.Second},
		{name: saltokstest.Hang, opts: []saltokstest.FaultOption{saltokstest.After()}, moves: 1, takes: 20 * time.Second},
		{name: saltokstest.HTTP429, status: 429, header: "Retry-After: 1"},
		{name: saltokstest.HTTP429, opts: []saltokstest.FaultOption{saltokstest.Delay(90 * time.Second)}, status: 429,
			header: "Retry-After: 90"},
		{name: saltokstest.HTTP500, status: 500, body: `"2201"`},
		{name: saltokstest.HTTP500, opts: []saltokstest.FaultOption{saltokstest.After()}, status: 500, moves: 1, body: `"2201"`},
		{name: saltokstest.HTML502, status: 502, body: "<html>", header: "Content-Type: text/html"},
		{name: saltokstest.TruncatedBody, status: 200, moves: 1, body: `{"battery_level`},
		{name: saltokstest.Redirect307, status: 307, header: "Location: /connect/v1.2/sites/"},
		{name: saltokstest.Redirect307, opts: []saltokstest.FaultOption{saltokstest.Target("http://elsewhere.example/")}, status: 307,
			header: "Location: http://elsewhere.example/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newActivated(t)
				d.sim.ForgetRequests()
				d.sim.Fault(c.name, c.opts...)
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				began := time.Now()
				resp, body, err := d.unlock(ctx)
				switch {
				case c.status == 0 && resp != nil:
					t.Errorf("answered %d %s", resp.StatusCode, body)
				case c.status != 0 && resp == nil:
					t.Errorf("no answer: %v", err)
				case c.status != 0 && resp.StatusCode != c.status:
					t.Errorf("answered %d, want %d", resp.StatusCode, c.status)
				}
				if c.name == saltokstest.TruncatedBody && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("reading the body: %v, want an unexpected end", err)
				}
				if !strings.Contains(body, c.body) {
					t.Errorf("body %q, want %q in it", body, c.body)
				}
				if name, value, ok := strings.Cut(c.header, ": "); ok && !strings.HasPrefix(resp.Header.Get(name), value) {
					t.Errorf("%s: %q, want %q", name, resp.Header.Get(name), value)
				}
				if got := time.Since(began); got != c.takes {
					t.Errorf("took %v, want %v", got, c.takes)
				}
				time.Sleep(time.Hour) // a slow command has been carried out by then
				if n := d.sim.Movements(d.lock); n != c.moves {
					t.Errorf("%d movements, want %d", n, c.moves)
				}
				reqs := d.sim.Commands()
				if len(reqs) != 1 {
					t.Fatalf("%d commands on the wire, want 1", len(reqs))
				}
				if want := c.status; c.takes < 20*time.Second && reqs[0].Status != want {
					t.Errorf("recorded status %d, want %d", reqs[0].Status, want)
				}
				// It occurred once.
				d.login()
				if resp, body, err := d.unlock(t.Context()); err != nil || resp.StatusCode != 200 {
					t.Errorf("the next one: %v %s", err, body)
				}
			})
		})
	}
}

func TestFaultCountAndOn(t *testing.T) {
	d := newActivated(t)
	d.sim.Fault(saltokstest.HTTP500, saltokstest.Count(2), saltokstest.On("/locks"))
	d.want(200, "", "GET", "/v1.2/me", "")
	locks := "/v1.2/sites/" + d.site + "/locks"
	d.want(500, "2201", "GET", locks, "")
	d.want(500, "2201", "GET", locks, "")
	d.want(200, "", "GET", locks, "")

	d.sim.Fault(saltokstest.HTTP500, saltokstest.Count(-1))
	for range 5 {
		d.want(500, "2201", "GET", locks, "")
	}
	d.sim.Fault(saltokstest.HTTP500, saltokstest.Count(0))
	d.want(200, "", "GET", locks, "")
	d.sim.Fault(saltokstest.HTTP500)
	d.login() // not affected: the identity server needs On
	d.want(500, "2201", "GET", locks, "")
	d.sim.Fault(saltokstest.HTTP500)
	d.sim.ClearFaults()
	d.want(200, "", "GET", locks, "")
}

func TestUnknownFaultPanics(t *testing.T) {
	sim := saltokstest.New(t, saltokstest.Config{})
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	sim.Fault("earthquake")
}

func TestStateFaults(t *testing.T) {
	d := newActivatedWith(t, saltokstest.Config{Now: noon})
	refused := func(name string, status int, code string, opts ...saltokstest.FaultOption) {
		t.Helper()
		d.sim.Fault(name, opts...)
		d.want(status, code, "PATCH", d.locking(), d.body("unlocked"))
		if n := d.sim.Movements(d.lock); n != 0 {
			t.Errorf("%s: %d movements", name, n)
		}
	}
	refused(saltokstest.IQOffline, 400, "3102 iq_offline", saltokstest.Target(d.iq))
	refused(saltokstest.LockOffline, 400, "3102 lock_offline")
	refused(saltokstest.OTPBlocked, 403, "3102 otp_blocked")
	d.sim.Clock().Advance(20*time.Minute - time.Second)
	d.want(403, "3102 otp_blocked", "PATCH", d.locking(), d.body("unlocked"))
	d.sim.Clock().Advance(time.Second)
	d.sim.Fault(saltokstest.IQOffline, saltokstest.Target("another"))
	d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))
}

func TestClockSkew(t *testing.T) {
	d := newActivated(t)
	d.sim.Fault(saltokstest.ClockSkew, saltokstest.Delay(-179*time.Second))
	d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))
	d.sim.ClearFaults()
	d.sim.Fault(saltokstest.ClockSkew)
	d.want(400, "3102 otp_invalid", "PATCH", d.locking(), d.body("unlocked"))
	d.want(400, "3102 otp_invalid", "PATCH", d.locking(), d.body("unlocked"))
	d.sim.ClearFaults()
	d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))
}

// TestClockSkewLeavesNothingToChance checks that a code of noon that is also one of ten past
// noon, as about one of 2,900 is, is treated as a code of noon.
func TestClockSkewLeavesNothingToChance(t *testing.T) {
	noon := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	d := newActivatedWith(t, saltokstest.Config{Now: func() time.Time { return noon }})
	for code, chance := "", false; !chance; {
		secret, pin := d.sim.Activate(d.email, d.iq)
		code = otp(noon, secret, pin)
		for s := -180; s <= 180 && !chance; s++ {
			chance = otp(noon.Add(10*time.Minute+time.Duration(s)*time.Second), secret, pin) == code
		}
	}
	d.sim.Fault(saltokstest.ClockSkew)
	d.want(400, "3102 otp_invalid", "PATCH", d.locking(), d.body("unlocked"))
}

func TestAppRotatedSecret(t *testing.T) {
	d := newActivated(t)
	before := d.want(200, "", "GET", "/v1.2/me/"+d.site+"/activated_iqs", "")
	old := d.body("unlocked")
	d.sim.Fault(saltokstest.AppRotatedSecret)
	d.want(400, "3102 otp_invalid", "PATCH", d.locking(), old)
	after := d.want(200, "", "GET", "/v1.2/me/"+d.site+"/activated_iqs", "")
	diff(t, before, after)
}

func TestRestoreRequired(t *testing.T) {
	d := newActivated(t)
	iq := "/v1.2/sites/" + d.site + "/iqs/" + d.iq
	code := d.body("unlocked")
	d.sim.Fault(saltokstest.RestoreRequired, saltokstest.Target(d.iq))
	d.want(403, "2203", "PATCH", d.locking(), code)
	if v := d.want(200, "", "GET", iq, "").(map[string]any); v["restore_required"] != true || v["reset_date"] == nil {
		t.Errorf("the iq is %v", v)
	}
	d.want(204, "", "POST", iq+"/restore", "")
	d.want(404, "2202", "PATCH", d.locking(), code)
	d.want(200, "", "GET", iq+"/secret", "")
	_, _, secret, pin := d.activate(0)
	d.want(200, "", "PATCH", d.locking(), `{"locked_state":"unlocked","otp":"`+otp(d.sim.Now(), secret, pin)+`"}`)
}

func TestUnknownEnumValues(t *testing.T) {
	d := newActivated(t)
	d.sim.Tap(d.lock, d.email)
	d.sim.Fault(saltokstest.UnknownEnumValues)
	for path, field := range map[string]string{
		"/locks/" + d.lock: "locked_state", "/iqs/" + d.iq: "state", "": "installation_state", "/me": "subscription_state",
	} {
		v := d.want(200, "", "GET", "/v1.2/sites/"+d.site+path, "").(map[string]any)
		known := map[any]bool{"locked": true, "active": true, "released": true, "subscribed": true}
		if known[v[field]] || v[field] == nil {
			t.Errorf("%s of %q is %v", field, path, v[field])
		}
	}
	v := d.want(200, "", "GET", "/v1.1/sites/"+d.site+"/entries", "").(map[string]any)
	if e := v["items"].([]any)[0].(map[string]any); e["event_category"] != "lock_pondered" || e["access_by"] != "telepathy" {
		t.Errorf("the entry is %v", e)
	}
}

func TestSeatsFull(t *testing.T) {
	d := newActivated(t)
	d.sim.Fault(saltokstest.SeatsFull)
	guests := "/v1.2/sites/" + d.site + "/guests"
	v := d.want(201, "", "POST", guests, `{"alias":"One too many","expires_at":"2030-01-01T00:00:00Z"}`).(map[string]any)
	if v["subscription_state"] != "suspended" {
		t.Errorf("the guest is %v", v["subscription_state"])
	}
}

func TestIdentityFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newClient(t)
		_, tokens := f.codeGrant(f.consent(saltokstest.Allow()).Get("code"))
		refresh := func(want int) map[string]any {
			t.Helper()
			status, v := f.form(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)}})
			if status != want {
				t.Fatalf("refresh: %d %v, want %d", status, v, want)
			}
			return v
		}
		f.sim.Fault(saltokstest.IdentityOutage)
		refresh(404)
		f.want(200, "", "GET", "/v1.2/me", "") // the API is not affected
		f.sim.Clock().Advance(2*time.Hour - time.Second)
		refresh(404)
		f.sim.Clock().Advance(time.Second)
		tokens = refresh(200)

		f.sim.Fault(saltokstest.IdentityOutage, saltokstest.Count(1))
		refresh(404)
		f.sim.Fault(saltokstest.HTTP500, saltokstest.On("/connect/token"))
		refresh(500)
		tokens = refresh(200)

		f.sim.Fault(saltokstest.Day90)
		if v := refresh(400); v["error"] != "invalid_grant" {
			t.Errorf("on day 90: %v", v)
		}

		_, tokens = f.codeGrant(f.consent(saltokstest.Allow()).Get("code"))
		f.sim.Fault(saltokstest.TokenEndpoint502AfterRotation)
		refresh(502)
		if v := refresh(400); v["error"] != "invalid_grant" {
			t.Errorf("after a lost rotation: %v", v)
		}
	})
}

// TestFaultNames is a reminder that each fault needs a constant with a description, and a
// test.
func TestFaultNames(t *testing.T) {
	if n := len(saltokstest.FaultNames()); n != 29 {
		t.Errorf("%d faults, want 29", n)
	}
}
