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
	for want, v := range map[string]any{
		`{"site":{"id":"loft","time_zone":"UTC"},"settings":{},"membership_types":[],"resources":[],"exceptions":[],"closures":[],"version":0}`: storage.Rules{
			Site: access.Site{ID: site, TimeZone: "UTC"},
		},
		`{"revision":"r1","site":{"id":"loft","time_zone":"UTC"},"settings":{},"membership_types":[],"resources":[{"id":"room","before":"5m0s"}],` +
			`"exceptions":[],"closures":[{"from":"2026-05-04T12:00:00Z","until":"2026-05-04T13:00:00Z","note":"new floor"}],"version":3}`: storage.Rules{
			Revision: "r1", Site: access.Site{ID: site, TimeZone: "UTC"}, Resources: []access.Resource{{ID: "room", Before: new(5 * time.Minute)}},
			Closures: []access.Closure{closed}, Version: 3,
		},
		`{"id":"lab","access_type":"access_only","version":2}`: storage.Door{Door: access.Door{ID: "lab", AccessType: access.AccessOnly}, Version: 2},
		`{"id":"front","access_type":"access_only","link":{"site":"salto-site","gateway":"iq","lock":"l1","name":"Lock l1"}}`: storage.Door{
			Door: access.Door{ID: "front", AccessType: access.AccessOnly}, Link: link("l1"),
		},
		`{"id":"ada","version":1}`: storage.Member{Member: access.Member{ID: "ada"}, Version: 1},
		`{"id":"g1","member":"ada","door":"lab","hours":"always","version":1}`: storage.Grant{
			Grant: access.Grant{ID: "g1", Member: "ada", Door: "lab", Hours: access.Always()}, Version: 1,
		},
		`{"id":"r1","resource":"room","member":"ada","start":"2026-05-04T12:00:00Z","end":"2026-05-04T13:00:00Z","version":1}`: storage.Reservation{
			Reservation: reservation.Reservation{ID: "r1", Resource: "room", Member: "ada", Start: noon, End: noon.Add(time.Hour)}, Version: 1,
		},
		`{"door":"lab","member":"ada","request_id":"q","since":"2026-05-04T12:00:00Z"}`: storage.Hold{Door: "lab", Member: "ada", RequestID: "q", Since: noon},
		`{"off":false}`: storage.KillSwitch{},
		`{"id":"e1","lock":"l1","at":"2026-05-04T12:00:00Z","what":"lock_opened"}`: storage.VendorEntry{ID: "e1", Lock: "l1", At: noon, What: "lock_opened"},
		`{"rows":2}`:                       storage.Erased{Rows: 2},
		`{"field":"id","what":"required"}`: storage.Fault{Field: "id", What: "required"},
	} {
		got, err := json.Marshal(v)
		if diff := cmp.Diff(want, string(got)); err != nil || diff != "" {
			t.Errorf("%T: %v (-want +got):\n%s", v, err, diff)
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
