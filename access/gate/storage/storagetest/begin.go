package storagetest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

var beginTests = map[string]func(*fixture){
	"Begin/claims once and gives the entry back": func(b *fixture) {
		a := b.attempt("ada", "front", access.Unlock, 0)
		first := b.claim(a)
		want := a.Entry
		want.Seq = 1
		b.same("claimed entry", first, want)
		b.same("entry read", *b.look(a.Entry.RequestKey), want)
		again := a
		again.Entry.Fingerprint, again.Entry.Door = "another", "back"
		c, err := b.records().Begin(b.ctx, again)
		b.ok(err)
		b.same("second Begin", c, storage.Claim{State: storage.Known, Entry: want})
		if n := len(b.rows()); n != 1 {
			b.Fatalf("got %d log rows, want 1", n)
		}
	},
	"Begin/instants at the edges": func(b *fixture) {
		zone := time.FixedZone("somewhere", 13*3600+45*60)
		for i, when := range []time.Time{
			time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1970, 1, 1, 0, 0, 0, 1000, time.UTC),
			time.Date(2026, 10, 25, 2, 30, 0, 999999000, zone), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
		} {
			a := b.attempt("ada", "front", access.Unlock, 0)
			a.ShareWithin = 0
			a.Entry.Begun, a.Entry.SendBy, a.Log.At = when, when, when
			b.claim(a)
			got := b.look(a.Entry.RequestKey)
			if !got.Begun.Equal(when) || !got.SendBy.Equal(when) || !got.Settled.IsZero() {
				b.Fatalf("instant %d: got Begun %v SendBy %v Settled %v, want %v, %v and zero", i, got.Begun, got.SendBy, got.Settled, when, when)
			}
		}
		b.verified()
	},
	"Begin/many callers, one claim": func(b *fixture) {
		a := b.attempt("ada", "front", access.Unlock, 0)
		b.same("states", b.beginAll(slices.Repeat([]storage.Attempt{a}, 64)), map[storage.ClaimState]int{storage.Claimed: 1, storage.Known: 63})
		b.same("log rows", len(b.rows()), 1)
	},
	"Begin/denial is one row, and known afterwards": func(b *fixture) {
		a := b.denial("ada", "front", 0)
		e := b.claim(a)
		b.same("outcome", e.Outcome, storage.Denied)
		c, err := b.records().Begin(b.ctx, b.withKey(b.attempt("ada", "front", access.Unlock, 0), a.Entry.RequestKey))
		b.ok(err)
		b.same("state", c.State, storage.Known)
		b.same("settled", c.Entry.Settled, a.Entry.Settled)
		rows := b.rows()
		b.same("log rows", len(rows), 1)
		b.same("row", rows[0].LogEntry, a.Log)
	},
	"Begin/the switch stops commands, not locking": func(b *fixture) {
		r := b.records()
		b.ok(r.SetKillSwitch(b.ctx, b.site, storage.KillSwitch{Off: true, By: "eve", Why: "fire drill", At: at(0)},
			logEntry("", "", "switch_off", "", 0)))
		w, err := r.KillSwitch(b.ctx, b.site)
		b.ok(err)
		b.same("switch", w, storage.KillSwitch{Off: true, By: "eve", Why: "fire drill", At: at(0)})
		for _, action := range []access.Action{access.Unlock, access.OfficeMode} {
			a := b.attempt("ada", "front", action, 0)
			c, err := r.Begin(b.ctx, a)
			b.ok(err)
			b.same("state of "+string(action), c.State, storage.SwitchedOff)
			if b.look(a.Entry.RequestKey) != nil {
				b.Fatal("a switched-off Begin wrote an entry")
			}
		}
		b.claim(b.attempt("ada", "front", access.Lock, 0))
		b.claim(b.denial("ada", "front", 0))
		b.ok(r.SetKillSwitch(b.ctx, b.site, storage.KillSwitch{By: "eve", At: at(time.Microsecond)}, logEntry("", "", "switch_on", "", 0)))
		b.claim(b.attempt("ada", "front", access.Unlock, 0))
		m, err := r.Lookup(b.ctx, storage.RequestKey{Site: b.site, Member: "ada", RequestID: "an-unknown-one"}, "front")
		b.ok(err)
		b.same("memory", m, storage.LookupResult{KillSwitch: storage.KillSwitch{By: "eve", At: at(time.Microsecond)}})
		b.same("log rows", len(b.rows()), 5)
	},
	"Begin/shares identical taps": func(b *fixture) {
		lead := b.claim(b.attempt("ada", "front", access.Unlock, 0))
		a := b.attempt("ada", "front", access.Unlock, 1999*time.Millisecond)
		c, err := b.records().Begin(b.ctx, a)
		b.ok(err)
		b.same("claim", c, storage.Claim{State: storage.Shared, Entry: lead})
		want := a.Entry
		want.SharedWith, want.Outcome = lead.RequestID, ""
		b.same("entry", *b.look(a.Entry.RequestKey), want)
		b.same("log rows", len(b.rows()), 1)
		_, err = b.records().Settle(b.ctx, settlement(want, storage.Accepted, 0))
		b.is(err, storage.ErrNotFound)
		// A tap with a clock that jumped back shares the command as well. It shares the
		// command itself, not the tap that shared it.
		c, err = b.records().Begin(b.ctx, b.attempt("ada", "front", access.Unlock, -1999*time.Millisecond))
		b.ok(err)
		b.same("claim back in time", c, storage.Claim{State: storage.Shared, Entry: lead})
		c, err = b.records().Begin(b.ctx, b.attempt("ada", "front", access.Unlock, 1999*time.Millisecond))
		b.ok(err)
		b.same("third claim", c, storage.Claim{State: storage.Shared, Entry: lead})
		// The known entry of a tap that shared is returned unchanged.
		c, err = b.records().Begin(b.ctx, a)
		b.ok(err)
		b.same("the same tap again", c, storage.Claim{State: storage.Known, Entry: want})
	},
	"Begin/does not share": func(b *fixture) {
		lead := b.claim(b.attempt("ada", "front", access.Unlock, 0))
		for _, a := range []storage.Attempt{
			b.attempt("ada", "front", access.Unlock, 2*time.Second),
			b.attempt("ada", "front", access.Unlock, -2*time.Second),
			b.attempt("bob", "front", access.Unlock, time.Millisecond),
			b.attempt("ada", "back", access.Unlock, time.Millisecond),
		} {
			b.claim(a)
		}
		off := b.attempt("ada", "front", access.Unlock, 0)
		off.ShareWithin = 0
		b.claim(off)
		_ = lead
	},
	"Begin/shares by outcome": func(b *fixture) {
		for outcome, want := range map[storage.Outcome]storage.ClaimState{
			storage.Accepted: storage.Shared, storage.Unconfirmed: storage.Shared,
			storage.Refused: storage.Claimed, storage.NotSent: storage.Claimed, storage.Denied: storage.Claimed,
		} {
			door := "door-" + string(outcome)
			e := b.claim(b.attempt("ada", door, access.Unlock, 0))
			_, err := b.records().Settle(b.ctx, settlement(e, outcome, time.Millisecond))
			b.ok(err)
			c, err := b.records().Begin(b.ctx, b.attempt("ada", door, access.Unlock, time.Second))
			b.ok(err)
			b.same("state after "+string(outcome), c.State, want)
		}
	},
	"Begin/another action in between ends sharing": func(b *fixture) {
		b.claim(b.attempt("ada", "office", access.OfficeMode, 0))
		b.claim(b.attempt("bob", "office", access.Lock, 500*time.Millisecond))
		b.claim(b.attempt("ada", "office", access.OfficeMode, time.Second))
		// A refused command in between does not count.
		b.claim(b.attempt("ada", "lab", access.OfficeMode, 0))
		e := b.claim(b.attempt("bob", "lab", access.Lock, 500*time.Millisecond))
		_, err := b.records().Settle(b.ctx, settlement(e, storage.Refused, 600*time.Millisecond))
		b.ok(err)
		c, err := b.records().Begin(b.ctx, b.attempt("ada", "lab", access.OfficeMode, time.Second))
		b.ok(err)
		b.same("state", c.State, storage.Shared)
	},
	"Begin/another action of the same instant ends no sharing": func(b *fixture) {
		for door, order := range map[string][]access.Action{"office": {access.OfficeMode, access.Lock}, "lab": {access.Lock, access.OfficeMode}} {
			claimed := map[access.Action]storage.JournalEntry{}
			for _, action := range order {
				claimed[action] = b.claim(b.attempt("ada", door, action, 0))
			}
			c, err := b.records().Begin(b.ctx, b.attempt("ada", door, access.OfficeMode, time.Second))
			b.ok(err)
			b.same("claim at "+door, c, storage.Claim{State: storage.Shared, Entry: claimed[access.OfficeMode]})
		}
	},
	"Begin/many taps share one command": func(b *fixture) {
		var attempts []storage.Attempt
		for range 32 {
			attempts = append(attempts, b.attempt("ada", "front", access.Unlock, 0))
		}
		b.same("states", b.beginAll(attempts), map[storage.ClaimState]int{storage.Claimed: 1, storage.Shared: 31})
	},
	"Begin/keeps hostile strings apart": func(b *fixture) {
		for _, s := range hostile {
			a := b.attempt(s, s, access.Unlock, 0)
			a.Entry.Fingerprint = s
			a.Log.Reason, a.Log.Actor = s, s
			a.Log = sealed(a.Log, detail{Member: s, Actor: s})
			e := b.claim(a)
			b.same("entry for "+s, *b.look(a.Entry.RequestKey), e)
		}
		for _, s := range hostile {
			rows := b.log(storage.LogQuery{Site: b.site, Member: s, Door: s})
			if len(rows) != 1 || rows[0].Member != s || rows[0].Actor != s || rows[0].Reason != s {
				b.Fatalf("the log of %q: got %+v", s, rows)
			}
		}
		b.verified()
	},
	"Begin/large values": func(b *fixture) {
		a := b.attempt(strings.Repeat("m", 200), strings.Repeat("d", 200), access.Unlock, 0)
		a.Entry.Doc = []byte(strings.Repeat("\x00\xff", 32<<10))
		a.Log = sealed(a.Log, detail{Member: a.Log.Member, Note: strings.Repeat("\u00e9\x00", 8<<10)}) // 64 KiB with its escapes
		e := b.claim(a)
		b.same("entry", *b.look(a.Entry.RequestKey), e)
		b.same("row", b.rows()[0].LogEntry, a.Log)
		b.verified()
	},
	"Begin/sites are apart": func(b *fixture) {
		a := b.attempt("ada", "front", access.Unlock, 0)
		b.claim(a)
		other := a
		other.Entry.Site += "-other"
		e := b.claim(other)
		b.same("first row of its own chain", e.Seq, uint64(1))
		b.same("rows here", len(b.rows()), 1)
	},
	"Begin/cancelled context": func(b *fixture) {
		r := b.records()
		e := b.claim(b.attempt("ada", "front", access.Unlock, 0))
		ctx, cancel := context.WithCancel(b.ctx)
		cancel()
		a := b.attempt("bob", "front", access.Unlock, 0)
		_, err := r.Begin(ctx, a)
		b.is(err, context.Canceled)
		_, err = r.Settle(ctx, settlement(e, storage.Accepted, 0))
		b.is(err, context.Canceled)
		_, err = r.Lookup(ctx, e.RequestKey, "front")
		b.is(err, context.Canceled)
		_, err = r.Note(ctx, b.site, a.Log)
		b.is(err, context.Canceled)
		_, err = r.Wait(ctx, e.RequestKey, storage.Sending)
		b.is(err, context.Canceled)
		b.is(r.SetKillSwitch(ctx, b.site, storage.KillSwitch{Off: true}, a.Log), context.Canceled)
		_, err = r.Ingest(ctx, b.site, "", "next", nil)
		b.is(err, context.Canceled)
		for _, err := range r.Rows(ctx, storage.LogQuery{Site: b.site}) {
			b.is(err, context.Canceled)
		}
		if b.look(a.Entry.RequestKey) != nil {
			b.Fatal("a canceled Begin wrote an entry")
		}
		b.same("entry", *b.look(e.RequestKey), e)
		b.same("log rows", len(b.rows()), 1)
	},
}

func (b *fixture) withKey(a storage.Attempt, key storage.RequestKey) storage.Attempt {
	a.Entry.RequestKey = key
	return a
}

// beginAll begins all attempts at once, on every handle, and counts the states.
func (b *fixture) beginAll(attempts []storage.Attempt) map[storage.ClaimState]int {
	handles := b.handles()
	states := make(chan storage.ClaimState, len(attempts))
	var wg sync.WaitGroup
	for i, a := range attempts {
		wg.Go(func() {
			c, err := handles[i%len(handles)].Begin(b.ctx, a)
			if err != nil {
				b.Errorf("Begin: %v", err)
			}
			states <- c.State
		})
	}
	wg.Wait()
	close(states)
	count := map[storage.ClaimState]int{}
	for s := range states {
		count[s]++
	}
	return count
}
