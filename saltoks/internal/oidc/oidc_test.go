package oidc

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
)

func TestDiscoveryIsHeldToTheIssuer(t *testing.T) {
	base := map[string]string{"issuer": mockIssuer, "authorization_endpoint": mockIssuer + "/a", "token_endpoint": mockIssuer + "/t",
		"jwks_uri": mockIssuer + "/k", "revocation_endpoint": mockIssuer + "/r"}
	for name, change := range map[string][2]string{
		"other issuer":    {"issuer", "https://evil.example"},
		"token elsewhere": {"token_endpoint", "https://evil.example/t"},
		"token on http":   {"token_endpoint", "http://identity.example/t"},
		"keys elsewhere":  {"jwks_uri", "https://identity.example.evil.example/k"},
		"other port":      {"authorization_endpoint", mockIssuer + ":8443/a"},
		"user in URL":     {"jwks_uri", "https://x@identity.example/k"},
		"revocation":      {"revocation_endpoint", "https://evil.example/r"},
		"no keys":         {"jwks_uri", ""},
		"relative":        {"token_endpoint", "/t"},
	} {
		f := newForger(t)
		doc := maps.Clone(base)
		doc[change[0]] = change[1]
		f.transport.RegisterResponder("GET", mockIssuer+"/.well-known/openid-configuration", httpmock.NewJsonResponderOrPanic(200, doc))
		if m, err := f.server.Metadata(t.Context()); err == nil {
			t.Errorf("%s: taken: %+v", name, m)
		} else if _, ok := errors.AsType[*getError](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOldDiscoveryServesThroughAnOutage(t *testing.T) {
	f := newForger(t)
	if _, err := f.server.Metadata(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.transport.RegisterResponder("GET", mockIssuer+"/.well-known/openid-configuration", httpmock.NewStringResponder(404, ""))
	f.now = f.now.Add(48 * time.Hour)
	if m, err := f.server.Metadata(t.Context()); err != nil || m.TokenEndpoint == "" {
		t.Errorf("%v, %v", m, err)
	}
	fresh := newForger(t)
	for body, status := range map[string]int{"not found": 404, "<html>planted</html>": 200} {
		fresh.transport.RegisterResponder("GET", mockIssuer+"/.well-known/openid-configuration", httpmock.NewStringResponder(status, body))
		_, err := fresh.server.Metadata(t.Context())
		if e, ok := errors.AsType[*getError](err); !ok || e.status != status || strings.Contains(err.Error(), "planted") {
			t.Errorf("%v", err)
		}
	}
}
