package storagetest

import (
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// valueTests test values at the limits of what a storage keeps, and beyond them.
var valueTests = map[string]func(*fixture){
	"Records/unfit texts": func(b *fixture) {
		r := b.records()
		e := b.claim(b.attempt("ada", "office", access.OfficeMode, 0))
		settle := func(change func(*storage.Settlement)) {
			b.Helper()
			s := settlement(e, storage.Accepted, time.Second)
			s.CheckIn = &storage.CheckIn{Member: "ada", Key: "k", Door: "office", Action: access.OfficeMode, RequestID: e.RequestID, At: s.At,
				Day: "2026-05-04"}
			s.Hold = &storage.Hold{Door: "office", Member: "ada", RequestID: e.RequestID, Since: e.Begun}
			change(&s)
			_, err := r.Settle(b.ctx, s)
			b.refused(err)
		}
		begin := func(change func(*storage.Attempt)) {
			b.Helper()
			a := b.attempt("ada", "front", access.Unlock, 0)
			change(&a)
			_, err := r.Begin(b.ctx, a)
			b.refused(err)
		}
		ingest := func(site, next string, change func(*storage.VendorEntry)) {
			b.Helper()
			good := storage.VendorEntry{ID: "a", Lock: "l1", At: at(0), What: "lock_opened", By: "tag", Raw: []byte("{}")}
			bad := good
			bad.ID = "b"
			change(&bad)
			_, err := r.Ingest(b.ctx, site, "", next, []storage.VendorEntry{good, bad})
			b.refused(err)
		}
		log := logEntry("ada", "front", "unlock", storage.Denied, 0)
		for _, bad := range unfit {
			begin(func(a *storage.Attempt) { a.Entry.Site = bad })
			_, err := r.Note(b.ctx, bad, log)
			b.refused(err)
			_, err = r.EndHolds(b.ctx, bad, "office", at(0), log)
			b.refused(err)
			b.refused(r.SetKillSwitch(b.ctx, bad, storage.KillSwitch{}, log))
			ingest(bad, "next", func(*storage.VendorEntry) {})
			ingest(b.site, "next", func(v *storage.VendorEntry) { v.ID = bad })
			settle(func(s *storage.Settlement) { s.CheckIn.Key = bad })
			settle(func(s *storage.Settlement) { s.CheckIn.Member = bad })
			if bad == "" {
				continue
			}
			begin(func(a *storage.Attempt) { a.Entry.Member = bad })
			begin(func(a *storage.Attempt) { a.Entry.Door = bad })
			begin(func(a *storage.Attempt) { a.Entry.RequestID = bad })
			begin(func(a *storage.Attempt) { a.Log.Actor = bad })
			settle(func(s *storage.Settlement) { s.Hold.Member = bad })
			settle(func(s *storage.Settlement) { s.Log.Member = bad })
			note := log
			note.Actor = bad
			_, err = r.Note(b.ctx, b.site, note)
			b.refused(err)
			_, err = r.EndHolds(b.ctx, b.site, "office", at(0), note)
			b.refused(err)
			b.refused(r.SetKillSwitch(b.ctx, b.site, storage.KillSwitch{Off: true}, note))
			ingest(b.site, "next", func(v *storage.VendorEntry) { v.Lock = bad })
			ingest(b.site, "next", func(v *storage.VendorEntry) { v.User = bad })
		}
		for _, bad := range []string{"\x00", "\xff"} {
			begin(func(a *storage.Attempt) { a.Entry.Fingerprint = bad })
			begin(func(a *storage.Attempt) { a.Log.Reason = bad })
			settle(func(s *storage.Settlement) { s.CheckIn.Day = bad })
			b.refused(r.SetKillSwitch(b.ctx, b.site, storage.KillSwitch{Off: true, Why: bad}, log))
			ingest(b.site, bad, func(*storage.VendorEntry) {})
			ingest(b.site, "next", func(v *storage.VendorEntry) { v.Detail = bad })
		}
		b.same("log rows", len(b.rows()), 1)
		b.same("the entry", *b.look(e.RequestKey), e)
		w, err := r.KillSwitch(b.ctx, b.site)
		b.ok(err)
		b.same("the switch", w, storage.KillSwitch{})
		list, err := r.VendorEntries(b.ctx, storage.VendorQuery{Site: b.site})
		b.ok(err)
		b.same("the lock system's entries", len(list), 0)
		c, err := r.Cursor(b.ctx, b.site)
		b.ok(err)
		b.same("the cursor", c, "")
	},
	"Members/hostile ids": func(b *fixture) {
		s := b.members()
		for _, id := range hostile {
			b.ok(s.PutMember(b.ctx, b.site, storage.Member{Member: access.Member{ID: id, Standing: access.Standing{Reason: id},
				Memberships: []access.Membership{{ID: id, Type: id}}}}))
		}
		for _, id := range hostile {
			m, err := s.Member(b.ctx, b.site, id)
			b.ok(err)
			b.same("member", m.Member, access.Member{ID: id, Standing: access.Standing{Reason: id},
				Memberships: []access.Membership{{ID: id, Type: id}}})
		}
		n, last := 0, ""
		for m, err := range s.Members(b.ctx, b.site) {
			b.ok(err)
			if n++; n > 1 && m.ID <= last {
				b.Fatalf("members are not in byte order: %q after %q", m.ID, last)
			}
			last = m.ID
		}
		b.same("members", n, len(hostile))
	},
	"Doors/unfit facts": func(b *fixture) {
		s := b.doors()
		b.ok(s.PutDoor(b.ctx, b.site, door("front", storage.Link{})))
		front, err := s.Door(b.ctx, b.site, "front")
		b.ok(err)
		for _, id := range unfit {
			b.refused(s.PutDoor(b.ctx, b.site, door(id, storage.Link{})))
			b.refused(s.PutDoor(b.ctx, id, door("front", storage.Link{})))
			b.absent(s.Door(b.ctx, b.site, id))
			if id == "" {
				continue
			}
			d, err := s.Door(b.ctx, b.site, "front")
			b.ok(err)
			d.Link = lock(id)
			b.refused(s.PutDoor(b.ctx, b.site, d))
		}
		d := door("back", storage.Link{})
		d.Name = "\x00"
		b.refused(s.PutDoor(b.ctx, b.site, d))
		list, err := s.Doors(b.ctx, b.site)
		b.ok(err)
		b.same("doors", len(list), 1)
		b.same("the door", list[0], front)
	},
	"Rules/unfit facts": func(b *fixture) {
		s := b.rules()
		for name, change := range map[string]func(*storage.Rules){
			"a text":            func(r *storage.Rules) { r.Site.Name = "\xff" },
			"a type twice":      func(r *storage.Rules) { r.MembershipTypes = append(r.MembershipTypes, r.MembershipTypes[0]) },
			"a resource twice":  func(r *storage.Rules) { r.Resources = append(r.Resources, r.Resources[0]) },
			"a door without id": func(r *storage.Rules) { r.Resources[0].Doors[0] = "" },
			"an hour":           func(r *storage.Rules) { r.MembershipTypes[1].Doors[0].Hours.Ranges[0].To = access.At(25, 0) },
			"a date":            func(r *storage.Rules) { r.Exceptions[0].From.Day = 32 },
		} {
			r := b.someRules()
			change(&r)
			if err := s.PutRules(b.ctx, r); !refused(err) {
				b.Errorf("%s: got error %v, want a *storage.RequestError", name, err)
			}
		}
		grant := access.Grant{ID: "g1", Member: "ada", Door: "front",
			Hours: access.Weekly(access.Range{Days: []access.Day{7}, From: access.At(8, 0), To: access.At(9, 0)})}
		b.refused(s.PutGrant(b.ctx, b.site, storage.Grant{Grant: grant}))
		for _, id := range unfit {
			r := b.someRules()
			r.Site.ID = id
			b.refused(s.PutRules(b.ctx, r))
			b.refused(s.PutGrant(b.ctx, b.site, storage.Grant{Grant: access.Grant{ID: id, Member: "ada", Door: "front", Hours: access.Always()}}))
		}
		_, err := s.Rules(b.ctx, b.site)
		b.is(err, storage.ErrNotFound)
		list, err := s.Grants(b.ctx, b.site, "")
		b.ok(err)
		b.same("grants", len(list), 0)
	},
	"Members/unfit facts": func(b *fixture) {
		s := b.members()
		b.ok(s.PutMember(b.ctx, b.site, someMember("ada")))
		for _, id := range unfit {
			b.refused(s.PutMember(b.ctx, b.site, someMember(id)))
			b.refused(s.PutMember(b.ctx, id, someMember("ada")))
			m := someMember("ada")
			m.Memberships[1].ID = id
			b.refused(s.PutMember(b.ctx, b.site, m))
			b.absent(s.Member(b.ctx, b.site, id))
			if err := s.DeleteMember(b.ctx, b.site, id); !refused(err) {
				b.is(err, storage.ErrNotFound)
			}
		}
		m := someMember("ada")
		m.Standing.Reason = "unpaid\x00"
		b.refused(s.PutMember(b.ctx, b.site, m))
		m = someMember("ada")
		m.Standing.Until = time.Date(300_000, 1, 1, 0, 0, 0, 0, time.UTC)
		b.refused(s.PutMember(b.ctx, b.site, m))
		m, err := s.Member(b.ctx, b.site, "ada")
		b.ok(err)
		b.same("the member", m.Member, someMember("ada").Member)
		n := 0
		for _, err := range s.Members(b.ctx, b.site) {
			b.ok(err)
			n++
		}
		b.same("members", n, 1)
	},
	"Members/finer than a microsecond": func(b *fixture) {
		s, fine := b.members(), 999*time.Nanosecond
		m := someMember("ada")
		m.Standing.Until = m.Standing.Until.Add(fine)
		m.Memberships[0].From = m.Memberships[0].From.Add(fine)
		b.ok(s.PutMember(b.ctx, b.site, m))
		got, err := s.Member(b.ctx, b.site, "ada")
		b.ok(err)
		b.same("member, cut to the microsecond", got.Member, someMember("ada").Member)
	},
	"Doors/finer than a microsecond": func(b *fixture) {
		s, fine := b.doors(), lock("l1")
		fine.LinkedAt = fine.LinkedAt.Add(999)
		b.ok(s.PutDoor(b.ctx, b.site, door("front", fine)))
		for range 2 { // as it was added, and as it was changed
			got, err := s.Door(b.ctx, b.site, "front")
			b.ok(err)
			b.same("link, cut to the microsecond", got.Link, lock("l1"))
			got.Link = fine
			b.ok(s.PutDoor(b.ctx, b.site, got))
		}
	},
	"Grants/finer than a microsecond": func(b *fixture) {
		s := b.rules()
		b.ok(s.PutGrant(b.ctx, b.site, storage.Grant{Grant: access.Grant{ID: "g1", Member: "ada", Door: "front", Hours: access.Always(),
			From: at(1), Until: at(time.Hour + 999)}}))
		list, err := s.Grants(b.ctx, b.site, "ada")
		b.ok(err)
		b.same("grants, cut to the microsecond", grants0(list), []access.Grant{{ID: "g1", Member: "ada", Door: "front",
			Hours: access.Always(), From: at(0), Until: at(time.Hour)}})
	},
	"Reservations/finer than a microsecond": func(b *fixture) {
		s := b.bookings()
		fine := booking("r1", "meeting", "ada", 1, time.Hour+999)
		fine.EndedAt = at(time.Minute + 500)
		b.ok(s.PutReservation(b.ctx, b.site, fine))
		want := booking("r1", "meeting", "ada", 0, time.Hour)
		want.EndedAt = at(time.Minute)
		for r, err := range s.Reservations(b.ctx, storage.ReservationQuery{Site: b.site}) {
			b.ok(err)
			b.same("reservation, cut to the microsecond", r.Reservation, want.Reservation)
		}
	},
	"Reservations/unfit facts": func(b *fixture) {
		s := b.bookings()
		for _, id := range unfit {
			b.refused(s.PutReservation(b.ctx, b.site, booking(id, "meeting", "ada", 0, time.Hour)))
			if id != "" {
				b.refused(s.PutReservation(b.ctx, b.site, booking("r1", id, "ada", 0, time.Hour)))
				b.refused(s.PutReservation(b.ctx, b.site, booking("r1", "meeting", id, 0, time.Hour)))
			}
		}
		b.refused(s.PutReservation(b.ctx, b.site, storage.Reservation{Reservation: reservation.Reservation{ID: "r1", Resource: "meeting",
			Member: "ada"}}))
		b.same("reservations", b.reservations(storage.ReservationQuery{}), "")
		b.ok(s.PutReservation(b.ctx, b.site, booking("r1", "\ufffd", "\ufffd", 0, time.Hour)))
		for _, q := range []storage.ReservationQuery{{Member: "a\xff"}, {Member: "\xff"}, {Resources: []string{"\xff"}},
			{Resources: []string{"\x00"}}} {
			q.Site = b.site
			for r, err := range s.Reservations(b.ctx, q) {
				if !refused(err) {
					b.Fatalf("%+v found %+v, %v", q, r, err)
				}
			}
		}
	},
	"Facts/a question with unfit ids": func(b *fixture) {
		f := b.facts()
		b.fill()
		for _, id := range unfit {
			snap, err := f.Load(b.ctx, storage.FactsQuery{Site: b.site, Member: id, Door: id, At: at(0)})
			if !refused(err) {
				b.ok(err)
			}
			b.same("door", snap.Question.Door == nil, true)
			b.same("member", snap.Question.Member == nil, true)
			_, err = f.Load(b.ctx, storage.FactsQuery{Site: id, Member: "ada", Door: "front", At: at(0)})
			if !refused(err) {
				b.is(err, storage.ErrNotFound)
			}
		}
	},
}
