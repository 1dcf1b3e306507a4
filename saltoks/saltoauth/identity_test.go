package saltoauth

import (
	"crypto/tls"
	"net/http"
	"testing"
)

// An Authorizer does not share its network connections with the rest of the program.
func TestIdentityHasATransportOfItsOwn(t *testing.T) {
	tr, ok := newIdentity(mockEnv, Credentials{}, nil, nil, nil).transport.(*http.Transport)
	if !ok || tr == http.DefaultTransport || tr.TLSClientConfig == nil || tr.TLSClientConfig.MinVersion < tls.VersionTLS12 {
		t.Errorf("%v", tr)
	}
}
