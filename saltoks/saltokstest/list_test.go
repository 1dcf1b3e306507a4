package saltokstest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestListShapes(t *testing.T) {
	f := newClientWith(t, saltokstest.Config{Switches: saltokstest.Switches{PageSize: 3}})
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

// TestPagesEnd checks the last page with the largest and the smallest $top.
func TestPagesEnd(t *testing.T) {
	f := newClient(t)
	locks := "/v1.2/sites/" + f.sim.World().Sites[0].ID + "/locks"
	for query, want := range map[string]int{"$top=9223372036854775807&$skip=1": 3, "$top=0&$inlinecount=allpages": 0} {
		v := f.want(200, "", "GET", locks+"?"+query, "").(map[string]any)
		if n := len(v["items"].([]any)); n != want || v["next_page_link"] != nil {
			t.Errorf("%s: %d locks, then %v", query, n, v["next_page_link"])
		}
	}
}

// TestRowsAddedBetweenPages checks that a page of rows added in between shifts the offset
// only with ListNewestFirst: then the second page is the first once more.
func TestRowsAddedBetweenPages(t *testing.T) {
	for _, c := range []struct {
		newestFirst bool
		added       int
		overlap     int
	}{{true, 2, 2}, {true, 1, 1}, {true, 0, 0}, {false, 2, 0}} {
		f := newClientWith(t, saltokstest.Config{Switches: saltokstest.Switches{PageSize: 2, ListNewestFirst: c.newestFirst}})
		path := "/v1.2/sites/" + f.site + "/locks"
		page := func(path string) (ids []string, next string) {
			v := f.want(200, "", "GET", path, "").(map[string]any)
			for _, l := range v["items"].([]any) {
				ids = append(ids, l.(map[string]any)["id"].(string))
			}
			next, _ = v["next_page_link"].(string)
			return ids, strings.TrimPrefix(next, f.sim.API())
		}
		first, next := page(path)
		for n := range c.added {
			f.sim.AddLock(f.site, saltokstest.Lock{Name: fmt.Sprintf("New %d", n)})
		}
		second, _ := page(next)
		overlap := 0
		for _, id := range second {
			if slices.Contains(first, id) {
				overlap++
			}
		}
		if overlap != c.overlap {
			t.Errorf("newest first %t, %d added: %d rows came twice, want %d", c.newestFirst, c.added, overlap, c.overlap)
		}
	}
}
