package saltoauth

import (
	"github.com/jarcoal/httpmock"

	"github.com/doorkit/doorkit/saltoks"
)

const (
	mockIssuer = "https://identity.example"
	mockClient = "client-1"
)

var mockEnv = saltoks.Environment{Name: "mock", Issuer: mockIssuer, API: "https://api.example"}

// newMockServer answers discovery; a test registers what else it needs.
func newMockServer() *httpmock.MockTransport {
	m := httpmock.NewMockTransport()
	m.RegisterResponder("GET", mockIssuer+"/.well-known/openid-configuration", httpmock.NewJsonResponderOrPanic(200, map[string]string{
		"issuer": mockIssuer, "authorization_endpoint": mockIssuer + "/connect/authorize",
		"token_endpoint": mockIssuer + "/connect/token", "jwks_uri": mockIssuer + "/jwks",
	}))
	return m
}
