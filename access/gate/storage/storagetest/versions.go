package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// versionTests test writes that are based on an earlier read, and what a write refuses.
var versionTests = map[string]func(*fixture){
	"Doors/a stale write": func(b *fixture) {
		s := b.doors()
		stale(b, kept[storage.Door]{
			read: func() (storage.Door, error) { return s.Door(b.ctx, b.site, "front") },
			put:  func(d storage.Door) error { return s.PutDoor(b.ctx, b.site, d) },
			del:  func() error { return s.DeleteDoor(b.ctx, b.site, "front") },
			make: func() storage.Door { return door("front", lock("l1")) },
			mark: func(d *storage.Door, n int) { d.Name = fmt.Sprint("name ", n) },
			at:   func(d *storage.Door) *uint64 { return &d.Version },
			update: func(fn func(*storage.Door) error) error {
				return storage.UpdateDoor(b.ctx, s, b.site, "front", fn)
			},
		})
	},
	"Grants/a stale write": func(b *fixture) {
		s := b.rules()
		stale(b, kept[storage.Grant]{
			read: func() (storage.Grant, error) { return s.Grant(b.ctx, b.site, "g1") },
			put:  func(g storage.Grant) error { return s.PutGrant(b.ctx, b.site, g) },
			del:  func() error { return s.DeleteGrant(b.ctx, b.site, "g1") },
			make: func() storage.Grant {
				return storage.Grant{Grant: access.Grant{ID: "g1", Member: "ada", Door: "front", Hours: access.Always()}}
			},
			mark: func(g *storage.Grant, n int) { g.Until = at(time.Duration(n) * time.Hour) },
			at:   func(g *storage.Grant) *uint64 { return &g.Version },
			update: func(fn func(*storage.Grant) error) error {
				return storage.UpdateGrant(b.ctx, s, b.site, "g1", fn)
			},
		})
	},
	"Members/a stale write": func(b *fixture) {
		s := b.members()
		stale(b, kept[storage.Member]{
			read: func() (storage.Member, error) { return s.Member(b.ctx, b.site, "ada") },
			put:  func(m storage.Member) error { return s.PutMember(b.ctx, b.site, m) },
			del:  func() error { return s.DeleteMember(b.ctx, b.site, "ada") },
			make: func() storage.Member { return someMember("ada") },
			mark: func(m *storage.Member, n int) { m.Memberships[0].Until = at(time.Duration(n) * time.Hour) },
			at:   func(m *storage.Member) *uint64 { return &m.Version },
			update: func(fn func(*storage.Member) error) error {
				return storage.UpdateMember(b.ctx, s, b.site, "ada", fn)
			},
		})
	},
	"Reservations/a stale write": func(b *fixture) {
		s := b.bookings()
		stale(b, kept[storage.Reservation]{
			read: func() (storage.Reservation, error) { return s.Reservation(b.ctx, b.site, "r1") },
			put:  func(r storage.Reservation) error { return s.PutReservation(b.ctx, b.site, r) },
			del:  func() error { return s.DeleteReservation(b.ctx, b.site, "r1") },
			make: func() storage.Reservation { return booking("r1", "meeting", "ada", 0, time.Hour) },
			mark: func(r *storage.Reservation, n int) { r.End = at(time.Duration(n+1) * time.Hour) },
			at:   func(r *storage.Reservation) *uint64 { return &r.Version },
			update: func(fn func(*storage.Reservation) error) error {
				return storage.UpdateReservation(b.ctx, s, b.site, "r1", fn)
			},
		})
	},
	"Members/a block is not lost": func(b *fixture) {
		s := b.members()
		b.ok(s.PutMember(b.ctx, b.site, someMember("ada")))
		manager, err := s.Member(b.ctx, b.site, "ada") // one process shows ada's plan
		b.ok(err)
		b.ok(storage.UpdateMember(b.ctx, s, b.site, "ada", func(m *storage.Member) error { // another blocks ada
			m.Standing = access.Standing{State: access.StandingBlocked}
			return nil
		}))
		manager.Memberships[0].Until = at(48 * time.Hour) // the first saves the plan
		b.is(s.PutMember(b.ctx, b.site, manager), storage.ErrConflict)
		b.ok(storage.UpdateMember(b.ctx, s, b.site, "ada", func(m *storage.Member) error {
			m.Memberships = manager.Memberships
			return nil
		}))
		got, err := s.Member(b.ctx, b.site, "ada")
		b.ok(err)
		b.same("standing", got.Standing.State, access.StandingBlocked)
		b.same("plan", got.Memberships, manager.Memberships)
	},
	"Rules/set up by many at once": func(b *fixture) {
		s := b.rules()
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() {
				errs[i] = storage.UpdateRules(b.ctx, s, b.site, func(r *storage.Rules) error {
					r.Site.TimeZone = "Europe/Berlin"
					r.MembershipTypes = append(r.MembershipTypes, access.MembershipType{ID: fmt.Sprint("type-", i)})
					return nil
				})
			})
		}
		wg.Wait()
		for _, err := range errs {
			b.ok(err)
		}
		got, err := s.Rules(b.ctx, b.site)
		b.ok(err)
		b.same("types, version", []int{len(got.MembershipTypes), int(got.Version)}, []int{8, 8})
	},
	"Rules/an unknown site": func(b *fixture) {
		_, err := b.rules().Rules(b.ctx, b.site)
		if e, ok := errors.AsType[*storage.UnknownSiteError](err); !ok || e.Site != b.site {
			b.Fatalf("got %v, want a *storage.UnknownSiteError", err)
		}
	},
	"Rules/what Compile refuses": func(b *fixture) {
		s := b.rules()
		for _, zone := range []string{"", "Local", "localtime", "Europe/Berln"} {
			r := b.someRules()
			r.Site.TimeZone = zone
			b.names(s.PutRules(b.ctx, r), "site.time_zone")
		}
		for path, change := range map[string]func(*storage.Rules){
			"settings.before": func(r *storage.Rules) { r.Settings.Before = new(25 * time.Hour) },
			"exceptions[0].to": func(r *storage.Rules) {
				r.Exceptions[0].To = access.Date{Year: 2026, Month: 12, Day: 23}
			},
			"membership_types[1].doors[0].hours": func(r *storage.Rules) { r.MembershipTypes[1].Doors[0].Hours = access.Hours{} },
			"resources[0].doors[1]":              func(r *storage.Rules) { r.Resources[0].Doors[1] = r.Resources[0].Doors[0] },
		} {
			r := b.someRules()
			change(&r)
			b.names(s.PutRules(b.ctx, r), path)
		}
		r := b.someRules()
		r.Site.TimeZone, r.Settings.Buffers = "Local", "odd"
		b.names(s.PutRules(b.ctx, r), "site.time_zone", "settings.buffers")
		_, err := s.Rules(b.ctx, b.site)
		b.is(err, storage.ErrNotFound)
	},
	"Facts/what Compile refuses": func(b *fixture) {
		b.facts()
		both := access.Always()
		both.Ranges = access.Weekly(access.Range{Days: []access.Day{access.Sun}, From: access.At(9, 0), To: access.At(10, 0)}).Ranges
		grant := func(change func(*access.Grant)) error {
			g := access.Grant{ID: "g1", Member: "ada", Door: "front", Hours: access.Always()}
			change(&g)
			return b.s.Rules.PutGrant(b.ctx, b.site, storage.Grant{Grant: g})
		}
		b.names(grant(func(g *access.Grant) { g.Hours = both }), "hours")
		b.names(grant(func(g *access.Grant) { g.From, g.Until = at(0), at(0) }), "until")
		member := func(change func(*access.Member)) error {
			m := someMember("ada")
			change(&m.Member)
			return b.s.Members.PutMember(b.ctx, b.site, m)
		}
		b.names(member(func(m *access.Member) { m.Standing.Until = time.Time{} }), "standing.until")
		b.names(member(func(m *access.Member) { m.Memberships[0].Until = m.Memberships[0].From }), "memberships[0].until")
		b.names(member(func(m *access.Member) { m.Memberships[1].ID = m.Memberships[0].ID }), "memberships[1].id")
		book := func(change func(*reservation.Reservation)) error {
			r := booking("r1", "meeting", "ada", 0, time.Hour)
			change(&r.Reservation)
			return b.s.Reservations.PutReservation(b.ctx, b.site, r)
		}
		b.names(book(func(r *reservation.Reservation) { r.End = at(-time.Second) }), "end")
		b.names(book(func(r *reservation.Reservation) { r.End = r.Start }), "end")
		b.names(book(func(r *reservation.Reservation) { r.Status, r.Member = "odd", "" }), "status", "member")
		odd := door("front", storage.Link{})
		odd.AccessType, odd.OpenTime = "odd", new(time.Hour)
		b.names(b.s.Doors.PutDoor(b.ctx, b.site, odd), "access_type", "open_time")
	},
	"Facts/references to what is not there": func(b *fixture) {
		b.facts()
		// In an empty storage, no reference is known to be missing: the parts may be
		// set up in any order, or be kept elsewhere.
		b.fill()
		rules, err := b.s.Rules.Rules(b.ctx, b.site)
		b.ok(err)
		rules.MembershipTypes[0].Doors[0].Door, rules.Resources[1].Doors = "gone", []string{"office", "lost"}
		b.names(b.s.Rules.PutRules(b.ctx, rules), "membership_types[0].doors[0].door", "resources[1].doors[1]")
		grant := access.Grant{ID: "g9", Member: "dot", Door: "gone", Hours: access.Always()}
		b.names(b.s.Rules.PutGrant(b.ctx, b.site, storage.Grant{Grant: grant}), "member", "door")
		m := someMember("dot")
		m.Memberships[1].Type = "gold"
		b.names(b.s.Members.PutMember(b.ctx, b.site, m), "memberships[1].type")
		b.names(b.s.Reservations.PutReservation(b.ctx, b.site, booking("r9", "attic", "dot", 0, time.Hour)), "resource", "member")
		// A reference to something that was removed does not prevent blocking a member
		// or canceling a booking: only new references are checked.
		b.ok(b.s.Members.DeleteMember(b.ctx, b.site, "bob"))
		b.ok(storage.UpdateRules(b.ctx, b.s.Rules, b.site, func(r *storage.Rules) error {
			r.MembershipTypes, r.Resources = r.MembershipTypes[2:], r.Resources[:1]
			return nil
		}))
		b.ok(storage.UpdateMember(b.ctx, b.s.Members, b.site, "ada", func(m *storage.Member) error {
			m.Standing = access.Standing{State: access.StandingBlocked}
			return nil
		}))
		b.ok(storage.UpdateReservation(b.ctx, b.s.Reservations, b.site, "r3", func(r *storage.Reservation) error {
			r.Status = reservation.Cancelled
			return nil
		}))
		b.ok(storage.UpdateGrant(b.ctx, b.s.Rules, b.site, "g3", func(g *storage.Grant) error { g.Until = at(0); return nil }))
		b.names(storage.UpdateMember(b.ctx, b.s.Members, b.site, "ada", func(m *storage.Member) error {
			m.Memberships[0].Type = "gold"
			return nil
		}), "memberships[0].type")
	},
	"Facts/what was given and returned may be changed": func(b *fixture) {
		b.facts()
		b.fill()
		spoil := func(m *storage.Member) { m.Memberships[0].Type, m.Memberships[1].Paused = "none", false }
		given := someMember("dot")
		b.ok(b.s.Members.PutMember(b.ctx, b.site, given))
		spoil(&given)
		got, err := b.s.Members.Member(b.ctx, b.site, "dot")
		b.ok(err)
		b.same("member", got.Member, someMember("dot").Member)
		spoil(&got)
		for m, err := range b.s.Members.Members(b.ctx, b.site) {
			b.ok(err)
			b.same("member", m.Member, someMember(m.ID).Member)
			spoil(&m)
		}
		rules, err := b.s.Rules.Rules(b.ctx, b.site)
		b.ok(err)
		rules.MembershipTypes[1].Doors[0].Hours.Ranges[0].Days[0], *rules.Settings.Before = access.Sat, 0
		again, err := b.s.Rules.Rules(b.ctx, b.site)
		b.ok(err)
		want := b.someRules()
		want.Version = 1
		b.same("rules", again, want)
	},
	"Facts/an export leaves out what points to something removed": func(b *fixture) {
		b.facts()
		b.fill()
		b.ok(b.s.Members.DeleteMember(b.ctx, b.site, "ada")) // with grants and old bookings
		b.ok(b.s.Doors.DeleteDoor(b.ctx, b.site, "lab"))
		doc, err := storage.Export(b.ctx, b.readers(), b.site)
		b.ok(err)
		var left []string
		for _, f := range doc.LeftOut {
			left = append(left, f.Field)
		}
		b.same("left out", left, []string{
			`resource "meeting"`, `grant "g1"`, `grant "g2"`,
			`reservation "old"`, `reservation "r1"`, `reservation "r6"`, `reservation "r2"`, `reservation "far"`,
		})
		doc.Facts.Site.ID += "-copy"
		b.ok(storage.Import(b.ctx, b.factStore(), doc))
		b.site = doc.Facts.Site.ID
		b.same("reservations of the copy", b.reservations(storage.ReservationQuery{}), "r3 r4 r5 r7")
	},
}

