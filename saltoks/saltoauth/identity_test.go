package saltoauth

import (
	"crypto/tls"
	"net/http"
	"testing"
)

// Nobody else's connections are used, and none of theirs is closed with ours.
func TestIdentityHasATransportOfItsOwn(t *testing.T) {
	tr, ok := newIdentity(mockEnv, Credentials{}, nil, nil, nil).transport.(*http.Transport)
	if !ok || tr == http.DefaultTransport || tr.TLSClientConfig == nil || tr.TLSClientConfig.MinVersion < tls.VersionTLS12 {
		t.Errorf("%v", tr)
	}
}
