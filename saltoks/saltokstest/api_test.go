package saltokstest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// TestRefusals is the list of wrong requests whose answers were measured.
func TestRefusals(t *testing.T) {
	d := newDoor(t)
	uid := d.sim.World().Sites[0].UID
	site := "/v1.2/sites/" + d.site
	nowhere := "00000000-0000-1000-8000-000000000000"
	for _, c := range []struct {
		what, method, path, body string
		status                   int
		code                     string
	}{
		{"a site UID in the path", "GET", "/v1.2/sites/" + uid, "", 400, "1100"},
		{"an unknown site", "GET", "/v1.2/sites/" + nowhere, "", 404, "2202"},
		{"an unknown lock", "GET", site + "/locks/" + nowhere, "", 404, "2202"},
		{"an unknown iq", "GET", site + "/iqs/" + nowhere, "", 404, "2202"},
		{"entries under v1.2", "GET", site + "/entries", "", 405, ""},
		{"guests under v1.1", "POST", "/v1.1/sites/" + d.site + "/guests", `{}`, 405, ""},
		{"time schedules under v1.2", "GET", site + "/access_groups/" + nowhere + "/time_schedules", "", 405, ""},
		{"a wrong method", "DELETE", site, "", 405, ""},
		{"a path nobody knows", "GET", site + "/webhooks", "", 404, ""},
		{"entries ordered by date", "GET", "/v1.1/sites/" + d.site + "/entries?$orderby=date", "", 400, "1102"},
		{"a filter that is none", "GET", site + "/locks?$filter=customer_reference", "", 400, "1102"},
		{"a filter on nothing", "GET", site + "/locks?$filter=colour+eq+'red'", "", 400, "1102"},
		{"an open quote", "GET", site + "/locks?$filter=customer_reference+eq+'O'Brien'", "", 400, "1102"},
		{"a top that is no number", "GET", site + "/locks?$top=many", "", 400, "1102"},
		{"a state nobody can ask for", "PATCH", d.locking(), `{"locked_state":"uncertain"}`, 400, "1101"},
		{"a body that is no JSON", "PATCH", d.locking(), `unlock`, 400, "1100"},
		{"a subscription with the wrong field", "PATCH", site + "/users/" + d.member() + "/subscription", `{"subscription_state":"suspended"}`, 400, "1101"},
		{"an empty e-mail", "POST", site + "/users", `{"first_name":"A","last_name":"B","email":""}`, 400, "1101"},
		{"a custom PIN without the feature", "PUT", site + "/users/" + d.member() + "/pin/custom", `{"pin":"123456"}`, 403, "2212"},
		{"a deactivation without a code", "DELETE", site + "/iqs/" + d.iq + "/pin/" + d.member(), "", 400, "1100"},
		{"a first secret after activation", "GET", site + "/iqs/" + d.iq + "/secret", "", 403, "2203"},
		{"an IQ PIN after activation", "GET", site + "/iqs/" + d.iq + "/pin", "", 403, "3102 command_forbidden"},
		{"a PIN without a code", "PUT", site + "/iqs/" + d.iq + "/pin", `{"delta":"0000"}`, 400, "1100"},
		{"a missing code once activated", "PATCH", d.locking(), `{"locked_state":"unlocked"}`, 400, "3102 otp_invalid"},
	} {
		t.Run(c.what, func(t *testing.T) {
			f := *d.foreign
			f.t = t
			f.want(c.status, c.code, c.method, strings.ReplaceAll(c.path, " ", "%20"), c.body)
		})
	}
}

// member is the site-user id of the caller.
func (d *door) member() string {
	d.t.Helper()
	return d.want(200, "", "GET", "/v1.2/sites/"+d.site+"/me", "").(map[string]any)["id"].(string)
}

func TestUnauthorized(t *testing.T) {
	f := newForeign(t)
	for _, c := range []struct{ header, want string }{
		{"", "Bearer"},
		{"Bearer nonsense", `Bearer error="invalid_token"`},
	} {
		req, _ := http.NewRequest("GET", f.sim.API()+"/v1.2/me", nil)
		if c.header != "" {
			req.Header.Set("Authorization", c.header)
		}
		resp, body := f.send(req)
		if resp.StatusCode != 401 || len(body) != 0 || !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), c.want) {
			t.Errorf("%q: %d %q %q", c.header, resp.StatusCode, resp.Header.Get("WWW-Authenticate"), body)
		}
	}
}

