package saltokstest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
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
	maps.Copy(q, change)
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
		if !errors.Is(err, saltokstest.ErrLogin) {
			t.Errorf("wrong password: %v", err)
		}
	}
	for name, change := range map[string]url.Values{
		"redirect": {"redirect_uri": {"http://127.0.0.1:1/elsewhere"}}, "client": {"client_id": {"unknown-client"}},
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

// TestIdentityRefusals checks that a login does not redirect to other hosts, and that a
// code requires PKCE.
func TestIdentityRefusals(t *testing.T) {
	f := newClient(t)
	noFollow := *f.http
	noFollow.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	u := f.sim.World().Users[0]
	resp, err := noFollow.PostForm(f.sim.Issuer()+"/Account/Login", url.Values{"ReturnUrl": {"http://evil.example/"},
		"email": {u.Email}, "password": {u.Password}})
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

// browser is a person's browser at the identity server: it keeps cookies and follows no
// redirect by itself.
type browser struct {
	t    *testing.T
	f    *client
	http *http.Client
}

func newBrowser(t *testing.T, f *client) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := f.sim.HTTPClient()
	c.Jar = jar
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{t, f, c}
}

// send makes a request with q as query or form.
func (b *browser) send(method, to string, q url.Values) *http.Response {
	b.t.Helper()
	var body io.Reader
	if method == "POST" {
		body = strings.NewReader(q.Encode())
	} else if len(q) > 0 {
		to += "?" + q.Encode()
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, to, body)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

// logIn logs in as the first user and returns where the login leads.
func (b *browser) logIn() string {
	b.t.Helper()
	u := b.f.sim.World().Users[0]
	resp := b.send("POST", b.f.sim.Issuer()+"/Account/Login", url.Values{
		"ReturnUrl": {"/connect/authorize/callback"}, "email": {u.Email}, "password": {u.Password},
	})
	return resp.Header.Get("Location")
}

// authorize sends an authorization request by GET and returns the parameters that the
// browser is sent back to the client with, or the path of the page it is sent to.
func (b *browser) authorize(change url.Values) url.Values {
	b.t.Helper()
	return b.result(b.send("GET", authorizeURL(b.f.sim, change), nil))
}

func (b *browser) result(resp *http.Response) url.Values {
	b.t.Helper()
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || resp.StatusCode != 302 {
		b.t.Fatalf("answered %d %v", resp.StatusCode, err)
	}
	if strings.HasPrefix(to.String(), b.f.sim.RedirectURI()) {
		return to.Query()
	}
	return url.Values{"page": {to.Path}}
}

func TestPrompt(t *testing.T) {
	f := newClient(t)
	b := newBrowser(t, f)
	for _, c := range []struct{ when, prompt, want string }{
		{"logged out", "none", "login_required"},
		{"logged out", "login", "/Account/Login"},
		{"logged out", "login none", "invalid_request"},
		{"logged out", "sing", "invalid_request"},
		{"logged in", "none", "consent_required"},
		{"logged in", "", "/consent"},
		{"logged in", "consent", "/consent"},
		{"logged in", "login", "/Account/Login"},
		{"logged in", "select_account", "/Account/Login"},
	} {
		if c.when == "logged in" {
			b.logIn()
		}
		got := b.authorize(url.Values{"prompt": {c.prompt}})
		if got.Get("error") != c.want && got.Get("page") != c.want {
			t.Errorf("%s, prompt %q: %v, want %s", c.when, c.prompt, got, c.want)
		}
	}

	// After a consent the same scopes, or fewer, need no page. More scopes do.
	consent := url.Values{"returnUrl": {strings.Replace(authorizeURL(f.sim, nil), "/authorize", "/authorize/callback", 1)},
		"button": {"yes"}, "ScopesConsented": {"user_api.full_access"}}
	if got := b.result(b.send("POST", f.sim.Issuer()+"/consent", consent)); got.Get("code") == "" {
		t.Fatalf("the consent leads to %v", got)
	}
	for scope, want := range map[string]string{
		"openid user_api.full_access": "", "openid profile": "", allScopes: "consent_required",
	} {
		got := b.authorize(url.Values{"prompt": {"none"}, "scope": {scope}})
		if got.Get("error") != want || (got.Get("code") == "") != (want != "") {
			t.Errorf("scope %q: %v, want error %q", scope, got, want)
		}
	}
}

// TestLoginAgain checks that prompt=login and max_age are fulfilled by one login.
func TestLoginAgain(t *testing.T) {
	f := newClientWith(t, saltokstest.Config{Now: noon})
	b := newBrowser(t, f)
	b.logIn()
	f.sim.Clock().Advance(10 * time.Minute)
	for _, c := range []struct {
		change url.Values
		page   string
	}{
		{url.Values{"prompt": {"login"}}, "/Account/Login"},
		{url.Values{"max_age": {"60"}}, "/Account/Login"},
		{url.Values{"max_age": {"0"}}, "/Account/Login"},
		{url.Values{"max_age": {"600"}}, "/consent"},
	} {
		resp := b.send("GET", authorizeURL(f.sim, c.change), nil)
		if got := b.result(resp).Get("page"); got != c.page {
			t.Errorf("%v: %s, want %s", c.change, got, c.page)
		}
		if c.page != "/Account/Login" {
			continue
		}
		login, _ := url.Parse(resp.Header.Get("Location"))
		back := login.Query().Get("ReturnUrl")
		if got := b.result(b.send("GET", f.sim.Issuer()+back, nil)).Get("page"); got != "/consent" {
			t.Errorf("%v: after the login the browser is sent to %s", c.change, got)
		}
	}
	for _, age := range []string{"-1", "soon"} {
		if got := b.authorize(url.Values{"max_age": {age}}); got.Get("error") != "invalid_request" {
			t.Errorf("max_age %s: %v", age, got)
		}
	}
	if got := b.authorize(url.Values{"max_age": {"60"}, "prompt": {"none"}}); got.Get("error") != "login_required" {
		t.Errorf("max_age and prompt=none: %v", got)
	}
}

// TestAuthTime checks that the ID token names the time of the login, not of the consent.
func TestAuthTime(t *testing.T) {
	f := newClientWith(t, saltokstest.Config{Now: noon})
	b := newBrowser(t, f)
	b.logIn()
	f.sim.Clock().Advance(10 * time.Minute)
	consent := url.Values{"returnUrl": {authorizeURL(f.sim, nil)}, "button": {"yes"}, "ScopesConsented": {"user_api.full_access"}}
	_, tokens := f.codeGrant(b.result(b.send("POST", f.sim.Issuer()+"/consent", consent)).Get("code"))
	if got := claims(t, tokens["id_token"].(string))["auth_time"]; got != float64(noon().Unix()) {
		t.Errorf("auth_time is %v", got)
	}
}

func TestAuthorizeByPost(t *testing.T) {
	f := newClient(t)
	b := newBrowser(t, f)
	to, _ := url.Parse(authorizeURL(f.sim, nil))
	if got := b.result(b.send("POST", f.sim.Issuer()+"/connect/authorize", to.Query())).Get("page"); got != "/Account/Login" {
		t.Errorf("logged out: %s", got)
	}
	b.logIn()
	if got := b.result(b.send("POST", f.sim.Issuer()+"/connect/authorize", to.Query())).Get("page"); got != "/consent" {
		t.Errorf("logged in: %s", got)
	}
	if resp := b.send("POST", f.sim.Issuer()+"/connect/authorize", url.Values{}); resp.StatusCode != 400 {
		t.Errorf("an empty form: %d", resp.StatusCode)
	}
}

func TestResponseMode(t *testing.T) {
	f := newClient(t)
	b := newBrowser(t, f)
	for mode, want := range map[string]string{"query": "", "form_post": "invalid_request", "fragment": "invalid_request",
		"": "invalid_request"} {
		got := b.authorize(url.Values{"response_mode": {mode}})
		if got.Get("error") != want {
			t.Errorf("response_mode %q: %v", mode, got)
		}
		if want != "" && got.Get("iss") != f.sim.Issuer() {
			t.Errorf("response_mode %q: iss is %q", mode, got.Get("iss"))
		}
	}
}
