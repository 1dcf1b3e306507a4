package saltokstest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
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

// TestAPIError checks the code, the inner code and the status of an injected error.
func TestAPIError(t *testing.T) {
	for _, c := range []struct {
		opts   []saltokstest.FaultOption
		status int
		code   string
		moves  int
	}{
		{nil, 400, "1100", 0},
		{[]saltokstest.FaultOption{saltokstest.ErrorCode("2210")}, 400, "2210", 0},
		{[]saltokstest.FaultOption{saltokstest.InnerCode("otp_invalid"), saltokstest.Status(404)}, 404, "3102 otp_invalid", 0},
		{[]saltokstest.FaultOption{saltokstest.InnerCode("OtpInvalid"), saltokstest.Status(408)}, 408, "3102 OtpInvalid", 0},
		{[]saltokstest.FaultOption{saltokstest.InnerCode("iq_not_responding"), saltokstest.Status(403)}, 403, "3102 iq_not_responding", 0},
		{[]saltokstest.FaultOption{saltokstest.InnerCode(""), saltokstest.Status(500), saltokstest.After()}, 500,
			"3102 Request execution failed.", 1},
		{[]saltokstest.FaultOption{saltokstest.ErrorCode("3102"), saltokstest.Status(200), saltokstest.After()}, 200,
			"3102 Request execution failed.", 1},
	} {
		d := newActivated(t)
		d.sim.Fault(saltokstest.APIError, append(c.opts, saltokstest.On("/locking"))...)
		d.want(c.status, c.code, "PATCH", d.locking(), d.body("unlocked"))
		if n := d.sim.Movements(d.lock); n != c.moves {
			t.Errorf("%s: %d movements, want %d", c.code, n, c.moves)
		}
		d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))
	}
	n := newActivatedWith(t, saltokstest.Config{Switches: saltokstest.Switches{NumericErrorCodes: true}})
	n.sim.Fault(saltokstest.APIError, saltokstest.ErrorCode("2222"))
	if _, v := n.call("GET", "/v1.2/me", ""); v.(map[string]any)["ErrorCode"] != 2222.0 {
		t.Errorf("the body is %v", v)
	}
}

// TestRewriteAnswer checks the answers that a tolerant client must be tested with. The
// request is carried out each time.
func TestRewriteAnswer(t *testing.T) {
	type opts = []saltokstest.FaultOption
	for name, c := range map[string]struct {
		opts        opts
		status      int
		contentType string
		body        string
	}{
		"207": {opts{saltokstest.Status(207)}, 207, "application/json; charset=utf-8", `"locked_state":"unlocked"`},
		"problem json": {opts{saltokstest.ContentType("application/problem+json")}, 200, "application/problem+json",
			`"locked_state"`},
		"no content type": {opts{saltokstest.ContentType("")}, 200, "", `"locked_state"`},
		"an OAuth error": {opts{saltokstest.Body(`{"error":"temporarily_unavailable"}`)}, 200, "application/json; charset=utf-8",
			`{"error":"temporarily_unavailable"}`},
		"a null": {opts{saltokstest.Body(`[null]`)}, 200, "application/json; charset=utf-8", `[null]`},
		"uncertain": {opts{saltokstest.Field("locked_state", `"uncertain"`)}, 200, "application/json; charset=utf-8",
			`"locked_state":"uncertain"`},
		"a text for a boolean": {opts{saltokstest.Field("iq/otp_enabled", `"true"`)}, 200, "application/json; charset=utf-8",
			`"otp_enabled":"true"`},
		"a text for an object": {opts{saltokstest.Field("iq", `"id"`)}, 200, "application/json; charset=utf-8", `"iq":"id"`},
		"a path into a text":   {opts{saltokstest.Field("mac/first", `1`)}, 200, "application/json; charset=utf-8", `"mac":"`},
		"fields of another body": {opts{saltokstest.Body("<html>"), saltokstest.Field("iq", `1`)}, 200,
			"application/json; charset=utf-8", `<html>`},
	} {
		d := newActivated(t)
		d.sim.Fault(saltokstest.RewriteAnswer, c.opts...)
		resp, body, err := d.unlock(t.Context())
		if err != nil || resp.StatusCode != c.status || resp.Header.Get("Content-Type") != c.contentType || !strings.Contains(body, c.body) {
			t.Errorf("%s: %d %q %s, %v", name, resp.StatusCode, resp.Header.Get("Content-Type"), body, err)
		}
		if n := d.sim.Movements(d.lock); n != 1 {
			t.Errorf("%s: %d movements", name, n)
		}
		if resp, body, err := d.unlock(t.Context()); err != nil || resp.StatusCode != 200 || !strings.Contains(body,
			`"locked_state":"unlocked"`) {
			t.Errorf("%s: the next answer is %s, %v", name, body, err)
		}
	}
}

