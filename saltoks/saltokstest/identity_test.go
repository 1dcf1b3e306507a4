package saltokstest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

const (
	verifier  = "a-verifier-of-at-least-forty-three-characters-0123"
	allScopes = "openid profile offline_access user_api.full_access"
)

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func authorizeURL(sim *saltokstest.Sim, change url.Values) string {
	q := url.Values{
		"client_id": {sim.ClientID()}, "redirect_uri": {sim.RedirectURI()}, "response_type": {"code"}, "scope": {allScopes},
		"state": {"s t&te"}, "nonce": {"n0nce"}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"},
	}
	for k, v := range change {
		q[k] = v
	}
	return sim.Issuer() + "/connect/authorize?" + q.Encode()
}

func (f *foreign) codeGrant(code string) (int, map[string]any) {
	f.t.Helper()
	return f.form(url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {f.sim.RedirectURI()}, "code_verifier": {verifier},
	})
}

func (f *foreign) consent(choice saltokstest.ConsentChoice) url.Values {
	f.t.Helper()
	back, err := f.sim.Consent(f.t.Context(), authorizeURL(f.sim, nil), choice)
	if err != nil {
		f.t.Fatal(err)
	}
	if !strings.HasPrefix(back.String(), f.sim.RedirectURI()+"?") {
		f.t.Fatalf("sent back to %s", back)
	}
	if back.Query().Get("state") != "s t&te" {
		f.t.Fatalf("state %q", back.Query().Get("state"))
	}
	return back.Query()
}

func claims(t *testing.T, token string) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestConsentAndRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign(t)
		back := f.consent(saltokstest.Allow())
		status, tokens := f.codeGrant(back.Get("code"))
		if status != 200 {
			t.Fatalf("code grant: %d %v", status, tokens)
		}
		idt := claims(t, tokens["id_token"].(string))
		if idt["nonce"] != "n0nce" || idt["aud"] != f.sim.ClientID() || idt["iss"] != f.sim.Issuer() {
			t.Errorf("id token %v", idt)
		}
		at := claims(t, tokens["access_token"].(string))
		if at["aud"] != "user_api" || at["sub"] != idt["sub"] || at["exp"].(float64)-at["iat"].(float64) != 3600 {
			t.Errorf("access token %v", at)
		}
		f.token = tokens["access_token"].(string)
		f.want(200, "", "GET", "/v1.2/me", "")

		first := tokens["refresh_token"].(string)
		refresh := func(token string) (int, map[string]any) {
			return f.form(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
		}
		status, tokens = refresh(first)
		second, _ := tokens["refresh_token"].(string)
		if status != 200 || second == first || second == "" {
			t.Fatalf("refresh: %d, new token %t", status, second != first)
		}
		time.Sleep(time.Hour)
		if status, _ = f.call("GET", "/v1.2/me", ""); status != 401 {
			t.Errorf("an access token of an hour ago: %d", status)
		}
		if status, tokens = refresh(first); status != 400 || tokens["error"] != "invalid_grant" {
			t.Errorf("reuse: %d %v", status, tokens)
		}
		if status, tokens = refresh(second); status != 400 || tokens["error"] != "invalid_grant" {
			t.Errorf("the family after a reuse: %d %v", status, tokens)
		}
	})
}

func TestConsentChoices(t *testing.T) {
	f := newForeign(t)
	if got := f.consent(saltokstest.ConsentChoice{Deny: true}); got.Get("error") != "access_denied" || got.Has("code") {
		t.Errorf("denied: %v", got)
	}
	back := f.consent(saltokstest.ConsentChoice{FullAccess: true})
	_, tokens := f.codeGrant(back.Get("code"))
	if tokens["refresh_token"] != nil || tokens["scope"] != "openid profile user_api.full_access" {
		t.Errorf("without offline access: %v", tokens["scope"])
	}
	back = f.consent(saltokstest.ConsentChoice{OfflineAccess: true})
	_, tokens = f.codeGrant(back.Get("code"))
	f.token = tokens["access_token"].(string)
	if status, _ := f.call("GET", "/v1.2/me", ""); status != 401 {
		t.Errorf("without full access the API answers %d", status)
	}
	if status, v := f.codeGrant(back.Get("code")); status != 400 || v["error"] != "invalid_grant" {
		t.Errorf("a code used twice: %d %v", status, v)
	}
	for _, email := range []string{"nobody@harbour.example", f.sim.World().Users[0].Email} {
		_, err := f.sim.Consent(t.Context(), authorizeURL(f.sim, nil), saltokstest.ConsentChoice{Email: email, Password: "x"})
		if err != saltokstest.ErrLogin {
			t.Errorf("wrong password: %v", err)
		}
	}
	for name, change := range map[string]url.Values{
		"redirect": {"redirect_uri": {"http://127.0.0.1:1/elsewhere"}}, "client": {"client_id": {"somebody"}},
	} {
		if back, err := f.sim.Consent(t.Context(), authorizeURL(f.sim, change), saltokstest.Allow()); err == nil {
			t.Errorf("%s: sent back to %s", name, back)
		}
	}
	for name, change := range map[string]url.Values{
		"invalid_scope": {"scope": {"openid everything"}}, "invalid_request": {"code_challenge_method": {"plain"}},
		"unsupported_response_type": {"response_type": {"token"}},
	} {
		back, err := f.sim.Consent(t.Context(), authorizeURL(f.sim, change), saltokstest.Allow())
		if err != nil || back.Query().Get("error") != name {
			t.Errorf("%s: %v %v", name, back, err)
		}
	}
}

