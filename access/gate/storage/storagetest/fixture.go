package storagetest

import (
	"errors"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

func lock(id string) storage.Link {
	return storage.Link{Site: "salto-site", Gateway: "iq-1", Lock: id, NeedsCode: true, Name: "Lock " + id, LinkedAt: at(0), LinkedBy: "eve"}
}

func door(id string, link storage.Link) storage.Door {
	return storage.Door{Door: access.Door{ID: id, Name: "Door " + id, AccessType: access.AccessOnly}, Link: link}
}

// need returns a part of the storage, or skips the test if it is nil.
func need[T comparable](b *fixture, part T, name string) T {
	b.Helper()
	if part == *new(T) {
		b.Skipf("no %s to test", name)
	}
	return part
}

func (b *fixture) doors() storage.DoorStore     { return need(b, b.s.Doors, "DoorStore") }
func (b *fixture) rules() storage.RuleStore     { return need(b, b.s.Rules, "RuleStore") }
func (b *fixture) members() storage.MemberStore { return need(b, b.s.Members, "MemberStore") }
func (b *fixture) bookings() storage.ReservationStore {
	return need(b, b.s.Reservations, "ReservationStore")
}
func (b *fixture) records() storage.Records { return need(b, b.s.Records, "Records") }

// facts skips the test unless there are Facts and all four stores.
func (b *fixture) facts() storage.Facts {
	b.doors()
	b.rules()
	b.members()
	b.bookings()
	return need(b, b.s.Facts, "Facts")
}

func (b *fixture) someRules() storage.Rules {
	off := false
	return storage.Rules{
		Revision: "r1",
		Site:     access.Site{ID: b.site, Name: "The Loft", TimeZone: "Europe/Berlin"},
		Settings: access.Settings{Before: new(10 * time.Minute), After: new(time.Duration(0)), OpenTime: new(9 * time.Second),
			Buffers: access.BuffersClip, ReservationsRequireStanding: &off},
		MembershipTypes: []access.MembershipType{
			{ID: "resident", Doors: []access.DoorHours{{Door: "front", Hours: access.Always()}, {Door: "office", Hours: access.Always()}}},
			{ID: "day", Doors: []access.DoorHours{{Door: "front", Hours: access.Weekly(
				access.Range{Days: []access.Day{access.Mon, access.Tue}, From: access.At(8, 0), To: access.At(18, 0)},
				access.Range{Days: []access.Day{access.Sun}, From: access.At(22, 0), To: access.At(2, 30)})}}},
			{ID: "none"},
		},
		Resources: []access.Resource{{ID: "meeting", Doors: []string{"front", "lab"}}, {ID: "office-4", Doors: []string{"office"}},
			{ID: "phone"}},
		Exceptions: []access.Exception{
			{From: access.Date{Year: 2026, Month: 12, Day: 24}, To: access.Date{Year: 2026, Month: 12, Day: 26}, Closed: true},
			{From: access.Date{Year: 2026, Month: 12, Day: 31}, To: access.Date{Year: 2026, Month: 12, Day: 31},
				Hours: []access.Range{{From: access.At(8, 0), To: access.At(12, 0)}}},
		},
	}
}

func someMember(id string) storage.Member {
	return storage.Member{Member: access.Member{
		ID:       id,
		Standing: access.Standing{State: access.StandingGrace, Until: at(time.Hour), Reason: "unpaid"},
		Memberships: []access.Membership{
			{ID: "m2", Type: "day", From: at(-time.Hour), Until: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
			{ID: "m1", Type: "resident", Paused: true},
		},
	}}
}

func booking(id, resource, member string, from, to time.Duration) storage.Reservation {
	return storage.Reservation{Reservation: reservation.Reservation{ID: id, Resource: resource, Member: member, Start: at(from),
		End: at(to), Status: reservation.Confirmed}}
}

func (b *fixture) readers() storage.Readers {
	return storage.Readers{Doors: b.s.Doors, Rules: b.s.Rules, Members: b.s.Members, Reservations: b.s.Reservations}
}

func (b *fixture) factStore() storage.FactStore {
	return struct {
		storage.DoorStore
		storage.RuleStore
		storage.MemberStore
		storage.ReservationStore
	}{b.s.Doors, b.s.Rules, b.s.Members, b.s.Reservations}
}

// door0 and the similar functions return facts without their versions, for comparing.
func door0(d storage.Door) storage.Door {
	d.Version = 0
	return d
}

func grants0(list []storage.Grant) (grants []access.Grant) {
	for _, g := range list {
		grants = append(grants, g.Grant)
	}
	return grants
}

func (b *fixture) reservations(q storage.ReservationQuery) string {
	b.Helper()
	q.Site = b.site
	var ids []string
	for r, err := range b.bookings().Reservations(b.ctx, q) {
		b.ok(err)
		ids = append(ids, r.ID)
	}
	return strings.Join(ids, " ")
}

// fill stores a small site.
func (b *fixture) fill() {
	b.Helper()
	b.ok(b.s.Rules.PutRules(b.ctx, b.someRules()))
	for id, link := range map[string]storage.Link{"front": lock("l1")} {
		b.ok(b.s.Doors.PutDoor(b.ctx, b.site, door(id, link)))
	}
	b.ok(b.s.Doors.PutDoor(b.ctx, b.site, door("office", lock("l2"))))
	b.ok(b.s.Doors.PutDoor(b.ctx, b.site, door("lab", storage.Link{})))
	for _, id := range []string{"ada", "bob", "cem"} {
		b.ok(b.s.Members.PutMember(b.ctx, b.site, someMember(id)))
	}
	for _, g := range []access.Grant{
		{ID: "g1", Member: "ada", Door: "front", Hours: access.Always()},
		{ID: "g2", Member: "ada", Door: "office", Hours: access.Always()},
		{ID: "g3", Member: "bob", Door: "front", Hours: access.Always()},
	} {
		b.ok(b.s.Rules.PutGrant(b.ctx, b.site, storage.Grant{Grant: g}))
	}
	ended := booking("r2", "meeting", "ada", time.Hour, 2*time.Hour)
	ended.EndedAt, ended.Status = at(90*time.Minute), reservation.Cancelled
	pending := booking("r5", "meeting", "bob", 5*time.Hour, 6*time.Hour)
	pending.Status = reservation.Pending
	early := booking("r7", "meeting", "bob", 6*time.Hour, 8*time.Hour)
	early.EndedAt = at(7 * time.Hour)
	implied := booking("r4", "meeting", "cem", 4*time.Hour, 5*time.Hour)
	implied.Status = ""
	for _, r := range []storage.Reservation{
		booking("r1", "meeting", "ada", 0, time.Hour), ended,
		booking("r3", "meeting", "bob", 3*time.Hour, 4*time.Hour), implied, pending, early,
		booking("r6", "office-4", "ada", 0, time.Hour),
		booking("old", "meeting", "ada", -96*time.Hour, -95*time.Hour),
		booking("far", "meeting", "ada", 400*24*time.Hour, 400*24*time.Hour+time.Hour),
	} {
		b.ok(b.s.Reservations.PutReservation(b.ctx, b.site, r))
	}
}

func (b *fixture) asks() (list []storage.FactsQuery) {
	for _, m := range []string{"ada", "bob", "cem", "nobody"} {
		for _, d := range []string{"front", "office", "lab", "nowhere"} {
			list = append(list, storage.FactsQuery{Site: b.site, Member: m, Door: d, At: at(0)})
		}
	}
	return list
}

func refused(err error) bool {
	_, ok := errors.AsType[*storage.RequestError](err)
	return ok
}

// refused requires that a write was refused with a *storage.RequestError.
func (b *fixture) refused(err error) {
	b.Helper()
	if !refused(err) {
		b.Fatalf("got error %v, want a *storage.RequestError (see storage.Normalize)", err)
	}
}

// absent requires that a read with a string that cannot be stored finds nothing.
func (b *fixture) absent(found any, err error) {
	b.Helper()
	if !refused(err) && !errors.Is(err, storage.ErrNotFound) {
		b.Fatalf("got %+v, error %v; want one that is %v, or a *storage.RequestError", found, err, storage.ErrNotFound)
	}
}
