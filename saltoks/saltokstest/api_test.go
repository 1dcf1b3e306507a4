package saltokstest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// TestRefusals has the requests whose refusals are verified at SALTO.
func TestRefusals(t *testing.T) {
	d := newActivated(t)
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
		{"an unknown path", "GET", site + "/webhooks", "", 404, ""},
		{"entries ordered by date", "GET", "/v1.1/sites/" + d.site + "/entries?$orderby=date", "", 400, "1102"},
		{"a filter without an operator", "GET", site + "/locks?$filter=customer_reference", "", 400, "1102"},
		{"a filter on an unknown property", "GET", site + "/locks?$filter=color+eq+'red'", "", 400, "1102"},
		{"an open quote", "GET", site + "/locks?$filter=customer_reference+eq+'O'Brien'", "", 400, "1102"},
		{"a top that is no number", "GET", site + "/locks?$top=many", "", 400, "1102"},
		{"a state that is not a command", "PATCH", d.locking(), `{"locked_state":"uncertain"}`, 400, "1101"},
		{"a body that is no JSON", "PATCH", d.locking(), `unlock`, 400, "1100"},
		{"a subscription with the wrong field", "PATCH", site + "/users/" + d.member() + "/subscription",
			`{"subscription_state":"suspended"}`, 400, "1101"},
		{"an empty e-mail", "POST", site + "/users", `{"first_name":"A","last_name":"B","email":""}`, 400, "1101"},
		{"a custom PIN without the feature", "PUT", site + "/users/" + d.member() + "/pin/custom", `{"pin":"123456"}`, 403, "2212"},
		{"a deactivation without a code", "DELETE", site + "/iqs/" + d.iq + "/pin/" + d.member(), "", 400, "1100"},
		{"a first secret after activation", "GET", site + "/iqs/" + d.iq + "/secret", "", 403, "2203"},
		{"an IQ PIN after activation", "GET", site + "/iqs/" + d.iq + "/pin", "", 403, "3102 command_forbidden"},
		{"a PIN without a code", "PUT", site + "/iqs/" + d.iq + "/pin", `{"delta":"0000"}`, 400, "1100"},
		{"a missing code once activated", "PATCH", d.locking(), `{"locked_state":"unlocked"}`, 400, "3102 otp_invalid"},
	} {
		t.Run(c.what, func(t *testing.T) {
			f := *d
			f.t = t
			f.want(c.status, c.code, c.method, strings.ReplaceAll(c.path, " ", "%20"), c.body)
		})
	}
}

func TestProblemJSONOnV2(t *testing.T) {
	d := newActivated(t)
	for _, path := range []string{"/me/permissions", "/me/roles", "/roles", "/permissions"} {
		v := d.want(403, "", "GET", "/v2/sites/"+d.site+path, "").(map[string]any)
		if v["title"] != "Forbidden" || v["status"] != 403.0 || !strings.HasPrefix(v["traceId"].(string), "00-") {
			t.Errorf("%s: %v", path, v)
		}
	}
}

func TestUnsupportedMediaType(t *testing.T) {
	d := newActivated(t)
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

// TestRefusedIsUndone checks that a refused request changes nothing.
func TestRefusedIsUndone(t *testing.T) {
	d := newActivatedWith(t, saltokstest.Config{Now: noon, Switches: saltokstest.Switches{UserDelay: -1}})
	site := "/v1.2/sites/" + d.site

	// A tree with a lock that does not exist moves none of the others.
	tree := site + "/iqs/" + d.iq + "/tree"
	moved := d.sim.World().Sites[0].Locks[1].ID
	before := d.want(200, "", "GET", tree, "")
	d.want(400, "2204", "PUT", tree, `{"iq_tree_items":[{"id":"`+moved+`"},{"id":"nowhere"}],"otp":"`+d.sim.OTP(d.email, d.iq)+`"}`)
	diff(t, before, d.want(200, "", "GET", tree, ""))

	// A refused user does not exist: the next request can use the e-mail.
	users := site + "/users"
	d.want(400, "1101", "POST", users, `{"first_name":"A","last_name":"B","email":"new@harbour.example","use_pin":"yes"}`)
	v := d.want(200, "", "POST", users, `{"first_name":"Ada","last_name":"Quay","email":"new@harbour.example"}`).(map[string]any)
	if name := v["user"].(map[string]any)["first_name"]; name != "Ada" {
		t.Errorf("the new user is called %v", name)
	}

	// One invalid field leaves the others as they are.
	uid := users + "/" + v["id"].(string)
	was := d.want(200, "", "GET", uid, "")
	for range 20 {
		d.want(400, "1101", "PATCH", uid, `{"blocked":true,"use_pin":true,"remote_access":true,"alias":"x","expires_at":"soon"}`)
	}
	diff(t, was, d.want(200, "", "GET", uid, ""))

	// A refused keypad PIN leaves the old one as it is.
	end := d.sim.Now().Add(time.Hour).Format(time.RFC3339)
	d.want(200, "", "PUT", uid+"/pin", `{"expiry_date":"`+end+`"}`)
	keys := d.want(200, "", "GET", uid+"/keys", "")
	d.want(400, "1101", "PUT", uid+"/pin", `{"expiry_date":"soon"}`)
	diff(t, keys, d.want(200, "", "GET", uid+"/keys", ""))
}
