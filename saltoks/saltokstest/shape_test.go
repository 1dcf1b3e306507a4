package saltokstest_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// TestShapes holds every object to the fields that were measured, no more and
// no fewer, with their kinds: text, number, bool, null, list, object. The lists
// are WIRE.md 2, written out by hand.
func TestShapes(t *testing.T) {
	w := saltokstest.DefaultWorld()
	w.Sites[0].Locks[0].Schedule = everyDay("08:00:00", "18:00:00")
	d := newDoorWith(t, saltokstest.Config{Now: noon, World: w})
	d.sim.Tap(d.lock, d.email)
	site := "/v1.2/sites/" + d.site
	for _, c := range []struct{ what, path, at, want string }{
		{"me", "/v1.2/me", "", `email text, first_name text, id text, image_url null, language text, last_name text, phone text, tag_number text, tag_rf_id_uid null`},
		{"own site user", site + "/me", "", `alias null, blocked bool, data_removal_expires_at null, expires_at null, guest_of_pods list, id text, member_of_pods list,
			override_privacy_mode bool, ownership_state text, remote_access bool, roles list, subscription_state text, tag_owned_by_this_site bool,
			toggle_easy_office_mode bool, toggle_manual_office_mode bool, use_pin bool, user object`},
		{"user of a site user", site + "/me", "user", `email text, first_name text, has_profile bool, id text, image_url null, is_managed_by_current_site bool, last_name text, tag_number text`},
		{"activated iq", "/v1.2/me/" + d.site + "/activated_iqs", "items", `activated bool, activation_date text, iq_id text`},
		{"site", site, "", `active_iq_amount number, active_user_amount number, country_code text, customer_reference text, id text, installation_state text,
			mkey_compatible bool, owner object, pin_enabled bool, site_uid text, store_events_ttl text, subscribed_user_amount number, subscription_valid bool, time_zone text`},
		{"subscription", site + "/subscription", "", `features list, type text, user_amount number`},
		{"role", site + "/roles", "items", `code text, customer_reference text, id text, is_hierarchical bool, parent_id null`},
		{"envelope", site + "/iqs", "", `count null, items list, next_page_link null`},
		{"iq", site + "/iqs/" + d.iq, "", `customer_reference text, data_sync_state text, id text, led_enabled bool, mac text, online bool, operator text, otp_enabled bool,
			reset_date null, restore_required bool, revision text, signal_strength number, state text, time_zone text`},
		{"lock", site + "/locks/" + d.lock, "", `battery_level text, communication_type text, customer_reference text, easy_office_mode_schedule object, floor null, id text,
			intrusion_alarm bool, iq object, iq_link_state text, left_open_alarm bool, lock_type text, locked_state text, mac text, offline_access_keys_count number,
			offline_access_keys_limit number, online bool, privacy_mode bool, repeater null, tag_registration_state text, vendor object`},
		{"iq of a lock", site + "/locks/" + d.lock, "iq", `customer_reference text, id text, is_online bool, mac_address text, otp_enabled bool, revision text`},
		{"schedule of a lock", site + "/locks/" + d.lock, "easy_office_mode_schedule", `end_date null, end_time text, eom_auto_start bool, friday bool, monday bool, saturday bool,
			start_date null, start_time text, sunday bool, thursday bool, tuesday bool, wednesday bool`},
		{"vendor of a lock", site + "/locks/" + d.lock, "vendor", `display_name text, id text, reference text`},
		{"entries", "/v1.1/sites/" + d.site + "/entries", "", `continuation_token null, items list`},
		{"entry", "/v1.1/sites/" + d.site + "/entries", "items", `access_by text, access_detail text, event_category text, event_detail text, exit_requested bool,
			expiration_date_time text, id text, iq_customer_reference text, iq_id text, iq_mac_address text, iq_revision text, local_date_time text,
			lock_customer_reference text, lock_id text, lock_mac_address text, ttl_in_seconds number, user_alias null, user_first_name text, user_id text,
			user_image_url null, user_last_name text, utc_date_time text`},
	} {
		want := strings.Join(strings.Fields(c.want), " ")
		v := d.want(200, "", "GET", c.path, "")
		if c.at != "" {
			v = v.(map[string]any)[c.at]
		}
		if list, ok := v.([]any); ok {
			v = list[0]
		}
		if got := shape(v.(map[string]any)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", c.what, got, want)
		}
	}
}

