package saltokstest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// control sends one control request and returns the answer's object.
func (f *client) control(status int, method, path, body string) map[string]any {
	f.t.Helper()
	req, _ := http.NewRequest(method, f.sim.Control()+path, strings.NewReader(body))
	resp, raw := f.send(req)
	if resp.StatusCode != status {
		f.t.Fatalf("%s %s: %d %s, want %d", method, path, resp.StatusCode, raw, status)
	}
	if strings.HasPrefix(string(raw), "[") {
		raw = []byte(`{"list":` + string(raw) + `}`)
	}
	var v map[string]any
	decode(f.t, raw, &v)
	return v
}

func TestControl(t *testing.T) {
	noon := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	d := newActivatedWith(t, saltokstest.Config{Now: func() time.Time { return noon }})
	diff(t, map[string]any{"list": []any{}}, d.control(200, "GET", "/inbox", ""))
	diff(t, map[string]any{"now": "2026-11-25T12:00:00Z"}, d.control(200, "GET", "//clock/", ""))
	diff(t, map[string]any{"now": "2026-11-25T12:15:00Z"}, d.control(200, "POST", "/clock/", `{"advance":"15m"}`))
	d.control(400, "POST", "/clock", `{"advance":"soon"}`)
	d.control(400, "POST", "/clock", `soon`)
	d.control(404, "GET", "/nothing", "")
	d.control(404, "GET", "/locks/nowhere", "")
	d.control(404, "GET", "/", "")

	d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))
	if v := d.control(200, "GET", "/locks/"+d.lock, ""); v["locked_state"] != "unlocked" || v["movements"] != 1.0 {
		t.Errorf("the lock is %v", v)
	}
	d.want(204, "", "GET", "/v1.2/sites/"+d.site+"/iqs/"+d.sim.World().Sites[0].IQs[1].ID+"/pin", "")
	sms := d.control(200, "GET", "/inbox", "")["list"].([]any)[0].(map[string]any)
	if sms["channel"] != "sms" || sms["to"] != d.sim.World().Users[0].Phone || sms["at"] != "2026-11-25T12:15:00Z" {
		t.Errorf("the message is %v", sms)
	}
}

func TestControlFaults(t *testing.T) {
	d := newActivated(t)
	v := d.control(200, "GET", "/faults", "")
	if n := len(v["names"].([]any)); n != len(saltokstest.FaultNames()) {
		t.Errorf("%d names", n)
	}
	v = d.control(200, "POST", "/faults", `{"name":"http_429","count":2,"delay":"90s","on":"/locking","after":true}`)
	diff(t, []any{"http_429"}, v["armed"])
	resp, _, err := d.unlock(t.Context())
	if err != nil || resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "90" || d.sim.Movements(d.lock) != 1 {
		t.Errorf("struck: %v %v, %d movements", resp, err, d.sim.Movements(d.lock))
	}
	d.control(200, "POST", "/faults", `{"name":"http_429","count":0}`)
	d.control(200, "POST", "/faults", `{"name":"clock_skew","delay":600,"target":"`+d.iq+`"}`)
	d.want(400, "3102 otp_invalid", "PATCH", d.locking(), d.body("unlocked"))
	diff(t, []any{}, d.control(200, "DELETE", "/faults", "")["armed"])
	d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))

	d.control(400, "POST", "/faults", `{"name":"earthquake"}`)
	d.control(400, "POST", "/faults", `{"name":"slow","delay":"soon"}`)
	d.control(400, "POST", "/faults", `slow`)

	d.control(200, "POST", "/faults", `{"name":"http_500","count":-1}`)
	d.control(200, "POST", "/reset", "")
	d.login()
	if v := d.control(200, "GET", "/locks/"+d.lock, ""); v["movements"] != 0.0 || len(d.sim.Commands()) != 0 {
		t.Errorf("after the reset: %v", v)
	}
	d.want(200, "", "GET", "/v1.2/me", "")
}

// The control part answers at every address, also at one that is none of its own.
func TestControlWithoutAPath(t *testing.T) {
	d := newActivated(t)
	for _, path := range []string{"/", "", "/inbox"} {
		req, _ := http.NewRequest("GET", strings.TrimSuffix(d.sim.Control(), "/control")+path, nil)
		if resp, raw := d.send(req); resp.StatusCode != 404 {
			t.Errorf("%q: %d %s", path, resp.StatusCode, raw)
		}
	}
}
