package saltoauth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// consentFixture is the host application of the consent handlers: tenants are named by
// a header, as a session would.
type consentFixture struct {
	*hostFixture
	h    *saltoauth.ConsentHandlers
	kept map[string]saltoauth.Connection
	fail error
	// Connected panics
	panics bool
}

func newConsentFixture(t *testing.T) *consentFixture {
	o := &consentFixture{hostFixture: newHost(t), kept: map[string]saltoauth.Connection{}}
	o.handlers()
	return o
}

// restart starts the application again, on the same store with its sealer.
func (o *consentFixture) restart() {
	o.t.Helper()
	o.hostFixture.restart()
	o.handlers()
}

func (o *consentFixture) handlers() {
	o.t.Helper()
	var err error
	o.h, err = saltoauth.NewConsentHandlers(saltoauth.ConsentConfig{
		Authorizer: o.auth,
		Authorize: func(r *http.Request) (string, error) {
			if tenant := r.Header.Get("Tenant"); tenant != "" {
				return tenant, nil
			}
			return "", errors.New("planted: not logged in")
		},
		Connected: func(_ context.Context, tenant string, c saltoauth.Connection) error {
			if o.panics {
				panic("planted: careless")
			}
			if o.fail == nil {
				o.kept[tenant] = c
			}
			return o.fail
		},
		ConnectionID: func(_ context.Context, tenant string) (string, error) { return o.kept[tenant].ID, nil },
		Done:         "/settings/salto",
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

func ask(h http.Handler, method, target, tenant string, cookies ...*http.Cookie) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	if tenant != "" {
		r.Header.Set("Tenant", tenant)
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(r *http.Response) string {
	b := new(strings.Builder)
	_ = r.Write(b)
	return b.String()
}

// leave starts at a handler and returns SALTO's callback and the cookie.
func (o *consentFixture) leave(h http.Handler, tenant string, choice saltokstest.ConsentChoice) (string, *http.Cookie) {
	o.t.Helper()
	resp := ask(h, "POST", "https://app.example/salto/connect", tenant)
	if resp.StatusCode != http.StatusSeeOther || len(resp.Cookies()) != 1 {
		o.t.Fatalf("start: %s", body(resp))
	}
	back := o.callbackFrom(resp.Header.Get("Location"), choice)
	return "https://app.example/salto/callback?" + back.Encode(), resp.Cookies()[0]
}

func TestConsentHandlers(t *testing.T) {
	o := newConsentFixture(t)
	target, cookie := o.leave(o.h.Connect(), "tenant-1", saltokstest.Allow())
	if !strings.HasPrefix(cookie.Name, "__Host-") || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode ||
		cookie.Path != "/" || cookie.Domain != "" || cookie.MaxAge != 600 {
		t.Errorf("%v", cookie)
	}
	resp := ask(o.h.Callback(), "GET", target, "tenant-1", cookie)
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/settings/salto" {
		t.Fatalf("%s", body(resp))
	}
	if c := resp.Cookies(); len(c) != 1 || c[0].Name != cookie.Name || c[0].MaxAge >= 0 {
		t.Errorf("the cookie stays: %v", c)
	}
	if resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%v", resp.Header)
	}
	first := o.kept["tenant-1"]
	if _, err := o.sites(first); err != nil {
		t.Error(err)
	}

	// The same callback again, as a reload would, or an attacker.
	if resp := ask(o.h.Callback(), "GET", target, "tenant-1", cookie); resp.StatusCode != http.StatusConflict {
		t.Errorf("%s", body(resp))
	}
	delete(o.kept, "tenant-1")
	if resp := ask(o.h.Callback(), "GET", target, "tenant-1", cookie); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("%s", body(resp))
	}
	o.kept["tenant-1"] = first
	if _, err := o.sites(first); err != nil {
		t.Errorf("a reload ended the connection: %v", err)
	}

	target, cookie = o.leave(o.h.Reconnect(), "tenant-1", saltokstest.Allow())
	if resp := ask(o.h.Callback(), "GET", target, "tenant-1", cookie); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("%s", body(resp))
	}
	if o.kept["tenant-1"].ID != first.ID {
		t.Error("Reconnect made another connection")
	}
}

