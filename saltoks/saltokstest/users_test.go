package saltokstest_test

import (
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestUsers(t *testing.T) {
	d := newActivatedWith(t, saltokstest.Config{Now: noon, Switches: saltokstest.Switches{UserDelay: 40e9}})
	users := "/v1.2/sites/" + d.site + "/users"
	v := d.want(200, "", "POST", users,
		`{"first_name":"Ada","last_name":"Quay","email":"ada@harbour.example","use_pin":true}`).(map[string]any)
	uid, pid := v["id"].(string), v["user"].(map[string]any)["id"].(string)
	if uid == pid || len(v["roles"].([]any)) != 0 {
		t.Errorf("a new user: %v", v)
	}
	if mail := d.sim.Inbox()[len(d.sim.Inbox())-1]; mail.To != "ada@harbour.example" {
		t.Errorf("the invitation went to %s", mail.To)
	}
	g := d.want(200, "", "POST", "/v1.2/sites/"+d.site+"/access_groups",
		`{"customer_reference":"Residents"}`).(map[string]any)["id"].(string)
	group := "/v1.2/sites/" + d.site + "/access_groups/" + g

	// The same requests fail at first and succeed later.
	d.want(403, "2203", "PUT", users+"/"+uid+"/pin", `{}`)
	d.want(404, "2202", "POST", group+"/users", `{"user_id":"`+pid+`"}`)
	d.sim.Clock().Advance(40e9)
	pin := d.want(200, "", "PUT", users+"/"+uid+"/pin", `{}`).(string)
	if len(pin) != 6 {
		t.Errorf("the keypad PIN has %d digits", len(pin))
	}
	d.want(404, "2202", "POST", group+"/users", `{"user_id":"`+uid+`"}`) // the wrong id
	d.want(200, "", "POST", group+"/users", `{"user_id":"`+pid+`"}`)
	d.want(404, "2202", "GET", users+"/"+pid, "")
	if v := d.want(200, "", "GET", users+"/"+uid, "").(map[string]any); v["roles"].([]any)[0].(map[string]any)["code"] != "site_user" {
		t.Errorf("later: %v", v["roles"])
	}
	keys := d.want(200, "", "GET", users+"/"+uid+"/keys", "").(map[string]any)["items"].([]any)
	diff(t, map[string]any{"type": "pin", "key_identifier": "pin", "expiry_date": nil, "offline_access": false}, keys[0])

	// A group without a time schedule opens nothing, and the entry has an unknown user.
	d.want(200, "", "POST", group+"/locks", `{"lock_id":"`+d.lock+`"}`)
	if d.sim.EnterPIN(d.lock, pin) {
		t.Error("opened without a time schedule")
	}
	e := d.sim.Entries(d.site)[0]
	if e.Category != "lock_rejected" || e.Detail != "no_access" || e.By != "pin_code" || e.UserID == pid || e.UserID == "" {
		t.Errorf("the entry is %+v", e)
	}
	ts := "/v1.1/sites/" + d.site + "/access_groups/" + g + "/time_schedules"
	d.want(400, "1101", "POST", ts, `{"days":["monday"],"start_time":"08:00","end_time":"18:00"}`)
	every := `"monday":true,"tuesday":true,"wednesday":true,"thursday":true,"friday":true,"saturday":true,"sunday":true,
		"start_time":"00:00"`
	v = d.want(200, "", "POST", ts, `{`+every+`,"end_time":"23:59"}`).(map[string]any)
	if v["end_time"] != "23:59:59" || v["start_time"] != "00:00:00" {
		t.Errorf("the time schedule is %v", v)
	}
	if !d.sim.EnterPIN(d.lock, pin) || d.sim.LockState(d.lock) != "unlocked" {
		t.Error("not opened with a time schedule")
	}
	d.want(200, "", "PATCH", users+"/"+uid+"/subscription", `{"state":"suspended"}`)
	if d.sim.EnterPIN(d.lock, pin) {
		t.Error("opened for a suspended user")
	}
	d.want(204, "", "DELETE", ts+"/"+v["id"].(string), "")
	d.want(202, "", "DELETE", users+"/"+uid, "")
	d.want(404, "2202", "GET", users+"/"+uid, "")
	d.want(204, "", "DELETE", group, "")
}

func TestSeats(t *testing.T) {
	w := saltokstest.DefaultWorld()
	w.Sites[0].Seats = 2
	d := newActivatedWith(t, saltokstest.Config{World: w})
	guests := "/v1.2/sites/" + d.site + "/guests"
	state := func() (string, string) {
		v := d.want(201, "", "POST", guests, `{"alias":"Guest","expires_at":"2030-01-01T00:00:00Z"}`).(map[string]any)
		return v["id"].(string), v["subscription_state"].(string)
	}
	first, s1 := state()
	second, s2 := state()
	if s1 != "subscribed" || s2 != "suspended" {
		t.Errorf("the first guest is %s, the second %s", s1, s2)
	}
	users := "/v1.2/sites/" + d.site + "/users/"
	d.sim.Clock().Advance(60e9)
	d.want(200, "", "PUT", users+second+"/pin", `{}`) // no error
	d.want(202, "", "DELETE", users+first, "")
	v := d.want(200, "", "PATCH", users+second+"/subscription", `{"state":"subscribed"}`).(map[string]any)
	if v["subscription_state"] != "subscribed" {
		t.Errorf("after a seat got free: %v", v["subscription_state"])
	}
}

func TestUserBodies(t *testing.T) {
	w := saltokstest.DefaultWorld()
	w.Sites[0].Features = []string{"custom_pin"}
	d := newActivatedWith(t, saltokstest.Config{World: w, Switches: saltokstest.Switches{UserDelay: -1}})
	users := "/v1.2/sites/" + d.site + "/users"
	for _, body := range []string{`{"first_name":"A"}`, `{}`} {
		d.want(400, "1100", "POST", users, body)
	}
	for _, body := range []string{
		`{"first_name":"A","last_name":"B","role_ids":["nowhere"]}`, `{"first_name":"A","last_name":"B","use_pin":"yes"}`,
		`{"first_name":"A","last_name":"B","expires_at":"soon"}`, `{"first_name":"A","last_name":"B","email":"` + d.email + `"}`,
	} {
		d.want(400, "1101", "POST", users, body)
	}
	d.want(400, "1100", "POST", "/v1.2/sites/"+d.site+"/guests", `{}`)
	if n := count11(d, users); n != 1 {
		t.Errorf("%d users after refusals, want 1", n)
	}
	roles := d.want(200, "", "GET", "/v1.2/sites/"+d.site+"/roles?$filter=code%20eq%20'site_super_user'",
		"").(map[string]any)["items"].([]any)
	v := d.want(200, "", "POST", users,
		`{"first_name":"A","last_name":"B","role_ids":["`+roles[0].(map[string]any)["id"].(string)+`"]}`).(map[string]any)
	if got := v["roles"].([]any)[0].(map[string]any)["code"]; got != "site_super_user" {
		t.Errorf("the role is %v", got)
	}
	pin := users + "/" + v["id"].(string) + "/pin"
	d.want(204, "", "PUT", pin+"/custom", `{"pin":"0123456"}`)
	d.want(400, "1101", "PUT", pin+"/custom", `{"pin":"12"}`)
	d.want(400, "1101", "PUT", pin, `{"expiry_date":"soon"}`)
	d.want(403, "2212", "GET", "/v1.1/sites/"+d.site+"/entries", "") // no events_storage in this plan
}

func count11(d *client, path string) int {
	return len(d.want(200, "", "GET", path, "").(map[string]any)["items"].([]any))
}

// TestEmailOfANewUser checks both names of the field and the text of its error.
func TestEmailOfANewUser(t *testing.T) {
	d := newActivatedWith(t, saltokstest.Config{Switches: saltokstest.Switches{UserDelay: -1}})
	users := "/v1.2/sites/" + d.site + "/users"
	for field, email := range map[string]string{"user_email": "a@harbour.example", "email": "b@harbour.example"} {
		v := d.want(200, "", "POST", users, `{"first_name":"A","last_name":"B","`+field+`":"`+email+`"}`).(map[string]any)
		if got := v["user"].(map[string]any)["email"]; got != email {
			t.Errorf("%s: the e-mail is %v", field, got)
		}
		bad := d.want(400, "1101", "POST", users, `{"first_name":"A","last_name":"B","`+field+`":""}`).(map[string]any)
		if bad["Message"] != "Email '' is not valid" {
			t.Errorf("%s: the message is %v", field, bad["Message"])
		}
	}
	v := d.want(200, "", "POST", users, `{"first_name":"A","last_name":"B"}`).(map[string]any)
	if user := v["user"].(map[string]any); user["email"] != nil || user["has_profile"] != false {
		t.Errorf("without an e-mail: %v", user)
	}
}
