package storagetest

import (
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// holdTests test which member holds which door open.
var holdTests = map[string]func(*fixture){
	"Settle/holds begin and end": func(b *fixture) {
		r := b.records()
		start := func(member string, d time.Duration, outcome storage.Outcome) storage.Hold {
			a := b.attempt(member, "office", access.OfficeMode, d)
			a.ShareWithin = 0
			e := b.claim(a)
			s := settlement(e, outcome, d)
			s.Hold = &storage.Hold{Door: "office", Member: member, RequestID: e.RequestID, Since: e.Begun, Uncertain: outcome == storage.Unconfirmed}
			_, err := r.Settle(b.ctx, s)
			b.ok(err)
			return *s.Hold
		}
		holds := func() []storage.Hold {
			list, err := r.Holds(b.ctx, b.site)
			b.ok(err)
			return list
		}
		bob := start("bob", 2*time.Minute, storage.Unconfirmed)
		ada := start("ada", time.Minute, storage.Accepted)
		b.same("holds", holds(), []storage.Hold{ada, bob})
		lock := b.claim(b.attempt("ada", "office", access.Lock, 90*time.Second))
		s := settlement(lock, storage.Accepted, 4*time.Minute)
		s.EndHolds = lock.Begun
		_, err := r.Settle(b.ctx, s)
		b.ok(err)
		b.same("holds after a lock that began before the second", holds(), []storage.Hold{bob})
		n := len(b.rows())
		ended, err := r.EndHolds(b.ctx, b.site, "lab", at(time.Hour), logEntry("", "lab", "hold_end", "", 0))
		b.ok(err)
		b.same("nothing to end", len(ended), 0)
		b.same("rows", len(b.rows()), n)
		ended, err = r.EndHolds(b.ctx, b.site, "office", bob.Since, logEntry("", "office", "hold_end", "", 0))
		b.ok(err)
		b.same("ended", ended, []storage.Hold{bob})
		b.same("holds", len(holds()), 0)
		b.same("rows", len(b.rows()), n+1)
	},
	"Settle/the latest start holds": func(b *fixture) {
		sure := b.settleStart(b.claimStart("ada", 0), storage.Accepted, time.Second)
		b.wantHolds("the first", sure)
		lock := b.claim(b.attempt("ada", "office", access.Lock, 10*time.Second))
		again := b.settleStart(b.claimStart("ada", 12*time.Second), storage.Accepted, 13*time.Second)
		b.wantHolds("a second one is a new hold", again)
		b.settleLock(lock, 18*time.Second)
		b.wantHolds("after a lock that began before it", again)
		unsure := b.settleStart(b.claimStart("ada", 20*time.Second), storage.Unconfirmed, 21*time.Second)
		unsure.Uncertain = false
		b.wantHolds("an uncertain one leaves the door as certainly open", unsure)
		b.settleStart(b.claimStart("ada", 14*time.Second), storage.Accepted, 22*time.Second)
		b.wantHolds("one that began earlier and was answered later", unsure)
		b.settleLock(b.claim(b.attempt("bob", "office", access.Lock, 21*time.Second)), 23*time.Second)
		b.wantHolds("after a lock that began later")
	},
	"Settle/a lock under way at the same time ends nothing": func(b *fixture) {
		start := b.claimStart("ada", 0)
		lock := b.claim(b.attempt("bob", "office", access.Lock, time.Second))
		hold := b.settleStart(start, storage.Accepted, 4*time.Second)
		b.settleLock(lock, 5*time.Second)
		b.wantHolds("either of the two may have been the first", hold)
		b.settleLock(b.claim(b.attempt("bob", "office", access.Lock, 4*time.Second)), 6*time.Second)
		b.wantHolds("the next one began when the start was answered")
	},
	"Settle/a lock ends the holds of its own door": func(b *fixture) {
		b.settleStart(b.claimStart("ada", 0), storage.Accepted, time.Second)
		a := b.attempt("ada", "lab", access.OfficeMode, 0)
		lab := b.settleStart(b.claim(a), storage.Accepted, time.Second)
		b.settleLock(b.claim(b.attempt("bob", "office", access.Lock, time.Minute)), time.Minute)
		b.wantHolds("at the office none, at the lab one", lab)
	},
	"Settle/an uncertain hold becomes certain": func(b *fixture) {
		first := b.claimStart("ada", 0)
		unsure := b.settleStart(first, storage.Unconfirmed, time.Second)
		b.wantHolds("one", unsure)
		second := b.claimStart("ada", time.Minute)
		later := b.settleStart(second, storage.Unconfirmed, time.Minute)
		b.wantHolds("two uncertain ones", later)
		b.settleStart(first, storage.Accepted, 2*time.Minute)
		later.Uncertain = false
		b.wantHolds("the first is proven", later)
		b.settleStart(second, storage.Accepted, 3*time.Minute)
		b.wantHolds("so is the second", later)

		b.endHolds(second.Begun)
		third := b.claimStart("ada", 4*time.Minute)
		b.settleStart(third, storage.Unconfirmed, 4*time.Minute)
		b.endHolds(third.Begun)
		b.settleStart(third, storage.Accepted, 6*time.Minute)
		b.wantHolds("proven when it has ended: none begins")
		fourth := b.claimStart("ada", 7*time.Minute)
		hold := b.settleStart(fourth, storage.Unconfirmed, 7*time.Minute)
		b.endHolds(fourth.Begun)
		hold.Uncertain = false
		s := settlement(fourth, storage.Accepted, 8*time.Minute)
		s.Hold, s.RestartHold = &hold, true
		_, err := b.records().Settle(b.ctx, s)
		b.ok(err)
		b.wantHolds("proven to have moved after the end: it begins again", hold)
	},
}

// claimStart claims a start of office mode.
func (b *fixture) claimStart(member string, d time.Duration) storage.JournalEntry {
	b.Helper()
	a := b.attempt(member, "office", access.OfficeMode, d)
	a.ShareWithin = 0
	return b.claim(a)
}

// settleStart settles a start with the outcome and the hold that it requires.
func (b *fixture) settleStart(e storage.JournalEntry, outcome storage.Outcome, d time.Duration) storage.Hold {
	b.Helper()
	s := settlement(e, outcome, d)
	s.Hold = &storage.Hold{Door: e.Door, Member: e.Member, RequestID: e.RequestID, Since: e.Begun, Uncertain: outcome == storage.Unconfirmed}
	_, err := b.records().Settle(b.ctx, s)
	b.ok(err)
	return *s.Hold
}

// settleLock settles a claimed lock as accepted.
func (b *fixture) settleLock(e storage.JournalEntry, d time.Duration) {
	b.Helper()
	s := settlement(e, storage.Accepted, d)
	s.EndHolds = e.Begun
	_, err := b.records().Settle(b.ctx, s)
	b.ok(err)
}

func (b *fixture) endHolds(until time.Time) {
	b.Helper()
	_, err := b.records().EndHolds(b.ctx, b.site, "office", until, logEntry("", "office", "hold_end", "", 0))
	b.ok(err)
}

func (b *fixture) wantHolds(what string, want ...storage.Hold) {
	b.Helper()
	list, err := b.records().Holds(b.ctx, b.site)
	b.ok(err)
	b.same(what, append([]storage.Hold{}, list...), append([]storage.Hold{}, want...))
}