func TestProblemJSONOnV2(t *testing.T) {
	d := newDoor(t)
	for _, path := range []string{"/me/permissions", "/me/roles", "/roles", "/permissions"} {
		v := d.want(403, "", "GET", "/v2/sites/"+d.site+path, "").(map[string]any)
		if v["title"] != "Forbidden" || v["status"] != 403.0 || !strings.HasPrefix(v["traceId"].(string), "00-") {
			t.Errorf("%s: %v", path, v)
		}
	}
}

func TestUnsupportedMediaType(t *testing.T) {
	d := newDoor(t)
	for _, contentType := range []string{"", "text/plain"} {
		req, _ := http.NewRequest("PATCH", d.sim.API()+d.locking(), strings.NewReader(d.body("unlocked")))
		req.Header.Set("Authorization", "Bearer "+d.token)
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		if resp, body := d.send(req); resp.StatusCode != 415 {
			t.Errorf("%q: %d %s", contentType, resp.StatusCode, body)
		}
	}
	if n := d.sim.Movements(d.lock); n != 0 {
		t.Errorf("%d movements", n)
	}
}

func TestOutsideTheBasePath(t *testing.T) {
	f := newForeign(t)
	req, _ := http.NewRequest("GET", strings.TrimSuffix(f.sim.API(), "/connect")+"/v1.2/me", nil)
	req.Header.Set("Authorization", "Bearer "+f.token)
	if resp, _ := f.send(req); resp.StatusCode != 404 {
		t.Errorf("a path without the base path: %d", resp.StatusCode)
	}
}

func TestListShapes(t *testing.T) {
	f := newForeignWith(t, saltokstest.Config{Switches: saltokstest.Switches{PageSize: 3}})
	site := f.sim.World().Sites[0].ID
	if v := f.want(200, "", "GET", "/v1.2/sites", "").([]any); len(v) != 1 {
		t.Errorf("v1.2 sites: %v", v)
	}
	if v := f.want(200, "", "GET", "/v1.1/sites/", "").(map[string]any); len(v["items"].([]any)) != 1 {
		t.Errorf("v1.1 sites: %v", v)
	}
	path := "/v1.2/sites/" + site + "/locks"
	v := f.want(200, "", "GET", path, "").(map[string]any)
	if len(v["items"].([]any)) != 3 || v["count"] != nil {
		t.Fatalf("the first page: %d items, count %v", len(v["items"].([]any)), v["count"])
	}
	next := v["next_page_link"].(string)
	if !strings.HasPrefix(next, f.sim.API()+path) {
		t.Fatalf("next_page_link %q", next)
	}
	v = f.want(200, "", "GET", strings.TrimPrefix(next, f.sim.API()), "").(map[string]any)
	if len(v["items"].([]any)) != 1 || v["next_page_link"] != nil {
		t.Errorf("the second page: %v", v)
	}
	v = f.want(200, "", "GET", path+"?$inlinecount=allpages&$top=1&skip=3", "").(map[string]any)
	if len(v["items"].([]any)) != 1 || v["count"] != 4.0 {
		t.Errorf("counted: %v", v)
	}
}

func TestFilters(t *testing.T) {
	f := newForeign(t)
	site := f.sim.World().Sites[0].ID
	f.sim.AddLock(site, saltokstest.Lock{Name: "O'Brien's Loft"})
	for filter, want := range map[string]int{
		"customer_reference eq 'Office Four'":                               1,
		"customer_reference eq 'O''Brien''s Loft'":                          1,
		"contains(customer_reference,'o')":                                  4,
		"startswith(customer_reference,'Main')":                             1,
		"not contains(customer_reference,'o')":                              1,
		"customer_reference ne 'Office Four' and online eq true":            4,
		"(customer_reference eq 'x' or floor eq null) and online eq true":   5,
		"offline_access_keys_limit gt 0":                                    0,
		"offline_access_keys_limit ge 0":                                    5,
		"offline_access_keys_limit lt 1 and offline_access_keys_limit le 0": 5,
		"iq/customer_reference eq 'IQ First Floor'":                         2,
	} {
		v := f.want(200, "", "GET", "/v1.2/sites/"+site+"/locks?"+url.Values{"$filter": {filter}}.Encode(), "").(map[string]any)
		if got := len(v["items"].([]any)); got != want {
			t.Errorf("%s: %d locks, want %d", filter, got, want)
		}
	}
}

