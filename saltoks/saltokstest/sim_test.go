package saltokstest_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/google/go-cmp/cmp"
)

// foreign is a client that knows only HTTP and the wire facts.
type foreign struct {
	t     *testing.T
	sim   *saltokstest.Sim
	http  *http.Client
	token string
}

func newForeign(t *testing.T) *foreign { return newForeignWith(t, saltokstest.Config{}) }

func newForeignWith(t *testing.T, cfg saltokstest.Config) *foreign {
	t.Helper()
	sim := saltokstest.New(t, cfg)
	f := &foreign{t: t, sim: sim, http: sim.HTTPClient()}
	f.login()
	return f
}

func (f *foreign) login() {
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
func (f *foreign) form(v url.Values) (int, map[string]any) {
	f.t.Helper()
	req, _ := http.NewRequestWithContext(f.t.Context(), "POST", f.sim.Issuer()+"/connect/token", strings.NewReader(v.Encode()))
	req.SetBasicAuth(f.sim.ClientID(), f.sim.ClientSecret())
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, raw := f.send(req)
	var body map[string]any
	_ = json.Unmarshal(raw, &body)
	return resp.StatusCode, body
}

func (f *foreign) send(req *http.Request) (*http.Response, []byte) {
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
func (f *foreign) call(method, path, body string) (int, any) {
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
func (f *foreign) want(status int, code, method, path, body string) any {
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

// otp is WIRE.md 3.1, written a second time.
func otp(now time.Time, secret, pin string) string {
	sum := md5.Sum([]byte(now.UTC().Format("20060102150405") + secret + pin))
	return hex.EncodeToString(sum[:])[:5]
}

// activate walks through WIRE.md 3.3 at the IQ of lock n of the first site.
func (f *foreign) activate(n int) (site, lock, secret, pin string) {
	f.t.Helper()
	w := f.sim.World()
	s := w.Sites[0]
	l := s.Locks[n]
	iq := "/v1.2/sites/" + s.ID + "/iqs/" + l.IQ
	v := f.want(200, "", "GET", iq+"/secret", "")
	secret = v.(map[string]any)["secret"].(string)
	f.want(204, "", "GET", iq+"/pin?send_email=true", "")
	pin = f.sim.IQPIN(w.Users[0].Email)
	f.want(204, "", "PUT", iq+"/pin", `{"otp":"`+otp(f.sim.Now(), secret, pin)+`","delta":"0000"}`)
	return s.ID, l.ID, secret, pin
}

func TestFirstUnlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForeign(t)
		site, lock, secret, pin := f.activate(0)
		locking := "/v1.2/sites/" + site + "/locks/" + lock + "/locking"
		v := f.want(200, "", "PATCH", locking, `{"locked_state":"unlocked","otp":"`+otp(f.sim.Now(), secret, pin)+`"}`)
		if got := v.(map[string]any)["locked_state"]; got != "unlocked" {
			t.Errorf("the answer's locked_state is %v", got)
		}
		if n := f.sim.Movements(lock); n != 1 {
			t.Errorf("%d movements, want 1", n)
		}
		f.sim.Clock().Advance(6 * time.Second)
		if got := f.sim.LockState(lock); got != "unlocked" {
			t.Errorf("after 6 s: %s", got)
		}
		time.Sleep(time.Second) // the bubble's clock
		if got := f.sim.LockState(lock); got != "locked" {
			t.Errorf("after 7 s: %s", got)
		}
	})
}

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