func TestConsentHandlersRefuse(t *testing.T) {
	o := newConsentFixture(t)
	target, cookie := o.leave(o.h.Connect(), "tenant-1", saltokstest.Allow())
	other := *cookie
	other.Value = "AAAA.BBBB"
	start := "https://app.example/salto/connect"
	for name, c := range map[string]struct {
		resp   *http.Response
		status int
	}{
		"start by link":              {ask(o.h.Connect(), "GET", start, "tenant-1"), 405},
		"start without a tenant":     {ask(o.h.Connect(), "POST", start, ""), 403},
		"reconnect nothing":          {ask(o.h.Reconnect(), "POST", start, "tenant-9"), 404},
		"callback by POST":           {ask(o.h.Callback(), "POST", target, "tenant-1", cookie), 405},
		"callback without a tenant":  {ask(o.h.Callback(), "GET", target, "", cookie), 403},
		"callback of another tenant": {ask(o.h.Callback(), "GET", target, "tenant-2", cookie), 400},
		"no cookie":                  {ask(o.h.Callback(), "GET", target, "tenant-1"), 400},
		"strange cookie":             {ask(o.h.Callback(), "GET", target, "tenant-1", &other), 400},
		"other state":                {ask(o.h.Callback(), "GET", target+"x&state=planted", "tenant-1", cookie), 400},
	} {
		if c.resp.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", name, c.resp.StatusCode, c.status)
		}
		if strings.Contains(body(c.resp), "planted") {
			t.Errorf("%s: shows what it must not:\n%s", name, body(c.resp))
		}
	}
	cross := httptest.NewRequest("POST", start, nil)
	cross.Header.Set("Tenant", "tenant-1")
	cross.Header.Set("Origin", "https://evil.example")
	cross.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	o.h.Connect().ServeHTTP(w, cross)
	if w.Code != http.StatusForbidden {
		t.Errorf("a form on another site started a consent: %d", w.Code)
	}
	if o.store.documents() != 0 || len(o.kept) != 0 {
		t.Error("something was stored")
	}
	o.sim.Clock().Advance(10 * time.Minute)
	if resp := ask(o.h.Callback(), "GET", target, "tenant-1", cookie); resp.StatusCode != http.StatusBadRequest ||
		!strings.Contains(body(resp), "10 minutes") {
		t.Errorf("%s", body(resp))
	}
}

func TestConsentHandlersReportFailures(t *testing.T) {
	o := newConsentFixture(t)
	target, cookie := o.leave(o.h.Connect(), "tenant-1", saltokstest.ConsentChoice{FullAccess: true})
	if resp := ask(o.h.Callback(), "GET", target, "tenant-1", cookie); resp.StatusCode != 400 ||
		!strings.Contains(body(resp), "offline access") {
		t.Errorf("%s", body(resp))
	}
	// The application cannot store the connection, so it is deleted.
	target, cookie = o.leave(o.h.Connect(), "tenant-1", saltokstest.Allow())
	o.fail = errors.New("planted: database down")
	if resp := ask(o.h.Callback(), "GET", target, "tenant-1", cookie); resp.StatusCode != 500 || strings.Contains(body(resp), "planted") {
		t.Errorf("%s", body(resp))
	}
	if o.store.documents() != 0 {
		t.Error("a connection that no tenant knows is stored")
	}
	target, cookie = o.leave(o.h.Connect(), "tenant-1", saltokstest.Allow())
	o.panics = true
	if resp := ask(o.h.Callback(), "GET", target, "tenant-1", cookie); resp.StatusCode != 500 || strings.Contains(body(resp), "planted") {
		t.Errorf("%s", body(resp))
	}
	if o.store.documents() != 0 {
		t.Error("after a panic, a connection that no tenant knows is stored")
	}
	o = newConsentFixture(t) // one that never read SALTO's discovery
	o.sim.Fault(saltokstest.IdentityOutage)
	if resp := ask(o.h.Connect(), "POST", "https://app.example/salto/connect", "tenant-1"); resp.StatusCode != http.StatusBadGateway {
		t.Errorf("%s", body(resp))
	}
}

