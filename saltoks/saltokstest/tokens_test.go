package saltokstest_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

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

func (f *client) tokens() map[string]any {
	_, v := f.codeGrant(f.consent(saltokstest.Allow()).Get("code"))
	return v
}

func (f *client) refresh(v map[string]any) (int, map[string]any) {
	f.t.Helper()
	return f.form(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {v["refresh_token"].(string)}})
}

func TestConsentAndRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newClient(t)
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

func TestPasswordGrantRefusals(t *testing.T) {
	f := newClient(t)
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

// TestCodeOnce checks that a code used twice revokes its tokens, and that it requires its
// redirect URI and its verifier within five minutes.
func TestCodeOnce(t *testing.T) {
	f := newClient(t)
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
		maps.Copy(v, change)
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
	f := newClient(t)
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

// TestGraceEnds checks that the grace is counted from the rotation, even if the old token is
// used in between.
func TestGraceEnds(t *testing.T) {
	d := newActivatedWith(t, saltokstest.Config{Now: noon, Switches: saltokstest.Switches{RefreshGrace: time.Minute}})
	v := d.tokens()
	for _, c := range []struct {
		after  time.Duration
		status int
	}{{0, 200}, {40 * time.Second, 200}, {40 * time.Second, 400}} {
		d.sim.Clock().Advance(c.after)
		if status, _ := d.refresh(v); status != c.status {
			t.Errorf("after %v more: %d, want %d", c.after, status, c.status)
		}
	}
}

// TestPublicClient checks a client without a secret: PKCE and the client id are enough.
func TestPublicClient(t *testing.T) {
	w := saltokstest.DefaultWorld()
	w.PublicClient, w.ClientSecret = true, ""
	sim := saltokstest.New(t, saltokstest.Config{World: w})
	f := &client{t: t, sim: sim, http: sim.HTTPClient()}
	post := func(v url.Values) (int, map[string]any) {
		resp, err := f.http.PostForm(sim.Issuer()+"/connect/token", v)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var body map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, body
	}
	grant := func() url.Values {
		return url.Values{
			"grant_type": {"authorization_code"}, "code": {f.consent(saltokstest.Allow()).Get("code")},
			"redirect_uri": {sim.RedirectURI()}, "code_verifier": {verifier}, "client_id": {sim.ClientID()},
		}
	}
	status, tokens := post(grant())
	if status != 200 {
		t.Fatalf("the code: %d %v", status, tokens)
	}
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)},
		"client_id": {sim.ClientID()}}
	refresh.Set("client_secret", "") // as some clients send it
	if status, v := post(refresh); status != 200 {
		t.Errorf("the refresh: %d %v", status, v)
	}
	with := grant()
	with.Set("client_secret", "guessed")
	if status, v := post(with); status != 400 || v["error"] != "invalid_client" {
		t.Errorf("with a secret: %d %v", status, v)
	}
	without := grant()
	without.Del("code_verifier")
	if status, v := post(without); status != 400 || v["error"] != "invalid_grant" {
		t.Errorf("without PKCE: %d %v", status, v)
	}
	password := url.Values{"grant_type": {"password"}, "client_id": {sim.ClientID()}, "username": {w.Users[0].Email},
		"password": {w.Users[0].Password}}
	if status, v := post(password); status != 400 || v["error"] != "unauthorized_client" {
		t.Errorf("the password grant: %d %v", status, v)
	}

	w.ClientSecret = "left-over"
	if _, err := saltokstest.Start(saltokstest.Config{World: w}); err == nil || !strings.Contains(err.Error(), "client_secret") {
		t.Errorf("a public client with a secret: %v", err)
	}
	// A confidential client without its secret is refused.
	c := newClient(t)
	resp, err := c.http.PostForm(c.sim.Issuer()+"/connect/token", url.Values{"grant_type": {"password"}, "client_id": {c.sim.ClientID()}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 400 {
		t.Errorf("a confidential client without its secret: %d", resp.StatusCode)
	}
}

// TestNarrowerScope checks that a refresh may ask for less, for that access token only.
func TestNarrowerScope(t *testing.T) {
	f := newClient(t)
	tokens := f.tokensWith(allScopes)
	ask := func(scope string) (int, map[string]any) {
		status, v := f.form(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)},
			"scope": {scope}})
		if status == 200 {
			tokens = v
		}
		return status, v
	}
	status, v := ask("openid")
	if status != 200 || v["scope"] != "openid" || v["refresh_token"] == nil || v["id_token"] == nil {
		t.Fatalf("openid: %d %v", status, v["scope"])
	}
	if resp, _ := f.get(f.sim.API()+"/v1.2/me", v["access_token"].(string)); resp.StatusCode != 401 {
		t.Errorf("a token for openid at the API: %d", resp.StatusCode)
	}
	if status, v := ask("user_api.full_access"); status != 200 || v["scope"] != "user_api.full_access" || v["id_token"] != nil {
		t.Errorf("the API: %d %v", status, v)
	}
	if status, v := ask(""); status != 200 || v["scope"] != allScopes {
		t.Errorf("without a scope: %d %v", status, v["scope"])
	}
	if status, v := ask(allScopes + " user_api.eloxx"); status != 400 || v["error"] != "invalid_scope" {
		t.Errorf("more than consented: %d %v", status, v)
	}
}

