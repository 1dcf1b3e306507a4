package storagetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

var settleTests = map[string]func(*fixture){
	"Settle/every transition": func(b *fixture) {
		all := []storage.Outcome{storage.Denied, storage.NotSent, storage.Accepted, storage.Refused, storage.Unconfirmed}
		for _, first := range all {
			for _, second := range all {
				e := b.claim(b.attempt("ada", "door-"+string(first)+string(second), access.Unlock, 0))
				_, err := b.records().Settle(b.ctx, settlement(e, first, time.Second))
				b.ok(err)
				before := len(b.rows())
				s := settlement(e, second, 2*time.Second)
				s.Doc = []byte("second")
				_, err = b.records().Settle(b.ctx, s)
				got := b.look(e.RequestKey)
				switch {
				case second == first:
					b.ok(err)
					b.same("rows after the same again", len(b.rows()), before)
					b.same("doc after the same again", string(got.Doc), `{"settled":true}`)
				case first == storage.Unconfirmed && second != storage.Denied:
					b.ok(err)
					b.same("rows after a later truth", len(b.rows()), before+1)
					b.same("outcome", got.Outcome, second)
					b.same("settled", got.Settled, at(2*time.Second))
					b.same("doc", string(got.Doc), "second")
				default:
					b.is(err, storage.ErrConflict)
					b.same("rows after a conflict", len(b.rows()), before)
					b.same("outcome after a conflict", got.Outcome, first)
				}
			}
		}
		b.verified()
	},
	"Settle/writes everything at once": func(b *fixture) {
		e := b.claim(b.attempt("ada", "office", access.OfficeMode, 0))
		s := settlement(e, storage.Accepted, time.Second)
		s.CheckIn = &storage.CheckIn{Member: "ada", Key: "day/2026-05-04", Door: "office", Action: access.OfficeMode, RequestID: e.RequestID,
			At: at(time.Second), Day: "2026-05-04"}
		s.Hold = &storage.Hold{Door: "office", Member: "ada", RequestID: e.RequestID, Since: e.Begun}
		checkIn, err := b.records().Settle(b.ctx, s)
		b.ok(err)
		want := e
		want.Outcome, want.Settled, want.Doc = storage.Accepted, s.At, s.Doc
		b.same("check-in", checkIn, s.CheckIn)
		b.same("entry", *b.look(e.RequestKey), want)
		rows := b.rows()
		b.same("rows", len(rows), 2)
		b.same("outcome row", rows[1].LogEntry, s.Log)
		list, err := b.records().CheckIns(b.ctx, storage.CheckInQuery{Site: b.site})
		b.ok(err)
		b.same("check-ins", list, []storage.CheckIn{*s.CheckIn})
		holds, err := b.records().Holds(b.ctx, b.site)
		b.ok(err)
		b.same("holds", holds, []storage.Hold{*s.Hold})
		m, err := b.records().Lookup(b.ctx, e.RequestKey, "office")
		b.ok(err)
		b.same("holding", m.Holding, true)
		for _, other := range []struct{ member, door string }{{"bob", "office"}, {"ada", "lab"}} {
			m, err = b.records().Lookup(b.ctx, storage.RequestKey{Site: b.site, Member: other.member, RequestID: e.RequestID}, other.door)
			b.ok(err)
			b.same("holding of another", m.Holding, false)
		}
		// Again, as after a lost answer.
		checkIn, err = b.records().Settle(b.ctx, s)
		b.ok(err)
		b.same("check-in, settled again", checkIn, s.CheckIn)
		b.same("entry, settled again", *b.look(e.RequestKey), want)
		b.same("rows", len(b.rows()), 2)
	},
	"Settle/a conflict writes nothing": func(b *fixture) {
		e := b.claim(b.attempt("ada", "office", access.OfficeMode, 0))
		_, err := b.records().Settle(b.ctx, settlement(e, storage.Refused, time.Second))
		b.ok(err)
		s := settlement(e, storage.Accepted, 2*time.Second)
		s.CheckIn = &storage.CheckIn{Member: "ada", Key: "k", Door: "office", RequestID: e.RequestID, At: s.At, Day: "2026-05-04"}
		s.Hold = &storage.Hold{Door: "office", Member: "ada", RequestID: e.RequestID, Since: e.Begun}
		_, err = b.records().Settle(b.ctx, s)
		b.is(err, storage.ErrConflict)
		list, err := b.records().CheckIns(b.ctx, storage.CheckInQuery{Site: b.site})
		b.ok(err)
		holds, err := b.records().Holds(b.ctx, b.site)
		b.ok(err)
		b.same("check-ins, holds, rows", []int{len(list), len(holds), len(b.rows())}, []int{0, 0, 2})
	},
	"Settle/Sending is no outcome": func(b *fixture) {
		e := b.claim(b.attempt("ada", "front", access.Unlock, 0))
		for _, o := range []storage.Outcome{storage.Sending, ""} {
			_, err := b.records().Settle(b.ctx, settlement(e, o, time.Second))
			b.is(err, storage.ErrConflict)
		}
		b.same("entry", *b.look(e.RequestKey), e)
		b.same("rows", len(b.rows()), 1)
	},
	"Settle/unknown request": func(b *fixture) {
		a := b.attempt("ada", "front", access.Unlock, 0)
		_, err := b.records().Settle(b.ctx, settlement(a.Entry, storage.Accepted, 0))
		b.is(err, storage.ErrNotFound)
		b.same("rows", len(b.rows()), 0)
	},
	"Settle/two check-ins with one key": func(b *fixture) {
		var first *storage.CheckIn
		for i, member := range []string{"ada", "ada", "bob"} {
			a := b.attempt(member, "front", access.Unlock, time.Duration(i)*time.Minute)
			e := b.claim(a)
			s := settlement(e, storage.Accepted, time.Duration(i)*time.Minute)
			s.CheckIn = &storage.CheckIn{Member: member, Key: "day/2026-05-04", Door: "front", Action: access.Unlock, RequestID: e.RequestID,
				At: s.At, Day: "2026-05-04"}
			checkIn, err := b.records().Settle(b.ctx, s)
			b.ok(err)
			switch i {
			case 0:
				first = s.CheckIn
				fallthrough
			case 1:
				b.same("check-in", checkIn, first)
			case 2:
				b.same("check-in", checkIn, s.CheckIn)
			}
		}
		for _, q := range []struct {
			storage.CheckInQuery
			want int
		}{
			{storage.CheckInQuery{}, 2}, {storage.CheckInQuery{Member: "ada"}, 1}, {storage.CheckInQuery{Limit: 1}, 1},
			{storage.CheckInQuery{From: at(0)}, 2}, {storage.CheckInQuery{From: at(time.Microsecond)}, 1},
			{storage.CheckInQuery{Until: at(0)}, 0}, {storage.CheckInQuery{Until: at(time.Microsecond)}, 1},
		} {
			q.Site = b.site
			list, err := b.records().CheckIns(b.ctx, q.CheckInQuery)
			b.ok(err)
			b.same("check-ins selected", len(list), q.want)
		}
	},
	"Settle/many at once, one check-in": func(b *fixture) {
		handles := b.handles()
		var wg sync.WaitGroup
		made := make([]*storage.CheckIn, 16)
		for i := range made {
			e := b.claim(b.attempt("ada", fmt.Sprint("door-", i), access.Unlock, 0))
			wg.Go(func() {
				s := settlement(e, storage.Accepted, time.Second)
				s.CheckIn = &storage.CheckIn{Member: "ada", Key: "day/2026-05-04", Door: e.Door, Action: access.Unlock, RequestID: e.RequestID,
					At: s.At, Day: "2026-05-04"}
				checkIn, err := handles[i%len(handles)].Settle(b.ctx, s)
				if err != nil {
					b.Errorf("Settle: %v", err)
				}
				made[i] = checkIn
			})
		}
		wg.Wait()
		list, err := b.records().CheckIns(b.ctx, storage.CheckInQuery{Site: b.site})
		b.ok(err)
		b.same("check-ins", len(list), 1)
		for _, c := range made {
			b.same("the check-in of each", c, &list[0])
		}
	},
	"Settle/many at once, one outcome": func(b *fixture) {
		e := b.claim(b.attempt("ada", "front", access.Unlock, 0))
		handles := b.handles()
		outcomes := []storage.Outcome{storage.Accepted, storage.Refused, storage.NotSent}
		var wg sync.WaitGroup
		results := make([]error, 30)
		for i := range results {
			wg.Go(func() {
				_, results[i] = handles[i%len(handles)].Settle(b.ctx, settlement(e, outcomes[i%3], 0))
			})
		}
		wg.Wait()
		won := b.look(e.RequestKey).Outcome
		for i, err := range results {
			if (err == nil) != (outcomes[i%3] == won) || err != nil && !errors.Is(err, storage.ErrConflict) {
				b.Fatalf("settling to %s while it is %s: got %v", outcomes[i%3], won, err)
			}
		}
		b.same("rows", len(b.rows()), 2)
	},
}
