package gatetest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/reservation"
)

var factTests = map[string]func(*bench){
	"Doors/add, change, delete": func(b *bench) {
		s := b.doors()
		list, err := s.Doors(b.ctx, b.site)
		b.ok(err)
		b.same("no doors", len(list), 0)
		_, err = s.Door(b.ctx, b.site, "front")
		b.is(err, gate.ErrNotFound)
		front := door("front", lock("l1"))
		front.OpenTime = new(12 * time.Second)
		b.ok(s.AddDoor(b.ctx, b.site, front))
		b.ok(s.AddDoor(b.ctx, b.site, door("back", gate.Link{})))
		b.ok(s.AddDoor(b.ctx, b.site, door("attic", gate.Link{})))
		b.is(s.AddDoor(b.ctx, b.site, door("front", lock("l2"))), gate.ErrConflict)
		front.Version = 1
		got, err := s.Door(b.ctx, b.site, "front")
		b.ok(err)
		b.same("door", got, front)
		got.Name, got.Disabled, got.OpenTime, got.AccessType = "Main", true, nil, access.AccessAndOfficeMode
		b.ok(s.UpdateDoor(b.ctx, b.site, got))
		b.is(s.UpdateDoor(b.ctx, b.site, got), gate.ErrConflict)
		got.Version++
		list, err = s.Doors(b.ctx, b.site)
		b.ok(err)
		b.same("first door", list[0], got)
		b.same("order", []string{list[0].ID, list[1].ID, list[2].ID}, []string{"front", "back", "attic"})
		b.is(s.UpdateDoor(b.ctx, b.site, door("cellar", gate.Link{})), gate.ErrNotFound)
		b.ok(s.DeleteDoor(b.ctx, b.site, "back"))
		b.is(s.DeleteDoor(b.ctx, b.site, "back"), gate.ErrNotFound)
		list, err = s.Doors(b.ctx, b.site+"-other")
		b.ok(err)
		b.same("doors of another site", len(list), 0)
	},
	"Doors/a lock once per site": func(b *bench) {
		s := b.doors()
		b.ok(s.AddDoor(b.ctx, b.site, door("front", lock("l1"))))
		b.ok(s.AddDoor(b.ctx, b.site, door("back", gate.Link{})))
		b.is(s.AddDoor(b.ctx, b.site, door("side", lock("l1"))), gate.ErrConflict)
		b.ok(s.AddDoor(b.ctx, b.site+"-other", door("front", lock("l1"))))
		elsewhere := lock("l1")
		elsewhere.Site = "another-salto-site"
		b.ok(s.AddDoor(b.ctx, b.site, door("annex", elsewhere)))
		back, err := s.Door(b.ctx, b.site, "back")
		b.ok(err)
		back.Link = lock("l1")
		b.is(s.UpdateDoor(b.ctx, b.site, back), gate.ErrConflict)
		front, err := s.Door(b.ctx, b.site, "front")
		b.ok(err)
		front.Link = gate.Link{}
		b.ok(s.UpdateDoor(b.ctx, b.site, front))
		b.ok(s.UpdateDoor(b.ctx, b.site, back))
	},
	"Doors/many link one lock, one wins": func(b *bench) {
		s := b.doors()
		var wg sync.WaitGroup
		won := make(chan string, 16)
		for i := range 16 {
			wg.Go(func() {
				id := fmt.Sprint("door-", i)
				if err := s.AddDoor(b.ctx, b.site, door(id, lock("l1"))); err == nil {
					won <- id
				}
			})
		}
		wg.Wait()
		b.same("winners", len(won), 1)
		list, err := s.Doors(b.ctx, b.site)
		b.ok(err)
		b.same("doors", len(list), 1)
	},
	"Rules/whole, by version": func(b *bench) {
		s := b.rules()
		_, err := s.Rules(b.ctx, b.site)
		b.is(err, gate.ErrNotFound)
		r := b.someRules()
		r.Version = 1
		b.is(s.PutRules(b.ctx, r), gate.ErrConflict)
		r.Version = 0
		b.ok(s.PutRules(b.ctx, r))
		b.is(s.PutRules(b.ctx, r), gate.ErrConflict)
		r.Version = 1
		got, err := s.Rules(b.ctx, b.site)
		b.ok(err)
		b.same("rules", got, r)
		got.Settings, got.Exceptions, got.Revision = access.Settings{}, nil, ""
		b.ok(s.PutRules(b.ctx, got))
		got.Version = 2
		again, err := s.Rules(b.ctx, b.site)
		b.ok(err)
		b.same("rules", again, got)
	},
	"Grants/put, list, delete": func(b *bench) {
		s := b.rules()
		list, err := s.Grants(b.ctx, b.site, "ada")
		b.ok(err)
		b.same("no grants", len(list), 0)
		g1 := access.Grant{ID: "g1", Member: "ada", Door: "office", Hours: access.Always(), From: at(0), RequiresMembership: new(false), RequiresStanding: new(true)}
		g2 := access.Grant{ID: "G2", Member: "ada", Door: "front", Hours: access.Weekly(access.Range{Days: []access.Day{access.Fri}, From: access.At(9, 0), To: access.At(24, 0)}), Until: at(time.Hour)}
		g3 := access.Grant{ID: "g3", Member: "bob", Door: "front", Hours: access.Always()}
		for _, g := range []access.Grant{g1, g3, g2} {
			b.ok(s.PutGrant(b.ctx, b.site, g))
		}
		list, err = s.Grants(b.ctx, b.site, "ada")
		b.ok(err)
		b.same("her grants", list, []access.Grant{g2, g1})
		list, err = s.Grants(b.ctx, b.site, "")
		b.ok(err)
		b.same("all grants", list, []access.Grant{g2, g1, g3})
		g1.Member = "bob"
		b.ok(s.PutGrant(b.ctx, b.site, g1))
		list, err = s.Grants(b.ctx, b.site, "bob")
		b.ok(err)
		b.same("his grants", list, []access.Grant{g1, g3})
		b.ok(s.DeleteGrant(b.ctx, b.site, "g1"))
		b.is(s.DeleteGrant(b.ctx, b.site, "g1"), gate.ErrNotFound)
		list, err = s.Grants(b.ctx, b.site+"-other", "")
		b.ok(err)
		b.same("grants of another site", len(list), 0)
	},
	"Members/put, list, delete": func(b *bench) {
		s := b.members()
		_, err := s.Member(b.ctx, b.site, "ada")
		b.is(err, gate.ErrNotFound)
		b.ok(s.PutMember(b.ctx, b.site, someMember("ada")))
		b.ok(s.PutMember(b.ctx, b.site, access.Member{ID: "Zoe"}))
		got, err := s.Member(b.ctx, b.site, "ada")
		b.ok(err)
		b.same("member", got, someMember("ada"))
		b.ok(s.PutMember(b.ctx, b.site, access.Member{ID: "ada", Standing: access.Standing{State: access.StandingBlocked}}))
		var all []access.Member
		for m, err := range s.Members(b.ctx, b.site) {
			b.ok(err)
			all = append(all, m)
		}
		b.same("members", all, []access.Member{{ID: "Zoe"}, {ID: "ada", Standing: access.Standing{State: access.StandingBlocked}}})
		b.ok(s.DeleteMember(b.ctx, b.site, "ada"))
		b.is(s.DeleteMember(b.ctx, b.site, "ada"), gate.ErrNotFound)
	},
	"Members/hostile ids": func(b *bench) {
		s := b.members()
		for _, id := range hostile {
			b.ok(s.PutMember(b.ctx, b.site, access.Member{ID: id, Standing: access.Standing{Reason: id}, Memberships: []access.Membership{{ID: id, Type: id}}}))
		}
		for _, id := range hostile {
			m, err := s.Member(b.ctx, b.site, id)
			b.ok(err)
			b.same("member", m, access.Member{ID: id, Standing: access.Standing{Reason: id}, Memberships: []access.Membership{{ID: id, Type: id}}})
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
	"Doors/unfit facts": func(b *bench) {
		s := b.doors()
		b.ok(s.AddDoor(b.ctx, b.site, door("front", gate.Link{})))
		for _, id := range unfit {
			b.refused(s.AddDoor(b.ctx, b.site, door(id, gate.Link{})))
			b.refused(s.AddDoor(b.ctx, id, door("front", gate.Link{})))
			b.absent(s.Door(b.ctx, b.site, id))
			if id == "" {
				continue
			}
			d, err := s.Door(b.ctx, b.site, "front")
			b.ok(err)
			d.Link = lock(id)
			b.refused(s.UpdateDoor(b.ctx, b.site, d))
		}
		d := door("back", gate.Link{})
		d.Name = "\x00"
		b.refused(s.AddDoor(b.ctx, b.site, d))
		list, err := s.Doors(b.ctx, b.site)
		b.ok(err)
		b.same("doors", len(list), 1)
		b.same("its version", list[0].Version, uint64(1))
	},
	"Rules/unfit facts": func(b *bench) {
		s := b.rules()
		for name, change := range map[string]func(*gate.Rules){
			"a text":            func(r *gate.Rules) { r.Site.Name = "\xff" },
			"a type twice":      func(r *gate.Rules) { r.MembershipTypes = append(r.MembershipTypes, r.MembershipTypes[0]) },
			"a resource twice":  func(r *gate.Rules) { r.Resources = append(r.Resources, r.Resources[0]) },
			"a door without id": func(r *gate.Rules) { r.Resources[0].Doors[0] = "" },
			"an hour":           func(r *gate.Rules) { r.MembershipTypes[1].Doors[0].Hours.Ranges[0].To = access.At(25, 0) },
			"a date":            func(r *gate.Rules) { r.Exceptions[0].From.Day = 32 },
		} {
			r := b.someRules()
			change(&r)
			if err := s.PutRules(b.ctx, r); !refused(err) {
				b.Errorf("%s: got error %v, want a *gate.RequestError", name, err)
			}
		}
		grant := access.Grant{ID: "g1", Member: "ada", Door: "front", Hours: access.Weekly(access.Range{Days: []access.Day{7}, From: access.At(8, 0), To: access.At(9, 0)})}
		b.refused(s.PutGrant(b.ctx, b.site, grant))
		for _, id := range unfit {
			r := b.someRules()
			r.Site.ID = id
			b.refused(s.PutRules(b.ctx, r))
			b.refused(s.PutGrant(b.ctx, b.site, access.Grant{ID: id, Member: "ada", Door: "front", Hours: access.Always()}))
		}
		_, err := s.Rules(b.ctx, b.site)
		b.is(err, gate.ErrNotFound)
		list, err := s.Grants(b.ctx, b.site, "")
		b.ok(err)
		b.same("grants", len(list), 0)
	},
	"Members/unfit facts": func(b *bench) {
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
				b.is(err, gate.ErrNotFound)
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
		b.same("the member", m, someMember("ada"))
		n := 0
		for _, err := range s.Members(b.ctx, b.site) {
			b.ok(err)
			n++
		}
		b.same("members", n, 1)
	},
	"Members/finer than a microsecond": func(b *bench) {
		s, fine := b.members(), 999*time.Nanosecond
		m := someMember("ada")
		m.Standing.Until = m.Standing.Until.Add(fine)
		m.Memberships[0].From = m.Memberships[0].From.Add(fine)
		b.ok(s.PutMember(b.ctx, b.site, m))
		got, err := s.Member(b.ctx, b.site, "ada")
		b.ok(err)
		b.same("member, cut to the microsecond", got, someMember("ada"))
	},
	"Grants/finer than a microsecond": func(b *bench) {
		s := b.rules()
		b.ok(s.PutGrant(b.ctx, b.site, access.Grant{ID: "g1", Member: "ada", Door: "front", Hours: access.Always(), From: at(1), Until: at(time.Hour + 999)}))
		list, err := s.Grants(b.ctx, b.site, "ada")
		b.ok(err)
		b.same("grants, cut to the microsecond", list, []access.Grant{{ID: "g1", Member: "ada", Door: "front", Hours: access.Always(), From: at(0), Until: at(time.Hour)}})
	},
	"Reservations/finer than a microsecond": func(b *bench) {
		s := b.bookings()
		fine := booking("r1", "meeting", "ada", 1, time.Hour+999)
		fine.EndedAt = at(time.Minute + 500)
		b.ok(s.PutReservation(b.ctx, b.site, fine))
		want := booking("r1", "meeting", "ada", 0, time.Hour)
		want.EndedAt = at(time.Minute)
		for r, err := range s.Reservations(b.ctx, gate.ReservationQuery{Site: b.site}) {
			b.ok(err)
			b.same("reservation, cut to the microsecond", r, want)
		}
	},
	"Reservations/unfit facts": func(b *bench) {
		s := b.bookings()
		for _, id := range unfit {
			b.refused(s.PutReservation(b.ctx, b.site, booking(id, "meeting", "ada", 0, time.Hour)))
			if id != "" {
				b.refused(s.PutReservation(b.ctx, b.site, booking("r1", id, "ada", 0, time.Hour)))
				b.refused(s.PutReservation(b.ctx, b.site, booking("r1", "meeting", id, 0, time.Hour)))
			}
		}
		b.refused(s.PutReservation(b.ctx, b.site, reservation.Reservation{ID: "r1", Resource: "meeting", Member: "ada"}))
		b.same("reservations", b.reservations(gate.ReservationQuery{}), "")
		b.ok(s.PutReservation(b.ctx, b.site, booking("r1", "\ufffd", "\ufffd", 0, time.Hour)))
		for _, q := range []gate.ReservationQuery{{Member: "a\xff"}, {Member: "\xff"}, {Resources: []string{"\xff"}}, {Resources: []string{"\x00"}}} {
			q.Site = b.site
			for r, err := range s.Reservations(b.ctx, q) {
				if !refused(err) {
					b.Fatalf("%+v found %+v, %v", q, r, err)
				}
			}
		}
	},
	"Facts/a question with unfit ids": func(b *bench) {
		f := b.facts()
		b.fill()
		for _, id := range unfit {
			snap, err := f.Load(b.ctx, gate.Ask{Site: b.site, Member: id, Door: id, At: at(0)})
			if !refused(err) {
				b.ok(err)
			}
			b.same("door", snap.Question.Door == nil, true)
			b.same("member", snap.Question.Member == nil, true)
			_, err = f.Load(b.ctx, gate.Ask{Site: id, Member: "ada", Door: "front", At: at(0)})
			if !refused(err) {
				b.is(err, gate.ErrNotFound)
			}
		}
	},
	"Reservations/put, select, delete": func(b *bench) {
		s := b.bookings()
		list := []reservation.Reservation{
			booking("r3", "meeting", "ada", 2*time.Hour, 3*time.Hour),
			booking("r1", "meeting", "bob", time.Hour, 2*time.Hour),
			booking("r2", "office-4", "ada", time.Hour, 4*time.Hour),
			booking("r4", "phone", "ada", time.Hour, 2*time.Hour),
		}
		list[1].Status = reservation.Pending
		list[2].EndedAt = at(90 * time.Minute)
		for _, r := range list {
			b.ok(s.PutReservation(b.ctx, b.site, r))
		}
		n := 0
		for r, err := range s.Reservations(b.ctx, gate.ReservationQuery{Site: b.site, Resources: []string{"office-4"}}) {
			b.ok(err)
			b.same("reservation", r, list[2])
			n++
		}
		b.same("reservations of the office", n, 1)
		for _, c := range []struct {
			q    gate.ReservationQuery
			want string
		}{
			{gate.ReservationQuery{}, "r1 r2 r4 r3"},
			{gate.ReservationQuery{Member: "ada"}, "r2 r4 r3"},
			{gate.ReservationQuery{Resources: []string{"meeting", "phone", "meeting"}}, "r1 r4 r3"},
			{gate.ReservationQuery{Resources: []string{}}, ""},
			{gate.ReservationQuery{Member: "ada", Resources: []string{"meeting"}}, "r3"},
			{gate.ReservationQuery{EndAfter: at(90 * time.Minute)}, "r1 r4 r3"}, // r2 ended early, at this instant
			{gate.ReservationQuery{EndAfter: at(90*time.Minute - time.Microsecond)}, "r1 r2 r4 r3"},
			{gate.ReservationQuery{EndAfter: at(2 * time.Hour)}, "r3"},
			{gate.ReservationQuery{StartBefore: at(2 * time.Hour)}, "r1 r2 r4"},
			{gate.ReservationQuery{StartBefore: at(2*time.Hour + time.Microsecond)}, "r1 r2 r4 r3"},
		} {
			b.same(fmt.Sprintf("reservations %+v", c.q), b.reservations(c.q), c.want)
		}
		moved := list[0]
		moved.Resource, moved.Member, moved.End = "phone", "bob", at(5*time.Hour)
		b.ok(s.PutReservation(b.ctx, b.site, moved))
		b.same("after the move", b.reservations(gate.ReservationQuery{Resources: []string{"meeting"}}), "r1")
		b.same("after the move", b.reservations(gate.ReservationQuery{Member: "bob", EndAfter: at(3 * time.Hour)}), "r3")
		b.ok(s.DeleteReservation(b.ctx, b.site, "r3"))
		b.is(s.DeleteReservation(b.ctx, b.site, "r3"), gate.ErrNotFound)
		b.same("after the deletion", b.reservations(gate.ReservationQuery{}), "r1 r2 r4")
	},
	"Facts/one question": func(b *bench) {
		f := b.facts()
		b.fill()
		for _, ask := range b.asks() {
			got, err := f.Load(b.ctx, ask)
			b.ok(err)
			want, err := gate.JoinFacts(b.s.Doors, b.s.Rules, b.s.Members, b.s.Reservations).Load(b.ctx, ask)
			b.ok(err)
			b.same(fmt.Sprintf("question of %s at %s", ask.Member, ask.Door), got, want)
		}
		got, err := f.Load(b.ctx, gate.Ask{Site: b.site, Member: "ada", Door: "front", At: at(0)})
		b.ok(err)
		q := got.Question
		b.same("revision and zone", []string{q.Revision, q.TimeZone}, []string{"r1", "Europe/Berlin"})
		b.same("link", got.Link, lock("l1"))
		b.same("door", *q.Door, door("front", gate.Link{}).Door)
		b.same("member", *q.Member, someMember("ada"))
		b.same("types", q.MembershipTypes, b.someRules().MembershipTypes[:2])
		b.same("grants", len(q.Grants), 1)
		var own []string
		for _, r := range q.Reservations {
			own = append(own, r.ID)
		}
		b.same("her reservations", own, []string{"r1", "r2"})
		b.same("neighbours", q.Neighbours, []access.Neighbour{
			{Resource: "meeting", Start: at(3 * time.Hour), End: at(4 * time.Hour), Booker: 1},
			{Resource: "meeting", Start: at(4 * time.Hour), End: at(5 * time.Hour), Booker: 2},
			{Resource: "meeting", Start: at(6 * time.Hour), End: at(7 * time.Hour), Booker: 1},
		})
	},
	"Facts/unknown ones": func(b *bench) {
		f := b.facts()
		_, err := f.Load(b.ctx, gate.Ask{Site: b.site, Member: "ada", Door: "front", At: at(0)})
		b.is(err, gate.ErrNotFound)
		_, err = f.LoadAll(b.ctx, gate.Ask{Site: b.site, Member: "ada", At: at(0)})
		b.is(err, gate.ErrNotFound)
		b.fill()
		s, err := f.Load(b.ctx, gate.Ask{Site: b.site, Member: "nobody", Door: "nowhere", At: at(0)})
		b.ok(err)
		if s.Question.Door != nil || s.Question.Member != nil || !s.Link.IsZero() || s.Question.TimeZone != "Europe/Berlin" {
			b.Fatalf("got %+v", s)
		}
		s, err = f.Load(b.ctx, gate.Ask{Site: b.site, Member: "ada", Door: "nowhere", At: at(0)})
		b.ok(err)
		d, err := access.Evaluate(s.Question, access.Request{Member: "ada", Door: "nowhere", Action: access.Unlock, At: at(0)})
		b.ok(err)
		b.same("a member with memberships at an unknown door", d.Reason, access.ReasonUnknownDoor)
		ctx, cancel := context.WithCancel(b.ctx)
		cancel()
		_, err = f.Load(ctx, gate.Ask{Site: b.site, Member: "ada", Door: "front", At: at(0)})
		b.is(err, context.Canceled)
		_, err = f.LoadAll(ctx, gate.Ask{Site: b.site, Member: "ada", At: at(0)})
		b.is(err, context.Canceled)
	},
	"Facts/all doors": func(b *bench) {
		f := b.facts()
		b.fill()
		for _, member := range []string{"ada", "bob", "nobody"} {
			all, err := f.LoadAll(b.ctx, gate.Ask{Site: b.site, Member: member, At: at(0)})
			b.ok(err)
			b.same("doors", len(all), 3)
			for i, id := range []string{"front", "office", "lab"} {
				one, err := f.Load(b.ctx, gate.Ask{Site: b.site, Member: member, Door: id, At: at(0)})
				b.ok(err)
				b.same("snapshot of "+id, all[i], one)
			}
		}
	},
	"Facts/out of one site and into another": func(b *bench) {
		b.facts()
		b.fill()
		s := gate.Stores{Doors: b.s.Doors, Rules: b.s.Rules, Members: b.s.Members, Reservations: b.s.Reservations}
		doc, err := gate.Export(b.ctx, s, b.site)
		b.ok(err)
		doc.Facts.Site.ID += "-copy"
		b.ok(gate.Import(b.ctx, s, doc))
		again, err := gate.Export(b.ctx, s, doc.Facts.Site.ID)
		b.ok(err)
		b.same("document", again, doc)
	},
	"Facts/one snapshot while others write": func(b *bench) {
		f := b.facts()
		b.fill()
		ctx, cancel := context.WithCancel(b.ctx)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				r, err := b.s.Rules.Rules(ctx, b.site)
				if err != nil {
					continue
				}
				// Revision and the first type's id change together.
				r.Revision = fmt.Sprint("rev-", i)
				r.Site.Name = r.Revision
				r.MembershipTypes = append([]access.MembershipType{{ID: r.Revision}}, b.someRules().MembershipTypes...)
				_ = b.s.Rules.PutRules(ctx, r)
				m := someMember("ada")
				m.Standing.Reason = fmt.Sprint("m-", i)
				m.Memberships = append(m.Memberships, access.Membership{ID: m.Standing.Reason, Type: "resident"})
				_ = b.s.Members.PutMember(ctx, b.site, m)
			}
		})
		for range 200 {
			s, err := f.Load(b.ctx, gate.Ask{Site: b.site, Member: "ada", Door: "front", At: at(0)})
			b.ok(err)
			m := s.Question.Member
			if last := m.Memberships[len(m.Memberships)-1]; len(m.Memberships) == 3 && last.ID != m.Standing.Reason {
				b.Fatalf("a torn member: standing %q, membership %q", m.Standing.Reason, last.ID)
			}
		}
	},
}
