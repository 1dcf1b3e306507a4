package storagetest

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

var vendorTests = map[string]func(*fixture){
	"Vendor/ingests once, by cursor": func(b *fixture) {
		r := b.records()
		entry := func(id, lock, user string, d time.Duration) storage.VendorEntry {
			return storage.VendorEntry{ID: id, Lock: lock, At: at(d), What: "lock_opened", Detail: "x", By: "tag", User: user,
				Raw: []byte(`{"id":"` + id + `"}`)}
		}
		c, err := r.Cursor(b.ctx, b.site)
		b.ok(err)
		b.same("first cursor", c, "")
		first := []storage.VendorEntry{entry("b", "l1", "u1", time.Minute), entry("a", "l2", "", time.Minute), entry("c", "l1", "u2", 0)}
		n, err := r.Ingest(b.ctx, b.site, "", "one", first)
		b.ok(err)
		b.same("new", n, 3)
		_, err = r.Ingest(b.ctx, b.site, "", "other", []storage.VendorEntry{entry("z", "l1", "u1", 0)})
		b.is(err, storage.ErrConflict)
		changed := entry("a", "l9", "u9", 0)
		n, err = r.Ingest(b.ctx, b.site, "one", "two", []storage.VendorEntry{changed, entry("d", "l1", "u1", 2*time.Minute),
			entry("d", "l1", "u1", 2*time.Minute)})
		b.ok(err)
		b.same("new the second time", n, 1)
		c, err = r.Cursor(b.ctx, b.site)
		b.ok(err)
		b.same("cursor", c, "two")
		for _, q := range []struct {
			storage.VendorQuery
			want string
		}{
			{storage.VendorQuery{}, "cabd"}, {storage.VendorQuery{Lock: "l1"}, "cbd"}, {storage.VendorQuery{User: "u1"}, "bd"},
			{storage.VendorQuery{From: at(time.Minute), Until: at(2 * time.Minute)}, "ab"}, {storage.VendorQuery{Limit: 2}, "ca"},
		} {
			q.Site = b.site
			list, err := r.VendorEntries(b.ctx, q.VendorQuery)
			b.ok(err)
			var ids []string
			for _, e := range list {
				ids = append(ids, e.ID)
			}
			b.same("ids", strings.Join(ids, ""), q.want)
		}
		list, err := r.VendorEntries(b.ctx, storage.VendorQuery{Site: b.site, Lock: "l2"})
		b.ok(err)
		b.same("entry", list, []storage.VendorEntry{first[1]})
		n, err = r.PruneVendor(b.ctx, b.site, at(time.Minute))
		b.ok(err)
		b.same("pruned", n, 1)
		b.same("the door log", len(b.rows()), 0)
	},
	"Vendor/two readers, one cursor": func(b *fixture) {
		handles := b.handles()
		var wg sync.WaitGroup
		errs := make([]error, 16)
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = handles[i%len(handles)].Ingest(b.ctx, b.site, "", "next",
					[]storage.VendorEntry{{ID: "x", Lock: "l", At: at(0), Raw: []byte("{}")}})
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, storage.ErrConflict):
				b.Errorf("Ingest: %v", err)
			}
		}
		b.same("winners", won, 1)
	},
	"Vendor/large and hostile": func(b *fixture) {
		r := b.records()
		var list []storage.VendorEntry
		for _, s := range hostile {
			list = append(list, storage.VendorEntry{ID: s, Lock: s, At: at(0), What: s, Detail: s, By: s, User: s,
				Raw: []byte(strings.Repeat(s, 3))})
		}
		list[0].Raw = []byte(strings.Repeat("\x00", 64<<10))
		n, err := r.Ingest(b.ctx, b.site, "", strings.Repeat("c", 4000), list)
		b.ok(err)
		b.same("new", n, len(hostile))
		for _, e := range list {
			got, err := r.VendorEntries(b.ctx, storage.VendorQuery{Site: b.site, Lock: e.Lock, User: e.User})
			b.ok(err)
			b.same("entry", got, []storage.VendorEntry{e})
		}
	},
}
