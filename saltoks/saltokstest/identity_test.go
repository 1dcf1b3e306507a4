package saltokstest_test

import (
	"net/http"
	"testing"
)

func TestUserinfoAndLogout(t *testing.T) {
	d := newActivated(t)
	req, _ := http.NewRequest("GET", d.sim.Issuer()+"/connect/userinfo", nil)
	req.Header.Set("Authorization", "Bearer "+d.token)
	_, raw := d.send(req)
	var v map[string]any
	decode(t, raw, &v)
	if v["email"] != d.email || v["sub"] != claims(t, d.token)["sub"] {
		t.Errorf("userinfo is %v", v)
	}
	for path, status := range map[string]int{"/connect/endsession": 200, "/connect/nothing": 404, "/consent?returnUrl=x": 400} {
		req, _ := http.NewRequest("GET", d.sim.Issuer()+path, nil)
		if resp, _ := d.send(req); resp.StatusCode != status {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, status)
		}
	}
	for grant, want := range map[string]string{"client_credentials": "unauthorized_client", "magic": "unsupported_grant_type", "refresh_token": "invalid_grant"} {
		if status, v := d.form(map[string][]string{"grant_type": {grant}}); status != 400 || v["error"] != want {
			t.Errorf("%s: %d %v", grant, status, v)
		}
	}
}
