package saltokstest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// Consent acts as the administrator's browser.
func ExampleSim_Consent() {
	sim := must(saltokstest.Start(saltokstest.Config{}))
	defer sim.Close()
	login := sim.Issuer() + "/connect/authorize?" + url.Values{
		"client_id": {sim.ClientID()}, "redirect_uri": {sim.RedirectURI()}, "response_type": {"code"}, "state": {"xyz"},
		"scope": {"openid offline_access user_api.full_access"}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"},
	}.Encode()

	back := must(sim.Consent(context.Background(), login, saltokstest.Allow()))
	fmt.Println(back.Path, back.Query().Get("state"), back.Query().Has("code"))

	back = must(sim.Consent(context.Background(), login, saltokstest.ConsentChoice{Deny: true}))
	fmt.Println(back.Query().Get("error"))

	back = must(sim.Consent(context.Background(), login, saltokstest.ConsentChoice{FullAccess: true}))
	fmt.Println(back.Query().Get("scope"))
	// Output:
	// /salto/callback xyz true
	// access_denied
	// openid user_api.full_access
}

// The identity server can change its key, and the client can have more redirect URIs.
func ExampleSim_RotateKey() {
	sim := must(saltokstest.Start(saltokstest.Config{}))
	defer sim.Close()
	sim.RotateKey(false)
	resp := must(sim.HTTPClient().Get(sim.Issuer() + "/.well-known/openid-configuration"))
	var discovery struct {
		Keys string `json:"jwks_uri"`
	}
	must(0, json.NewDecoder(resp.Body).Decode(&discovery))
	resp = must(sim.HTTPClient().Get(discovery.Keys))
	var jwks struct{ Keys []struct{ Kid string } }
	must(0, json.NewDecoder(resp.Body).Decode(&jwks))
	fmt.Println(len(jwks.Keys), "keys")

	sim.AddRedirectURI("http://127.0.0.1:9/back")
	noFollow := sim.HTTPClient()
	noFollow.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp = must(noFollow.Get(sim.Issuer() + "/connect/authorize?client_id=" + sim.ClientID() +
		"&response_type=code&scope=openid&state=1&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fback&code_challenge=" + challenge() +
		"&code_challenge_method=S256"))
	fmt.Println(resp.StatusCode)
	// Output:
	// 2 keys
	// 302
}
