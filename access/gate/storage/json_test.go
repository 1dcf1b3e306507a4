package storage_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// What a host puts into an answer of its API has snake_case keys, lists that are
// never null, and no zero times.
func TestRecordsAsJSON(t *testing.T) {
	closed := access.Closure{From: noon, Until: noon.Add(time.Hour), Note: "new floor"}
	loft := access.Site{ID: site, TimeZone: "UTC"}
	for _, c := range []struct {
		v    any
		want string
	}{
		{storage.Rules{Site: loft}, `{"site":{"id":"loft","time_zone":"UTC"},"settings":{},` +
			`"membership_types":[],"resources":[],"exceptions":[],"closures":[],"version":0}`},
		{storage.Rules{
			Revision: "r1", Site: loft, Resources: []access.Resource{{ID: "room", Before: new(5 * time.Minute)}},
			Closures: []access.Closure{closed}, Version: 3,
		}, `{"revision":"r1","site":{"id":"loft","time_zone":"UTC"},"settings":{},` +
			`"membership_types":[],"resources":[{"id":"room","before":"5m0s"}],"exceptions":[],` +
			`"closures":[{"from":"2026-05-04T12:00:00Z","until":"2026-05-04T13:00:00Z","note":"new floor"}],"version":3}`},
		{storage.Door{Door: access.Door{ID: "lab", AccessType: access.AccessOnly}, Version: 2},
			`{"id":"lab","access_type":"access_only","version":2}`},
		{storage.Door{Door: access.Door{ID: "front", AccessType: access.AccessOnly}, Link: link("l1")},
			`{"id":"front","access_type":"access_only","link":{"site":"salto-site","gateway":"iq","lock":"l1","name":"Lock l1"}}`},
		{storage.Member{Member: access.Member{ID: "ada"}, Version: 1}, `{"id":"ada","version":1}`},
		{storage.Grant{Grant: access.Grant{ID: "g1", Member: "ada", Door: "lab", Hours: access.Always()}, Version: 1},
			`{"id":"g1","member":"ada","door":"lab","hours":"always","version":1}`},
		{storage.Reservation{
			Reservation: reservation.Reservation{ID: "r1", Resource: "room", Member: "ada", Start: noon, End: noon.Add(time.Hour)}, Version: 1,
		}, `{"id":"r1","resource":"room","member":"ada","start":"2026-05-04T12:00:00Z","end":"2026-05-04T13:00:00Z","version":1}`},
		{storage.Hold{Door: "lab", Member: "ada", RequestID: "q", Since: noon},
			`{"door":"lab","member":"ada","request_id":"q","since":"2026-05-04T12:00:00Z"}`},
		{storage.KillSwitch{}, `{"off":false}`},
		{storage.VendorEntry{ID: "e1", Lock: "l1", At: noon, What: "lock_opened"},
			`{"id":"e1","lock":"l1","at":"2026-05-04T12:00:00Z","what":"lock_opened"}`},
		{storage.Erased{Rows: 2}, `{"rows":2}`},
		{storage.Fault{Field: "id", What: "required"}, `{"field":"id","what":"required"}`},
	} {
		got, err := json.Marshal(c.v)
		if diff := cmp.Diff(c.want, string(got)); err != nil || diff != "" {
			t.Errorf("%T: %v (-want +got):\n%s", c.v, err, diff)
		}
	}
	row := storage.Head{}.Append(site, sealed("ada", ""))
	text, err := json.Marshal(row)
	var back storage.LogRow
	if err == nil {
		err = json.Unmarshal(text, &back)
	}
	if diff := cmp.Diff(row, back); err != nil || diff != "" {
		t.Errorf("a log row: %v (-written +read):\n%s", err, diff)
	}
}
