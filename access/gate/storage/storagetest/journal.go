package storagetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// journalTests test what is read from the journal, and what is removed from it.
var journalTests = map[string]func(*fixture){
	"Wait/for another handle's outcome": func(b *fixture) {
		e := b.claim(b.attempt("ada", "front", access.Unlock, 0))
		handles := b.handles()
		var wg sync.WaitGroup
		got := make([]storage.JournalEntry, 20)
		for i := range got {
			wg.Go(func() {
				var err error
				if got[i], err = handles[i%len(handles)].Wait(b.ctx, e.RequestKey, storage.Sending); err != nil {
					b.Errorf("Wait: %v", err)
				}
			})
		}
		_, err := handles[len(handles)-1].Settle(b.ctx, settlement(e, storage.Accepted, 0))
		b.ok(err)
		wg.Wait()
		for _, e := range got {
			b.same("outcome", e.Outcome, storage.Accepted)
		}
	},
	"Wait/returns at once, or under its context": func(b *fixture) {
		e := b.claim(b.attempt("ada", "front", access.Unlock, 0))
		got, err := b.records().Wait(b.ctx, e.RequestKey, storage.Unconfirmed)
		b.ok(err)
		b.same("entry", got, e)
		ctx, cancel := context.WithTimeoutCause(b.ctx, 20*time.Millisecond, errors.New("the member has left"))
		defer cancel()
		_, err = b.records().Wait(ctx, e.RequestKey, storage.Sending)
		b.is(err, context.DeadlineExceeded)
		_, err = b.records().Wait(b.ctx, storage.RequestKey{Site: b.site, Member: "ada", RequestID: "unknown"}, storage.Sending)
		b.is(err, storage.ErrNotFound)
	},
	"Wait/for what is pruned": func(b *fixture) {
		e := b.claim(b.attempt("ada", "front", access.Unlock, 0))
		_, err := b.records().Settle(b.ctx, settlement(e, storage.Unconfirmed, 0))
		b.ok(err)
		waited := make(chan error)
		go func() {
			_, err := b.records().Wait(b.ctx, e.RequestKey, storage.Unconfirmed)
			waited <- err
		}()
		_, err = b.records().Prune(b.ctx, b.site, at(time.Hour))
		b.ok(err)
		b.is(<-waited, storage.ErrNotFound)
	},
	"Prune, Erase/taps that shared go too": func(b *fixture) {
		share := func(member string) storage.RequestKey {
			e := b.claim(b.attempt(member, "front", access.Unlock, 0))
			a := b.attempt(member, "front", access.Unlock, time.Second)
			c, err := b.records().Begin(b.ctx, a)
			b.ok(err)
			b.same("state", c.State, storage.Shared)
			_, err = b.records().Settle(b.ctx, settlement(e, storage.Accepted, time.Second))
			b.ok(err)
			return a.Entry.RequestKey
		}
		ada, bob := share("ada"), share("bob")
		_, err := b.records().Erase(b.ctx, b.site, "ada", at(time.Hour))
		b.ok(err)
		if b.look(ada) != nil || b.look(bob) == nil {
			b.Fatal("Erase must remove the shared tap of ada and keep that of bob")
		}
		n, err := b.records().Prune(b.ctx, b.site, at(time.Hour))
		b.ok(err)
		b.same("pruned", n, 2)
		if b.look(bob) != nil {
			b.Fatal("Prune must remove the shared tap of bob")
		}
	},
	"Entries/select and prune": func(b *fixture) {
		r := b.records()
		var open []storage.JournalEntry
		for i := range 5 {
			open = append(open, b.claim(b.attempt("ada", "front", access.Unlock, time.Duration(i)*time.Minute)))
		}
		_, err := r.Settle(b.ctx, settlement(open[1], storage.Unconfirmed, time.Hour))
		b.ok(err)
		_, err = r.Settle(b.ctx, settlement(open[2], storage.Accepted, time.Hour))
		b.ok(err)
		ids := func(q storage.JournalQuery) (list []string) {
			q.Site = b.site
			entries, err := r.Entries(b.ctx, q)
			b.ok(err)
			for _, e := range entries {
				list = append(list, e.RequestID)
			}
			return list
		}
		id := func(n ...int) (list []string) {
			for _, i := range n {
				list = append(list, open[i].RequestID)
			}
			return list
		}
		b.same("sending", ids(storage.JournalQuery{Outcome: storage.Sending}), id(0, 3, 4))
		b.same("sending, two", ids(storage.JournalQuery{Outcome: storage.Sending, Limit: 2}), id(0, 3))
		b.same("send_by before", ids(storage.JournalQuery{Outcome: storage.Sending, SendByBefore: open[3].SendBy}), id(0))
		b.same("begun since", ids(storage.JournalQuery{Outcome: storage.Sending, BegunSince: open[3].Begun}), id(3, 4))
		b.same("unconfirmed", ids(storage.JournalQuery{Outcome: storage.Unconfirmed}), id(1))
		b.same("accepted", ids(storage.JournalQuery{Outcome: storage.Accepted}), id(2))
		n, err := r.Prune(b.ctx, b.site, open[2].Begun)
		b.ok(err)
		b.same("pruned", n, 1)
		b.same("unconfirmed, pruned", len(ids(storage.JournalQuery{Outcome: storage.Unconfirmed})), 0)
		n, err = r.Prune(b.ctx, b.site, at(time.Hour))
		b.ok(err)
		b.same("pruned", n, 1)
		b.same("sending stay", ids(storage.JournalQuery{Outcome: storage.Sending}), id(0, 3, 4))
		b.same("rows stay", len(b.rows()), 7)
	},
	"Erase/a person": func(b *fixture) {
		r := b.records()
		var settled []storage.JournalEntry
		for i, member := range []string{"ada", "bob", "ada"} {
			e := b.claim(b.attempt(member, "office", access.OfficeMode, time.Duration(i)*time.Minute))
			s := settlement(e, storage.Accepted, time.Duration(i)*time.Minute)
			s.CheckIn = &storage.CheckIn{Member: member, Key: "day", Door: "office", Action: access.OfficeMode, RequestID: e.RequestID, At: s.At,
				Day: "2026-05-04"}
			s.Hold = &storage.Hold{Door: "office", Member: member, RequestID: e.RequestID, Since: e.Begun}
			_, err := r.Settle(b.ctx, s)
			b.ok(err)
			settled = append(settled, e)
		}
		open := b.claim(b.attempt("ada", "front", access.Unlock, 0))
		helped := logEntry("bob", "front", "unlock", storage.Denied, 0)
		helped.Actor = "ada"
		helped = sealed(helped, detail{Member: "bob", Actor: "ada"})
		_, err := r.Note(b.ctx, b.site, helped)
		b.ok(err)
		switched := logEntry("", "", "switch_on", "", 0)
		switched.Actor = "ada"
		switched = sealed(switched, detail{Actor: "ada"})
		b.ok(r.SetKillSwitch(b.ctx, b.site, storage.KillSwitch{By: "ada", Why: "all is well", At: at(0)}, switched))

		_, err = r.Erase(b.ctx, b.site, "dot", at(time.Hour))
		b.is(err, storage.ErrNotFound)
		erased, err := r.Erase(b.ctx, b.site, "ada", settled[2].SendBy)
		b.ok(err)
		b.same("rows without detail", erased.Rows, 7) // 4 of ada's, the open attempt, and two with ada as the actor
		b.same("verified", b.verified().Erased, 7)
		sw, err := r.KillSwitch(b.ctx, b.site)
		b.ok(err)
		b.same("the switch", sw, storage.KillSwitch{At: at(0)})
		if b.look(settled[0].RequestKey) != nil || b.look(settled[1].RequestKey) == nil || b.look(settled[2].RequestKey) == nil ||
			b.look(open.RequestKey) == nil {
			b.Fatal("Erase must remove the old entry of ada, and keep ada's late one, ada's open one and bob's")
		}
		list, err := r.CheckIns(b.ctx, storage.CheckInQuery{Site: b.site})
		b.ok(err)
		b.same("check-ins", len(list), 1)
		holds, err := r.Holds(b.ctx, b.site)
		b.ok(err)
		b.same("holders", []string{holds[0].Member, holds[1].Member}, []string{"bob", ""})
		b.same("rows by ada", len(b.log(storage.LogQuery{Site: b.site, Member: "ada"})), 0)
		b.same("rows by bob", len(b.log(storage.LogQuery{Site: b.site, Member: "bob"})), 2)
		for _, row := range b.rows() {
			erased := row.Member == ""
			if erased != (len(row.Salt) == 0 && len(row.Detail) == 0 && row.Actor == "") {
				b.Fatalf("row %d is half erased: %+v", row.Seq, row)
			}
		}
		_, err = r.Erase(b.ctx, b.site, "", at(time.Hour)) // rows without an actor do not name anyone
		b.is(err, storage.ErrNotFound)
		erased, err = r.Erase(b.ctx, b.site, "ada", at(time.Hour))
		b.ok(err)
		b.same("rows the second time", erased.Rows, 0)
		if b.look(settled[2].RequestKey) != nil || b.look(open.RequestKey) == nil {
			b.Fatal("the second Erase must remove the late entry of ada and keep the open one")
		}
	},
	"Erase/the text of the kill switch": func(b *fixture) {
		r := b.records()
		for _, c := range []struct{ by, why, wantBy, wantWhy string }{
			{"ada", "they left", "", ""}, {"eve", "ada lost their phone", "eve", ""}, {"eve", "fire drill", "eve", "fire drill"},
		} {
			row := logEntry("", "", "switch_off", "", 0)
			row.Actor = c.by
			row = sealed(row, detail{Actor: c.by, Note: c.why})
			b.ok(r.SetKillSwitch(b.ctx, b.site, storage.KillSwitch{Off: true, By: c.by, Why: c.why, At: at(0)}, row))
			if _, err := r.Erase(b.ctx, b.site, "ada", at(0)); c.why == c.wantWhy {
				b.is(err, storage.ErrNotFound)
			} else {
				b.ok(err)
			}
			w, err := r.KillSwitch(b.ctx, b.site)
			b.ok(err)
			b.same("the switch", w, storage.KillSwitch{Off: true, By: c.wantBy, Why: c.wantWhy, At: at(0)})
			rows := b.rows()
			last := rows[len(rows)-1]
			b.same("the detail of the row stays", len(last.Detail) > 0, c.why == c.wantWhy)
		}
	},
	"Erase/a user of the lock system": func(b *fixture) {
		r := b.records()
		entry := func(id, user string) storage.VendorEntry {
			return storage.VendorEntry{ID: id, Lock: "l1", At: at(0), What: "lock_opened", Detail: "by " + user, By: "tag", User: user,
				Raw: []byte(`{"user":"` + user + `"}`)}
		}
		list := []storage.VendorEntry{entry("a", "u1"), entry("b", "u2"), entry("c", "u1"), entry("d", "")}
		_, err := r.Ingest(b.ctx, b.site, "", "one", list)
		b.ok(err)
		erased, err := r.EraseVendorUser(b.ctx, b.site, "u1")
		b.ok(err)
		b.same("erased", erased, storage.Erased{Rows: 2})
		n, err := r.Ingest(b.ctx, b.site, "one", "two", list[:1]) // read again, as with an overlap
		b.ok(err)
		b.same("new", n, 0)
		got, err := r.VendorEntries(b.ctx, storage.VendorQuery{Site: b.site})
		b.ok(err)
		for _, i := range []int{0, 2} {
			list[i].User, list[i].Detail, list[i].Raw = "", "", nil
		}
		b.same("entries", got, list)
		for _, user := range []string{"u1", "u9", ""} {
			_, err = r.EraseVendorUser(b.ctx, b.site, user)
			b.is(err, storage.ErrNotFound)
		}
	},
}
