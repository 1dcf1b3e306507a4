package storagetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// storeTests test the four stores that Facts reads.
var storeTests = map[string]func(*fixture){
	"Doors/add, change, delete": func(b *fixture) {
		s := b.doors()
		list, err := s.Doors(b.ctx, b.site)
		b.ok(err)
		b.same("no doors", len(list), 0)
		_, err = s.Door(b.ctx, b.site, "front")
		b.is(err, storage.ErrNotFound)
		front := door("front", lock("l1"))
		front.OpenTime = new(12 * time.Second)
		b.ok(s.PutDoor(b.ctx, b.site, front))
		b.ok(s.PutDoor(b.ctx, b.site, door("back", storage.Link{})))
		b.ok(s.PutDoor(b.ctx, b.site, door("attic", storage.Link{})))
		b.is(s.PutDoor(b.ctx, b.site, door("front", lock("l2"))), storage.ErrConflict)
		got, err := s.Door(b.ctx, b.site, "front")
		b.ok(err)
		b.same("door", door0(got), front)
		got.Name, got.Disabled, got.OpenTime, got.AccessType = "Main", true, nil, access.AccessAndOfficeMode
		b.ok(s.PutDoor(b.ctx, b.site, got))
		b.is(s.PutDoor(b.ctx, b.site, got), storage.ErrConflict)
		got.Version++
		list, err = s.Doors(b.ctx, b.site)
		b.ok(err)
		b.same("first door", list[0], got)
		b.same("order", []string{list[0].ID, list[1].ID, list[2].ID}, []string{"front", "back", "attic"})
		cellar := door("cellar", storage.Link{})
		cellar.Version = 1
		b.is(s.PutDoor(b.ctx, b.site, cellar), storage.ErrConflict)
		b.ok(s.DeleteDoor(b.ctx, b.site, "back"))
		b.is(s.DeleteDoor(b.ctx, b.site, "back"), storage.ErrNotFound)
		list, err = s.Doors(b.ctx, b.site+"-other")
		b.ok(err)
		b.same("doors of another site", len(list), 0)
	},
	"Doors/a lock once per site": func(b *fixture) {
		s := b.doors()
		b.ok(s.PutDoor(b.ctx, b.site, door("front", lock("l1"))))
		b.ok(s.PutDoor(b.ctx, b.site, door("back", storage.Link{})))
		taken := func(err error) {
			b.Helper()
			b.is(err, storage.ErrConflict)
			if e, ok := errors.AsType[*storage.LockTakenError](err); !ok || e.Lock != "l1" || e.Door != "front" {
				b.Fatalf("got %v, want the lock l1 and the door front", err)
			}
		}
		taken(s.PutDoor(b.ctx, b.site, door("side", lock("l1"))))
		b.ok(s.PutDoor(b.ctx, b.site+"-other", door("front", lock("l1"))))
		elsewhere := lock("l1")
		elsewhere.Site = "another-salto-site"
		b.ok(s.PutDoor(b.ctx, b.site, door("annex", elsewhere)))
		back, err := s.Door(b.ctx, b.site, "back")
		b.ok(err)
		back.Link = lock("l1")
		taken(s.PutDoor(b.ctx, b.site, back))
		front, err := s.Door(b.ctx, b.site, "front")
		b.ok(err)
		front.Link = storage.Link{}
		b.ok(s.PutDoor(b.ctx, b.site, front))
		b.ok(s.PutDoor(b.ctx, b.site, back))
	},
	"Doors/many link one lock, one wins": func(b *fixture) {
		s := b.doors()
		var wg sync.WaitGroup
		won := make(chan string, 16)
		for i := range 16 {
			wg.Go(func() {
				id := fmt.Sprint("door-", i)
				if err := s.PutDoor(b.ctx, b.site, door(id, lock("l1"))); err == nil {
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
	"Rules/whole, by version": func(b *fixture) {
		s := b.rules()
		_, err := s.Rules(b.ctx, b.site)
		b.is(err, storage.ErrNotFound)
		r := b.someRules()
		r.Version = 1
		b.is(s.PutRules(b.ctx, r), storage.ErrConflict)
		r.Version = 0
		b.ok(s.PutRules(b.ctx, r))
		b.is(s.PutRules(b.ctx, r), storage.ErrConflict)
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
	"Grants/put, list, delete": func(b *fixture) {
		s := b.rules()
		list, err := s.Grants(b.ctx, b.site, "ada")
		b.ok(err)
		b.same("no grants", len(list), 0)
		g1 := access.Grant{ID: "g1", Member: "ada", Door: "office", Hours: access.Always(), From: at(0), RequiresMembership: new(false),
			RequiresStanding: new(true)}
		g2 := access.Grant{ID: "G2", Member: "ada", Door: "front",
			Hours: access.Weekly(access.Range{Days: []access.Day{access.Fri}, From: access.At(9, 0), To: access.At(24, 0)}), Until: at(time.Hour)}
		g3 := access.Grant{ID: "g3", Member: "bob", Door: "front", Hours: access.Always()}
		for _, g := range []access.Grant{g1, g3, g2} {
			b.ok(s.PutGrant(b.ctx, b.site, storage.Grant{Grant: g}))
		}
		list, err = s.Grants(b.ctx, b.site, "ada")
		b.ok(err)
		b.same("ada's grants", grants0(list), []access.Grant{g2, g1})
		list, err = s.Grants(b.ctx, b.site, "")
		b.ok(err)
		b.same("all grants", grants0(list), []access.Grant{g2, g1, g3})
		one, err := s.Grant(b.ctx, b.site, "g1")
		b.ok(err)
		b.same("one grant", one.Grant, g1)
		_, err = s.Grant(b.ctx, b.site, "g9")
		b.is(err, storage.ErrNotFound)
		g1.Member, one.Member = "bob", "bob"
		b.ok(s.PutGrant(b.ctx, b.site, one))
		list, err = s.Grants(b.ctx, b.site, "bob")
		b.ok(err)
		b.same("bob's grants", grants0(list), []access.Grant{g1, g3})
		b.ok(s.DeleteGrant(b.ctx, b.site, "g1"))
		b.is(s.DeleteGrant(b.ctx, b.site, "g1"), storage.ErrNotFound)
		list, err = s.Grants(b.ctx, b.site+"-other", "")
		b.ok(err)
		b.same("grants of another site", len(list), 0)
	},
	"Members/put, list, delete": func(b *fixture) {
		s := b.members()
		_, err := s.Member(b.ctx, b.site, "ada")
		b.is(err, storage.ErrNotFound)
		b.ok(s.PutMember(b.ctx, b.site, someMember("ada")))
		b.ok(s.PutMember(b.ctx, b.site, storage.Member{Member: access.Member{ID: "Zoe"}}))
		got, err := s.Member(b.ctx, b.site, "ada")
		b.ok(err)
		b.same("member", got.Member, someMember("ada").Member)
		got.Member = access.Member{ID: "ada", Standing: access.Standing{State: access.StandingBlocked}}
		b.ok(s.PutMember(b.ctx, b.site, got))
		var all []access.Member
		for m, err := range s.Members(b.ctx, b.site) {
			b.ok(err)
			all = append(all, m.Member)
		}
		b.same("members", all, []access.Member{{ID: "Zoe"}, {ID: "ada", Standing: access.Standing{State: access.StandingBlocked}}})
		b.ok(s.DeleteMember(b.ctx, b.site, "ada"))
		b.is(s.DeleteMember(b.ctx, b.site, "ada"), storage.ErrNotFound)
	},
	"Reservations/put, select, delete": func(b *fixture) {
		s := b.bookings()
		list := []storage.Reservation{
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
		for r, err := range s.Reservations(b.ctx, storage.ReservationQuery{Site: b.site, Resources: []string{"office-4"}}) {
			b.ok(err)
			b.same("reservation", r.Reservation, list[2].Reservation)
			n++
		}
		b.same("reservations of the office", n, 1)
		for _, c := range []struct {
			q    storage.ReservationQuery
			want string
		}{
			{storage.ReservationQuery{}, "r1 r2 r4 r3"},
			{storage.ReservationQuery{Member: "ada"}, "r2 r4 r3"},
			{storage.ReservationQuery{Resources: []string{"meeting", "phone", "meeting"}}, "r1 r4 r3"},
			{storage.ReservationQuery{Resources: []string{}}, ""},
			{storage.ReservationQuery{Member: "ada", Resources: []string{"meeting"}}, "r3"},
			{storage.ReservationQuery{EndAfter: at(90 * time.Minute)}, "r1 r4 r3"}, // r2 ended early, at this instant
			{storage.ReservationQuery{EndAfter: at(90*time.Minute - time.Microsecond)}, "r1 r2 r4 r3"},
			{storage.ReservationQuery{EndAfter: at(2 * time.Hour)}, "r3"},
			{storage.ReservationQuery{StartBefore: at(2 * time.Hour)}, "r1 r2 r4"},
			{storage.ReservationQuery{StartBefore: at(2*time.Hour + time.Microsecond)}, "r1 r2 r4 r3"},
		} {
			b.same(fmt.Sprintf("reservations %+v", c.q), b.reservations(c.q), c.want)
		}
		moved, err := s.Reservation(b.ctx, b.site, "r3")
		b.ok(err)
		b.same("one reservation", moved.Reservation, list[0].Reservation)
		_, err = s.Reservation(b.ctx, b.site, "r9")
		b.is(err, storage.ErrNotFound)
		moved.Resource, moved.Member, moved.End = "phone", "bob", at(5*time.Hour)
		b.ok(s.PutReservation(b.ctx, b.site, moved))
		b.same("after the move", b.reservations(storage.ReservationQuery{Resources: []string{"meeting"}}), "r1")
		b.same("after the move", b.reservations(storage.ReservationQuery{Member: "bob", EndAfter: at(3 * time.Hour)}), "r3")
		b.ok(s.DeleteReservation(b.ctx, b.site, "r3"))
		b.is(s.DeleteReservation(b.ctx, b.site, "r3"), storage.ErrNotFound)
		b.same("after the deletion", b.reservations(storage.ReservationQuery{}), "r1 r2 r4")
	},
}
