package saltoks

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestWrongBaseURL: what is wrong with Environment.API names the field and the
// URL.
func TestWrongBaseURL(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/page/"):
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>welcome</html>"))
		case strings.HasPrefix(r.URL.Path, "/gone/"):
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(404)
			_, _ = w.Write([]byte("<html>not found</html>"))
		case strings.HasPrefix(r.URL.Path, "/salto/"):
			w.WriteHeader(404)
			_, _ = w.Write([]byte(`{"ErrorCode":"2202","Message":"Lock not found"}`))
		default:
			w.WriteHeader(404)
		}
	}))
	defer plain.Close()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = discardLog()
	secure.StartTLS() // its certificate is not trusted
	defer secure.Close()
	for name, tt := range map[string]struct {
		base  string
		named bool
		cause error
	}{
		"no listener":         {"http://" + closed.Addr().String(), true, nil},
		"no such host":        {"https://connect.invalid", true, nil},
		"another protocol":    {strings.Replace(plain.URL, "http:", "https:", 1), true, nil},
		"another certificate": {secure.URL, true, nil},
		"a web page":          {plain.URL + "/page", true, nil},
		"a page that is gone": {plain.URL + "/gone", true, ErrNotFound},
		"no such path":        {plain.URL + "/api", true, ErrNotFound},
		"a lock that is gone": {plain.URL + "/salto", false, ErrNotFound},
	} {
		_, err := tcpClient(t, tt.base, func(cfg *Config) { cfg.HTTPClient = &http.Client{Transport: &http.Transport{}} }).
			AccessGroups.Create(t.Context(), "s", "g")
		if strings.Contains(err.Error(), "Environment.API "+tt.base) != tt.named || tt.cause != nil && !errors.Is(err, tt.cause) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The hosts of WIRE.md 1.1.
func TestEnvironments(t *testing.T) {
	for _, tt := range []struct{ got, want Environment }{
		{Production(), Environment{
			Name: "production", Issuer: "https://identity.eu.my-clay.com", API: "https://connect.my-clay.com",
			Events: "https://eventstreaming-connect-production.saltoks.com",
		}},
		{Acceptance(), Environment{
			Name: "acceptance", Issuer: "https://identity-acc.eu.my-clay.com", API: "https://clp-accept-user.my-clay.com",
			Events: "https://eventstreaming-connect-accept.saltoks.com",
		}},
	} {
		if tt.got != tt.want {
			t.Errorf("got %+v, want %+v", tt.got, tt.want)
		}
	}
}
