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

func TestUnauthorized(t *testing.T) {
	f := newClient(t)
	for _, c := range []struct{ header, want string }{
		{"", "Bearer"},
		{"Bearer nonsense", `Bearer error="invalid_token"`},
	} {
		req, _ := http.NewRequest("GET", f.sim.API()+"/v1.2/me", nil)
		if c.header != "" {
			req.Header.Set("Authorization", c.header)
		}
		resp, body := f.send(req)
		if resp.StatusCode != 401 || len(body) != 0 || !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), c.want) {
			t.Errorf("%q: %d %q %q", c.header, resp.StatusCode, resp.Header.Get("WWW-Authenticate"), body)
		}
	}
}