func TestPasswordGrantRefusals(t *testing.T) {
	f := newForeign(t)
	u := f.sim.World().Users[0]
	for _, c := range []struct{ scope, user, pass, want string }{
		{"openid profile", u.Email, u.Password, "invalid_scope"},
		{"user_api.full_access offline_access", u.Email, u.Password, "invalid_scope"},
		{"user_api.full_access", u.Email, "wrong", "invalid_grant"},
	} {
		status, v := f.form(url.Values{"grant_type": {"password"}, "scope": {c.scope}, "username": {c.user}, "password": {c.pass}})
		if status != 400 || v["error"] != c.want {
			t.Errorf("%s: %d %v", c.scope, status, v)
		}
	}
	req, _ := http.NewRequest("POST", f.sim.Issuer()+"/connect/token", strings.NewReader("grant_type=password"))
	req.SetBasicAuth(f.sim.ClientID(), "wrong")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if resp, raw := f.send(req); resp.StatusCode != 400 || !strings.Contains(string(raw), "invalid_client") {
		t.Errorf("wrong client secret: %d %s", resp.StatusCode, raw)
	}
}

// A code that comes twice takes its tokens down, and it holds only for the
// redirect URI and the verifier it was made for, for five minutes.
func TestCodeOnce(t *testing.T) {
	f := newForeign(t)
	code := f.consent(saltokstest.Allow()).Get("code")
	_, tokens := f.codeGrant(code)
	f.codeGrant(code)
	if status, _ := f.refresh(tokens); status != 400 {
		t.Errorf("a refresh after the code came twice: %d", status)
	}
	f.sim.AddRedirectURI("http://127.0.0.1:1/other")
	for _, change := range []url.Values{
		{"redirect_uri": {"http://127.0.0.1:1/other"}}, {"code_verifier": {verifier + "x"}}, {"code": {"UNKNOWN"}},
	} {
		v := url.Values{
			"grant_type": {"authorization_code"}, "code": {f.consent(saltokstest.Allow()).Get("code")},
			"redirect_uri": {f.sim.RedirectURI()}, "code_verifier": {verifier},
		}
		for k, x := range change {
			v[k] = x
		}
		if status, body := f.form(v); status != 400 || body["error"] != "invalid_grant" {
			t.Errorf("%v: %d %v", change, status, body)
		}
	}
	code = f.consent(saltokstest.Allow()).Get("code")
	f.sim.Clock().Advance(5*time.Minute + time.Second)
	if status, _ := f.codeGrant(code); status != 400 {
		t.Errorf("a code of six minutes ago: %d", status)
	}
}

func TestRevocation(t *testing.T) {
	f := newForeign(t)
	_, tokens := f.codeGrant(f.consent(saltokstest.Allow()).Get("code"))
	var d struct {
		Revocation string `json:"revocation_endpoint"`
	}
	req, _ := http.NewRequest("GET", f.sim.Issuer()+"/.well-known/openid-configuration", nil)
	_, raw := f.send(req)
	decode(t, raw, &d)
	revoke := func(token string) int {
		req, _ := http.NewRequest("POST", d.Revocation, strings.NewReader(url.Values{"token": {token}}.Encode()))
		req.SetBasicAuth(f.sim.ClientID(), f.sim.ClientSecret())
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, _ := f.send(req)
		return resp.StatusCode
	}
	if a, b := revoke("unknown"), revoke(tokens["refresh_token"].(string)); a != 200 || b != 200 {
		t.Errorf("revocation answers %d and %d", a, b)
	}
	if status, _ := f.refresh(tokens); status != 400 {
		t.Errorf("a refresh after the revocation: %d", status)
	}
}

// A token of another issuer is refused although its signature is right.
func TestForeignIssuer(t *testing.T) {
	f := newForeign(t)
	srv, err := saltokstest.Serve("127.0.0.1:0", saltokstest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = srv.Close(t.Context()) }()
	other := &foreign{t: t, sim: srv.Sim, http: srv.HTTPClient()}
	other.login()
	if status, _ := other.call("GET", "/v1.2/me", ""); status != 200 {
		t.Errorf("at home: %d", status)
	}
	f.token = other.token
	if status, _ := f.call("GET", "/v1.2/me", ""); status != 401 {
		t.Errorf("abroad: %d", status)
	}
}

func TestKeyRotation(t *testing.T) {
	f := newForeign(t)
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
	f.want(200, "", "GET", "/v1.2/me", "") // still good
	f.login()
	f.want(200, "", "GET", "/v1.2/me", "")
	diff(t, []string{kidOf(old), kidOf(f.token)}, kids())
	f.sim.RotateKey(true)
	if status, _ := f.call("GET", "/v1.2/me", ""); status != 401 || len(kids()) != 1 {
		t.Errorf("with a forgotten key: %d, keys %v", status, kids())
	}
}
