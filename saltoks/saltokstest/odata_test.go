package saltokstest_test

import (
	"net/url"
	"slices"
	"testing"

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
	d.want(400, "1102", "GET", "/v1.2/sites/"+d.site+"/locks?$orderby=colour", "")
	d.want(400, "1102", "GET", "/v1.2/sites/"+d.site+"/locks?$orderby=mac%20sideways", "")
}
