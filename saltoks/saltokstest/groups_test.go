package saltokstest_test

import "testing"

// TestGroupCalls makes every call for access groups.
func TestGroupCalls(t *testing.T) {
	d := newActivated(t)
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
	for range 2 { // adding twice has no further effect
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
	v := d.want(200, "", "PATCH", ts+"/"+id,
		`{"friday":true,"start_time":"09:00","end_time":"18:00","start_date":"2026-01-01","end_date":"2026-12-31T12:00:00"}`).(map[string]any)
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