// kept describes one row of a store and how to read and write it.
type kept[T any] struct {
	read   func() (T, error)
	put    func(T) error
	del    func() error
	make   func() T
	mark   func(*T, int) // makes the row differ from others
	at     func(*T) *uint64
	update func(fn func(*T) error) error
}

// stale checks that a write that is not based on the stored version changes nothing.
func stale[T any](b *fixture, k kept[T]) {
	b.Helper()
	unknown := k.make()
	*k.at(&unknown) = 1
	b.is(k.put(unknown), storage.ErrConflict)
	b.is(k.update(func(*T) error { return nil }), storage.ErrNotFound)

	b.ok(k.put(k.make()))
	b.is(k.put(k.make()), storage.ErrConflict) // it is no longer new
	first, err := k.read()
	b.ok(err)
	second := first
	k.mark(&second, 2)
	b.ok(k.put(second))
	stored, err := k.read()
	b.ok(err)
	b.same("another version than before", *k.at(&stored) != *k.at(&first) && *k.at(&stored) != 0, true)

	third := first
	k.mark(&third, 3)
	b.is(k.put(third), storage.ErrConflict)
	now, err := k.read()
	b.ok(err)
	b.same("the row after a stale write", now, stored)

	// A row that was deleted and added again is another row.
	b.ok(k.del())
	b.is(k.put(third), storage.ErrConflict)
	b.ok(k.put(k.make()))
	for _, old := range []T{first, stored} {
		b.is(k.put(old), storage.ErrConflict)
	}

	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			errs[i] = k.update(func(v *T) error { k.mark(v, i); return nil })
		})
	}
	wg.Wait()
	for _, err := range errs {
		b.ok(err)
	}
	full := errors.New("the plan is full")
	b.is(k.update(func(*T) error { return full }), full)
	b.refused(k.update(func(v *T) error { *k.at(v)++; return nil }))
}

// names requires that a write was refused for exactly these paths.
func (b *fixture) names(err error, paths ...string) {
	b.Helper()
	e, ok := errors.AsType[*storage.RequestError](err)
	if !ok {
		b.Fatalf("got error %v, want a *storage.RequestError about %v", err, paths)
	}
	var got []string
	for _, f := range e.Faults {
		got = append(got, f.Field)
	}
	slices.Sort(got)
	slices.Sort(paths)
	b.same("faults", got, paths)
}
