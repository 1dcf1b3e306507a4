package saltokstest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

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

func (f *client) codeGrant(code string) (int, map[string]any) {
	f.t.Helper()
	return f.form(url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {f.sim.RedirectURI()}, "code_verifier": {verifier},
	})
}

func (f *client) consent(choice saltokstest.ConsentChoice) url.Values {
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

func TestConsentChoices(t *testing.T) {
	f := newClient(t)
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

// The identity server's own pages lead nowhere else, and give no code that nobody
// can prove to be theirs.
func TestIdentityRefusals(t *testing.T) {
	f := newClient(t)
	noFollow := *f.http
	noFollow.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	u := f.sim.World().Users[0]
	resp, err := noFollow.PostForm(f.sim.Issuer()+"/Account/Login", url.Values{"ReturnUrl": {"http://evil.example/"}, "email": {u.Email}, "password": {u.Password}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 400 || resp.Header.Get("Location") != "" {
		t.Errorf("a login leads to %d %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	back, err := f.sim.Consent(t.Context(), authorizeURL(f.sim, url.Values{"code_challenge": {""}}), saltokstest.Allow())
	if err != nil || back.Query().Get("error") != "invalid_request" {
		t.Errorf("without a challenge: %v %v", back, err)
	}
}