// TestRewriteLists checks that a field is changed in every row, with and without an envelope.
func TestRewriteLists(t *testing.T) {
	d := newClient(t)
	for path, rows := range map[string]int{"/v1.2/sites": 1, "/v1.2/sites/" + d.site + "/locks": 4} {
		d.sim.Fault(saltokstest.RewriteAnswer, saltokstest.Field("id", "null"), saltokstest.WithoutField("customer_reference"))
		_, raw := d.get(d.sim.API()+path, d.token)
		if got := strings.Count(raw, `"id":null`); got != rows {
			t.Errorf("%s: %d rows changed, want %d: %s", path, got, rows, raw)
		}
	}
}

// TestRewriteTokens checks the answers of the token endpoint that clients have met. The
// refresh token is rotated each time.
func TestRewriteTokens(t *testing.T) {
	f := newClient(t)
	tokens := f.tokensWith(allScopes)
	for _, c := range []struct {
		opt  saltokstest.FaultOption
		want string
	}{
		{saltokstest.Field("expires_in", "3600.0"), `"expires_in":3600.0`},
		{saltokstest.Field("expires_in", "3599.72"), `"expires_in":3599.72`},
		{saltokstest.Field("expires_in", `""`), `"expires_in":""`},
		{saltokstest.Field("error", "0"), `"error":0`},
		{saltokstest.ContentType("text/plain"), `"expires_in":3600`},
		{saltokstest.WithoutField("expires_in"), `"refresh_token"`},
	} {
		f.sim.Fault(saltokstest.RewriteAnswer, c.opt, saltokstest.On("/connect/token"))
		req, _ := http.NewRequest("POST", f.sim.Issuer()+"/connect/token", strings.NewReader(url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)},
		}.Encode()))
		req.SetBasicAuth(f.sim.ClientID(), f.sim.ClientSecret())
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, raw := f.send(req)
		if resp.StatusCode != 200 || !strings.Contains(string(raw), c.want) {
			t.Errorf("want %s, got %d %s", c.want, resp.StatusCode, raw)
		}
		old := tokens["refresh_token"]
		tokens = nil
		decode(t, raw, &tokens)
		if tokens["refresh_token"] == old {
			t.Errorf("%s: the refresh token was not rotated", c.want)
		}
	}
}

// TestByteOrderMark checks that it precedes lists, accepted commands, refusals and tokens.
func TestByteOrderMark(t *testing.T) {
	d := newActivated(t)
	const bom = "\ufeff"
	d.sim.Fault(saltokstest.ByteOrderMark, saltokstest.Count(-1))
	if _, raw := d.get(d.sim.API()+"/v1.2/sites", d.token); !strings.HasPrefix(raw, bom+"[") {
		t.Errorf("a list begins %.10q", raw)
	}
	if resp, raw, err := d.unlock(t.Context()); err != nil || resp.StatusCode != 200 || !strings.HasPrefix(raw, bom+"{") {
		t.Errorf("an accepted command begins %.10q, %v", raw, err)
	}
	d.sim.Fault(saltokstest.APIError, saltokstest.InnerCode("otp_blocked"), saltokstest.Status(403))
	if resp, raw, err := d.unlock(t.Context()); err != nil || resp.StatusCode != 403 || !strings.HasPrefix(raw, bom+"{") {
		t.Errorf("a refusal begins %.10q, %v", raw, err)
	}
	d.sim.ClearFaults()
	d.sim.Fault(saltokstest.ByteOrderMark, saltokstest.On("/connect/token"))
	resp, err := d.http.PostForm(d.sim.Issuer()+"/connect/token", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || !strings.HasPrefix(string(raw), bom+"{") {
		t.Errorf("the token endpoint answers %.10q, %v", raw, err)
	}
}

func TestHTTP401(t *testing.T) {
	d := newActivated(t)
	d.sim.Fault(saltokstest.HTTP401, saltokstest.On("/locking"))
	resp, body, err := d.unlock(t.Context())
	if err != nil || resp.StatusCode != 401 || body != "" || !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"),
		`Bearer error="invalid_token"`) {
		t.Errorf("answered %v %q, %v", resp, body, err)
	}
	if n := d.sim.Movements(d.lock); n != 0 {
		t.Errorf("%d movements", n)
	}
	d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))
}

// TestSigningKeyFaults checks what each of them does to tokens that were issued before.
func TestSigningKeyFaults(t *testing.T) {
	for fault, want := range map[string]int{saltokstest.SigningKeyRotated: 200, saltokstest.SigningKeyWithdrawn: 401} {
		f := newClient(t)
		f.sim.Fault(fault)
		if status, _ := f.call("GET", "/v1.2/me", ""); status != want {
			t.Errorf("%s: %d, want %d", fault, status, want)
		}
		f.login()
		f.want(200, "", "GET", "/v1.2/me", "")
		f.sim.Reset()
		f.login()
		f.want(200, "", "GET", "/v1.2/me", "")
	}
}
