package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// manySitesTests test storage.ManySites, for a storage that implements it. Each works at
// one site and asks about several.
var manySitesTests = map[string]func(*fixture){
	"ManySites/recover": func(b *fixture) {
		done := b.claim(b.attempt("bob", "front", access.Unlock, -time.Hour))
		_, err := b.records().Settle(b.ctx, settlement(done, storage.Accepted, -time.Hour))
		b.ok(err)
		e := b.claim(b.attempt("ada", "front", access.Unlock, 0))
		b.due(storage.WorkRecover, e.SendBy, false)
		b.due(storage.WorkRecover, e.SendBy.Add(time.Microsecond), true)
		_, err = b.records().Settle(b.ctx, settlement(e, storage.Unconfirmed, time.Minute))
		b.ok(err)
		b.due(storage.WorkRecover, e.SendBy.Add(time.Hour), false)
	},
	"ManySites/holds": func(b *fixture) {
		b.due(storage.WorkHolds, time.Time{}, false)
		b.settleStart(b.claimStart("ada", 0), storage.Unconfirmed, time.Second)
		b.settleStart(b.claimStart("bob", 0), storage.Accepted, time.Second)
		b.due(storage.WorkHolds, time.Time{}, true)
		b.endHolds(at(time.Hour))
		b.due(storage.WorkHolds, time.Time{}, false)
	},
	"ManySites/prune": func(b *fixture) {
		e := b.claim(b.attempt("ada", "front", access.Unlock, 0))
		b.due(storage.WorkPrune, at(time.Hour), false) // it is Sending
		_, err := b.records().Settle(b.ctx, settlement(e, storage.Accepted, time.Second))
		b.ok(err)
		b.due(storage.WorkPrune, at(0), false)
		b.due(storage.WorkPrune, at(time.Microsecond), true)
		_, err = b.records().Prune(b.ctx, b.site, at(time.Microsecond))
		b.ok(err)
		b.due(storage.WorkPrune, at(time.Hour), false)
		for i, outcome := range []storage.Outcome{storage.Denied, storage.NotSent, storage.Refused, storage.Unconfirmed} {
			d := time.Duration(i) * time.Hour
			settled := b.claim(b.attempt("ada", "front", access.Unlock, d))
			_, err := b.records().Settle(b.ctx, settlement(settled, outcome, d))
			b.ok(err)
			b.due(storage.WorkPrune, at(d+time.Second), true)
			_, err = b.records().Prune(b.ctx, b.site, at(d+time.Second))
			b.ok(err)
		}
	},
	"ManySites/prune a shared tap": func(b *fixture) {
		b.claim(b.attempt("ada", "front", access.Unlock, 0)) // stays Sending
		c, err := b.records().Begin(b.ctx, b.attempt("ada", "front", access.Unlock, time.Second))
		b.ok(err)
		b.same("state", c.State, storage.Shared)
		b.due(storage.WorkPrune, at(time.Second), false)
		b.due(storage.WorkPrune, at(time.Minute), true)
	},
	"ManySites/retain": func(b *fixture) {
		b.due(storage.WorkRetain, at(time.Hour), false)
		for _, d := range []time.Duration{time.Minute, 0, 2 * time.Minute} { // of two writers with different clocks
			_, err := b.records().Note(b.ctx, b.site, logEntry("ada", "front", "unlock", storage.Denied, d))
			b.ok(err)
		}
		b.due(storage.WorkRetain, at(time.Minute), false) // the second row is older, but not the first one
		b.due(storage.WorkRetain, at(time.Minute+1000), true)
		_, n, err := b.records().Retain(b.ctx, b.site, at(time.Minute+1000), retention())
		b.ok(err)
		b.same("removed", n, 2)
		b.due(storage.WorkRetain, at(time.Minute+1000), false)
		b.due(storage.WorkRetain, at(2*time.Minute+1000), true)
		_, err = b.records().Ingest(b.ctx, b.site, "", "next", []storage.VendorEntry{{ID: "e", Lock: "l", At: at(0)}})
		b.ok(err)
		b.due(storage.WorkRetain, at(0), false)
		b.due(storage.WorkRetain, at(time.Minute), true) // an entry of the lock system's log is older
	},
	"ManySites/verify": func(b *fixture) {
		b.due(storage.WorkVerify, time.Time{}, false)
		verify := func(due bool) {
			b.Helper()
			_, err := storage.VerifyNew(b.ctx, b.records(), b.site)
			b.ok(err)
			b.due(storage.WorkVerify, time.Time{}, due)
		}
		for i := range 2 {
			_, err := b.records().Note(b.ctx, b.site, logEntry("ada", "front", "unlock", storage.Denied, time.Duration(i)))
			b.ok(err)
			b.due(storage.WorkVerify, time.Time{}, true)
			verify(false)
		}
		_, _, err := b.records().Retain(b.ctx, b.site, at(time.Hour), retention())
		b.ok(err)
		b.due(storage.WorkVerify, time.Time{}, true)
		verify(false)
		// A head that is not that of the log: rows at its end were removed.
		b.ok(b.records().SetVerified(b.ctx, b.site, storage.Head{Seq: 9, Hash: storage.Digest{9}}))
		b.due(storage.WorkVerify, time.Time{}, true)
	},
	"ManySites/many": func(b *fixture) {
		m := b.manySites()
		b.claim(b.attempt("ada", "front", access.Unlock, 0))
		var sites []string
		for i := range 25_000 {
			sites = append(sites, fmt.Sprintf("%s-%05d", b.site, i))
		}
		for _, i := range []int{0, 9_999, 10_000, 24_999} {
			list := slices.Insert(slices.Clone(sites), i, b.site)
			due, err := m.Due(b.ctx, storage.DueQuery{Sites: list, Work: storage.WorkRecover, Before: at(time.Hour)})
			b.ok(err)
			b.same(fmt.Sprintf("due, at place %d", i), due, []string{b.site})
		}
	},
	"ManySites/bad queries": func(b *fixture) {
		m := b.manySites()
		due, err := m.Due(b.ctx, storage.DueQuery{Work: storage.WorkHolds})
		b.ok(err)
		b.same("due of no sites", len(due), 0)
		if _, err := m.Due(b.ctx, storage.DueQuery{Sites: []string{b.site}, Work: "clean"}); !isRequestError(err) {
			b.Errorf("an unknown work: %v, want a *storage.RequestError", err)
		}
		ctx, cancel := context.WithCancel(b.ctx)
		cancel()
		if _, err := m.Due(ctx, storage.DueQuery{Sites: []string{b.site}, Work: storage.WorkHolds}); !errors.Is(err, context.Canceled) {
			b.Errorf("got %v, want the context's error", err)
		}
		b.claim(b.attempt("ada", "front", access.Unlock, 0))
		// What is no id has no work, and does not keep the others from theirs.
		due, err = m.Due(b.ctx, storage.DueQuery{
			Sites: []string{"a\x00b", "\xff", "", `"`, b.site}, Work: storage.WorkRecover, Before: at(time.Hour),
		})
		b.ok(err)
		b.same("due", due, []string{b.site})
	},
}

func isRequestError(err error) bool {
	_, ok := errors.AsType[*storage.RequestError](err)
	return ok
}

// manySites skips the test unless the storage implements ManySites.
func (b *fixture) manySites() storage.ManySites {
	b.Helper()
	m, ok := b.records().(storage.ManySites)
	if !ok {
		b.Skip("this storage is no storage.ManySites")
	}
	return m
}

// due fails the test unless the site is due, and no other one.
func (b *fixture) due(w storage.Work, before time.Time, want bool) {
	b.Helper()
	due, err := b.manySites().Due(b.ctx, storage.DueQuery{Sites: []string{b.site + "-other", b.site}, Work: w, Before: before})
	b.ok(err)
	if got := slices.Equal(due, []string{b.site}); got != want || !want && len(due) > 0 {
		b.Errorf("due are %q, want the site: %t", due, want)
	}
	due, err = b.manySites().Due(b.ctx, storage.DueQuery{Sites: []string{b.site + "-other"}, Work: w, Before: before})
	b.ok(err)
	b.same("due of the others", len(due), 0)
}
