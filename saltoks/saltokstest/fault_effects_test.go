package saltokstest_test

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

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
		opt     saltokstest.FaultOption
		want    string
		without string // the field that is removed
	}{
		{saltokstest.Field("expires_in", "3600.0"), `"expires_in":3600.0`, ""},
		{saltokstest.Field("expires_in", "3599.72"), `"expires_in":3599.72`, ""},
		{saltokstest.Field("expires_in", `""`), `"expires_in":""`, ""},
		{saltokstest.Field("error", "0"), `"error":0`, ""},
		{saltokstest.ContentType("text/plain"), `"expires_in":3600`, ""},
		{saltokstest.WithoutField("expires_in"), `"refresh_token"`, "expires_in"},
		{saltokstest.WithoutField("scope"), `"expires_in":3600`, "scope"},
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
		fields := []string{"access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"}
		fields = slices.DeleteFunc(fields, func(x string) bool { return x == c.without })
		got := slices.Sorted(maps.Keys(tokens))
		if c.want != `"error":0` {
			diff(t, fields, got)
		}
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
