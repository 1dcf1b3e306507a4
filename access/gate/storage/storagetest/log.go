package storagetest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

var logTests = map[string]func(*fixture){
	"Log/an empty one": func(b *fixture) {
		base, head, err := b.records().Ends(b.ctx, b.site)
		b.ok(err)
		b.same("ends", []storage.Head{base, head}, []storage.Head{{}, {}})
		b.same("rows", len(b.rows()), 0)
		b.same("verification", b.verified(), storage.Verification{})
	},
	"Log/a long one, cut again and again": func(b *fixture) {
		r := b.records()
		const long = 700
		for i := range long {
			_, err := r.Note(b.ctx, b.site, logEntry("ada", "front", "unlock", storage.Denied, time.Duration(i)*time.Second))
			b.ok(err)
		}
		for retentions, cut := range []int{0, 10, 255, 256, 600, long} { // each but the first appends a retention row
			base, n, err := r.Retain(b.ctx, b.site, at(time.Duration(cut)*time.Second), retention())
			b.ok(err)
			b.same("base", base.Seq, uint64(cut))
			b.same("rows that verify", b.verified().Rows, long-cut+retentions)
			b.same("no row removed, no retention row", n == 0, retentions == 0)
			newest := b.log(storage.LogQuery{Site: b.site, Newest: true, After: long, Limit: 2})
			b.same("rows from the end", len(newest), min(2, max(long-1-cut, 0)))
		}
		seq, err := r.Note(b.ctx, b.site, logEntry("ada", "front", "unlock", storage.Denied, long*time.Second))
		b.ok(err)
		b.same("the next number", seq, uint64(long+6))
		b.same("rows that verify", b.verified().Rows, 6)
	},
	"Log/verified": func(b *fixture) {
		want := func(head storage.Head) {
			b.Helper()
			for _, r := range b.handles() {
				got, err := r.Verified(b.ctx, b.site)
				b.ok(err)
				b.same("verified", got, head)
			}
		}
		r := b.records()
		want(storage.Head{})
		high, low := storage.Head{Seq: 7, Hash: storage.Digest{7}}, storage.Head{Seq: 6, Hash: storage.Digest{6}}
		b.ok(r.SetVerified(b.ctx, b.site, low))
		want(low)
		b.ok(r.SetVerified(b.ctx, b.site+"2", storage.Head{Seq: 9}))
		for _, head := range []storage.Head{high, low, {Seq: 7}} {
			b.ok(r.SetVerified(b.ctx, b.site, head))
			want(high)
		}
	},
	"Log/one chain of many writers": func(b *fixture) {
		handles := b.handles()
		const writers, each = 8, 40
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					e := logEntry(fmt.Sprintf("member-%d", w), "front", "unlock", storage.Denied, time.Duration(i)*time.Second)
					if _, err := handles[w%len(handles)].Note(b.ctx, b.site, e); err != nil {
						b.Errorf("Note: %v", err)
					}
				}
			})
		}
		wg.Wait()
		v := b.verified()
		b.same("rows", v.Rows, writers*each)
		rows := b.rows()
		for i, row := range rows {
			if row.Seq != uint64(i+1) {
				b.Fatalf("row %d has Seq %d", i+1, row.Seq)
			}
		}
		b.same("head", v.Head, rows[len(rows)-1].Head())
	},
	"Log/selects": func(b *fixture) {
		for i := range 20 {
			outcome := storage.Denied
			if i%4 == 0 {
				outcome = storage.Accepted
			}
			e := logEntry(fmt.Sprint("member-", i%2), fmt.Sprint("door-", i%3), "unlock", outcome, time.Duration(i)*time.Second)
			_, err := b.records().Note(b.ctx, b.site, e)
			b.ok(err)
		}
		for _, c := range []struct {
			name string
			q    storage.LogQuery
			want []uint64
		}{
			{"after", storage.LogQuery{After: 17}, []uint64{18, 19, 20}},
			{"after the end", storage.LogQuery{After: 20}, nil},
			{"after any number", storage.LogQuery{After: math.MaxUint64}, nil},
			{"newest before any number", storage.LogQuery{Newest: true, After: math.MaxUint64, Limit: 2}, []uint64{20, 19}},
			{"limit", storage.LogQuery{Limit: 3}, []uint64{1, 2, 3}},
			{"newest", storage.LogQuery{Newest: true, Limit: 3}, []uint64{20, 19, 18}},
			{"newest before", storage.LogQuery{Newest: true, After: 4}, []uint64{3, 2, 1}},
			{"newest before the first", storage.LogQuery{Newest: true, After: 1}, nil},
			{"door", storage.LogQuery{Door: "door-0", After: 10}, []uint64{13, 16, 19}},
			{"member", storage.LogQuery{Member: "member-1", Limit: 2}, []uint64{2, 4}},
			{"outcome", storage.LogQuery{Outcome: storage.Accepted}, []uint64{1, 5, 9, 13, 17}},
			{"outcome, newest, limit", storage.LogQuery{Outcome: storage.Accepted, Newest: true, Limit: 2}, []uint64{17, 13}},
			{"from", storage.LogQuery{From: at(18 * time.Second)}, []uint64{19, 20}},
			{"until", storage.LogQuery{Until: at(2 * time.Second)}, []uint64{1, 2}},
			{"all of it", storage.LogQuery{Door: "door-0", Member: "member-0", Outcome: storage.Accepted, From: at(0), Until: at(time.Minute)},
				[]uint64{1, 13}},
		} {
			c.q.Site = b.site
			var got []uint64
			for _, row := range b.log(c.q) {
				got = append(got, row.Seq)
			}
			if !slices.Equal(got, c.want) {
				b.Errorf("%s: got rows %v, want %v", c.name, got, c.want)
			}
		}
	},
	"Log/reads more than a page, and writes while it reads": func(b *fixture) {
		const many = 1100
		r := b.records()
		for i := range many {
			_, err := r.Note(b.ctx, b.site, logEntry("ada", "front", "unlock", storage.Denied, time.Duration(i)))
			b.ok(err)
		}
		n := 0
		for row, err := range r.Rows(b.ctx, storage.LogQuery{Site: b.site}) {
			b.ok(err)
			if n++; row.Seq != uint64(n) {
				b.Fatalf("row %d has Seq %d", n, row.Seq)
			}
			if n == 1 { // a storage holds nothing while a caller works on a row, for any number of callers
				for range 100 {
					defer b.pull()()
				}
				ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
				_, err := r.Note(ctx, b.site, logEntry("bob", "front", "unlock", storage.Denied, 0))
				cancel()
				b.ok(err)
			}
			if n == many {
				break
			}
		}
		b.same("verified", b.verified().Rows, many+1)
	},
	"Log/retention keeps the chain": func(b *fixture) {
		r := b.records()
		for _, s := range []int{1, 2, 9, 3, 4} { // the third came from a clock that jumped
			_, err := r.Note(b.ctx, b.site, logEntry("ada", "front", "unlock", storage.Denied, time.Duration(s)*time.Second))
			b.ok(err)
		}
		rows := b.rows()
		base, n, err := r.Retain(b.ctx, b.site, at(4*time.Second), retention())
		b.ok(err)
		b.same("removed", n, 2)
		b.same("base", base, rows[1].Head())
		now := b.rows()
		b.same("rows kept", now[:3], rows[2:])
		said := now[3]
		b.same("the row about it", said.LogEntry, retention().Retention(base))
		v := b.verified()
		b.same("verified", v, storage.Verification{Rows: 4, Head: said.Head()})
		base, n, err = r.Retain(b.ctx, b.site, at(4*time.Second), retention())
		b.ok(err)
		b.same("removed again", n, 0)
		b.same("base again", base, rows[1].Head())
		b.same("rows", len(b.rows()), 4)
		base, n, err = r.Retain(b.ctx, b.site, at(retained+time.Second), retention())
		b.ok(err)
		b.same("removed the rest, the row about the first too", n, 4)
		b.same("base", base, said.Head())
		seq, err := r.Note(b.ctx, b.site, logEntry("ada", "front", "unlock", storage.Denied, time.Hour))
		b.ok(err)
		b.same("the next row", seq, uint64(8))
		got, head, err := r.Ends(b.ctx, b.site)
		b.ok(err)
		b.same("base at last", got, said.Head())
		b.same("head", head, b.rows()[1].Head())
		b.same("verified", b.verified().Rows, 2)
		b.same("newest of what is kept", len(b.log(storage.LogQuery{Site: b.site, Newest: true, After: 7})), 0)
	},
	"Log/rows that Verify would refuse": func(b *fixture) {
		for _, change := range []func(*storage.LogEntry){
			func(e *storage.LogEntry) { e.Salt = e.Salt[:15] },
			func(e *storage.LogEntry) { e.Salt, e.Detail = append(slices.Clip(e.Salt), e.Detail...), nil },
			func(e *storage.LogEntry) { e.Detail = []byte(`["ada"]`) },
			func(e *storage.LogEntry) { e.Detail = nil },
			func(e *storage.LogEntry) { e.Member = "eve" },
			func(e *storage.LogEntry) { e.Salt, e.Detail = nil, nil }, // but e names a member
		} {
			e := logEntry("ada", "front", "unlock", storage.Denied, 0)
			change(&e)
			e.Commitment = storage.Commitment(e.Salt, e.Detail)
			_, err := b.records().Note(b.ctx, b.site, e)
			b.refused(err)
		}
		e := logEntry("ada", "front", "unlock", storage.Denied, 0)
		e.Commitment[0] ^= 1
		_, err := b.records().Note(b.ctx, b.site, e)
		b.refused(err)
		b.same("rows", len(b.rows()), 0)
	},
}

// retained is when the retention of the tests runs, after the fixed instant.
const retained = 24 * time.Hour

// retention returns the row about a removal.
func retention() storage.LogEntry { return logEntry("", "", "", "", retained) }
