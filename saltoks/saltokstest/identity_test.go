package saltokstest_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// get requests a URL with a bearer token.
func (f *client) get(to, token string) (*http.Response, string) {
	f.t.Helper()
	req, _ := http.NewRequestWithContext(f.t.Context(), "GET", to, nil)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, raw := f.send(req)
	return resp, string(raw)
}

// discovery reads the discovery document.
func (f *client) discovery() map[string]any {
	f.t.Helper()
	_, raw := f.get(f.sim.Issuer()+"/.well-known/openid-configuration", "")
	var v map[string]any
	decode(f.t, []byte(raw), &v)
	return v
}

// tokensWith runs the authorization code flow with a scope and consents to all of it.
func (f *client) tokensWith(scope string) map[string]any {
	f.t.Helper()
	to := authorizeURL(f.sim, url.Values{"scope": {scope}})
	back, err := f.sim.Consent(f.t.Context(), to, saltokstest.Allow())
	if err != nil {
		f.t.Fatal(err)
	}
	status, v := f.codeGrant(back.Query().Get("code"))
	if status != 200 {
		f.t.Fatalf("code grant: %d %v", status, v)
	}
	return v
}

func TestDiscovery(t *testing.T) {
	v := newClient(t).discovery()
	for field, want := range map[string][]any{
		"token_endpoint_auth_methods_supported": {"client_secret_basic", "client_secret_post", "none"},
		"grant_types_supported":                 {"authorization_code", "client_credentials", "password", "refresh_token"},
		"response_modes_supported":              {"query"},
		"code_challenge_methods_supported":      {"S256"},
	} {
		diff(t, any(want), v[field])
	}
	if v["authorization_response_iss_parameter_supported"] != true {
		t.Error("iss is not advertised")
	}
}

// TestNotCached checks that clients and proxies may not cache tokens.
func TestNotCached(t *testing.T) {
	f := newClient(t)
	req, _ := http.NewRequest("POST", f.sim.Issuer()+"/connect/token", strings.NewReader("grant_type=magic"))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, _ := f.send(req)
	if resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Pragma") != "no-cache" {
		t.Errorf("the headers are %v", resp.Header)
	}
}

func TestUserinfo(t *testing.T) {
	d := newActivated(t)
	info := d.discovery()["userinfo_endpoint"].(string)
	full, plain := d.tokensWith(allScopes), d.tokensWith("openid "+"user_api.full_access")

	_, raw := d.get(info, full["access_token"].(string))
	var v map[string]any
	decode(t, []byte(raw), &v)
	if v["email"] != d.email || v["sub"] != claims(t, d.token)["sub"] {
		t.Errorf("userinfo is %v", v)
	}
	_, raw = d.get(info, plain["access_token"].(string))
	v = nil
	decode(t, []byte(raw), &v)
	diff(t, map[string]any{"sub": claims(t, d.token)["sub"]}, v)

	// A token of the identity server alone is good here, although not for the API.
	only := d.tokensWith("openid profile")["access_token"].(string)
	if resp, _ := d.get(info, only); resp.StatusCode != 200 {
		t.Errorf("a token for openid only: %d", resp.StatusCode)
	}
	if resp, _ := d.get(d.sim.API()+"/v1.2/me", only); resp.StatusCode != 401 {
		t.Errorf("the same token at the API: %d", resp.StatusCode)
	}

	// The token of a backend client has no openid.
	resp, _ := d.get(info, d.token)
	if resp.StatusCode != 403 || !strings.Contains(resp.Header.Get("WWW-Authenticate"), `error="insufficient_scope"`) {
		t.Errorf("without openid: %d %q", resp.StatusCode, resp.Header.Get("WWW-Authenticate"))
	}
	for token, want := range map[string]string{"": "Bearer", "stale": `Bearer error="invalid_token"`} {
		resp, _ := d.get(info, token)
		if resp.StatusCode != 401 || !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), want) {
			t.Errorf("token %q: %d %q", token, resp.StatusCode, resp.Header.Get("WWW-Authenticate"))
		}
	}

	// A POST may carry the token in its form (RFC 6750).
	resp2, err := d.http.PostForm(info, url.Values{"access_token": {only}})
	if err != nil {
		t.Fatal(err)
	}
	resp2.Body.Close()
	if resp2.StatusCode != 200 {
		t.Errorf("the token in a form: %d", resp2.StatusCode)
	}
}