func shape(o map[string]any) string {
	var fields []string
	for _, name := range slices.Sorted(maps.Keys(o)) {
		kind := map[string]string{"string": "text", "float64": "number", "bool": "bool", "<nil>": "null", "[]interface {}": "list"}[fmt.Sprintf("%T", o[name])]
		if kind == "" {
			kind = "object"
		}
		fields = append(fields, name+" "+kind)
	}
	return strings.Join(fields, ", ")
}

func TestOrder(t *testing.T) {
	d := newDoor(t)
	names := func(by string) (list []string) {
		v := d.want(200, "", "GET", "/v1.2/sites/"+d.site+"/locks?$orderby="+by, "").(map[string]any)
		for _, l := range v["items"].([]any) {
			list = append(list, l.(map[string]any)["customer_reference"].(string))
		}
		return list
	}
	want := []string{"Bicycle Store", "Main Entrance", "Meeting Room", "Office Four"}
	diff(t, want, names("customer_reference"))
	slices.Reverse(want)
	diff(t, want, names("customer_reference%20desc"))
	d.want(400, "1102", "GET", "/v1.2/sites/"+d.site+"/locks?$orderby=colour", "")
	d.want(400, "1102", "GET", "/v1.2/sites/"+d.site+"/locks?$orderby=mac%20sideways", "")
}

// TestGroupCalls walks through every call of WIRE.md 2.6.
func TestGroupCalls(t *testing.T) {
	d := newDoor(t)
	v12, v11 := "/v1.2/sites/"+d.site+"/access_groups", "/v1.1/sites/"+d.site+"/access_groups"
	g := d.want(200, "", "POST", v12, `{"customer_reference":"Residents"}`).(map[string]any)["id"].(string)
	d.want(400, "1100", "POST", v12, `{}`)
	d.want(404, "2202", "GET", v12+"/nowhere/locks", "")
	diff(t, any(map[string]any{"id": g, "customer_reference": "Residents"}), d.want(200, "", "GET", v12+"/"+g, ""))
	found := d.want(200, "", "GET", v11+"?$filter=customer_reference%20eq%20'Residents'&$inlinecount=allpages", "").(map[string]any)
	if found["count"] != 1.0 {
		t.Errorf("found %v", found)
	}

	count := func(what string) int {
		return len(d.want(200, "", "GET", v12+"/"+g+"/"+what, "").(map[string]any)["items"].([]any))
	}
	me := d.want(200, "", "GET", "/v1.2/me", "").(map[string]any)["id"].(string)
	for range 2 { // joining twice is once
		d.want(200, "", "POST", v12+"/"+g+"/locks", `{"lock_id":"`+d.lock+`"}`)
		d.want(200, "", "POST", v12+"/"+g+"/users", `{"user_id":"`+me+`"}`)
	}
	d.want(404, "2202", "POST", v12+"/"+g+"/locks", `{"lock_id":"nowhere"}`)
	d.want(404, "2202", "PATCH", v12+"/"+g+"/locks", `{"add_ids":["nowhere"],"remove_ids":["`+d.lock+`"]}`)
	if count("locks") != 1 || count("users") != 1 {
		t.Errorf("%d locks, %d users", count("locks"), count("users"))
	}
	d.want(204, "", "DELETE", v12+"/"+g+"/locks/"+d.lock, "")
	d.want(404, "2202", "DELETE", v12+"/"+g+"/locks/"+d.lock, "")
	d.want(204, "", "DELETE", v12+"/"+g+"/users/"+me, "")
	d.want(404, "2202", "DELETE", v12+"/"+g+"/users/"+me, "")
	d.want(204, "", "PATCH", v12+"/"+g+"/users", `{"add_ids":["`+me+`"]}`)
	d.want(204, "", "PATCH", v12+"/"+g+"/users", `{"remove_ids":["`+me+`"]}`)
	if count("locks") != 0 || count("users") != 0 {
		t.Errorf("%d locks, %d users", count("locks"), count("users"))
	}

	ts := v11 + "/" + g + "/time_schedules"
	id := d.want(200, "", "POST", ts, `{"monday":true,"start_time":"08:00:00","end_time":"18:00:00"}`).(map[string]any)["id"].(string)
	v := d.want(200, "", "PATCH", ts+"/"+id, `{"friday":true,"start_time":"09:00","end_time":"18:00","start_date":"2026-01-01","end_date":"2026-12-31T12:00:00"}`).(map[string]any)
	if v["monday"] != false || v["friday"] != true || v["start_time"] != "09:00:00" || v["end_time"] != "18:00:59" || v["id"] != id {
		t.Errorf("changed to %v", v)
	}
	d.want(400, "1101", "PATCH", ts+"/"+id, `{"friday":true,"start_time":"9 o'clock","end_time":"18:00"}`)
	d.want(400, "1101", "PATCH", ts+"/"+id, `{"friday":true,"start_time":"09:00","end_time":"18:00","start_date":"soon"}`)
	if n := count11(d, ts); n != 1 {
		t.Errorf("%d schedules", n)
	}
	d.want(204, "", "DELETE", ts+"/"+id, "")
	d.want(404, "2202", "DELETE", ts+"/"+id, "")
	d.want(404, "2202", "PATCH", ts+"/"+id, `{}`)
	d.want(204, "", "DELETE", v12+"/"+g, "")
	d.want(404, "2202", "GET", v12+"/"+g, "")
}

