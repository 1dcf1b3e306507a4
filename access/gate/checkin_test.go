package gate_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// What counts as a check-in is the host's choice.
func ExampleOncePerReservation() {
	m := gate.Movement{
		Member: "ada", Door: "front", RequestID: "3f1c9a52-one-tap", Day: "2026-05-04", Reservation: &reservation.Reservation{ID: "r1"},
	}
	onlyVisits := func(m gate.Movement) string {
		if m.Door != "front" {
			return "" // does not count
		}
		return "day/" + m.Day
	}
	for _, policy := range []func(gate.Movement) string{gate.EveryUnlock, gate.OncePerReservation, onlyVisits} {
		fmt.Println(policy(m))
	}
	// Output:
	// unlock/3f1c9a52-one-tap
	// reservation/r1
	// day/2026-05-04
}

// TestCheckInPolicies: each policy, with and without a booking, and the day that an
// unlock at half past midnight belongs to.
func TestCheckInPolicies(t *testing.T) {
	none := func(gate.Movement) string { return "" }
	for name, c := range map[string]struct {
		policy   func(gate.Movement) string
		dayStart time.Duration
		booked   bool
		at       string
		key, day string
	}{
		"the default":                  {nil, 0, false, "2026-05-04 00:30", "day/2026-05-04", "2026-05-04"},
		"per day, before its start":    {nil, 31 * time.Minute, false, "2026-05-04 00:30", "day/2026-05-03", "2026-05-03"},
		"per day, at its start":        {nil, 30 * time.Minute, false, "2026-05-04 00:30", "day/2026-05-04", "2026-05-04"},
		"per unlock":                   {gate.EveryUnlock, 0, false, "2026-05-04 00:30", "unlock/request-0000000001", "2026-05-04"},
		"per reservation":              {gate.OncePerReservation, 0, true, "2026-05-04 00:30", "reservation/b7", "2026-05-04"},
		"per reservation, without one": {gate.OncePerReservation, 0, false, "2026-05-04 00:30", "day/2026-05-04", "2026-05-04"},
		"none":                         {none, 0, false, "2026-05-04 00:30", "", ""},
		// The clocks go back and 02:30 comes twice; the start of the day is a wall-clock time.
		"in the first of two hours":  {nil, 3 * time.Hour, false, "2026-10-25 02:30", "day/2026-10-24", "2026-10-24"},
		"in the second of two hours": {nil, 3 * time.Hour, false, "2026-10-25 01:30 UTC", "day/2026-10-24", "2026-10-24"},
	} {
		t.Run(name, func(t *testing.T) {
			berlin, err := time.LoadLocation("Europe/Berlin")
			if err != nil {
				t.Fatal(err)
			}
			now, err := time.ParseInLocation("2006-01-02 15:04", c.at, berlin)
			if err != nil {
				now, err = time.Parse("2006-01-02 15:04 MST", c.at)
			}
			if err != nil {
				t.Fatal(err)
			}
			b := setup(t, func(g *gate.Config) {
				g.CheckIns, g.DayStart, g.Now = c.policy, c.dayStart, func() time.Time { return now }
			})
			if c.booked {
				b.book(reservation.Reservation{ID: "b7", Start: now.Add(-time.Hour), End: now.Add(time.Hour)})
			}
			tap := b.tap("ada", "front")
			tap.TappedAt = now
			var key, day string
			if in := b.unlock(tap).CheckIn; in != nil {
				key, day = in.Key, in.Day
			}
			if key != c.key || day != c.day {
				t.Errorf("got %q, %q; want %q, %q", key, day, c.key, c.day)
			}
		})
	}
}

// book adds bookings for a room behind the front door.
func (b *fixture) book(list ...reservation.Reservation) {
	b.Helper()
	err := storage.UpdateRules(b.Context(), b.store, site, func(r *gate.Rules) error {
		r.Resources = []access.Resource{{ID: "room", Doors: []string{"front"}}}
		return nil
	})
	for _, r := range list {
		r.Resource, r.Member, r.Status = "room", "ada", reservation.Confirmed
		if err == nil {
			err = b.store.PutReservation(b.Context(), site, gate.Reservation{Reservation: r})
		}
	}
	if err != nil {
		b.Fatal(err)
	}
}

func TestOneCheckInPerDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		first := b.unlock(b.tap("ada", "front"))
		time.Sleep(time.Hour)
		second := b.unlock(b.tap("ada", "office"))
		if second.CheckIn == nil || second.CheckIn.RequestID != first.RequestID {
			t.Fatalf("the second visit of the day: got %+v", second.CheckIn)
		}
		time.Sleep(24 * time.Hour)
		b.unlock(b.tap("ada", "front"))
		if got := fmt.Sprint(b.checkIns()); got != "[ada 2000-01-01 ada 2000-01-02]" {
			t.Fatalf("got %s", got)
		}
		list, err := b.gate.CheckIns(t.Context(), gate.CheckInQuery{Member: "ada"})
		if err != nil || len(list) != 2 {
			t.Fatalf("got %v, %v", list, err)
		}
	})
}

// TestCheckInsAreOfAMemberAndASite: two members, and one member at two sites, are
// separate check-ins; a second visit of the day is not one.
func TestCheckInsAreOfAMemberAndASite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		ctx := t.Context()
		err := b.store.PutGrant(ctx, site, gate.Grant{Grant: access.Grant{ID: "bob-front", Member: "bob", Door: "front", Hours: access.Always(),
			RequiresMembership: new(false)}})
		if err == nil {
			err = b.store.PutRules(ctx, gate.Rules{Site: access.Site{ID: "attic", TimeZone: "Europe/Berlin"}})
		}
		if err == nil {
			err = b.store.PutDoor(ctx, "attic", gate.Door{Door: access.Door{ID: "front", Name: "Attic", AccessType: access.AccessOnly},
				Link: link("l9")})
		}
		if err == nil {
			err = b.store.PutMember(ctx, "attic", gate.Member{Member: access.Member{ID: "ada"}})
		}
		if err == nil {
			err = b.store.PutGrant(ctx, "attic", gate.Grant{Grant: access.Grant{ID: "g", Member: "ada", Door: "front", Hours: access.Always(),
				RequiresMembership: new(false)}})
		}
		if err != nil {
			t.Fatal(err)
		}
		config := b.config
		config.Site = "attic"
		attic, err := gate.New(config)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			b.unlock(b.tap("ada", "front"))
			b.unlock(b.tap("bob", "front"))
			if _, err := attic.Unlock(ctx, b.tap("ada", "front")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
		}
		b.wantMoves(6)
		if got := fmt.Sprint(b.checkIns()); got != "[ada 2000-01-01 bob 2000-01-01]" {
			t.Errorf("got %s", got)
		}
		list, err := attic.CheckIns(ctx, gate.CheckInQuery{})
		if err != nil || len(list) != 1 || list[0].Member != "ada" {
			t.Errorf("at the other site: %+v, %v", list, err)
		}
	})
}

// TestEveryUnlockChecksIn: with EveryUnlock each unlock through the app is a check-in of
// its own.
func TestEveryUnlockChecksIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, func(c *gate.Config) { c.CheckIns = gate.EveryUnlock })
		for i := range 3 {
			if r := b.unlock(b.tap("ada", "front")); r.CheckIn == nil || len(b.checkIns()) != i+1 {
				t.Errorf("unlock %d: the receipt has %+v, check-ins %v", i+1, r.CheckIn, b.checkIns())
			}
			time.Sleep(gate.ShareWithin + time.Second)
		}
	})
}

// No key that a host returns prevents an outcome from being written.
func TestCheckInKeysThatCannotBeStored(t *testing.T) {
	for name, key := range map[string]string{
		"long": strings.Repeat("k", 5000), "not UTF-8": "day\xff", "with a NUL": "day\x00", "plain": "day",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				policy := func(gate.Movement) string { return key }
				b := setup(t, func(c *gate.Config) { c.CheckIns = policy })
				first := b.unlock(b.tap("ada", "front"))
				time.Sleep(gate.ShareWithin)
				second := b.unlock(b.tap("ada", "front"))
				for _, r := range []gate.Receipt{first, second} {
					if !r.Opened() || !r.Recorded || r.CheckIn == nil || r.CheckIn.RequestID != first.RequestID {
						t.Errorf("got %s, recorded %t, check-in %+v, %v", r.Outcome, r.Recorded, r.CheckIn, r.Err)
					}
				}
			})
		})
	}
}