// TestLogout ends the session by GET and POST, and returns only to the registered URI.
func TestLogout(t *testing.T) {
	f := newClient(t)
	end := f.discovery()["end_session_endpoint"].(string)
	home := f.sim.World().PostLogoutRedirectURI
	hint := f.tokensWith(allScopes)["id_token"].(string)
	for _, c := range []struct {
		name string
		q    url.Values
		want string // Location, or "" for the page
	}{
		{"without a URI", url.Values{"id_token_hint": {hint}}, ""},
		{"with the registered URI", url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {home}, "state": {"s 1"}}, home +
			"?state=s+1"},
		{"without a state", url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {home}}, home},
		{"with another URI", url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {"http://evil.example/"}}, ""},
		{"without a hint", url.Values{"post_logout_redirect_uri": {home}}, ""},
		{"with another token as hint", url.Values{"id_token_hint": {f.token}, "post_logout_redirect_uri": {home}}, ""},
	} {
		for _, method := range []string{"GET", "POST"} {
			b := newBrowser(t, f)
			b.logIn()
			resp := b.send(method, end, c.q)
			if got := resp.Header.Get("Location"); got != c.want || c.want == "" && resp.StatusCode != 200 {
				t.Errorf("%s %s: %d, Location %q, want %q", method, c.name, resp.StatusCode, got, c.want)
			}
			if got := b.authorize(url.Values{"prompt": {"none"}}); got.Get("error") != "login_required" {
				t.Errorf("%s %s: the session is still valid: %v", method, c.name, got)
			}
		}
	}
}

func TestUnknownIdentityPaths(t *testing.T) {
	d := newClient(t)
	for path, status := range map[string]int{"/connect/endsession": 200, "/connect/nothing": 404, "/consent?returnUrl=x": 400} {
		if resp, _ := d.get(d.sim.Issuer()+path, ""); resp.StatusCode != status {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, status)
		}
	}
	for grant, want := range map[string]string{
		"client_credentials": "unauthorized_client", "magic": "unsupported_grant_type", "refresh_token": "invalid_grant",
	} {
		if status, v := d.form(map[string][]string{"grant_type": {grant}}); status != 400 || v["error"] != want {
			t.Errorf("%s: %d %v", grant, status, v)
		}
	}
}

// TestMovedTokenEndpoint checks that only the discovery document leads to the new path.
func TestMovedTokenEndpoint(t *testing.T) {
	form := url.Values{"grant_type": {"password"}}
	for _, c := range []struct {
		opts []saltokstest.FaultOption
		path string
		old  int
	}{
		{nil, "/connect/v2/token", 404},
		{[]saltokstest.FaultOption{saltokstest.Target("/connect/Grants")}, "/connect/grants", 404},
		{[]saltokstest.FaultOption{saltokstest.Status(405)}, "/connect/v2/token", 405},
	} {
		f := newClient(t)
		before := f.discovery()["token_endpoint"].(string)
		f.sim.Fault(saltokstest.TokenEndpointMoved, c.opts...)
		after := f.discovery()["token_endpoint"].(string)
		if after != f.sim.Issuer()+c.path {
			t.Errorf("the discovery document names %s", after)
		}
		statusOf := func(to string) int {
			resp, err := f.http.PostForm(to, form)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			return resp.StatusCode
		}
		if got := statusOf(before); got != c.old {
			t.Errorf("the old path answers %d, want %d", got, c.old)
		}
		if got := statusOf(after); got != 400 { // no client id: invalid_client
			t.Errorf("the new path answers %d", got)
		}
		f.sim.Reset()
		if got := f.discovery()["token_endpoint"]; got != before {
			t.Errorf("after a reset it is %v", got)
		}
	}
}

// TestPagesEscape checks that a request cannot write into the pages.
func TestPagesEscape(t *testing.T) {
	f := newClient(t)
	const script = `"><script>alert(1)</script>`
	_, page := f.get(f.sim.Issuer()+"/Account/Login?"+url.Values{"ReturnUrl": {script}}.Encode(), "")
	if strings.Contains(page, "<script>") || !strings.Contains(page, "&lt;script&gt;") {
		t.Errorf("the page is %s", page)
	}
	if slices.Contains(strings.Fields(page), "ZgotmplZ") {
		t.Errorf("the page lost the URL: %s", page)
	}
}
