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
	_, err := f.sim.Consent(t.Context(), authorizeURL(f.sim, nil), saltokstest.ConsentChoice{Email: "nobody@harbour.example", Password: "x"})
	if err != saltokstest.ErrLogin {
		t.Errorf("wrong password: %v", err)
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
