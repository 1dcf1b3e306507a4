package storage_test

import (
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// A link has no date, or one that every database keeps.
func TestNormalizeDateOfALink(t *testing.T) {
	for year, ok := range map[int]bool{1: true, 2: false, 1969: false, 1970: true, 9999: true, 10000: false} {
		d := storage.Door{Door: access.Door{ID: "front", AccessType: access.AccessOnly}, Link: link("l1")}
		d.Link.LinkedAt = time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) // the year 1 is the zero time
		_, err := storage.Normalize(site, d)
		if ok {
			wantFields(t, err)
		} else {
			wantFields(t, err, "link.linked_at")
		}
	}
}
