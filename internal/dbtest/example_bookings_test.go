//go:build unix

package dbtest

import (
	"context"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// loft returns a storage with the studio, which is booked, and the members ada and bob.
func loft(ctx context.Context) *memstore.Store {
	store := memstore.New()
	check(store.PutRules(ctx, gate.Rules{
		Site:            access.Site{ID: "loft", TimeZone: "Europe/Berlin"},
		MembershipTypes: []access.MembershipType{{ID: "resident", Doors: []access.DoorHours{{Door: "studio", Hours: access.Always()}}}},
		Resources:       []access.Resource{{ID: "studio", Doors: []string{"studio"}}},
	}))
	check(store.PutDoor(ctx, "loft", gate.Door{
		Door: access.Door{ID: "studio", AccessType: access.AccessOnly}, Link: gate.Link{Site: "salto-site", Lock: "lock-1"},
	}))
	for _, id := range []string{"ada", "bob"} {
		check(store.PutMember(ctx, "loft", gate.Member{Member: access.Member{ID: id}}))
	}
	return store
}

// admitGuests lets the guests of every booking enter; the default refuses them.
func admitGuests(ctx context.Context, store storage.RuleStore) error {
	return storage.UpdateRules(ctx, store, "loft", func(rules *gate.Rules) error {
		rules.Settings.Guests = access.GuestsAdmitted
		return nil
	})
}

// book books the studio for an hour for ada, with bob as a guest.
func book(ctx context.Context, store storage.ReservationStore, start time.Time) error {
	return store.PutReservation(ctx, "loft", gate.Reservation{Reservation: reservation.Reservation{
		ID: "r1", Resource: "studio", Member: "ada", Guests: []string{"bob"},
		Start: start, End: start.Add(time.Hour),
	}})
}

// endBooking ends ada's booking before its time.
func endBooking(ctx context.Context, store storage.ReservationStore, now time.Time) error {
	return storage.UpdateReservation(ctx, store, "loft", "r1", func(b *gate.Reservation) (err error) {
		b.Reservation, err = b.EndEarly(now)
		return err
	})
}

// A booking with a guest, and what the guest may do.
func Example_guests() {
	ctx, start := context.Background(), time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	store, now := loft(ctx), start
	g, err := gate.New(gate.Config{
		Site: "loft", Facts: store, Records: store, Locks: instantly, Now: func() time.Time { return now },
	})
	check(err)
	tap := func(id string) {
		r, err := g.Unlock(ctx, gate.Tap{RequestID: "a-tap-of-bob-" + id, Member: "bob", Door: "studio", TappedAt: now})
		check(err)
		fmt.Println(r.Outcome, r.Decision.Reason)
	}

	check(book(ctx, store, start))
	tap("one")
	check(admitGuests(ctx, store))
	tap("two")
	now = start.Add(20 * time.Minute)
	check(endBooking(ctx, store, now))
	now = start.Add(40 * time.Minute) // the buffer has also ended
	tap("three")
	// Output:
	// denied not_booker
	// accepted reservation
	// denied reservation_over
}

// twoVisits allows two visits per calendar month of the site. zone is the site's time
// zone, and clock is time.Now.
func twoVisits(store storage.Records, zone *time.Location, clock func() time.Time) gate.Condition {
	return gate.Condition{
		Code:    "visits_used_up",
		Message: "You have used your visits of this month. Please ask the staff.",
		Check: func(ctx context.Context, site string, tap gate.Tap, _ access.Decision) error {
			now := clock().In(zone)
			month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, zone)
			came, err := store.CheckIns(ctx, gate.CheckInQuery{Site: site, Member: tap.Member, From: month})
			if err != nil {
				return err // a check that cannot count denies
			}
			if today := now.Format(time.DateOnly); len(came) >= 2 && came[len(came)-1].Day != today {
				return fmt.Errorf("%d visits since %s", len(came), month.Format(time.DateOnly))
			}
			return nil
		},
	}
}

// Days and months are those of the site: the first of June begins there while it is still
// May in UTC.
func Example_visits() {
	ctx, store := context.Background(), loft(context.Background())
	zone, err := time.LoadLocation("Europe/Berlin")
	check(err)
	now := time.Date(2026, 5, 28, 22, 30, 0, 0, time.UTC) // the 29th at the site
	clock := func() time.Time { return now }
	eve := access.Member{ID: "eve", Memberships: []access.Membership{{ID: "m1", Type: "resident"}}}
	check(store.PutMember(ctx, "loft", gate.Member{Member: eve}))
	g, err := gate.New(gate.Config{
		Site: "loft", Facts: store, Records: store, Locks: instantly, Now: clock,
		Conditions: []gate.Condition{twoVisits(store, zone, clock)},
	})
	check(err)
	tap := func() {
		id := now.Format("visit-20060102150405")
		r, err := g.Unlock(ctx, gate.Tap{RequestID: id, Member: "eve", Door: "studio", TappedAt: now})
		check(err)
		fmt.Println(now.In(zone).Format(time.DateTime), r.Outcome, r.Message())
	}
	tap()
	now = now.Add(23 * time.Hour) // the same day at the site: the same visit
	tap()
	now = now.Add(time.Hour)
	tap()
	now = now.AddDate(0, 0, 1)
	tap()
	now = time.Date(2026, 5, 31, 22, 0, 0, 0, time.UTC)
	tap()
	// Output:
	// 2026-05-29 00:30:00 accepted The door is open.
	// 2026-05-29 23:30:00 accepted The door is open.
	// 2026-05-30 00:30:00 accepted The door is open.
	// 2026-05-31 00:30:00 denied You have used your visits of this month. Please ask the staff.
	// 2026-06-01 00:00:00 accepted The door is open.
}
