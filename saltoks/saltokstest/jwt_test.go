package saltokstest_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

func TestKeyRotation(t *testing.T) {
	f := newClient(t)
	kids := func() (list []string) {
		req, _ := http.NewRequest("GET", f.sim.Issuer()+"/.well-known/openid-configuration/jwks", nil)
		_, raw := f.send(req)
		var v struct{ Keys []struct{ Kid string } }
		decode(t, raw, &v)
		for _, k := range v.Keys {
			list = append(list, k.Kid)
		}
		return list
	}
	kidOf := func(token string) string {
		raw, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
		var v struct{ Kid string }
		decode(t, raw, &v)
		return v.Kid
	}
	old := f.token
	f.sim.RotateKey(false)
	f.want(200, "", "GET", "/v1.2/me", "") // still valid
	f.login()
	f.want(200, "", "GET", "/v1.2/me", "")
	diff(t, []string{kidOf(old), kidOf(f.token)}, kids())
	f.sim.RotateKey(true)
	if status, _ := f.call("GET", "/v1.2/me", ""); status != 401 || len(kids()) != 1 {
		t.Errorf("with a forgotten key: %d, keys %v", status, kids())
	}
}
