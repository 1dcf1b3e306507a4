package saltokstest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// A site user reaches a lock through a group of which it is a member, within the
// wall-clock bounds of its schedule, to the last second of a day.
func TestReachOfASiteUser(t *testing.T) {
	w := saltokstest.DefaultWorld()
	w.Users = append(w.Users, saltokstest.User{Email: "ada@harbour.example", Password: "Word-1"})
	w.Sites[0].Members = []saltokstest.Member{{User: "doors@harbour.example"}, {User: "ada@harbour.example", Role: "site_user"}}
	w.Sites[0].IQs[0].WithoutOTP = true
	d := newDoorWith(t, saltokstest.Config{Now: noon, World: w}) // 13:00 there
	site := "/v1.2/sites/" + d.site
	admin, ada := d.token, func() string {
		_, v := d.form(url.Values{"grant_type": {"password"}, "username": {"ada@harbour.example"}, "password": {"Word-1"}})
		return v["access_token"].(string)
	}
	open := func(when string, status int) {
		t.Helper()
		d.token = ada()
		if got, v := d.call("PATCH", d.locking(), `{"locked_state":"unlocked"}`); got != status {
			t.Errorf("%s: %d %v, want %d", when, got, v, status)
		}
		d.login()
		admin = d.token
	}
	g := site + "/access_groups/" + d.want(200, "", "POST", site+"/access_groups", `{"customer_reference":"G"}`).(map[string]any)["id"].(string)
	d.want(200, "", "POST", g+"/locks", `{"lock_id":"`+d.lock+`"}`)
	d.want(200, "", "POST", "/v1.1"+g[len("/v1.2"):]+"/time_schedules", `{"monday":true,"tuesday":true,"wednesday":true,"thursday":true,"friday":true,
		"saturday":true,"sunday":true,"start_time":"00:00","end_time":"23:59","start_date":"2026-11-20T00:00:00","end_date":"2026-11-26T09:30:00"}`)
	open("not in the group", 403)
	d.token = admin
	d.want(200, "", "POST", g+"/users", `{"user_id":"`+d.sim.World().Users[1].ID+`"}`)
	open("in the group", 200)
	d.sim.Clock().Advance(11*time.Hour - 500*time.Millisecond)
	open("half a second before midnight", 200)
	d.sim.Clock().Advance(9*time.Hour + 30*time.Minute)
	open("half a second before the end", 200)
	d.sim.Clock().Advance(time.Second)
	open("after the end", 403)
}

// Keys have limits of their own: no PIN without a keypad, no toggling in privacy
// mode, none for a seat that nobody pays for.
func TestLimitsOfKeys(t *testing.T) {
	w := saltokstest.DefaultWorld()
	w.Users = append(w.Users, saltokstest.User{Email: "ada@harbour.example", Tag: "1111"})
	w.Sites[0].Seats = 1
	w.Sites[0].Locks[1].Type = "escutcheon"
	d := newDoorWith(t, saltokstest.Config{Now: noon, World: w, Switches: saltokstest.Switches{UserDelay: -1}})
	if d.sim.Tap(d.lock, "1111") {
		t.Error("the second user of a plan with one seat got in")
	}
	d.sim.SetSchedule(d.lock, everyDay("08:00", "18:00"))
	d.sim.SetPrivacyMode(d.lock, true)
	if d.sim.Tap(d.lock, d.email) || d.sim.LockState(d.lock) != "locked" {
		t.Error("a fob began office mode in privacy mode")
	}

	site := "/v1.2/sites/" + d.site
	plain := d.sim.World().Sites[0].Locks[1].ID
	g := site + "/access_groups/" + d.want(200, "", "POST", site+"/access_groups", `{"customer_reference":"G"}`).(map[string]any)["id"].(string)
	me := d.want(200, "", "GET", "/v1.2/me", "").(map[string]any)["id"].(string)
	d.want(204, "", "PATCH", g+"/users", `{"add_ids":["`+me+`"]}`)
	d.want(204, "", "PATCH", g+"/locks", `{"add_ids":["`+plain+`"]}`)
	d.want(200, "", "POST", "/v1.1"+g[len("/v1.2"):]+"/time_schedules", `{"wednesday":true,"start_time":"00:00","end_time":"23:59"}`)
	pin := d.want(200, "", "PUT", site+"/users/"+d.member()+"/pin", `{}`).(string)
	if d.sim.EnterPIN(plain, pin) {
		t.Error("a PIN opened a lock without a keypad")
	}
}

// What an IQ or a user cannot do while offline, half activated or blocked.
func TestRefusalsOfAState(t *testing.T) {
	d := newDoorWith(t, saltokstest.Config{Now: noon})
	iqs := d.sim.World().Sites[0].IQs
	other := "/v1.2/sites/" + d.site + "/iqs/" + iqs[1].ID
	d.want(200, "", "GET", other+"/secret", "")
	d.sim.SetIQOnline(iqs[1].ID, false)
	d.want(400, "3102 iq_offline", "GET", other+"/pin", "")
	if n := len(d.sim.Inbox()); n != 0 {
		t.Errorf("an IQ that is offline sent %d messages", n)
	}
	d.sim.SetIQOnline(iqs[1].ID, true)
	d.want(204, "", "GET", other+"/pin", "")
	d.want(400, "3102 pin_not_changed", "GET", other+"/secret?otp="+d.sim.OTP(d.email, iqs[1].ID), "")

	// Either id of a user names an activation.
	me := d.want(200, "", "GET", "/v1.2/me", "").(map[string]any)["id"].(string)
	iq := "/v1.2/sites/" + d.site + "/iqs/" + d.iq
	d.want(404, "2202", "DELETE", iq+"/pin/nobody", `{"otp":"`+d.sim.OTP(d.email, d.iq)+`"}`)
	d.want(204, "", "DELETE", iq+"/pin/"+me+"?otp="+d.sim.OTP(d.email, d.iq), "")
	d.want(404, "2202", "PATCH", d.locking(), `{"locked_state":"unlocked","otp":"abcde"}`)

	d.want(200, "", "PATCH", "/v1.2/sites/"+d.site+"/users/"+d.member(), `{"blocked":true}`)
	if v := d.want(200, "", "GET", "/v1.2/sites", "").([]any); len(v) != 0 {
		t.Errorf("a blocked user sees %v", v)
	}
}

// The identity server's own pages lead nowhere else, and give no code that nobody
// can prove to be theirs.
func TestIdentityRefusals(t *testing.T) {
	f := newForeign(t)
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

func TestTooLongABody(t *testing.T) {
	f := newForeign(t)
	resp, err := f.http.Post(f.sim.API()+"/v1.2/me", "application/json", strings.NewReader(strings.Repeat(" ", 1<<20+1)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 413 {
		t.Errorf("answered %d", resp.StatusCode)
	}
}
