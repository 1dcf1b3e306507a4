package saltokstest_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestFilters(t *testing.T) {
	f := newClient(t)
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

func TestOrder(t *testing.T) {
	d := newActivated(t)
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
	d.want(400, "1102", "GET", "/v1.2/sites/"+d.site+"/locks?$orderby=color", "")
	d.want(400, "1102", "GET", "/v1.2/sites/"+d.site+"/locks?$orderby=mac%20sideways", "")
}

// TestODataVersions checks the literals of v3, and of v4 with the header of SALTO's app.
func TestODataVersions(t *testing.T) {
	d := newActivatedWith(t, saltokstest.Config{Now: noon}) // 2026-11-25 12:00 UTC
	for range 3 {
		d.sim.Tap(d.lock, d.email)
		d.sim.Clock().Advance(time.Hour)
	}
	d.login()
	const v3, v4 = "", "true"
	for _, c := range []struct {
		version, filter string
		want            int // rows, or -1 for 400
	}{
		{v3, "utc_date_time ge datetime'2026-11-25T13:00:00Z'", 2},
		{v3, "utc_date_time ge DateTime'2026-11-25T13:00:00'", 2},
		{v3, "utc_date_time ge datetime'2026-11-25 13:00:00'", 2},
		{v3, "utc_date_time gt '2026-11-25 13:00:00'", 1},
		{v3, "utc_date_time eq datetime'2026-11-25T14:00:00Z'", 1},
		{v3, "substringof('entrance',lock_customer_reference)", 3},
		{v3, "not substringof('office',lock_customer_reference)", 3},
		{v3, "contains(lock_customer_reference,'entrance')", 3},
		{v3, "utc_date_time ge 2026-11-25T13:00:00Z", -1},
		{v3, "substringof(lock_customer_reference,'entrance')", -1},
		{v3, "utc_date_time ge datetime'soon'", -1},
		{v4, "utc_date_time ge 2026-11-25T13:00:00Z", 2},
		{v4, "utc_date_time lt 2026-11-25T14:00:00.5+01:00", 2},
		{v4, "contains(lock_customer_reference,'entrance') and utc_date_time lt 2026-11-25T13:00:00Z", 1},
		{v4, "utc_date_time ge datetime'2026-11-25T13:00:00Z'", -1},
		{v4, "substringof('entrance',lock_customer_reference)", -1},
		{v4, "utc_date_time ge 2026-13-25", -1},
		{"false", "substringof('entrance',lock_customer_reference)", 3},
	} {
		q := url.Values{"$filter": {c.filter}}
		req, _ := http.NewRequest("GET", d.sim.API()+"/v1.1/sites/"+d.site+"/entries?"+q.Encode(), nil)
		req.Header.Set("Authorization", "Bearer "+d.token)
		if c.version != "" {
			req.Header.Set("CLP-disable-odata-v3-conversion", c.version)
		}
		resp, raw := d.send(req)
		var v struct{ Items []any }
		decode(t, raw, &v)
		rows := len(v.Items)
		if resp.StatusCode == 400 && strings.Contains(string(raw), `"1102"`) {
			rows = -1
		}
		if rows != c.want {
			t.Errorf("version %q, %s: %d rows, want %d (%d)", c.version, c.filter, rows, c.want, resp.StatusCode)
		}
	}
}

// TestQueriesThatAreNotText checks that NUL and invalid UTF-8 are refused wherever they are.
func TestQueriesThatAreNotText(t *testing.T) {
	d := newClient(t)
	locks := "/v1.2/sites/" + d.site + "/locks?"
	for _, query := range []string{
		"$filter=customer_reference%20eq%20'a%00b'", "$filter=customer_reference%20eq%20'%ff'", "$filter=%00",
		"$orderby=mac%00", "$top=%c3%28", "$inlinecount=allpages%00",
	} {
		d.want(400, "1102", "GET", locks+query, "")
	}
	d.want(200, "", "GET", locks+"$filter=customer_reference%20eq%20'%c3%a9'", "")
}

// TestTextsAreNotNumbers checks that a text is compared as text.
func TestTextsAreNotNumbers(t *testing.T) {
	d := newClient(t)
	d.sim.RenameLock(d.lock, "007")
	for filter, want := range map[string]int{
		"customer_reference eq '007'": 1, "customer_reference eq '7'": 0, "customer_reference eq '7.0'": 0,
		"offline_access_keys_count eq 0": 4,
	} {
		v := d.want(200, "", "GET", "/v1.2/sites/"+d.site+"/locks?"+url.Values{"$filter": {filter}}.Encode(), "").(map[string]any)
		if got := len(v["items"].([]any)); got != want {
			t.Errorf("%s: %d locks, want %d", filter, got, want)
		}
	}
}