func count11(d *door, path string) int {
	return len(d.want(200, "", "GET", path, "").(map[string]any)["items"].([]any))
}

func TestLockScheduleCalls(t *testing.T) {
	d := newDoor(t)
	path := "/v1.2/sites/" + d.site + "/locks/" + d.lock + "/easy_office_mode_schedule"
	if v := d.want(200, "", "GET", path, ""); v != nil {
		t.Errorf("without one: %v", v)
	}
	d.want(400, "1101", "PUT", path, `{"start_time":"08:00","end_time":"18:00"}`)
	d.want(200, "", "PUT", path, `{"monday":true,"start_time":"08:00","end_time":"18:00"}`)
	v := d.want(200, "", "GET", path, "").(map[string]any)
	if v["end_time"] != "18:00:59" || v["eom_auto_start"] != false || v["monday"] != true {
		t.Errorf("it is %v", v)
	}
	d.want(204, "", "DELETE", path, "")
	if v := d.want(200, "", "GET", "/v1.2/sites/"+d.site+"/locks/"+d.lock, "").(map[string]any); v["easy_office_mode_schedule"] != nil {
		t.Error("it is still there")
	}
}

func TestUserBodies(t *testing.T) {
	w := saltokstest.DefaultWorld()
	w.Sites[0].Features = []string{"custom_pin"}
	d := newDoorWith(t, saltokstest.Config{World: w, Switches: saltokstest.Switches{UserDelay: -1}})
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
	roles := d.want(200, "", "GET", "/v1.2/sites/"+d.site+"/roles?$filter=code%20eq%20'site_super_user'", "").(map[string]any)["items"].([]any)
	v := d.want(200, "", "POST", users, `{"first_name":"A","last_name":"B","role_ids":["`+roles[0].(map[string]any)["id"].(string)+`"]}`).(map[string]any)
	if got := v["roles"].([]any)[0].(map[string]any)["code"]; got != "site_super_user" {
		t.Errorf("the role is %v", got)
	}
	pin := users + "/" + v["id"].(string) + "/pin"
	d.want(204, "", "PUT", pin+"/custom", `{"pin":"0123456"}`)
	d.want(400, "1101", "PUT", pin+"/custom", `{"pin":"12"}`)
	d.want(400, "1101", "PUT", pin, `{"expiry_date":"soon"}`)
	d.want(403, "2212", "GET", "/v1.1/sites/"+d.site+"/entries", "") // no events_storage in this plan
}

func TestUserinfoAndLogout(t *testing.T) {
	d := newDoor(t)
	req, _ := http.NewRequest("GET", d.sim.Issuer()+"/connect/userinfo", nil)
	req.Header.Set("Authorization", "Bearer "+d.token)
	_, raw := d.send(req)
	var v map[string]any
	decode(t, raw, &v)
	if v["email"] != d.email || v["sub"] != claims(t, d.token)["sub"] {
		t.Errorf("userinfo is %v", v)
	}
	for path, status := range map[string]int{"/connect/endsession": 200, "/connect/nothing": 404, "/consent?returnUrl=x": 400} {
		req, _ := http.NewRequest("GET", d.sim.Issuer()+path, nil)
		if resp, _ := d.send(req); resp.StatusCode != status {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, status)
		}
	}
	for grant, want := range map[string]string{"client_credentials": "unauthorized_client", "magic": "unsupported_grant_type", "refresh_token": "invalid_grant"} {
		if status, v := d.form(map[string][]string{"grant_type": {grant}}); status != 400 || v["error"] != want {
			t.Errorf("%s: %d %v", grant, status, v)
		}
	}
}