func TestBadConsentConfig(t *testing.T) {
	for _, done := range []string{"", "https://evil.example", "//evil.example", `/\evil.example`, "settings", "/a\nb"} {
		_, err := saltoauth.NewConsentHandlers(saltoauth.ConsentConfig{Done: done})
		for _, want := range []string{"ConsentConfig.Authorizer", "ConsentConfig.Authorize is", "ConsentConfig.ConnectionID",
			"ConsentConfig.Connected", "ConsentConfig.Done"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %s is not named: %v", done, want, err)
			}
		}
	}
}

// FuzzCallback sends queries and cookies to the callback: it answers 400 and makes no
// request.
func FuzzCallback(f *testing.F) {
	state, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer()})
	if err != nil {
		f.Fatal(err)
	}
	auth, err := saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: saltoks.Acceptance(),
		Credentials: saltoauth.Credentials{ClientID: "c", RedirectURL: "https://app.example/cb"},
		State:       state,
		HTTPClient:  &http.Client{Transport: refuse{f}},
	})
	if err != nil {
		f.Fatal(err)
	}
	h, err := saltoauth.NewConsentHandlers(saltoauth.ConsentConfig{Authorizer: auth, Done: "/",
		Authorize:    func(*http.Request) (string, error) { return "t", nil },
		ConnectionID: func(context.Context, string) (string, error) { return "", nil },
		Connected:    func(context.Context, string, saltoauth.Connection) error { f.Error("connected"); return nil }})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("code=a&state=b", "AAAA.BBBB")
	f.Add("error=access_denied&state=", "")
	f.Add("iss=%00&code=%zz", "ZXBoZW1lcmFs.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, query, cookie string) {
		r := httptest.NewRequest("GET", "https://app.example/cb", nil)
		r.URL = &url.URL{Path: "/cb", RawQuery: query}
		r.AddCookie(&http.Cookie{Name: "__Host-doorkit-salto-login", Value: cookie})
		w := httptest.NewRecorder()
		h.Callback().ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest {
			t.Errorf("%d for %q, %q", w.Code, query, cookie)
		}
	})
}

type refuse struct{ t testing.TB }

func (r refuse) RoundTrip(req *http.Request) (*http.Response, error) {
	r.t.Errorf("a request was made: %s", req.URL.Path)
	return nil, errors.New("refused")
}

// TestConnectIsRefusedWhileConnected: otherwise another SALTO user could replace a
// working connection, and no door would open.
func TestConnectIsRefusedWhileConnected(t *testing.T) {
	o := newConsentFixture(t)
	first, second := o.h.Connect(), o.h.Connect()
	target, cookie := o.leave(first, "tenant-1", saltokstest.Allow())
	late, lateCookie := o.leave(second, "tenant-1", o.as("other@quay.example")) // begun while there was none
	if resp := ask(o.h.Callback(), "GET", target, "tenant-1", cookie); resp.StatusCode != http.StatusSeeOther {
		t.Fatal(body(resp))
	}
	works := o.kept["tenant-1"]
	refused := func(resp *http.Response) {
		t.Helper()
		if text := body(resp); resp.StatusCode != http.StatusConflict || !strings.Contains(text, "reconnect") {
			t.Errorf("%s", text)
		}
	}
	refused(ask(o.h.Connect(), "POST", "https://app.example/salto/connect", "tenant-1"))
	before := o.tokenRequests()
	refused(ask(o.h.Callback(), "GET", late, "tenant-1", lateCookie))
	if o.tokenRequests() != before || o.kept["tenant-1"] != works {
		t.Error("the second consent was finished")
	}
	if resp := ask(o.h.Connect(), "POST", "https://app.example/salto/connect", "tenant-2"); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("another tenant: %s", body(resp))
	}
	o.disconnect(works)
	target, cookie = o.leave(o.h.Connect(), "tenant-1", o.as("other@quay.example"))
	if resp := ask(o.h.Callback(), "GET", target, "tenant-1", cookie); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("after Disconnect: %s", body(resp))
	}
}

