package saltokstest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// TestForeignIssuer checks that a token of another issuer is refused although its signature
// is valid.
func TestForeignIssuer(t *testing.T) {
	f := newClient(t)
	srv, err := saltokstest.Serve("127.0.0.1:0", saltokstest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = srv.Close(t.Context()) }()
	other := &client{t: t, sim: srv.Sim, http: srv.HTTPClient()}
	other.login()
	if status, _ := other.call("GET", "/v1.2/me", ""); status != 200 {
		t.Errorf("at its own simulator: %d", status)
	}
	f.token = other.token
	if status, _ := f.call("GET", "/v1.2/me", ""); status != 401 {
		t.Errorf("at another simulator: %d", status)
	}
}

// TestUnauthorized checks the 401 of the API, of userinfo and of the event stream.
func TestUnauthorized(t *testing.T) {
	f := newClient(t)
	for _, to := range []struct{ method, url string }{
		{"GET", f.sim.API() + "/v1.2/me"}, {"GET", f.sim.API() + "/v2/sites/" + f.site + "/roles"},
		{"GET", f.sim.Issuer() + "/connect/userinfo"}, {"POST", f.sim.Events() + "/v1/hub/entries/negotiate?site_id=" + f.site},
	} {
		for _, c := range []struct{ header, want string }{
			{"", "Bearer"},
			{"Bearer nonsense", `Bearer error="invalid_token", error_description="`},
		} {
			req, _ := http.NewRequest(to.method, to.url, nil)
			if c.header != "" {
				req.Header.Set("Authorization", c.header)
			}
			resp, body := f.send(req)
			if resp.StatusCode != 401 || len(body) != 0 || !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), c.want) {
				t.Errorf("%s %q: %d %q %q", to.url, c.header, resp.StatusCode, resp.Header.Get("WWW-Authenticate"), body)
			}
		}
	}
}
