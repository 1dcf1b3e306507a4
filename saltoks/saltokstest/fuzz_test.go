package saltokstest_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// FuzzRequest checks that the simulator answers every request with a status of the API.
func FuzzRequest(f *testing.F) {
	sim, err := saltokstest.Start(saltokstest.Config{MaxRequests: saltokstest.RecordNothing})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(sim.Close)
	token := logIn(sim)
	site := "/v1.2/sites/" + sim.World().Sites[0].ID
	lock := site + "/locks/" + sim.World().Sites[0].Locks[0].ID
	f.Add("GET", site+"/locks", "$filter=customer_reference eq 'a' and (online eq true or not contains(mac,'0'))", "")
	f.Add("GET", "/v1.1"+site[5:]+"/entries", "$orderby=utc_date_time&$top=1&$filter=utc_date_time ge DateTime'2026-01-01T00:00:00Z'", "")
	f.Add("PATCH", lock+"/locking", "", `{"locked_state":"unlocked","otp":"abcde"}`)
	f.Add("PUT", lock+"/easy_office_mode_schedule", "", `{"monday":true,"start_time":"08:00","end_time":"07:00","start_date":"2026-01-01"}`)
	f.Add("POST", site+"/users", "", `{"first_name":"A","last_name":"B","role_ids":[7],"expires_at":null}`)
	f.Add("POST", "/v1.1"+site[5:]+"/access_groups", "", `{"customer_reference":"G"}`)
	f.Add("GET", "/v1.1"+site[5:]+"/entries/export", "from_date=2026-01-01&to_date=2026-01-02%2012:00:00&export_file_name=a", "")
	f.Add("GET", site+"/locks", "$filter=substringof('a',customer_reference)&$orderby=mac desc", "")
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		if !validMethod(method) {
			return
		}
		req := httptest.NewRequest("GET", sim.API(), strings.NewReader(body))
		req.Method = method
		req.URL = &url.URL{Path: "/connect" + path, RawQuery: query}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, req)
		switch w.Code {
		case 200, 201, 202, 204, 400, 403, 404, 405:
		default:
			t.Errorf("%s %s?%s %q: %d %s", method, path, query, body, w.Code, w.Body)
		}
	})
}

func validMethod(m string) bool {
	_, err := http.NewRequest(m, "http://a/", nil)
	return err == nil
}