// Of adjacent bookings, the one whose reserved time contains the tap counts; in a buffer
// the next one, otherwise the last.
func TestOncePerReservation(t *testing.T) {
	booked := func(id string, start, end int) reservation.Reservation {
		return reservation.Reservation{ID: id, Start: noon.Add(time.Duration(start) * time.Minute),
			End: noon.Add(time.Duration(end) * time.Minute)}
	}
	for name, c := range map[string]struct {
		list []reservation.Reservation
		tap  int // minutes after noon
		want string
	}{
		"in the first":                       {[]reservation.Reservation{booked("a", 0, 60), booked("b", 60, 120)}, 50, "a"},
		"in the second":                      {[]reservation.Reservation{booked("a", 0, 60), booked("b", 60, 120)}, 65, "b"},
		"in the second, by id the first":     {[]reservation.Reservation{booked("a", 60, 120), booked("b", 0, 60)}, 65, "a"},
		"where one ends and the next begins": {[]reservation.Reservation{booked("a", 0, 60), booked("b", 60, 120)}, 60, "b"},
		"before both":                        {[]reservation.Reservation{booked("a", 15, 60), booked("b", 10, 20)}, 5, "b"},
		"after both":                         {[]reservation.Reservation{booked("a", -60, -1), booked("b", -90, -5)}, 5, "a"},
		"between two":                        {[]reservation.Reservation{booked("a", -60, -1), booked("b", 10, 60)}, 5, "b"},
		"in two at once":                     {[]reservation.Reservation{booked("a", -5, 60), booked("b", -10, 60)}, 5, "b"},
		"equal ones":                         {[]reservation.Reservation{booked("b", 0, 60), booked("a", 0, 60)}, 5, "a"},
	} {
		now := noon.Add(time.Duration(c.tap) * time.Minute)
		b := setup(t, func(g *gate.Config) {
			g.CheckIns, g.Now = gate.OncePerReservation, func() time.Time { return now }
		})
		b.book(c.list...)
		tap := b.tap("ada", "front")
		tap.TappedAt = now
		if in := b.unlock(tap).CheckIn; in == nil || in.Key != "reservation/"+c.want {
			t.Errorf("%s: got %+v, want %s", name, in, c.want)
		}
	}
}

// Two bookings in a row are two check-ins, even if SALTO's log proves one unlock only
// later.
func TestOneCheckInPerReservation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, func(c *gate.Config) { c.CheckIns = gate.OncePerReservation })
		ctx, start, entries := t.Context(), time.Now(), &vendorLog{}
		var bookings []reservation.Reservation
		for i, id := range []string{"r1", "r2", "r3"} {
			from := start.Add(time.Duration(i) * time.Hour)
			bookings = append(bookings, reservation.Reservation{ID: id, Start: from, End: from.Add(time.Hour)})
		}
		b.book(bookings...)
		b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
		time.Sleep(55 * time.Minute) // r1, in the window of r2
		b.unlock(b.tap("ada", "front"))
		entries.add("l1", access.Unlock, "us", time.Now())
		b.driver.move = nil
		time.Sleep(10 * time.Minute) // r2, in the window of r1
		b.unlock(b.tap("ada", "front"))
		time.Sleep(5 * time.Minute) // still r2
		b.unlock(b.tap("ada", "front"))
		time.Sleep(time.Hour)
		b.ingest(entries)
		list, err := b.store.CheckIns(ctx, gate.CheckInQuery{Site: site})
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, c := range list {
			keys = append(keys, c.Key)
		}
		if diff := cmp.Diff([]string{"reservation/r1", "reservation/r2"}, keys); diff != "" {
			t.Errorf("check-ins (-want +got):\n%s", diff)
		}
	})
}