// TestUnauthorizedClientChallenge checks that a 401 for HTTP Basic names the scheme.
func TestUnauthorizedClientChallenge(t *testing.T) {
	f := newClientWith(t, saltokstest.Config{Switches: saltokstest.Switches{InvalidClient401: true}})
	for _, basic := range []bool{true, false} {
		req, _ := http.NewRequest("POST", f.sim.Issuer()+"/connect/token", strings.NewReader("grant_type=password"))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if basic {
			req.SetBasicAuth(f.sim.ClientID(), "wrong")
		}
		resp, _ := f.send(req)
		if got := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != 401 || strings.HasPrefix(got, "Basic ") != basic {
			t.Errorf("with Basic %t: %d %q", basic, resp.StatusCode, got)
		}
	}
}

// TestChangedClientSecret checks that the old secret fails and the new one works.
func TestChangedClientSecret(t *testing.T) {
	f := newClient(t)
	old := f.sim.ClientSecret()
	f.sim.Fault(saltokstest.ClientSecretChanged, saltokstest.Target("another-secret"))
	if got := f.sim.ClientSecret(); got != "another-secret" {
		t.Errorf("the secret is %q", got)
	}
	f.login()
	f.sim.Fault(saltokstest.ClientSecretChanged)
	if got := f.sim.ClientSecret(); got == "another-secret" || got == old {
		t.Errorf("a random secret is %q", got)
	}
	f.sim.Reset()
	if got := f.sim.ClientSecret(); got != old {
		t.Errorf("after a reset it is %q", got)
	}
	f.login()
}

func TestWrongIDToken(t *testing.T) {
	f := newClient(t)
	other := f.sim.AddUser(saltokstest.User{Email: "other@harbour.example"})
	tokens := f.tokensWith(allScopes)
	own := claims(t, tokens["id_token"].(string))["sub"]
	subject := func(opts ...saltokstest.FaultOption) any {
		f.sim.Fault(saltokstest.WrongIDToken, opts...)
		_, tokens = f.refresh(tokens)
		return claims(t, tokens["id_token"].(string))["sub"]
	}
	if got := subject(saltokstest.Target(other.Email)); got != other.Subject {
		t.Errorf("the ID token belongs to %v", got)
	}
	if got := subject(); got == own || got == other.Subject {
		t.Errorf("the ID token belongs to %v", got)
	}
	_, tokens = f.refresh(tokens)
	if got := claims(t, tokens["id_token"].(string))["sub"]; got != own {
		t.Errorf("the next one belongs to %v", got)
	}
}
