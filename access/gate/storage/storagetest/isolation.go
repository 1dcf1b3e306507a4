package storagetest

import (
	"cmp"
	"fmt"
	"iter"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// isolationTests test that no site reads rows of another, and that every handle reads
// writes at once.
var isolationTests = map[string]func(*fixture){
	"Records/sites are apart": func(b *fixture) {
		r := b.records()
		here, there := b.site, b.site+"-other"
		var unsureHere *storage.JournalEntry
		for _, site := range []string{here, there} {
			b.site, b.n = site, 0 // the same requests at both sites
			b.settleStart(b.claimStart("ada", 0), storage.Accepted, time.Second)
			unsure := b.claimStart("bob", 0)
			b.settleStart(unsure, storage.Unconfirmed, time.Second)
			unsureHere = cmp.Or(unsureHere, &unsure)
			e := b.claim(b.attempt("ada", "front", access.Unlock, 0))
			s := settlement(e, storage.Accepted, time.Second)
			s.CheckIn = &storage.CheckIn{Member: "ada", Key: "day", Door: "front", Action: access.Unlock, RequestID: e.RequestID, At: s.At,
				Day: "2026-05-04"}
			checkIn, err := r.Settle(b.ctx, s)
			b.ok(err)
			b.same("a check-in under a key that another site has", checkIn, s.CheckIn)
			n, err := r.Ingest(b.ctx, site, "", "next", []storage.VendorEntry{{ID: "x", Lock: "l1", At: at(0), What: "lock_opened"}})
			b.ok(err)
			b.same("new entries of the lock system", n, 1)
			b.ok(r.SetKillSwitch(b.ctx, site, storage.KillSwitch{By: "ada", At: at(0)}, logEntry("", "", "switch_on", "", 0)))
		}
		b.site = there
		_, err := r.Note(b.ctx, there, logEntry("ada", "front", "unlock", storage.Denied, 2*time.Hour)) // retention stops here
		b.ok(err)
		before := b.everything()
		b.site = here
		b.settleStart(*unsureHere, storage.Accepted, 10*time.Second)
		b.settleLock(b.claim(b.attempt("ada", "office", access.Lock, time.Minute)), time.Minute)
		b.settleStart(b.claimStart("bob", 2*time.Minute), storage.Accepted, 2*time.Minute)
		b.endHolds(at(time.Hour))
		b.ok(r.SetKillSwitch(b.ctx, here, storage.KillSwitch{Off: true, By: "eve", At: at(time.Hour)}, logEntry("", "", "switch_off", "", 0)))
		for _, err := range []error{
			second(r.Erase(b.ctx, here, "ada", at(time.Hour))), second(r.Prune(b.ctx, here, at(time.Hour))), second(r.PruneVendor(b.ctx, here,
				at(time.Hour))),
			second(r.Ingest(b.ctx, here, "next", "further", nil)),
		} {
			b.ok(err)
		}
		_, head, err := r.Ends(b.ctx, here)
		b.ok(err)
		base, _, err := r.Retain(b.ctx, here, at(time.Hour+1), retention())
		b.ok(err)
		b.same("what retention leaves", base, head)
		_, err = r.Note(b.ctx, here, logEntry("cem", "front", "unlock", storage.Denied, time.Hour))
		b.ok(err)
		b.verified()
		b.site = there
		b.same("the other site", b.everything(), before)
		b.verified()
		b.claim(b.attempt("cem", "front", access.Unlock, 0)) // this site is not switched off
	},
	"Stores/sites are apart": func(b *fixture) {
		f := b.facts()
		here, there := b.site, b.site+"-other"
		b.fill()
		b.site = there
		b.fill()
		read := func() []any {
			b.Helper()
			doc, err := storage.Export(b.ctx, b.readers(), there)
			b.ok(err)
			door, err := b.s.Doors.Door(b.ctx, there, "front")
			b.ok(err)
			member, err := b.s.Members.Member(b.ctx, there, "ada")
			b.ok(err)
			grants, err := b.s.Rules.Grants(b.ctx, there, "ada")
			b.ok(err)
			snap, err := f.Load(b.ctx, storage.FactsQuery{Site: there, Member: "ada", Door: "front", At: at(0)})
			b.ok(err)
			return []any{doc, door, member, grants, snap}
		}
		before := read()
		front, err := b.s.Doors.Door(b.ctx, here, "front")
		b.ok(err)
		front.Name = "Main"
		rules := b.someRules()
		rules.Site.ID, rules.Version, rules.Revision, rules.MembershipTypes, rules.Resources = here, 1, "r2", nil, nil
		for _, err := range []error{
			b.s.Doors.PutDoor(b.ctx, here, front), b.s.Doors.DeleteDoor(b.ctx, here, "office"), b.s.Rules.PutRules(b.ctx, rules),
			storage.UpdateGrant(b.ctx, b.s.Rules, here, "g1", func(g *storage.Grant) error {
				g.Member, g.Door = "cem",
					"lab"
				return nil
			}), b.s.Rules.DeleteGrant(b.ctx, here, "g2"),
			storage.UpdateMember(b.ctx, b.s.Members, here, "ada", func(m *storage.Member) error { m.Member = access.Member{ID: "ada"}; return nil }),
			b.s.Members.DeleteMember(b.ctx, here, "bob"),
			storage.UpdateReservation(b.ctx, b.s.Reservations, here, "r1",
				func(r *storage.Reservation) error {
					r.Member, r.End = "cem",
						at(2*time.Hour)
					return nil
				}), b.s.Reservations.DeleteReservation(b.ctx, here, "r3"),
		} {
			b.ok(err)
		}
		_, err = b.s.Doors.Door(b.ctx, here, "office")
		b.is(err, storage.ErrNotFound)
		b.same("the other site", read(), before)
	},
	"Records/every handle sees what one wrote": func(b *fixture) {
		handles := b.handles()
		for i, one := range handles {
			other := handles[(i+1)%len(handles)]
			flip := func(off bool, d time.Duration) {
				b.Helper()
				b.ok(one.SetKillSwitch(b.ctx, b.site, storage.KillSwitch{Off: off, At: at(d)}, logEntry("", "", "switch", "", d)))
				w, err := other.KillSwitch(b.ctx, b.site)
				b.ok(err)
				b.same("the switch", w.Off, off)
			}
			key := storage.RequestKey{Site: b.site, Member: "ada", RequestID: fmt.Sprint("none-", i)}
			look := func() storage.LookupResult {
				b.Helper()
				m, err := other.Lookup(b.ctx, key, "office")
				b.ok(err)
				return m
			}
			d := time.Duration(i) * time.Minute
			look() // what it remembers from here on is old
			flip(true, d)
			b.same("off", look().KillSwitch.Off, true)
			a := b.attempt("ada", "office", access.OfficeMode, d)
			c, err := other.Begin(b.ctx, a)
			b.ok(err)
			b.same("a command after the switch", c.State, storage.SwitchedOff)
			flip(false, d)
			key = a.Entry.RequestKey
			b.same("the entry", look().Entry == nil, true)
			c, err = one.Begin(b.ctx, a)
			b.ok(err)
			b.same("state", c.State, storage.Claimed)
			b.same("the entry", *look().Entry, c.Entry)
			s := settlement(c.Entry, storage.Accepted, d)
			s.Hold = &storage.Hold{Door: "office", Member: "ada", RequestID: a.Entry.RequestID, Since: a.Entry.Begun}
			_, err = one.Settle(b.ctx, s)
			b.ok(err)
			m := look()
			b.same("the outcome", m.Entry.Outcome, storage.Accepted)
			b.same("holding", m.Holding, true)
			ended, err := one.EndHolds(b.ctx, b.site, "office", at(d), logEntry("", "office", "hold_end", "", d))
			b.ok(err)
			b.same("ended", len(ended), 1)
			b.same("holding", look().Holding, false)
		}
	},
	"Facts/every handle sees what one wrote": func(b *fixture) {
		b.facts()
		b.fill()
		all := []storage.Facts{b.s.Facts}
		if b.s.Other != nil && b.s.Other.Facts != nil {
			all = append(all, b.s.Other.Facts)
		}
		front, err := b.s.Doors.Door(b.ctx, b.site, "front")
		b.ok(err)
		ask := storage.FactsQuery{Site: b.site, Member: "ada", Door: "front", At: at(0)}
		check := func(what string, err error, seen func(storage.Snapshot) bool) {
			b.Helper()
			b.ok(err)
			for _, f := range all {
				one, err := f.Load(b.ctx, ask)
				b.ok(err)
				list, err := f.LoadAll(b.ctx, ask)
				b.ok(err)
				b.same(what+" is seen", []bool{seen(one), seen(list[0])}, []bool{true, true})
			}
		}
		check("what was there", nil, func(s storage.Snapshot) bool { return len(s.Question.Reservations) > 0 && len(s.Question.Grants) == 1 })
		block := func(m *storage.Member) error { m.Standing = access.Standing{State: access.StandingBlocked}; return nil }
		check("a member blocked", storage.UpdateMember(b.ctx, b.s.Members, b.site, "ada", block),
			func(s storage.Snapshot) bool { return s.Question.Member.Standing.State == access.StandingBlocked })
		check("a grant gone", b.s.Rules.DeleteGrant(b.ctx, b.site, "g1"), func(s storage.Snapshot) bool { return len(s.Question.Grants) == 0 })
		move := func(r *storage.Reservation) error { r.Member = "cem"; return nil }
		check("a booking moved", storage.UpdateReservation(b.ctx, b.s.Reservations, b.site, "r1", move),
			func(s storage.Snapshot) bool { return s.Question.Reservations[0].ID != "r1" })
		front.Disabled, front.Link = true, storage.Link{}
		check("a door disabled", b.s.Doors.PutDoor(b.ctx, b.site, front),
			func(s storage.Snapshot) bool { return s.Question.Door.Disabled && s.Link.IsZero() })
		rules := b.someRules()
		rules.Revision, rules.Version = "r2", 1
		check("new rules", b.s.Rules.PutRules(b.ctx, rules), func(s storage.Snapshot) bool { return s.Question.Revision == "r2" })
		check("a member gone", b.s.Members.DeleteMember(b.ctx, b.site, "ada"), func(s storage.Snapshot) bool { return s.Question.Member == nil })
	},
}

func second[T any](_ T, err error) error { return err }

// everything returns all records of the site.
func (b *fixture) everything() (list []any) {
	b.Helper()
	r := b.records()
	add := func(v any, err error) {
		b.Helper()
		b.ok(err)
		list = append(list, v)
	}
	for _, o := range []storage.Outcome{storage.Accepted, storage.Unconfirmed} {
		entries, err := r.Entries(b.ctx, storage.JournalQuery{Site: b.site, Outcome: o})
		add(entries, err)
	}
	holds, err := r.Holds(b.ctx, b.site)
	add(holds, err)
	visits, err := r.CheckIns(b.ctx, storage.CheckInQuery{Site: b.site})
	add(visits, err)
	vendor, err := r.VendorEntries(b.ctx, storage.VendorQuery{Site: b.site})
	add(vendor, err)
	cursor, err := r.Cursor(b.ctx, b.site)
	add(cursor, err)
	w, err := r.KillSwitch(b.ctx, b.site)
	add(w, err)
	base, head, err := r.Ends(b.ctx, b.site)
	add([]storage.Head{base, head}, err)
	add(b.rows(), nil)
	return list
}

// pull reads the first row of the site's log and keeps the iterator open.
func (b *fixture) pull() (stop func()) {
	b.Helper()
	next, stop := iter.Pull2(b.records().Rows(b.ctx, storage.LogQuery{Site: b.site}))
	_, err, ok := next()
	b.ok(err)
	b.same("there is a row", ok, true)
	return stop
}
