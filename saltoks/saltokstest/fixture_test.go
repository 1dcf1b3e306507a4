package saltokstest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// client knows only HTTP and the wire facts: it shares no code with package saltoks.
type client struct {
	t     *testing.T
	sim   *saltokstest.Sim
	http  *http.Client
	token string

	// The first site, its first lock with its IQ, and the first user.
	site, lock, iq, email string
}

// newClient starts a simulator of the default world and logs in as its first user.
func newClient(t *testing.T) *client { return newClientWith(t, saltokstest.Config{}) }

func newClientWith(t *testing.T, cfg saltokstest.Config) *client {
	t.Helper()
	sim := saltokstest.New(t, cfg)
	w := sim.World()
	f := &client{
		t: t, sim: sim, http: sim.HTTPClient(),
		site: w.Sites[0].ID, lock: w.Sites[0].Locks[0].ID, iq: w.Sites[0].Locks[0].IQ, email: w.Users[0].Email,
	}
	f.login()
	return f
}

// newActivated is newClient with the user activated at the IQ of the lock.
func newActivated(t *testing.T) *client { return newActivatedWith(t, saltokstest.Config{}) }

func newActivatedWith(t *testing.T, cfg saltokstest.Config) *client {
	t.Helper()
	f := newClientWith(t, cfg)
	f.sim.Activate(f.email, f.iq)
	return f
}

func (f *client) login() {
	f.t.Helper()
	u := f.sim.World().Users[0]
	status, body := f.form(url.Values{
		"grant_type": {"password"}, "scope": {"user_api.full_access"}, "username": {u.Email}, "password": {u.Password},
	})
	if status != 200 {
		f.t.Fatalf("password grant: %d %v", status, body)
	}
	f.token = body["access_token"].(string)
}

// form posts to the token endpoint with HTTP Basic.
func (f *client) form(v url.Values) (int, map[string]any) {
	f.t.Helper()
	req, _ := http.NewRequestWithContext(f.t.Context(), "POST", f.sim.Issuer()+"/connect/token", strings.NewReader(v.Encode()))
	req.SetBasicAuth(f.sim.ClientID(), f.sim.ClientSecret())
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, raw := f.send(req)
	var body map[string]any
	_ = json.Unmarshal(raw, &body)
	return resp.StatusCode, body
}

func (f *client) send(req *http.Request) (*http.Response, []byte) {
	f.t.Helper()
	resp, err := f.http.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return resp, raw
}

// call sends one API request and returns the answer, decoded as any.
func (f *client) call(method, path, body string) (int, any) {
	f.t.Helper()
	req, _ := http.NewRequestWithContext(f.t.Context(), method, f.sim.API()+path, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+f.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, raw := f.send(req)
	var v any
	if len(bytes.TrimSpace(raw)) > 0 {
		if err := json.Unmarshal(raw, &v); err != nil {
			f.t.Fatalf("%s %s: %v in %q", method, path, err, raw)
		}
	}
	return resp.StatusCode, v
}

// want calls and checks the status, and the error code and inner code when it
// is a refusal ("3102 otp_invalid").
func (f *client) want(status int, code, method, path, body string) any {
	f.t.Helper()
	got, v := f.call(method, path, body)
	o, _ := v.(map[string]any)
	gotCode, _ := o["ErrorCode"].(string)
	if msg, _ := o["Message"].(string); gotCode == "3102" {
		gotCode += " " + strings.TrimPrefix(msg, "Request execution failed with code: ")
	}
	if got != status || gotCode != code {
		f.t.Fatalf("%s %s: got %d %q, want %d %q (%v)", method, path, got, gotCode, status, code, v)
	}
	return v
}

func (f *client) locking() string { return "/v1.2/sites/" + f.site + "/locks/" + f.lock + "/locking" }

func (f *client) body(state string) string {
	return `{"locked_state":"` + state + `","otp":"` + f.sim.OTP(f.email, f.iq) + `"}`
}

// unlock sends one correct command and returns the answer, or the error of net/http if
// there is none.
func (f *client) unlock(ctx context.Context) (resp *http.Response, body string, err error) {
	req, _ := http.NewRequestWithContext(ctx, "PATCH", f.sim.API()+f.locking(), strings.NewReader(f.body("unlocked")))
	req.GetBody = nil // this client never sends a body twice
	req.Header.Set("Authorization", "Bearer "+f.token)
	req.Header.Set("Content-Type", "application/json")
	c := f.sim.HTTPClient()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err = c.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp, string(raw), err
}

// member is the site-user id of the caller.
func (f *client) member() string {
	f.t.Helper()
	return f.want(200, "", "GET", "/v1.2/sites/"+f.site+"/me", "").(map[string]any)["id"].(string)
}

// noon stops the clock, for tests that must not depend on how fast they run.
func noon() time.Time { return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) }

func diff(t *testing.T, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func decode(t *testing.T, raw []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(raw, v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
}

func timeout(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}
