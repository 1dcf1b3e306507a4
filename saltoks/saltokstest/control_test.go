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

// TestControlWithoutAPath checks that unknown paths of the control host are answered 404.
func TestControlWithoutAPath(t *testing.T) {
	d := newActivated(t)
	for _, path := range []string{"/", "", "/inbox"} {
		req, _ := http.NewRequest("GET", strings.TrimSuffix(d.sim.Control(), "/control")+path, nil)
		if resp, raw := d.send(req); resp.StatusCode != 404 {
			t.Errorf("%q: %d %s", path, resp.StatusCode, raw)
		}
	}
}

// TestControlAndPages checks that web pages of other origins reach no control endpoint,
// directly or under a host name of their own.
func TestControlAndPages(t *testing.T) {
	srv, err := saltokstest.Serve("127.0.0.1:0", saltokstest.Config{Now: noon, ControlHosts: []string{"simulator"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = srv.Close(t.Context()) }()
	address := strings.TrimPrefix(srv.URL(), "http://")
	_, port, _ := strings.Cut(address, ":")
	for _, c := range []struct {
		name, method, path, host string
		header                   map[string]string
		status                   int
	}{
		{"a program", "POST", "/control/clock", "", nil, 200},
		{"a program by name", "POST", "/control/clock", "localhost:" + port, nil, 200},
		{"a program by IPv6", "POST", "/control/clock", "[::1]:" + port, nil, 200},
		{"a program in another container", "POST", "/control/clock", "Simulator:" + port, nil, 200},
		{"its own page", "POST", "/control/clock", "", map[string]string{"Origin": srv.URL(), "Sec-Fetch-Site": "same-origin"}, 200},
		{"an address typed in", "GET", "/control/inbox", "", map[string]string{"Sec-Fetch-Site": "none"}, 200},
		{"another page", "POST", "/control/clock", "", map[string]string{"Origin": "http://evil.example"}, 403},
		{"a page in a frame", "POST", "/control/clock", "", map[string]string{"Origin": "null"}, 403},
		{"a page of another port", "POST", "/control/clock", "", map[string]string{"Origin": "http://127.0.0.1:1"}, 403},
		{"an image of another page", "GET", "/control/inbox", "", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"a page of the same site", "GET", "/control/inbox", "", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"a host name that leads here", "POST", "/control/clock", "evil.example:" + port,
			map[string]string{"Origin": "http://evil.example:" + port}, 403},
		{"the same without an origin", "GET", "/control/inbox", "evil.example", nil, 403},
		{"a reset", "POST", "/control//reset/", "", map[string]string{"Origin": "http://evil.example"}, 403},
		{"a fault", "POST", "/control/faults", "", map[string]string{"Origin": "http://evil.example"}, 403},
	} {
		body := ""
		if c.method == "POST" && strings.HasSuffix(c.path, "clock") {
			body = `{"advance":"1s"}`
		}
		before := srv.Now()
		req, _ := http.NewRequest(c.method, srv.URL()+c.path, strings.NewReader(body))
		req.Host = c.host
		for k, v := range c.header {
			req.Header.Set(k, v)
		}
		resp, err := srv.HTTPClient().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", c.name, resp.StatusCode, c.status)
		}
		if moved := !srv.Now().Equal(before); moved != (c.status == 200 && body != "") {
			t.Errorf("%s: the clock moved: %t", c.name, moved)
		}
	}
}

// TestControlHardware changes an IQ and a lock through the control endpoints.
func TestControlHardware(t *testing.T) {
	d := newActivated(t)
	iq := d.control(200, "POST", "/iqs/"+d.iq, `{"otp_enabled":false}`)
	diff(t, map[string]any{"id": d.iq, "name": "IQ Ground Floor", "online": true, "otp_enabled": false}, iq)
	d.want(200, "", "PATCH", d.locking(), `{"locked_state":"locked"}`)
	d.control(200, "POST", "/iqs/"+d.iq, `{"online":false}`)
	d.want(400, "3102 iq_offline", "PATCH", d.locking(), `{"locked_state":"unlocked"}`)
	diff(t, iq["otp_enabled"], d.control(200, "GET", "/iqs/"+d.iq, "")["otp_enabled"])
	d.control(200, "POST", "/iqs/"+d.iq, `{"online":true}`)

	other := d.sim.World().Sites[0].IQs[1].ID
	l := d.control(200, "POST", "/locks/"+d.lock,
		`{"iq":"`+other+`","online":false,"name":"Gate","battery_level":"low","clock_offset":"-1h","privacy_mode":true,
		"left_open_alarm":true,"intrusion_alarm":true}`)
	if l["iq"] != other || l["online"] != false || l["name"] != "Gate" || l["movements"] != 1.0 {
		t.Errorf("the lock is %v", l)
	}
	v := d.want(200, "", "GET", "/v1.2/sites/"+d.site+"/locks/"+d.lock, "").(map[string]any)
	if v["battery_level"] != "low" || v["privacy_mode"] != true || v["left_open_alarm"] != true || v["intrusion_alarm"] != true ||
		v["iq"].(map[string]any)["id"] != other {
		t.Errorf("the lock is %v", v)
	}
	if l := d.control(200, "POST", "/locks/"+d.lock, `{"iq":""}`); l["iq"] != "" {
		t.Errorf("detached: %v", l)
	}
	for _, body := range []string{`{"iq":"nowhere"}`, `{"color":"red"}`, `{} {}`, `online`, `{"clock_offset":"soon"}`} {
		d.control(400, "POST", "/locks/"+d.lock, body)
	}
	d.control(404, "GET", "/iqs/nowhere", "")
	d.control(400, "POST", "/iqs/"+d.iq, `{"online":"no"}`)
	d.control(404, "DELETE", "/iqs/"+d.iq, "")
}
