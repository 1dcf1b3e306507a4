package saltokstest_test

import (
	"encoding/csv"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
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
			d.sim.Tap(d.lock, d.email) // a new entry does not shift the pages
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

// TestContinuationOutlivesItsEntry checks that a token whose entry has expired does not
// lead back to the first page.
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
	d.sim.Clock().Advance(90*24*time.Hour - 30*time.Minute) // only the newest entry is left
	d.login()
	if ids, _ := page(token); len(ids) != 0 {
		t.Errorf("after the second page comes %v", ids)
	}
}

// TestEntriesOfAnOfflineIQ checks that they arrive late, with their own times, in the list
// and in the stream.
func TestEntriesOfAnOfflineIQ(t *testing.T) {
	d := newActivatedWith(t, saltokstest.Config{Now: noon, Switches: saltokstest.Switches{HoldOfflineEntries: true}})
	other := d.sim.World().Sites[0].Locks[1] // at another IQ
	_, raw := d.hub("POST", "/v1/hub/entries/negotiate", "", nil)
	var n struct{ ConnectionID string }
	decode(t, []byte(raw), &n)
	at := url.Values{"id": {n.ConnectionID}}
	d.hub("GET", "/v1/hub/entries", "", at)
	d.hub("POST", "/v1/hub/entries", handshake, at)
	d.hub("GET", "/v1/hub/entries", "", at)

	d.sim.SetIQOnline(d.iq, false)
	d.sim.Tap(d.lock, d.email)
	d.sim.Clock().Advance(10 * time.Minute)
	d.sim.OpenFromInside(d.lock)
	d.sim.Clock().Advance(110 * time.Minute)
	d.sim.Tap(other.ID, d.email)
	d.login()
	times := func() (list []string) {
		v := d.want(200, "", "GET", "/v1.1/sites/"+d.site+"/entries", "").(map[string]any)
		for _, e := range v["items"].([]any) {
			list = append(list, e.(map[string]any)["utc_date_time"].(string))
		}
		return list
	}
	diff(t, []string{"2026-11-25T14:00:00Z"}, times())
	if _, raw := d.hub("GET", "/v1/hub/entries", "", at); strings.Count(raw, "ReceiveMessage") != 1 {
		t.Errorf("the stream carried %q", raw)
	}
	d.sim.SetIQOnline(d.iq, true)
	diff(t, []string{"2026-11-25T14:00:00Z", "2026-11-25T12:10:00Z", "2026-11-25T12:00:00Z"}, times())
	if _, raw := d.hub("GET", "/v1/hub/entries", "", at); strings.Count(raw, "ReceiveMessage") != 2 {
		t.Errorf("the stream carried %q", raw)
	}
	d.sim.SetIQOnline(d.iq, true)
	if got := len(times()); got != 3 {
		t.Errorf("online twice: %d entries", got)
	}
}

// TestLockWithAWrongClock checks that its entries have its times, and that they are kept
// for 90 days all the same.
func TestLockWithAWrongClock(t *testing.T) {
	d := newActivatedWith(t, saltokstest.Config{Now: noon})
	for _, c := range []struct {
		offset time.Duration
		want   string
	}{
		{-26 * 365 * 24 * time.Hour, "2000-12-01T12:00:00Z"}, {10 * time.Minute, "2026-11-25T12:10:00Z"}, {0, "2026-11-25T12:00:00Z"},
	} {
		d.sim.SetLockClock(d.lock, c.offset)
		d.sim.Tap(d.lock, d.email)
		if got := d.sim.LockState(d.lock); got != "unlocked" {
			t.Errorf("%v: the lock is %s", c.offset, got)
		}
		v := d.want(200, "", "GET", "/v1.1/sites/"+d.site+"/entries", "").(map[string]any)
		found := false
		for _, e := range v["items"].([]any) {
			found = found || e.(map[string]any)["utc_date_time"] == c.want
		}
		if !found {
			t.Errorf("%v: no entry at %s in %v", c.offset, c.want, v["items"])
		}
	}
}

func TestEntriesExport(t *testing.T) {
	d := newActivatedWith(t, saltokstest.Config{Now: noon})
	d.sim.RenameLock(d.lock, `Main; "Entrance"`)
	for range 3 {
		d.sim.Tap(d.lock, d.email)
		d.sim.Clock().Advance(24 * time.Hour)
	}
	d.login()
	export := func(query string) (*http.Response, string) {
		return d.get(d.sim.API()+"/v1.1/sites/"+d.site+"/entries/export?"+query, d.token)
	}
	for query, rows := range map[string]int{
		"export_file_name=log&from_date=2026-11-25&to_date=2026-11-26":                       2,
		"from_date=2026-11-25&to_date=2026-11-27":                                            3,
		"from_date=2026-11-25T12:00:00Z&to_date=2026-11-26T12:00:00Z":                        1,
		"from_date=" + url.QueryEscape("2026-11-26 12:59:59") + "&to_date=2026-11-30":        2, // 11:59:59 UTC
		"from_date=2027-01-01&to_date=2027-01-02&export_file_name=" + url.QueryEscape(`a"b`): 0,
	} {
		resp, raw := export(query)
		r := csv.NewReader(strings.NewReader(raw))
		r.Comma = ';'
		list, err := r.ReadAll()
		if err != nil || resp.StatusCode != 200 || len(list) != rows+1 {
			t.Errorf("%s: %d %v, %d lines, want %d rows", query, resp.StatusCode, err, len(list), rows)
			continue
		}
		if rows > 0 && (list[1][4] != `Main; "Entrance"` || list[1][7] != "tag") {
			t.Errorf("%s: the row is %q", query, list[1])
		}
		_, params, err := mime.ParseMediaType(resp.Header.Get("Content-Disposition"))
		if err != nil || !strings.HasSuffix(params["filename"], ".csv") {
			t.Errorf("%s: %q", query, resp.Header.Get("Content-Disposition"))
		}
	}
	for _, query := range []string{"", "from_date=2026-11-25", "from_date=soon&to_date=2026-11-25"} {
		if resp, raw := export(query); resp.StatusCode != 400 || !strings.Contains(raw, `"ErrorCode":"110`) {
			t.Errorf("%q: %d %s", query, resp.StatusCode, raw)
		}
	}
	d.want(405, "", "GET", "/v1.2/sites/"+d.site+"/entries/export", "")
}