func TestUsers(t *testing.T) {
	d := newDoorWith(t, saltokstest.Config{Now: noon, Switches: saltokstest.Switches{UserDelay: 40e9}})
	users := "/v1.2/sites/" + d.site + "/users"
	v := d.want(200, "", "POST", users, `{"first_name":"Ada","last_name":"Quay","email":"ada@harbour.example","use_pin":true}`).(map[string]any)
	uid, pid := v["id"].(string), v["user"].(map[string]any)["id"].(string)
	if uid == pid || len(v["roles"].([]any)) != 0 {
		t.Errorf("a new user: %v", v)
	}
	if mail := d.sim.Inbox()[len(d.sim.Inbox())-1]; mail.To != "ada@harbour.example" {
		t.Errorf("the invitation went to %s", mail.To)
	}
	g := d.want(200, "", "POST", "/v1.2/sites/"+d.site+"/access_groups", `{"customer_reference":"Residents"}`).(map[string]any)["id"].(string)
	group := "/v1.2/sites/" + d.site + "/access_groups/" + g

	// For a while, nothing works; then the same requests do.
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

	// A group without a time schedule opens nothing, and blames nobody we know.
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
	every := `"monday":true,"tuesday":true,"wednesday":true,"thursday":true,"friday":true,"saturday":true,"sunday":true,"start_time":"00:00"`
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
	d := newDoorWith(t, saltokstest.Config{World: w})
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
	d.want(200, "", "PUT", users+second+"/pin", `{}`) // silent
	d.want(202, "", "DELETE", users+first, "")
	v := d.want(200, "", "PATCH", users+second+"/subscription", `{"state":"subscribed"}`).(map[string]any)
	if v["subscription_state"] != "subscribed" {
		t.Errorf("after a seat got free: %v", v["subscription_state"])
	}
}

func TestEntriesContinue(t *testing.T) {
	d := newDoor(t)
	var want []string
	for n := range 5 {
		d.sim.RenameLock(d.lock, fmt.Sprintf("Name %d", n))
		d.sim.Tap(d.lock, d.email)
		d.sim.Clock().Advance(10e9)
		want = append([]string{fmt.Sprintf("Name %d", n)}, want...)
	}
	var got []string
	token := ""
	for page := 0; ; page++ {
		req, _ := http.NewRequest("GET", d.sim.API()+"/v1.1/sites/"+d.site+"/entries?$top=2&$orderby=utc_date_time%20desc", nil)
		req.Header.Set("Authorization", "Bearer "+d.token)
		if token != "" {
			req.Header.Set("CLP-Continuation-Token", token)
		}
		_, raw := d.send(req)
		var v struct {
			Items []struct {
				Name string `json:"lock_customer_reference"`
			}
			Token *string `json:"continuation_token"`
		}
		decode(t, raw, &v)
		for _, e := range v.Items {
			got = append(got, e.Name)
		}
		if page == 0 {
			d.sim.Tap(d.lock, d.email) // what happens meanwhile does not shift the pages
		}
		if v.Token == nil {
			break
		}
		token = *v.Token
	}
	diff(t, want, got)

	v := d.want(200, "", "GET", "/v1.1/sites/"+d.site+"/entries?$filter=(access_by%20eq%20'tag')", "").(map[string]any)
	if n := len(v["items"].([]any)); n != 6 {
		t.Errorf("%d taps", n)
	}
	d.sim.Clock().Advance(91 * 24 * 3600e9)
	d.login()
	v = d.want(200, "", "GET", "/v1.1/sites/"+d.site+"/entries", "").(map[string]any)
	if n := len(v["items"].([]any)); n != 0 {
		t.Errorf("%d entries after 91 days", n)
	}
}
