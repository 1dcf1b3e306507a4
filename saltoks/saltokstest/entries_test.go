package saltokstest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestEntriesContinue(t *testing.T) {
	d := newActivated(t)
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

// A token whose entry has meanwhile aged out does not lead back to the beginning.
func TestContinuationOutlivesItsEntry(t *testing.T) {
	d := newActivatedWith(t, saltokstest.Config{Now: noon})
	d.sim.Tap(d.lock, d.email)
	d.sim.Clock().Advance(time.Hour)
	d.sim.Tap(d.lock, d.email)
	d.sim.Clock().Advance(time.Hour)
	d.sim.Tap(d.lock, d.email)
	page := func(token string) (ids []string, next string) {
		req, _ := http.NewRequest("GET", d.sim.API()+"/v1.1/sites/"+d.site+"/entries?$top=1&$orderby=utc_date_time%20desc", nil)
		req.Header.Set("Authorization", "Bearer "+d.token)
		if token != "" {
			req.Header.Set("CLP-Continuation-Token", token)
		}
		_, raw := d.send(req)
		var v struct {
			Items []struct{ ID string }
			Token string `json:"continuation_token"`
		}
		decode(t, raw, &v)
		for _, e := range v.Items {
			ids = append(ids, e.ID)
		}
		return ids, v.Token
	}
	d.login()
	_, token := page("")
	_, token = page(token)
	d.sim.Clock().Advance(90*24*time.Hour - 30*time.Minute) // only the newest is left
	d.login()
	if ids, _ := page(token); len(ids) != 0 {
		t.Errorf("after the second page comes %v", ids)
	}
}