// TestConsentNamesItsVerb: an error names the button that the person pressed.
func TestConsentNamesItsVerb(t *testing.T) {
	for name, c := range map[string]struct {
		choice saltokstest.ConsentChoice
		late   bool
		query  string
		says   string
	}{
		"denied":            {choice: saltokstest.ConsentChoice{Deny: true}, says: "denied at SALTO"},
		"no offline access": {choice: saltokstest.ConsentChoice{FullAccess: true}, says: "offline access"},
		"too late":          {choice: saltokstest.Allow(), late: true, says: "expired"},
		"another state":     {choice: saltokstest.Allow(), query: "state", says: "state mismatch"},
		"another code":      {choice: saltokstest.Allow(), query: "code", says: "does not accept the code"},
	} {
		o := newConsentFixture(t)
		target, cookie := o.leave(o.h.Connect(), "tenant-1", saltokstest.Allow())
		if resp := ask(o.h.Callback(), "GET", target, "tenant-1", cookie); resp.StatusCode != http.StatusSeeOther {
			t.Fatal(body(resp))
		}
		for verb, start := range map[string]struct {
			h      http.Handler
			tenant string
		}{"Connect": {o.h.Connect(), "tenant-2"}, "Reconnect": {o.h.Reconnect(), "tenant-1"}} {
			target, cookie := o.leave(start.h, start.tenant, c.choice)
			if c.late {
				o.sim.Clock().Advance(10 * time.Minute)
			}
			if c.query != "" {
				u, _ := url.Parse(target)
				q := u.Query()
				q.Set(c.query, "planted")
				u.RawQuery = q.Encode()
				target = u.String()
			}
			text := body(ask(o.h.Callback(), "GET", target, start.tenant, cookie))
			if !strings.Contains(text, c.says) || !strings.Contains(text, "; press "+verb+" again") || strings.Contains(text, "planted") {
				t.Errorf("%s, %s: %s", name, verb, text)
			}
		}
	}
}

// TestConsentUnderAChangedSealingKey: the person cannot fix it, so the log names the
// missing key, wherever it is needed.
func TestConsentUnderAChangedSealingKey(t *testing.T) {
	o := newConsentFixture(t)
	target, cookie := o.leave(o.h.Connect(), "tenant-1", saltokstest.Allow())
	if resp := ask(o.h.Callback(), "GET", target, "tenant-1", cookie); resp.StatusCode != http.StatusSeeOther {
		t.Fatal(body(resp))
	}
	pending, pendingCookie := o.leave(o.h.Reconnect(), "tenant-1", saltokstest.Allow())
	late, lateCookie := o.leave(o.h.Connect(), "tenant-2", saltokstest.Allow())

	key, err := saltostate.ParseSealingKey("new-key:" + strings.Repeat("A", 43) + "=")
	if err != nil {
		t.Fatal(err)
	}
	if o.sealer, err = saltostate.NewSealer(key); err != nil {
		t.Fatal(err)
	}
	o.restart()
	for name, c := range map[string]struct {
		h              http.Handler
		method, target string
		tenant         string
		cookie         *http.Cookie
		status         int
	}{
		"a pending Reconnect": {o.h.Callback(), "GET", pending, "tenant-1", pendingCookie, http.StatusBadRequest},
		"a pending Connect":   {o.h.Callback(), "GET", late, "tenant-2", lateCookie, http.StatusBadRequest},
		"Connect":             {o.h.Connect(), "POST", "/", "tenant-1", pendingCookie, http.StatusInternalServerError},
		"Reconnect":           {o.h.Reconnect(), "POST", "/", "tenant-1", pendingCookie, http.StatusInternalServerError},
	} {
		o.log.Reset()
		resp := ask(c.h, c.method, "https://app.example"+strings.TrimPrefix(c.target, "https://app.example"), c.tenant, c.cookie)
		if text := body(resp); resp.StatusCode != c.status || strings.Contains(text, "ephemeral") {
			t.Errorf("%s: %s", name, text)
		}
		if text := o.log.String(); !strings.Contains(text, "cannot be opened") || !strings.Contains(text, "ephemeral") {
			t.Errorf("%s: the log does not name the cause: %s", name, text)
		}
	}
}
