package storage_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// TestPageByTime: whatever the limit, the pages together are all rows in their order, and
// those of one instant are on one page.
func TestPageByTime(t *testing.T) {
	zero := time.Unix(0, 0)
	all := []int64{1, 1, 2, 3, 3, 3, 3, 4, 5, 5}
	at := func(n int64) time.Time { return zero.Add(time.Duration(n) * time.Microsecond) }
	read := func(from, until time.Time, limit int) (list []int64, err error) {
		for _, n := range all {
			if !at(n).Before(from) && at(n).Before(until) && (limit == 0 || len(list) < limit) {
				list = append(list, n)
			}
		}
		return list, nil
	}
	for limit := 1; limit <= len(all)+1; limit++ {
		var got []int64
		for from, more := zero, true; more; {
			rows, next, err := storage.PageByTime(from, at(6), limit, at, read)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) > 0 && len(rows) > 0 && got[len(got)-1] == rows[0] {
				t.Errorf("limit %d: instant %d is on two pages", limit, rows[0])
			}
			if len(rows) > limit && slices.Min(rows) != slices.Max(rows) {
				t.Errorf("limit %d: a page of %v", limit, rows)
			}
			got, from, more = append(got, rows...), next, !next.IsZero()
		}
		if diff := cmp.Diff(all, got); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
}
