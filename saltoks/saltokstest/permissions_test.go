package saltokstest_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestWhoMayOpenFromAfar(t *testing.T) {
	d := newActivated(t)
	refused := func(status int, code string) {
		t.Helper()
		d.want(status, code, "PATCH", d.locking(), d.body("unlocked"))
	}
	d.sim.SetRemoteAccess(d.site, d.email, false)
	refused(403, "2203")
	d.sim.SetRemoteAccess(d.site, d.email, true)
	self := "/v1.2/sites/" + d.site + "/users/" + d.member()
	d.want(200, "", "PATCH", self, `{"toggle_manual_office_mode":false}`)
	d.want(403, "2203", "PATCH", d.locking(), d.body("office_mode"))
	d.sim.SetReleased(d.site, false)
	refused(400, "2210")
	d.sim.SetReleased(d.site, true)
	d.sim.SetPaid(d.site, false)
	refused(403, "2212")
	d.sim.SetPaid(d.site, true)
	d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))
	d.sim.DetachLock(d.lock)
	refused(403, "2203")
	if v := d.want(200, "", "GET", "/v1.2/sites/"+d.site+"/locks/"+d.lock, "").(map[string]any); v["iq"] != nil ||
		v["iq_link_state"] != "detached" {
		t.Errorf("a detached lock: %v", v["iq"])
	}
	d.want(200, "", "PATCH", self, `{"blocked":true}`)
	d.want(403, "2203", "GET", "/v1.2/sites/"+d.site, "")
	d.sim.RemoveMember(d.site, d.email)
	refused(403, "2203")
	if v := d.want(200, "", "GET", "/v1.2/sites", "").([]any); len(v) != 0 {
		t.Errorf("a site one no longer belongs to: %v", v)
	}
}

// TestSiteUser checks that a plain site user reaches only the locks of an access group with
// a schedule, and manages nothing.
func TestSiteUser(t *testing.T) {
	w := saltokstest.DefaultWorld()
	w.Users = append(w.Users, saltokstest.User{Email: "boss@harbour.example", Password: "Another-Word-3"})
	w.Sites[0].Members = []saltokstest.Member{{User: "doors@harbour.example", Role: "site_user"}, {User: "boss@harbour.example"}}
	w.Sites[0].IQs[0].WithoutOTP = true
	d := newActivatedWith(t, saltokstest.Config{World: w})
	site := "/v1.2/sites/" + d.site
	d.want(403, "2203", "GET", site+"/users", "")
	v := d.want(200, "", "GET", site+"/roles", "").(map[string]any)["items"].([]any)
	if len(v) != 1 || v[0].(map[string]any)["code"] != "site_user" {
		t.Errorf("roles %v", v)
	}
	open := func(status int, code string) {
		t.Helper()
		d.want(status, code, "PATCH", d.locking(), `{"locked_state":"unlocked"}`)
	}
	open(403, "2203")
	me := d.want(200, "", "GET", "/v1.2/me", "").(map[string]any)["id"].(string)

	own := d.token
	status, tok := d.form(map[string][]string{"grant_type": {"password"}, "username": {"boss@harbour.example"},
		"password": {"Another-Word-3"}})
	if status != 200 {
		t.Fatalf("the boss: %d %v", status, tok)
	}
	d.token = tok["access_token"].(string)
	g := site + "/access_groups/" + d.want(200, "", "POST", site+"/access_groups",
		`{"customer_reference":"G"}`).(map[string]any)["id"].(string)
	d.want(204, "", "PATCH", g+"/users", `{"add_ids":["`+me+`"]}`)
	d.want(204, "", "PATCH", g+"/locks", `{"add_ids":["`+d.lock+`"]}`)
	d.want(200, "", "POST", "/v1.1"+g[len("/v1.2"):]+"/time_schedules",
		`{"monday":true,"tuesday":true,"wednesday":true,"thursday":true,"friday":true,
		"saturday":true,"sunday":true,"start_time":"00:00","end_time":"23:59","start_date":"2020-01-01T10:00:00","end_date":null}`)
	d.token = own
	open(200, "") // the IQ requires no code
	other := d.sim.World().Sites[0].Locks[3].ID
	d.want(403, "2203", "PATCH", "/v1.2/sites/"+d.site+"/locks/"+other+"/locking", `{"locked_state":"unlocked"}`)
}

// TestReachOfASiteUser checks the limits of an access group's schedule in wall-clock time,
// to the last second of a day.
func TestReachOfASiteUser(t *testing.T) {
	w := saltokstest.DefaultWorld()
	w.Users = append(w.Users, saltokstest.User{Email: "ada@harbour.example", Password: "Word-1"})
	w.Sites[0].Members = []saltokstest.Member{{User: "doors@harbour.example"}, {User: "ada@harbour.example", Role: "site_user"}}
	w.Sites[0].IQs[0].WithoutOTP = true
	d := newActivatedWith(t, saltokstest.Config{Now: noon, World: w}) // 13:00 there
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
	g := site + "/access_groups/" + d.want(200, "", "POST", site+"/access_groups",
		`{"customer_reference":"G"}`).(map[string]any)["id"].(string)
	d.want(200, "", "POST", g+"/locks", `{"lock_id":"`+d.lock+`"}`)
	d.want(200, "", "POST", "/v1.1"+g[len("/v1.2"):]+"/time_schedules",
		`{"monday":true,"tuesday":true,"wednesday":true,"thursday":true,"friday":true,
		"saturday":true,"sunday":true,"start_time":"00:00","end_time":"23:59","start_date":"2026-11-20T00:00:00",
		"end_date":"2026-11-26T09:30:00"}`)
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
